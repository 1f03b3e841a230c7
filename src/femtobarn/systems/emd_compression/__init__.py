"""Compress HGCAL trigger wafers on the detector, trained with the Earth mover's distance (arXiv:2306.04712)."""
