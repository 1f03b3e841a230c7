"""Track finding as a quadratic form of segments or triplets: annealers, and the optimum with its proof."""
