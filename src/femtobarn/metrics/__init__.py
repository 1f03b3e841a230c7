"""Metrics of samples, each with its error and sample size."""
