"""Particle flow by a graph network on all tracks and towers of an event, in linear time (arXiv:2101.08578)."""
