"""Showers of an endcap without a network, from the same hits: CLUE, DBSCAN and anti-kT."""

from collections.abc import Callable
from functools import partial

import numpy as np
from jaxtyping import Float, Int

from femtobarn.datasets.hgcalml import HitEvents
from femtobarn.errors import require
from femtobarn.evaluation.endcap.showers import Finder, on_face
from femtobarn.physics.clue_showers import clue_layers, clue_showers
from femtobarn.physics.clustering import anti_kt
from femtobarn.simulate.endcap import Endcap


def clue_finder(distance: float, density: float, depth: float, *, by_layers: bool) -> Finder:
    """CLUE on all hits at once or layer by layer, in the layers of the simulated endcap.

    Args:
        distance, density, depth: See `clue_showers`, mm, GeV and mm.
        by_layers: See `clue_layers`.
    """
    by = clue_layers if by_layers else clue_showers
    z = Endcap().z

    def labels(event: HitEvents) -> Int[np.ndarray, " hit"]:
        layer = np.interp(event.hits[:, 3], z, np.arange(len(z)))
        energy = event.hits[:, 0].astype(np.float64)
        return by(on_face(event.hits), layer, energy, distance=distance, density=density, depth=depth)

    return labels


def dbscan_finder(radius: float, least: float) -> Finder:
    """DBSCAN in pseudorapidity and azimuth (Ester et al. 1996); hits that no core reaches belong to none.

    Args:
        radius: Within which hits are neighbours.
        least: Energy within the radius that makes a hit a core, GeV.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    cluster = require("sklearn.cluster", extra="baselines")

    def labels(event: HitEvents) -> Int[np.ndarray, " hit"]:
        if not len(event.hits):
            return np.empty(0, np.int64)
        weight = event.hits[:, 0].astype(np.float64) / least  # a core has a weight of 1 around it
        found = cluster.DBSCAN(eps=radius, min_samples=1).fit_predict(
            _directions(event.hits), sample_weight=weight
        )
        return np.asarray(found, np.int64)

    return labels


def anti_kt_finder(radius: float, least: float) -> Finder:
    """Anti-kT jets (arXiv:0802.1189) of the hits as massless particles from the middle of the detector.

    Args:
        radius: R.
        least: Energy below which a jet is none, GeV.

    Raises:
        MissingExtraError: FastJet is not installed, at the first event.
    """

    def labels(event: HitEvents) -> Int[np.ndarray, " hit"]:
        energy, place = event.hits[:, 0].astype(np.float64), event.hits[:, 1:4].astype(np.float64)
        far = np.maximum(np.linalg.norm(place, axis=1), 1e-9)
        jets = anti_kt(
            np.column_stack((energy, place * (energy / far)[:, None])),
            np.array([0, len(energy)]),
            radius=radius,
        )
        number = np.repeat(np.arange(len(jets.momentum)), np.diff(jets.first))
        found = np.full(len(energy), -1)
        kept = jets.momentum[number, 0] >= least
        found[jets.constituent[kept]] = number[kept]
        return found

    return labels


def _directions(hits: Float[np.ndarray, "hit 6"]) -> Float[np.ndarray, "hit 3"]:
    """Points whose distances are those in pseudorapidity and azimuth, for small ones."""
    x, y, z = hits[:, 1:4].T.astype(np.float64)
    r = np.maximum(np.hypot(x, y), 1e-9)
    return np.column_stack((np.arcsinh(z / r), x / r, y / r))


#: How each method is made of its settings.
CLASSICAL: dict[str, Callable[..., Finder]] = {
    "CLUE 3-D": partial(clue_finder, by_layers=False),
    "CLUE by layers": partial(clue_finder, by_layers=True),
    "DBSCAN": dbscan_finder,
    "anti-kT": anti_kt_finder,
}
