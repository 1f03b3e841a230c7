"""Showers of a calorimeter endcap judged: what is found, its energy, its jets, and the tables."""
