"""Tracks judged: graphs of hits, chains of stages, who finds which particles, and the tables."""
