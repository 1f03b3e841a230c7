"""Simulated detectors against the real one: distances in units of what two halves of the real sample give."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int

from femtobarn.metrics import wasserstein_1d
from femtobarn.physics.jet_pairs import Cloud, jet_axes, relative_to
from femtobarn.physics.vectors import cylindrical


class Entries(NamedTuple):
    """Numbers of many jets with the jet of each, and their weights."""

    value: Float64[np.ndarray, "entry"]
    jet: Int[np.ndarray, "entry"]
    weight: Float64[np.ndarray, "entry"]

    def drawn(self, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values and weights if each jet counts so many times, not at all where that is 0."""
        count = times[self.jet]
        there = count > 0
        return self.value[there], self.weight[there] * count[there]


_LEAST_MASS = 1.0  # GeV

#: Quantities of jets that are compared, and their units.
QUANTITIES = {
    "jet mass": "GeV",
    "jet pT": "GeV",
    "jet energy": "GeV",
    "jet eta": "",
    "jet phi": "",
    "particles": "",
    "particle pT": "GeV",
    "pT profile in dR": "",
    "pT response": "",
    "mass response": "",
    "particle response": "",
}


def jet_table(jets: Cloud) -> dict[str, Float64[np.ndarray, "jet"]]:
    """Mass, pT, energy (GeV), eta, phi and number of particles of each jet, the sum of its massless particles."""
    momentum = four_momentum(jets)
    pt, eta, phi, mass = cylindrical(momentum).T
    return {
        "jet mass": mass,
        "jet pT": pt,
        "jet energy": momentum[:, 0],
        "jet eta": np.where(pt > 0, eta, 0),
        "jet phi": phi,
        "particles": jets.mask.sum(axis=1).astype(np.float64),
    }


def four_momentum(jets: Cloud) -> Float64[np.ndarray, "jet 4"]:
    """(E, px, py, pz) of each jet: the sum of its particles, taken as massless."""
    momentum = np.where(jets.mask[..., None], jets.momentum, 0).astype(np.float64)
    energy = np.sqrt((momentum**2).sum(axis=2)).sum(axis=1)
    return np.concatenate((energy[:, None], momentum.sum(axis=1)), axis=1)


def entries(generated: Cloud, jets: Cloud) -> dict[str, Entries]:
    """Every quantity of `QUANTITIES` of reconstructed jets; responses are relative to the generated ones.

    A generated jet of one particle has no mass: the response of the mass is relative to at least 1 GeV.
    """
    table, before = jet_table(jets), jet_table(generated)
    for name, of in (("pT", "jet pT"), ("mass", "jet mass"), ("particle", "particles")):
        least = _LEAST_MASS if of == "jet mass" else 1.0
        table[f"{name} response"] = table[of] / before[of].clip(min=least)
    rows = np.arange(len(jets.mask))
    found = {name: Entries(value, rows, np.ones(len(rows))) for name, value in table.items()}
    axes = jet_axes(jets)
    axes[:, 0] = axes[:, 0].clip(min=1e-9)
    relative = relative_to(jets, axes)
    jet = np.nonzero(jets.mask)[0]
    eta, phi, share = relative[jets.mask].T
    found["particle pT"] = Entries(share * axes[jet, 0], jet, np.ones(len(jet)))
    found["pT profile in dR"] = Entries(np.hypot(eta, phi), jet, share)
    return {name: found[name] for name in QUANTITIES}


def mean_distance(real: dict[str, Entries], made: dict[str, Entries]) -> float:
    """Mean over the quantities of W1 in units of the real standard deviation; 1 for a quantity without entries."""
    found = [
        wasserstein_1d(x.value, made[name].value, x.weight, made[name].weight) / x.value.std().clip(min=1e-9)
        if len(made[name].value)
        else 1.0
        for name, x in real.items()
    ]
    return float(np.mean(found))


class Distances(NamedTuple):
    """W1 of each quantity between what a simulator made of one half and the real jets of the other."""

    value: dict[str, Float64[np.ndarray, "cut"]]
    error: dict[str, float]  # of the mean over the cuts

    def over(self, floor: "Distances") -> dict[str, tuple[float, float]]:
        """Means over the cuts, and their errors, in units of the mean floor."""
        unit = {name: float(each.mean()) for name, each in floor.value.items()}
        return {
            name: (float(each.mean()) / unit[name], self.error[name] / unit[name])
            for name, each in self.value.items()
        }


def half_distances(
    real: dict[str, Entries], made: dict[str, Entries], cuts: Sequence[np.ndarray], *, bootstrap: int = 20
) -> Distances:
    """Distances of `made` of one half from `real` of the other, half by half of the generated jets.

    With `real` as `made` it is the floor: what a perfect simulator gets. That no jet stands on both sides keeps
    jets of the same generated jet from being compared, which would favour a copy. The error is the bootstrap
    error of W1 on all jets, a generated jet at a time, since real and simulated jets rise and fall together, joined
    with the standard error over the cuts.

    Args:
        real, made: Of the same generated jets, see `entries`.
        cuts: True for the half whose real jets are used, see `halves`.
        bootstrap: Samples behind the error.
    """
    draw, count = np.random.default_rng(0), len(cuts[0])
    draws = [np.bincount(draw.integers(count, size=count), minlength=count) for _ in range(bootstrap)]
    found, error = dict[str, np.ndarray](), dict[str, float]()
    for name in real:
        x, y = real[name], made[name]
        found[name] = np.array([_w1(x.drawn(half), y.drawn(~half)) for half in cuts])
        sampling = np.std([_w1(x.drawn(rows), y.drawn(rows)) for rows in draws], ddof=1)
        error[name] = float(np.hypot(sampling, found[name].std() / np.sqrt(len(cuts))))
    return Distances(found, error)


def _w1(x: tuple[np.ndarray, np.ndarray], y: tuple[np.ndarray, np.ndarray]) -> float:
    """Of values and weights; infinite from nothing at all."""
    return wasserstein_1d(x[0], y[0], x[1], y[1]) if min(len(x[0]), len(y[0])) else np.inf


def halves(jets: int, *, count: int, seed: int) -> list[np.ndarray]:
    """Random halves of so many jets."""
    draw = np.random.default_rng(seed)
    return [draw.permutation(jets) < jets // 2 for _ in range(count)]


def emd_bincontent(
    x: Float64[np.ndarray, "n"], y: Float64[np.ndarray, "m"], *, range: tuple[float, float], bins: int = 100
) -> float:
    """What the training script of arXiv:2203.00520 calls EMD: W1 of the two *lists of bin contents*.

    For comparison with their numbers alone. It compares how often a bin has some content, not where the bins
    are: a histogram read backwards or shifted by many bins is at distance 0.
    """
    contents = [
        np.histogram(sample, bins=bins, range=range)[0].astype(np.float64) + 1e-12 for sample in (x, y)
    ]
    first, second = (each / each.sum() for each in contents)
    return wasserstein_1d(first, second)
