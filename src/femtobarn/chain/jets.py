"""Jets and missing momentum of candidates after pile-up is taken out, beside those of the hard collision."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from femtobarn.chain.collisions import ACCEPTANCE, ENDCAP, RADIUS, Crossings, true_jets
from femtobarn.chain.flow import Candidates
from femtobarn.metrics.particle_flow import matched, missing_momentum
from femtobarn.physics.clustering import Jets, anti_kt
from femtobarn.physics.soft_killer import soft_killer
from femtobarn.physics.vectors import cylindrical, delta_phi
from femtobarn.simulate.detector.tracking import Tracks

NEAR = 1.0  #: mm along the beam between the vertex and a track of it
_LEAST_FOUND, _MATCH = 5.0, 0.2  # GeV of found jets; distance of a found from a true jet
BARREL = 1.3  #: |eta| of the axes of jets that are all in the barrel
_LEAST_TRACK = 1.0  # GeV of particles that the efficiency in jets counts
_TRACKED = 2.5  # |eta| of these


class TrueJets(NamedTuple):
    """Jets of the hard collisions of some crossings, in the barrel or in the endcap."""

    event: Int[np.ndarray, "jet"]
    axis: Float[np.ndarray, "jet 4"]  # pT (GeV), eta, phi, mass (GeV)
    endcap: Bool[np.ndarray, "jet"]
    parton: Int[np.ndarray, "jet"]
    """|PDG code| of the nearest particle that left the hard collision; 0 if there is none within the radius."""


def jets_of_truth(crossings: Crossings) -> TrueJets:
    """Jets whose axis is in the barrel or well inside the silicon endcap."""
    found = true_jets(crossings.visible())
    axis = cylindrical(found.momentum)
    endcap = (axis[:, 1] > ENDCAP[0]) & (axis[:, 1] < ENDCAP[1])
    kept = endcap | (np.abs(axis[:, 1]) < BARREL)
    event, axis = found.event[kept], axis[kept]
    away = cylindrical(crossings.parton_momentum)[event, :, 1:3] - axis[:, None, 1:3]
    apart = np.hypot(away[..., 0], delta_phi(away[..., 1], 0.0))
    nearest = np.abs(crossings.parton[event, apart.argmin(axis=1)])
    return TrueJets(
        event, axis, endcap[kept], np.where(apart.min(axis=1, initial=np.inf) < RADIUS, nearest, 0)
    )


def without_pileup(candidates: Candidates, vertex: Float[np.ndarray, "event"] | None) -> Candidates:
    """Tracks of the vertex, and neutrals above the cut of `soft_killer`; all within the acceptance.

    Args:
        candidates: Of crossings.
        vertex: z of the hard collision of each, mm; None for a trigger that knows none.
    """
    event = np.repeat(np.arange(len(candidates.offset) - 1), np.diff(candidates.offset))
    eta = cylindrical(candidates.momentum)[:, 1]
    near = np.abs(candidates.z - (0.0 if vertex is None else vertex[event])) < NEAR
    own = candidates.charged & near & (np.abs(eta) < ACCEPTANCE)
    neutral = np.flatnonzero(~candidates.charged)
    before = np.searchsorted(neutral, candidates.offset)
    own[neutral] = soft_killer(candidates.momentum[neutral], before)
    return candidates.keep(own)


def found_jets(candidates: Candidates) -> Jets:
    """Jets of candidates."""
    return anti_kt(candidates.momentum, candidates.offset, radius=RADIUS, min_pt=_LEAST_FOUND)


def partners(true: TrueJets, jets: Jets) -> Int[np.ndarray, "jet"]:
    """The found jet of each true one, -1 for none."""
    axis = cylindrical(jets.momentum)
    found: np.ndarray = matched(true.axis[:, :3], true.event, axis[:, :3], jets.event, distance=_MATCH)
    return found


def responses(true: TrueJets, jets: Jets) -> Float[np.ndarray, "jet 2"]:
    """pT and mass of the found jet of each true one over the true values; NaN where there is none, or no mass."""
    axis = cylindrical(jets.momentum)
    measured = np.vstack((axis[:, [0, 3]], np.full((1, 2), np.nan)))[partners(true, jets)]
    known = np.where(true.axis[:, [0, 3]] > 0, true.axis[:, [0, 3]], np.nan)
    return measured / known


def missing(candidates: Candidates, crossings: Crossings) -> Float[np.ndarray, "event 2"]:
    """Missing momentum of the candidates less that of what is visible within the acceptance, x and y, GeV."""
    seen = crossings.visible()
    inside = seen.keep(np.abs(cylindrical(seen.momentum)[:, 1]) < ACCEPTANCE)
    true = missing_momentum(inside.momentum.astype(np.float64), inside.offset)
    found: np.ndarray = missing_momentum(candidates.momentum, candidates.offset) - true
    return found


def tracks_in_jets(true: TrueJets, crossings: Crossings, tracks: Tracks) -> Int[np.ndarray, "jet 2"]:
    """Charged particles of each true jet, above 1 GeV, from the vertex, within the tracker; and those with a track."""
    particles = crossings.particles
    pt, eta, phi, _ = cylindrical(particles.momentum).T
    start = np.hypot(*particles.vertex[:, 1:3].T)
    wanted = crossings.own & (particles.charge != 0) & (pt > _LEAST_TRACK) & (np.abs(eta) < _TRACKED)
    rows = np.flatnonzero(wanted & (start < 1.0))
    found = np.zeros(len(pt), bool)
    found[tracks.truth[tracks.truth >= 0]] = True
    event, counts = particles.event[rows], np.zeros((len(true.event), 2), np.int64)
    for jet, (where, axis) in enumerate(zip(true.event.tolist(), true.axis, strict=True)):
        mine = rows[slice(*np.searchsorted(event, (where, where + 1)))]
        inside = mine[np.hypot(eta[mine] - axis[1], delta_phi(phi[mine], axis[2])) < RADIUS]
        counts[jet] = len(inside), found[inside].sum()
    return counts
