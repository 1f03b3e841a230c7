"""Defects of silicon sensors found on photographs, by networks and by what is usual at each scan position."""
