"""Compress jets by a network that commutes with boosts and rotations, and find unusual ones (arXiv:2212.07347)."""
