"""The generators behind the stand-ins."""
