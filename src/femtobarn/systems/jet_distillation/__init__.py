"""Tag jets with a small network taught by a large Lorentz-symmetric one (knowledge distillation, arXiv:2311.14160)."""
