"""Find jets unlike those of QCD by autoencoders of particle sets, one without its decoder (arXiv:2311.17162)."""
