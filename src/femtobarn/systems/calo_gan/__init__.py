"""Generate electron showers cell by cell: the 3-D GAN as published, and in a size that trains in minutes."""
