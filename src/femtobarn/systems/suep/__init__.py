"""Find soft unclustered energy (SUEP) in images of whole events by a convolutional autoencoder (arXiv:2306.13595)."""
