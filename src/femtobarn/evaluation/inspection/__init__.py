"""Scores of the patches of images: of sensors at their scan position, and of printed circuit boards."""
