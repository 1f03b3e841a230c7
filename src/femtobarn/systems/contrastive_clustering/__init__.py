"""Images of one stack grouped by their pattern without labels: ions of a tissue, or maps of a detector run by run."""
