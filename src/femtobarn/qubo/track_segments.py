"""The energies: segments that continue each other smoothly are rewarded, forks cost (Denby-Peterson), or triplets."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from femtobarn.errors import InputError
from femtobarn.physics.tracks import Hits, TrackFinder, Triplets, doublets, triplets
from femtobarn.physics.tracks.grouping import components
from femtobarn.physics.tracks.overlaps import with_overlaps
from femtobarn.qubo import Chains

Kind = Literal["doublets", "triplets"]


@dataclass(frozen=True)
class Energy:
    """Numbers of the energy. The defaults were found on simulated training events."""

    power: float = 20.0
    """Of the cosine of the angle between two segments, in the transverse plane."""
    longitudinal: float = 1.0
    """Weight of the same in the r-z plane."""
    cut: float = 0.97
    """Least cosine of both angles."""
    length: float = 150.0
    """Length of segments at which a smooth continuation counts 1, in mm; shorter ones count more."""
    segment: float = 0.5
    """Cost of a segment, so that it needs a continuation."""
    fork: float = 8.0
    """Cost of two segments that share their start or their end."""
    curvature: float = 1e-4
    """Triplets: largest change of the curvature from one to the next, per mm."""
    strength: float = 0.2
    """Triplets: least strength of a pair that is kept."""

    def __post_init__(self) -> None:
        if min(self.power, self.length, self.curvature) <= 0 or not -1 <= self.cut < 1:
            raise InputError(f"power, length and curvature above 0 and a cut in [-1, 1) expected: got {self}")
        if min(self.longitudinal, self.segment, self.fork, self.strength) < 0:
            raise InputError(f"weights of 0 or more expected: got {self}")


class Problem(NamedTuple):
    """The form of one event."""

    chains: Chains
    """Variables are segments between hits, or triplets between segments."""
    hit: Int[np.ndarray, "variable k"]
    """Hits of each variable, inner one first."""


def form(hits: Hits, finder: TrackFinder, kind: Kind, energy: Energy, *, filtered: bool = True) -> Problem:
    """The form of an event: windows of layers and of triplets, then energies."""
    pairs = doublets(hits, finder.layers)
    found = triplets(hits, pairs, finder.triples) if filtered else every_pair(pairs)
    make = segments if kind == "doublets" else triples
    return make(hits, pairs, found, energy)


def segments(hits: Hits, doublet: Int[np.ndarray, "doublet 2"], found: Triplets, energy: Energy) -> Problem:
    """Denby-Peterson: a variable for each doublet that is in a smooth pair of `found`.

    W = -(cos_T^power + longitudinal cos_Z^power) / ((R_1 + R_2) / (2 length)), with the angles in the transverse and in
    the r-z plane and the lengths R of both segments (arXiv:1908.04475; after Denby and Peterson).
    """
    step = hits.position[doublet[:, 1]] - hits.position[doublet[:, 0]]
    radius = np.hypot(hits.position[:, 0], hits.position[:, 1])
    along = np.stack([radius[doublet[:, 1]] - radius[doublet[:, 0]], step[:, 2]], axis=1)
    first, second = found.doublet.T.astype(np.int64)
    flat, steep = _cosine(step[:, :2], first, second), _cosine(along, first, second)
    smooth = (flat > energy.cut) & (steep > energy.cut)
    first, second, flat, steep = first[smooth], second[smooth], flat[smooth], steep[smooth]
    size = np.linalg.norm(step, axis=1)
    weight = -(flat**energy.power + energy.longitudinal * steep**energy.power)
    weight /= (size[first] + size[second]) / (2 * energy.length)
    kept, place = _numbered(len(doublet), first, second)
    chosen = doublet[kept].astype(np.int64)
    cost = np.full(len(chosen), energy.segment)
    return Problem(Chains(chosen[:, 0], chosen[:, 1], cost, place[first], place[second], weight), chosen)


def triples(hits: Hits, doublet: Int[np.ndarray, "doublet 2"], found: Triplets, energy: Energy) -> Problem:
    """A variable for each triplet that continues another with nearly the same curvature (arXiv:1902.08324).

    S = -(1/2) ((1 - |change of curvature| / curvature) + (1 - |bend| / 0.1)); weak pairs are left out.
    """
    begin, end = found.doublet.T.astype(np.int64)
    order = np.argsort(begin, kind="stable")
    low, high = (np.searchsorted(begin[order], end, side=side) for side in ("left", "right"))
    first = np.repeat(np.arange(len(begin)), high - low)
    offset = np.arange(len(first)) - np.repeat(np.cumsum(high - low) - (high - low), high - low)
    second = order[np.repeat(low, high - low) + offset]
    change = np.abs(found.curvature[second] - found.curvature[first]) / energy.curvature
    radius = np.hypot(hits.position[:, 0], hits.position[:, 1])
    theta = np.arctan2(
        radius[doublet[:, 1]] - radius[doublet[:, 0]],
        hits.position[doublet[:, 1], 2] - hits.position[doublet[:, 0], 2],
    )
    bend = np.abs(theta[end[second]] - theta[begin[first]]) / 0.1
    strength = 0.5 * (1 - change) + 0.5 * (1 - bend)
    strong = (change < 1) & (bend < 1) & (strength > energy.strength)
    first, second, strength = first[strong], second[strong], strength[strong]
    kept, place = _numbered(len(begin), first, second)
    hit = np.concatenate([doublet[begin[kept]], doublet[end[kept], 1:]], axis=1).astype(np.int64)
    chains = Chains(begin[kept], end[kept], np.zeros(len(kept)), place[first], place[second], -strength)
    return Problem(chains, hit)


def every_pair(doublet: Int[np.ndarray, "doublet 2"]) -> Triplets:
    """All pairs of doublets with a common hit, without a window: as in the paper."""
    order = np.argsort(doublet[:, 0], kind="stable")
    low, high = (np.searchsorted(doublet[order, 0], doublet[:, 1], side=side) for side in ("left", "right"))
    first = np.repeat(np.arange(len(doublet)), high - low)
    offset = np.arange(len(first)) - np.repeat(np.cumsum(high - low) - (high - low), high - low)
    pair = np.stack([first, order[np.repeat(low, high - low) + offset]], axis=1)
    return Triplets(pair.astype(np.int32), np.zeros(len(pair)), np.zeros(len(pair)))


def tracks(
    hits: Hits, problem: Problem, chosen: Bool[np.ndarray, "variable"], *, least_hits: int = 5
) -> Int[np.ndarray, "hit"]:
    """Track of each hit, -1 for none: chains of the chosen variables without forks, with overlaps as `find_tracks`."""
    kept = problem.chains.without_forks(chosen)
    hit = problem.hit[kept]
    edges = np.concatenate([hit[:, i : i + 2] for i in range(hit.shape[1] - 1)])
    label = components(np.unique(edges, axis=0), hits=len(hits.position), least_hits=least_hits - 1)
    return with_overlaps(hits, label, least_hits=least_hits)


def _cosine(
    vector: Float[np.ndarray, "doublet 2"], first: Int[np.ndarray, "link"], second: Int[np.ndarray, "link"]
) -> Float[np.ndarray, "link"]:
    unit = vector / np.maximum(np.linalg.norm(vector, axis=1, keepdims=True), 1e-12)
    return np.asarray((unit[first] * unit[second]).sum(axis=1))


def _numbered(
    count: int, first: Int[np.ndarray, "link"], second: Int[np.ndarray, "link"]
) -> tuple[np.ndarray, np.ndarray]:
    """Variables in any link, and the new number of each."""
    kept = np.unique(np.concatenate([first, second]))
    place = np.full(count, -1)
    place[kept] = np.arange(len(kept))
    return kept, place
