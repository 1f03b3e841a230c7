"""Detector simulations without a network: the response in bins of the jet, and the nearest jet of the training sample.

Each is made from pairs of jets and then called as ``simulator(generated, generator=...)``.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import cKDTree
from torch import nn

from femtobarn.errors import InputError
from femtobarn.nn.jet_simulators import simulated
from femtobarn.physics.jet_pairs import Cloud, jet_axes, relative_to
from femtobarn.physics.jets import relative_mass

#: Reconstructed jets for generated ones.
Simulator = Callable[..., Cloud]

_LEAST = 10  # pairs in a bin
_LEAST_RESPONSE = 0.02  # a Gaussian may fall below zero


def copied(generated: Cloud, *, generator: np.random.Generator) -> Cloud:  # noqa: ARG001, as the others
    """The generated jets as they are: no detector at all."""
    return generated


def network(model: nn.Module) -> Simulator:
    """A trained module as a simulator of clouds."""

    def run(generated: Cloud, *, generator: np.random.Generator) -> Cloud:
        return simulated(model, generated, seed=int(generator.integers(2**31)))

    return run


@dataclass(frozen=True)
class BinnedResponse:
    """Gaussian response of the transverse momentum and of the number of particles, in bins of the generated jet.

    The hardest particles are kept, as many as the drawn number says, and all are scaled to the drawn momentum
    (as analysis-specific fast simulation smears objects, arXiv:2010.01835).
    """

    pt_edges: Float[np.ndarray, "edge"]
    eta_edges: Float[np.ndarray, "other_edge"]
    mean: Float[np.ndarray, "pt_bin eta_bin 2"]
    deviation: Float[np.ndarray, "pt_bin eta_bin 2"]

    @classmethod
    def of(
        cls, generated: Cloud, reconstructed: Cloud, *, bins: tuple[int, int] = (6, 3)
    ) -> "BinnedResponse":
        """Measured on pairs, in bins of pT and |eta| with about as many pairs each.

        Raises:
            InputError: Fewer than ten pairs for a bin.
        """
        if len(generated.mask) < _LEAST * bins[0] * bins[1]:
            raise InputError(
                f"expected {_LEAST} pairs for each of {bins[0] * bins[1]} bins, got {len(generated.mask)}"
            )
        before, after = jet_axes(generated), jet_axes(reconstructed)
        response = np.stack(
            (after[:, 0] / before[:, 0], reconstructed.mask.sum(axis=1) / generated.mask.sum(axis=1)), axis=1
        )
        pt_edges, eta_edges = (
            np.quantile(values, np.linspace(0, 1, n + 1)[1:-1])
            for values, n in zip((before[:, 0], np.abs(before[:, 1])), bins, strict=True)
        )
        place = _bins(before, pt_edges, eta_edges)
        mean, deviation = np.ones((*bins, 2)), np.zeros((*bins, 2))
        for i, j in np.ndindex(*bins):
            some = response[(place[0] == i) & (place[1] == j)]
            if len(some) > 1:
                mean[i, j], deviation[i, j] = some.mean(axis=0), some.std(axis=0, ddof=1)
        return cls(pt_edges, eta_edges, mean, deviation)

    def __call__(self, generated: Cloud, *, generator: np.random.Generator) -> Cloud:
        """A reconstructed jet for each."""
        axes = jet_axes(generated)
        place = _bins(axes, self.pt_edges, self.eta_edges)
        drawn = generator.normal(self.mean[place], self.deviation[place])
        pt, number = drawn.clip(min=_LEAST_RESPONSE).T
        had = generated.mask.sum(axis=1)
        kept = np.rint(number * had).clip(1, had)
        mask = generated.mask & (np.arange(generated.mask.shape[1]) < kept[:, None])
        some = Cloud(np.where(mask[..., None], generated.momentum, 0), mask)
        scale = pt * axes[:, 0] / jet_axes(some)[:, 0].clip(min=1e-9)
        return Cloud((some.momentum * scale[:, None, None]).astype(np.float32), mask)


@dataclass(frozen=True)
class NearestJet:
    """The reconstructed jet of the most similar generated jet in training, moved to the place of the jet at hand.

    Similar in ln pT, eta, mass over pT, number of particles and share of the hardest one, each in units of its
    standard deviation. The jet found is turned about the beam, boosted along it, and its momenta are scaled, as the
    generated one has to be to become the jet at hand.
    """

    tree: cKDTree
    unit: Float[np.ndarray, "feature"]
    axes: Float[np.ndarray, "pair 3"]
    reconstructed: Cloud

    @classmethod
    def of(cls, generated: Cloud, reconstructed: Cloud) -> "NearestJet":
        """Of these pairs."""
        features = _features(generated)
        unit = features.std(axis=0).clip(min=1e-9)
        return cls(cKDTree(features / unit), unit, jet_axes(generated), reconstructed)

    def __call__(self, generated: Cloud, *, generator: np.random.Generator) -> Cloud:
        """A reconstructed jet for each; the same at each call."""
        rows: Int[np.ndarray, jet] = self.tree.query(_features(generated) / self.unit)[1]
        found, before, after = self.reconstructed.take(rows), self.axes[rows], jet_axes(generated)
        x, y, z = np.moveaxis(found.momentum.astype(np.float64), -1, 0)
        pt = np.hypot(x, y)
        eta = np.arcsinh(np.divide(z, pt, out=np.zeros_like(pt), where=pt > 0))
        eta += (after[:, 1] - before[:, 1])[:, None]
        phi = np.arctan2(y, x) + (after[:, 2] - before[:, 2])[:, None]
        pt *= (after[:, 0] / before[:, 0])[:, None]
        moved = np.stack((pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)), axis=-1)
        return Cloud(np.where(found.mask[..., None], moved, 0).astype(np.float32), found.mask)


def _features(jets: Cloud) -> Float[np.ndarray, "jet feature"]:
    axes = jet_axes(jets)
    axes[:, 0] = axes[:, 0].clip(min=1e-9)
    relative = relative_to(jets, axes)
    mass = relative_mass(relative, jets.mask)
    leading = relative[..., 2].max(axis=1)
    return np.stack((np.log(axes[:, 0]), axes[:, 1], mass, jets.mask.sum(axis=1), leading), axis=1)


def _bins(axes: np.ndarray, pt_edges: np.ndarray, eta_edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.searchsorted(pt_edges, axes[:, 0]), np.searchsorted(eta_edges, np.abs(axes[:, 1]))
