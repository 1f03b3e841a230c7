"""Models that follow a machine that drifts, judged."""
