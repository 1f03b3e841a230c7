"""Vectors, jets, units and detector geometry: pure functions, a module for each subject."""

# Modules, none of which is imported before it is asked for: some need torch, a compiler or an extra.
__all__ = [
    "boosts",
    "calorimeter_cells",
    "clustering",
    "differentiable",
    "energy_correlators",
    "energy_flow",
    "energy_split",
    "event_images",
    "jets",
    "n_subjettiness",
    "resampling",
    "resolved_mass",
    "soft_drop",
    "software_compensation",
    "substructure",
    "vectors",
    "voxels",
    "wafer",
]
