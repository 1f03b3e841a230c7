"""Files of jets as users have them."""

from pathlib import Path

import numpy as np

from femtobarn.datasets.jetnet import write_jets
from femtobarn.simulate.toy_jets import toy_jets


def write_toy_jets(
    path: Path, *, seed: int, count: int = 1200, scale: float = 1.0, particles: int = 30
) -> Path:
    """Gluon jets from the cascade, in JetNet's layout; `scale` multiplies the particles' pT."""
    x, mask = toy_jets("g", count, generator=np.random.default_rng(seed), particles=particles)
    x = x * np.array([1.0, 1.0, scale])
    jet = np.column_stack(
        (np.full((count, 1), 1000.0), np.zeros((count, 1)), np.ones((count, 1)), mask.sum(axis=1))
    )
    write_jets(path, x.astype(np.float32), mask, jet)
    return path
