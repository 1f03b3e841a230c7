"""Occupancy maps of a calorimeter, run by run: hits of showers under a beam, and what may be wrong with a run."""

import functools
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32, Int

from femtobarn.data.image_stack import ImageStack
from femtobarn.errors import InputError
from femtobarn.simulate.showers import gflash, hgcal_like

#: Classes of runs.
FAULTS = ("none", "dead board", "dead board at the rim", "hot towers", "ring noise", "beam beside")
_TOWER, _LAYER, _THRESHOLD = (
    10.0,
    8,
    0.5e-3,
)  # mm; about the shower maximum; GeV, a few minimum ionising particles
_SHOWERS, _ENERGY = 300, 20.0  # in the library of footprints; GeV
_BEAM = 0.22  # standard deviation, as a share of the side


def occupancy_maps(
    runs: Sequence[int],
    *,
    side: int = 48,
    showers: tuple[int, int] = (200, 2000),
    generator: np.random.Generator,
) -> ImageStack:
    """Hits above threshold in each tower of a layer, of runs with and without a fault, in random order.

    Photons of 20 GeV by GFLASH enter a sandwich of silicon at right angles, under a Gaussian beam. Faults have a place
    that is the same in all runs, and a strength of their own: boards of towers that respond rarely, towers and a ring
    of towers that also count noise, a beam whose centre lies elsewhere.

    Args:
        runs: Of each of `FAULTS`.
        side: Towers of 10 mm along each axis.
        showers: Fewest and most in a run, uniform in the logarithm.
        generator: Of all that is random.

    Raises:
        InputError: Not a number of runs for each fault, or fewer than 16 towers a side.
    """
    if len(runs) != len(FAULTS) or min(runs) < 1 or side < 16 or not 1 <= showers[0] <= showers[1]:
        raise InputError(
            f"expected runs for each of {len(FAULTS)} faults, 16 towers a side: got {runs}, {side}"
        )
    label = generator.permutation(np.repeat(np.arange(len(FAULTS)), runs))
    hot = generator.integers(side // 8, side - side // 8, (6, 2))
    counts = np.stack([_run(FAULTS[each], side, showers, hot, generator) for each in label.tolist()])
    names = [f"run {number}" for number in range(len(label))]
    return ImageStack(counts, np.ones((side, side), bool), names, label)


@functools.cache
def _footprints() -> list[Int[np.ndarray, "tower 2"]]:
    """Towers above threshold of each shower of a library, seen from the tower that it enters."""
    spots = gflash(np.full(_SHOWERS, _ENERGY), hgcal_like(), generator=np.random.default_rng(17), pdg=22)
    own = spots.layer == _LAYER
    place = np.random.default_rng(18).uniform(0, 1, (_SHOWERS, 2))[spots.shower[own]]
    along = np.stack((np.cos(spots.phi[own]), np.sin(spots.phi[own])), axis=1)
    tower = np.floor(place + along * spots.radius[own, None] / _TOWER).astype(int)
    found = []
    for shower in range(_SHOWERS):
        mine = spots.shower[own] == shower
        towers, index = np.unique(tower[mine], axis=0, return_inverse=True)
        energy = np.bincount(index.ravel(), spots.energy[own][mine], len(towers))
        found.append(towers[energy > _THRESHOLD].reshape(-1, 2))
    return found


def _run(
    fault: str, side: int, showers: tuple[int, int], hot: np.ndarray, generator: np.random.Generator
) -> Float32[np.ndarray, "row column"]:
    number = round(np.exp(generator.uniform(*np.log(showers))))
    centre = np.array([0.5, 0.5]) + generator.normal(0, 0.01, 2)
    if fault == "beam beside":
        centre = np.array([0.4, 0.66]) + generator.normal(0, 0.02, 2)
    impact = np.floor(generator.normal(centre * side, _BEAM * side, (number, 2))).astype(int)
    library = _footprints()
    hits = np.concatenate(
        [
            at + library[which]
            for at, which in zip(impact, generator.integers(_SHOWERS, size=number), strict=True)
        ]
    )
    hits = hits[((hits >= 0) & (hits < side)).all(axis=1)]
    counts = np.bincount(np.ravel_multi_index(tuple(hits.T), (side, side)), minlength=side * side)
    return _spoiled(counts.reshape(side, side), fault, hot, generator).astype(np.float32)


def _spoiled(counts: np.ndarray, fault: str, hot: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """The map with its fault; the strength differs from run to run."""
    side, level = len(counts), max(counts.max(), 1) * generator.uniform(0.4, 1.0)
    board = side // 4
    if fault.startswith("dead board"):
        row, column = (side // 2, side // 4) if fault == "dead board" else (board // 2, side - board)
        some = (slice(row, row + board), slice(column, column + board))
        counts[some] = generator.binomial(counts[some], generator.uniform(0, 0.2))
    elif fault == "hot towers":
        counts[tuple(hot.T)] += generator.poisson(3 * level, len(hot))
    elif fault == "ring noise":
        radius = np.hypot(*(np.indices(counts.shape) - (side - 1) / 2))
        ring = np.abs(radius - 0.36 * side) < 1.5
        counts[ring] += generator.poisson(0.3 * level, int(ring.sum()))
    return counts
