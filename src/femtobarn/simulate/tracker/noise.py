"""Hits that no particle made: crossings of random modules by random lines, as the challenge has them."""

import numpy as np
from jaxtyping import Float, Int

from femtobarn.simulate.tracker.geometry import modules
from femtobarn.simulate.tracker.transport import STEEPEST, Crossings

_MOMENTUM = 1e6  # GeV, by which the challenge marks noise
_CONE = np.pi / 4
_MOST_DRAWS = 30  # of a direction; one in three fits in the worst place


def noise(count: int, *, generator: np.random.Generator) -> Crossings:
    """Crossings of modules that all have the same probability, uniform in them.

    Both angles of the line are uniform within 45 degrees of those of its place, seen from the centre: so are they in
    the challenge, and so are sizes and charges of its noise.
    """
    module = generator.integers(len(modules().volume), size=count)
    half = modules().half[module]
    v = generator.uniform(-1, 1, count)
    u = generator.uniform(-1, 1, count) * (half[:, 0] + (half[:, 1] - half[:, 0]) * (1 + v) / 2)
    local = np.stack((u, v * half[:, 2]), axis=1)
    rotation = modules().rotation[module]
    position = modules().centre[module] + np.einsum("nij,nj->ni", rotation[:, :, :2], local)
    direction = np.zeros((count, 3))
    flat = np.arange(count)  # too flat to be seen
    for _ in range(_MOST_DRAWS):
        direction[flat] = _directions(position[flat], generator)
        along = np.einsum("nij,ni->nj", rotation, direction)
        flat = np.flatnonzero(along[:, 2] ** 2 * (1 + STEEPEST**2) < 1)
    seen = np.delete(np.arange(count), flat)
    slopes = along[seen, :2] / along[seen, 2:]
    return Crossings(
        np.full(len(seen), -1),
        module[seen],
        np.concatenate((local[seen], slopes), axis=1),
        position[seen],
        _MOMENTUM * direction[seen],
    )


def joined(*parts: Crossings) -> Crossings:
    """All crossings, one part after the other."""
    return Crossings(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def expected(signal: Int[np.ndarray, "event"], share: float) -> Float[np.ndarray, "event"]:
    """Mean number of noise hits that makes them this share of all hits."""
    return signal * share / (1 - share)


def _directions(
    position: Float[np.ndarray, "n 3"], generator: np.random.Generator
) -> Float[np.ndarray, "n 3"]:
    across = np.hypot(position[:, 0], position[:, 1])
    theta = np.arctan2(across, position[:, 2]) + generator.uniform(-_CONE, _CONE, len(position))
    phi = np.arctan2(position[:, 1], position[:, 0]) + generator.uniform(-_CONE, _CONE, len(position))
    return np.stack((np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)), axis=1)
