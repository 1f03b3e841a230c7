"""Searches for gravitational waves judged: on simulated strain and on real one."""
