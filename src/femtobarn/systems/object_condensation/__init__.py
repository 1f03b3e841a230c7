"""Showers of a pile-up-200 calorimeter endcap in one pass: GravNet and object condensation beside CLUE."""
