"""Showers from a few formulas, for tests: quick, and with knobs that spoil them."""

import numpy as np
import torch
from torch import Tensor

from femtobarn.physics.voxels import VoxelGeometry, geometry


def toy_showers(
    dataset: str, count: int, *, seed: int, scale: float = 1.0, width: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Energies and voxels in MeV, float32, with fluctuating response, depth, width and direction.

    Args:
        dataset: "1-photons", "1-pions", "2" or "3".
        count: Number of showers.
        seed: Of the sample.
        scale: Factor on all deposits.
        width: Factor on the transverse size.
    """
    g, voxels = np.random.default_rng(seed), geometry(dataset)
    if dataset.startswith("1"):
        energies = 2.0 ** g.integers(8, 23, count)
    else:
        energies = np.exp(g.uniform(np.log(1e3), np.log(1e6), count))
    showers = np.zeros((count, voxels.voxels), dtype=np.float32)
    for start in range(0, count, 1000):
        part = slice(start, start + 1000)
        showers[part] = _deposits(voxels, energies[part], g, scale, width)
    return energies.astype(np.float32), showers


def sparse_showers(count: int, seed: int = 0, name: str = "1-photons") -> dict[str, Tensor]:
    """Columns "energies" and "showers" in MeV: a response of 0.9 and many empty voxels and layers."""
    random, shape = np.random.default_rng(seed), geometry(name)
    energies = 2.0 ** random.integers(8, 23, count)
    voxels = random.exponential(1, (count, shape.voxels)) ** 3 * (random.random((count, shape.voxels)) < 0.2)
    voxels *= (random.random((count, len(shape.layers))) < 0.8)[:, shape.layer]
    voxels[:, 5] += 1e-3
    voxels *= (0.9 * energies * random.uniform(0.9, 1.1, count) / voxels.sum(axis=1))[:, None]
    voxels[voxels < shape.threshold] = 0
    return {"energies": torch.from_numpy(energies), "showers": torch.from_numpy(voxels.astype(np.float32))}


def _deposits(
    voxels: VoxelGeometry, energies: np.ndarray, g: np.random.Generator, scale: float, width: float
) -> np.ndarray:
    n, layers = len(energies), len(voxels.layers)
    depth = (0.25 + 0.04 * np.log(energies / 1e3) + g.normal(0, 0.04, n))[:, None] * layers
    along = np.exp(-np.square((np.arange(layers) - depth) / (0.18 * layers + 0.5)) / 2)
    along *= g.gamma(8, 1 / 8, along.shape)
    along /= along.sum(axis=1, keepdims=True)
    size = np.array([layer.r_edges[-1] for layer in voxels.layers])[voxels.layer] / 8
    size = size * np.exp(g.normal(0, 0.05, (n, 1))) * width
    centre = g.normal(0, 0.3, (2, n, 1)) * size
    away = np.hypot(voxels.x - centre[0], voxels.y - centre[1]) / size
    density = np.exp(-away) * _areas(voxels) * g.gamma(0.5, 2, away.shape)
    for span in voxels.spans:
        density[:, span] /= density[:, span].sum(axis=1, keepdims=True)
    response = 0.8 * scale * g.normal(1, 0.02 + 2 / np.sqrt(energies))
    deposits = density * along[:, voxels.layer] * (np.abs(response) * energies)[:, None]
    return np.where(deposits < voxels.threshold, 0, deposits)


def _areas(voxels: VoxelGeometry) -> np.ndarray:
    rings = [np.diff(np.square(layer.r_edges)) / layer.r_edges[-1] ** 2 for layer in voxels.layers]
    return np.concatenate(
        [np.tile(area, layer.slices) for area, layer in zip(rings, voxels.layers, strict=True)]
    )
