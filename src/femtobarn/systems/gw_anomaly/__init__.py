"""Find gravitational waves without templates: recurrent autoencoders beside coherent energy (arXiv:2107.12698)."""
