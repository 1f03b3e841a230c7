"""Layers and blocks used by two systems or worth calling alone."""
