"""Losses: functions on tensors, differentiable in all their data."""
