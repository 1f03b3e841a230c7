"""Identify particles and measure their energy from calorimeter cells in one network."""
