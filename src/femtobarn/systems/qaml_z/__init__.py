"""Classifiers of simple cuts whose weights are found by (simulated) annealing, beside the exact minimum (QAML-Z)."""
