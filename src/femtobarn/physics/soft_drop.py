"""Jets groomed with soft drop (arXiv:1402.2657), through FastJet's contrib RecursiveTools."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float64

from femtobarn.errors import InputError, require
from femtobarn.physics._fastjet import reclustered
from femtobarn.physics.vectors import invariant_mass


class Groomed(NamedTuple):
    """What is left of jets after grooming, hardest particle first."""

    momentum: Float64[np.ndarray, "jet particle 4"]  # (E, px, py, pz), zeros where the mask is false
    mask: Bool[np.ndarray, "jet particle"]

    @property
    def mass(self) -> Float64[np.ndarray, "jet"]:
        """Mass of what is left."""
        return invariant_mass(self.momentum.sum(axis=1))


def soft_drop(
    momentum: Float[np.ndarray, "jet particle 4"],
    mask: Bool[np.ndarray, "jet particle"],
    *,
    cut: float = 0.1,
    beta: float = 0.0,
    radius: float = 0.8,
) -> Groomed:
    """Jets without their soft wide-angle radiation.

    A jet is clustered again with Cambridge/Aachen and undone step by step: the softer branch is dropped until
    min(pt1, pt2) / (pt1 + pt2) > cut (dR / radius)^beta. With beta = 0 that is the modified mass drop tagger
    (mMDT, arXiv:1307.0007) without its mass cut, and the radius does not count. A jet of which nothing passes
    keeps its hardest particle on that path; a jet without particles stays empty.

    Args:
        momentum: (E, px, py, pz) of the particles; `physics.jets.massless` makes them from (eta, phi, pt).
        mask: True for real particles.
        cut: Smallest share of the softer branch, z_cut.
        beta: Power of the opening angle.
        radius: R0 of the jets; its angle is measured in rapidity and phi.

    Raises:
        InputError: A real particle's momentum is not finite, or a cut outside of [0, 0.5].
        MissingExtraError: FastJet is not installed.
    """
    if not 0 <= cut <= 0.5:
        raise InputError(f"expected a cut from 0 to 0.5, the largest share of a softer branch, got {cut}")
    awkward = require("awkward", extra="generate")
    kept, left = np.zeros(momentum.shape), np.zeros(mask.shape, bool)
    for rows, sequence in reclustered(momentum, mask):
        found = sequence.exclusive_jets_softdrop_grooming(
            njets=1, beta=beta, symmetry_cut=cut, R0=radius
        ).constituents
        left[rows] = np.arange(mask.shape[1]) < awkward.to_numpy(awkward.num(found))[:, None]
        here = np.zeros_like(left)
        here[rows] = left[rows]
        for k, name in enumerate(("E", "px", "py", "pz")):
            kept[here, k] = awkward.to_numpy(awkward.flatten(found[name]))
    return Groomed(*_hardest_first(kept, left))


def _hardest_first(momentum: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    pt = np.where(mask, np.hypot(momentum[..., 1], momentum[..., 2]), -1.0)
    order = np.argsort(-pt, axis=1, kind="stable")
    return np.take_along_axis(momentum, order[..., None], axis=1), mask
