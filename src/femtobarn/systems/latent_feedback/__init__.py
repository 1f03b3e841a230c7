"""Follow a drifting accelerator by tuning the code of a trained network (10.1038/s41598-021-98785-0)."""
