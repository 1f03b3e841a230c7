"""Identify particles and measure their energy from calorimeter cells in one network, and the 3-D GAN of showers."""
