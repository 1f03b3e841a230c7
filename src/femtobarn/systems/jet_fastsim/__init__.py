"""Reconstructed particles of a jet straight from the generated ones, without a detector (arXiv:2203.00520)."""
