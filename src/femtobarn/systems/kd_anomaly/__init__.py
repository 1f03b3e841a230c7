"""Teach small networks the anomaly score of a large autoencoder, down to a trigger chip (arXiv:2310.06047)."""
