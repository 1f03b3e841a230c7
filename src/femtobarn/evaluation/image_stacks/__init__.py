"""Clusters of a stack of images: embeddings with and without training, and how well classes are found."""
