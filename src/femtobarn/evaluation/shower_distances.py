"""Wasserstein distances of the response of showers: of the whole calorimeter, and of its layers."""

import numpy as np
from jaxtyping import Float64, Int64

from femtobarn.metrics.estimate import Estimate
from femtobarn.metrics.shower_features import feature_names
from femtobarn.physics.voxels import VoxelGeometry

_RESAMPLES = 12  # their scatter is then known to a fifth

_Weights = tuple[Int64[np.ndarray, " real"], Int64[np.ndarray, " generated"]]


def response_distances(
    real: Float64[np.ndarray, "real feature"],
    generated: Float64[np.ndarray, "generated feature"],
    voxels: VoxelGeometry,
    *,
    generator: np.random.Generator,
) -> dict[str, Estimate]:
    """W1 of E_tot / E_inc, and the mean over the layers of W1 of E_layer / E_inc.

    For two samples of the same thing it is not 0 but the floor in `null`: that between resamples of the real
    sample, of the sizes of both. `null_error` and `error` are standard deviations over resamples.

    Args:
        real, generated: Features of the showers, see `metrics.shower_features`.
        voxels: Geometry.
        generator: Of the resamples.
    """
    x, y = _responses(real, voxels), _responses(generated, voxels)
    n, m = len(real), len(generated)
    resampled = [(_drawn(n, n, generator), _drawn(m, m, generator)) for _ in range(_RESAMPLES)]
    floor = [(_drawn(n, n, generator), _drawn(n, m, generator)) for _ in range(_RESAMPLES)]
    as_they_are = (np.ones(n, int), np.ones(m, int))
    found = {name: _distances(x[name], y[name], [as_they_are, *resampled]) for name in x}
    null = {name: _distances(x[name], x[name], floor) for name in x}
    layers = [name for name in x if name != "E_tot"]

    def estimate(names: list[str]) -> Estimate:
        value, *others = np.mean([found[name] for name in names], axis=0)
        nulls = np.mean([null[name] for name in names], axis=0)
        method = "W1" if len(names) == 1 else f"W1, mean of {len(names)} layers"
        return Estimate(
            float(value),
            float(np.std(others, ddof=1)),
            n,
            m,
            float(np.mean(nulls)),
            float(np.std(nulls, ddof=1)),
            f"{method}, {_RESAMPLES} resamples",
        )

    return {"W1 E_tot / E_inc": estimate(["E_tot"]), "W1 E_layer / E_inc": estimate(layers)}


def _responses(
    table: Float64[np.ndarray, "shower feature"], voxels: VoxelGeometry
) -> dict[str, Float64[np.ndarray, " shower"]]:
    """Energies over the incident one, in all and in each layer."""
    logarithms = {
        name.removeprefix("log10 "): column
        for name, column in zip(feature_names(voxels), table.T, strict=True)
        if name.startswith("log10 ")
    }
    incident = logarithms.pop("E_inc")
    return {name: 10 ** (column - incident) for name, column in logarithms.items()}


def _distances(
    x: Float64[np.ndarray, " real"], y: Float64[np.ndarray, " generated"], weights: list[_Weights]
) -> list[float]:
    """W1 for each pair of weights: the area between the distributions, of points sorted once."""
    both = np.concatenate((x, y))
    order = np.argsort(both)
    gaps = np.diff(both[order])
    found = []
    for of_x, of_y in weights:
        share = np.concatenate((of_x / of_x.sum(), -of_y / of_y.sum()))[order]
        found.append(float(np.abs(np.cumsum(share)[:-1]) @ gaps))
    return found


def _drawn(n: int, size: int, generator: np.random.Generator) -> Int64[np.ndarray, " n"]:
    """How often each of n showers is drawn."""
    return np.bincount(generator.integers(n, size=size), minlength=n)
