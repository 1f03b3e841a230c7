"""Vectors, jets, units and detector geometry: pure functions."""
