"""Showers of a whole endcap by CLUE: on all hits at once, or layer by layer and then across the layers."""

import numpy as np
from jaxtyping import Float, Int

from femtobarn.physics.clue import clue

_LEAST = 3  # hits of a shower; fewer are noise


def clue_showers(
    place: Float[np.ndarray, "hit 2"],
    layer: Float[np.ndarray, " hit"],
    energy: Float[np.ndarray, " hit"],
    *,
    distance: float,
    density: float,
    depth: float = 8.0,
) -> Int[np.ndarray, " hit"]:
    """Shower of each hit by CLUE in three dimensions, -1 for none.

    Args:
        place: x and y of the hits on the face as seen from the collision, mm.
        layer: Of the hits, from the front.
        energy: GeV.
        distance, density: See `clue`, mm and GeV.
        depth: mm that a layer counts for.
    """
    points = np.column_stack((place, depth * layer))
    return large_only(clue(points, energy, distance=distance, density=density).label)


def clue_layers(
    place: Float[np.ndarray, "hit 2"],
    layer: Float[np.ndarray, " hit"],
    energy: Float[np.ndarray, " hit"],
    *,
    distance: float,
    density: float,
    depth: float = 8.0,
) -> Int[np.ndarray, " hit"]:
    """The same by CLUE in each layer first, at a tenth of the density, and then on the clusters of the layers.

    Args:
        place, layer, energy, depth: See `clue_showers`.
        distance: Of both steps, mm.
        density: Of the second step, GeV.
    """
    own = np.round(layer).astype(np.int64)
    first = clue(place, energy, distance=distance, density=0.1 * density, layer=own).label
    number = int(first.max(initial=-1)) + 1
    if number == 0:
        return first
    used = first >= 0
    total = np.bincount(first[used], energy[used], number)
    centre = [
        np.bincount(first[used], energy[used] * column[used], number) / total
        for column in (place[:, 0], place[:, 1], depth * layer)
    ]
    second = clue(np.column_stack(centre), total, distance=distance, density=density).label
    return large_only(np.where(used, second[first], -1))


def large_only(label: Int[np.ndarray, " hit"], least: int = _LEAST) -> Int[np.ndarray, " hit"]:
    """Labels without clusters of fewer than `least` hits, counted anew in the same order."""
    size = np.bincount(label[label >= 0], minlength=int(label.max(initial=-1)) + 1)
    number = np.where(size >= least, np.cumsum(size >= least) - 1, -1)
    return np.where(label >= 0, np.append(number, -1)[label], -1)
