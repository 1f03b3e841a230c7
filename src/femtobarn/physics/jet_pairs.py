"""The same jets before and after a detector: clustered on both sides, matched one to one, their particles listed."""

from dataclasses import dataclass
from math import inf
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from femtobarn.errors import InputError
from femtobarn.physics.clustering import Jets, anti_kt
from femtobarn.physics.vectors import cylindrical, delta_phi

_SOFT = 0.1  #: jets down to this share of the least pT are partners too, so that no jet takes a wrong one


class Cloud(NamedTuple):
    """Jets as lists of particles, hardest first."""

    momentum: Float[np.ndarray, "jet particle 3"]  # px, py, pz in GeV; zeros where the mask is false
    mask: Bool[np.ndarray, "jet particle"]

    def take(self, rows: Int[np.ndarray, "row"] | Bool[np.ndarray, "jet"] | slice) -> "Cloud":
        """These jets."""
        return Cloud(self.momentum[rows], self.mask[rows])


@dataclass(frozen=True)
class JetPairs:
    """Jets and what the detector made of each, a row each."""

    generated: Cloud
    reconstructed: Cloud
    event: Int[np.ndarray, "pair"]
    """The event of each pair, counted from 0."""
    wanted: int
    """Generated jets that there were, with or without a partner."""

    def __len__(self) -> int:
        return len(self.event)

    def take(self, rows: Int[np.ndarray, "row"] | Bool[np.ndarray, "pair"] | slice) -> "JetPairs":
        """These pairs, of as many generated jets as before."""
        return JetPairs(
            self.generated.take(rows), self.reconstructed.take(rows), self.event[rows], self.wanted
        )

    def first(self, count: int) -> "JetPairs":
        """The first pairs, at most so many."""
        return self.take(slice(count))


def jet_pairs(
    generated: Float[np.ndarray, "particle 4"],
    generated_offset: Int[np.ndarray, "boundary"],
    reconstructed: Float[np.ndarray, "candidate 4"],
    reconstructed_offset: Int[np.ndarray, "other_boundary"],
    *,
    radius: float = 0.4,
    distance: float = 0.2,
    pt: tuple[float, float] = (150.0, inf),
    eta: float = 2.4,
    particles: int = 50,
) -> JetPairs:
    """Anti-kT jets of both sides, each generated jet with the reconstructed one at its place.

    Two jets are partners if neither has a nearer one and they are within `distance`; the cuts are on the generated
    jet alone, since a cut on what is measured would bias the response.

    Args:
        generated, reconstructed: Energy, px, py, pz in GeV: visible particles, and what was measured of them.
        generated_offset, reconstructed_offset: Those of event i are rows ``offset[i]`` to ``offset[i + 1]``.
        radius: Of the jets.
        distance: Largest distance of partners in (eta, phi).
        pt: Range of the generated jet's transverse momentum, GeV.
        eta: Its largest absolute pseudorapidity.
        particles: Hardest particles listed of each jet.

    Raises:
        InputError: Other numbers of events, impossible cuts, or what `anti_kt` refuses.
        MissingExtraError: FastJet is not installed.
    """
    if len(generated_offset) != len(reconstructed_offset):
        got = f"{len(generated_offset) - 1} and {len(reconstructed_offset) - 1}"
        raise InputError(f"expected the same events generated and reconstructed, got {got}")
    if not (0 < pt[0] < pt[1] and distance > 0 and eta > 0 and particles > 0):
        raise InputError(f"expected cuts above 0, low < high: got {pt}, {distance}, {eta}, {particles}")
    least = _SOFT * pt[0]
    before = anti_kt(generated, generated_offset, radius=radius, min_pt=least)
    after = anti_kt(reconstructed, reconstructed_offset, radius=radius, min_pt=least)
    value, place, _, _ = cylindrical(before.momentum).T
    inside = (value >= pt[0]) & (value < pt[1]) & (np.abs(place) < eta)
    rows = match_jets(before, after, distance=distance)
    rows = rows[inside[rows[:, 0]]]
    return JetPairs(
        hardest_particles(before, generated, rows[:, 0], particles=particles),
        hardest_particles(after, reconstructed, rows[:, 1], particles=particles),
        before.event[rows[:, 0]],
        int(inside.sum()),
    )


def match_jets(first: Jets, second: Jets, *, distance: float) -> Int[np.ndarray, "match 2"]:
    """Rows of jets of the same event of which each is the other's nearest, and not farther than `distance`."""
    number = np.diff(second.offset)[first.event]
    left = np.repeat(np.arange(len(number)), number)
    rank = np.arange(len(left)) - np.repeat(np.cumsum(number) - number, number)
    right = second.offset[first.event[left]] + rank
    _, eta, phi, _ = cylindrical(first.momentum).T
    _, other_eta, other_phi, _ = cylindrical(second.momentum).T
    apart = np.hypot(eta[left] - other_eta[right], delta_phi(phi[left], other_phi[right]))
    order = np.argsort(apart, kind="stable")
    order = order[apart[order] <= distance]
    nearest = [set(order[np.unique(side[order], return_index=True)[1]].tolist()) for side in (left, right)]
    mutual = np.array(sorted(nearest[0] & nearest[1]), dtype=np.int64)
    return np.stack((left[mutual], right[mutual]), axis=1)


def hardest_particles(
    jets: Jets,
    momentum: Float[np.ndarray, "particle 4"],
    rows: Int[np.ndarray, "row"],
    *,
    particles: int,
) -> Cloud:
    """The hardest constituents of some jets.

    Args:
        jets: Clustered from the particles.
        momentum: Energy, px, py, pz in GeV of all particles.
        rows: Of the jets.
        particles: Most constituents listed.
    """
    sizes = np.diff(jets.first)[rows]
    owner = np.repeat(np.arange(len(rows)), sizes)
    rank = np.arange(len(owner)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    values = momentum[jets.constituent[jets.first[rows][owner] + rank], 1:]
    return cloud(values, owner, len(rows), particles=particles)


def cloud(
    momentum: Float[np.ndarray, "particle 3"],
    owner: Int[np.ndarray, "particle"],
    jets: int,
    *,
    particles: int,
) -> Cloud:
    """Particles of many jets, in any order, as padded lists; those without transverse momentum are left out.

    Args:
        momentum: px, py, pz in GeV.
        owner: The jet of each, counted from 0.
        jets: Number of jets.
        particles: Most particles listed of a jet, the hardest ones.
    """
    pt = np.hypot(momentum[:, 0], momentum[:, 1])
    order = np.lexsort((-pt, owner))
    order = order[pt[order] > 0]
    jet = owner[order]
    rank = np.arange(len(jet)) - np.searchsorted(jet, jet)
    kept = rank < particles
    table, mask = np.zeros((jets, particles, 3), np.float32), np.zeros((jets, particles), bool)
    table[jet[kept], rank[kept]] = momentum[order[kept]]
    mask[jet[kept], rank[kept]] = True
    return Cloud(table, mask)


def jet_axes(jets: Cloud) -> Float[np.ndarray, "jet 3"]:
    """(pT, eta, phi) of the sum of the particles of each jet; zeros for a jet without any."""
    x, y, z = jets.momentum.sum(axis=1, dtype=np.float64).T
    pt = np.hypot(x, y)
    eta = np.arcsinh(np.divide(z, pt, out=np.zeros_like(pt), where=pt > 0))
    return np.stack((pt, eta, np.arctan2(y, x)), axis=1)


def relative_to(jets: Cloud, axes: Float[np.ndarray, "jet 3"]) -> Float[np.ndarray, "jet particle 3"]:
    """(eta, phi, pT) of each particle relative to an axis, pT as a share of it; zeros where there is none."""
    x, y, z = np.moveaxis(jets.momentum.astype(np.float64), -1, 0)
    pt = np.hypot(x, y)
    eta = np.arcsinh(np.divide(z, pt, out=np.zeros_like(pt), where=pt > 0)) - axes[:, 1, None]
    phi = delta_phi(np.arctan2(y, x), axes[:, 2, None])
    return np.where(jets.mask[..., None], np.stack((eta, phi, pt / axes[:, 0, None]), axis=-1), 0)
