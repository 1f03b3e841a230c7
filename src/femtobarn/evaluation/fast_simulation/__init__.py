"""Simulators of a detector for jets judged against the detector itself."""
