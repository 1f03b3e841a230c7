"""Object condensation on the graph of an event: what each hit belongs to, the loss, and tracks as chains of pairs."""

import numpy as np
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from femtobarn.engine import Batch
from femtobarn.losses import condensation
from femtobarn.physics.condense import condense
from femtobarn.physics.tracks import Hits

BETA, RADIUS = 0.1, 0.5  #: least beta of a hit to stand for a track, and the radius of a track
#: Weights of two terms. All other hits share the mean repulsion, few of which are near; a third of the hits belong to
#: no particle that is sought.
_REPULSION, _NOISE = 30.0, 0.1


def owners(hits: Hits, wanted: Bool[np.ndarray, "particle"]) -> Int[np.ndarray, "hit"]:
    """The particle of each hit, -1 where it is none of those."""
    assert hits.truth is not None
    particle = hits.truth.particle
    return np.where((particle >= 0) & np.append(wanted, False)[particle], particle, -1)


def condensation_loss(network: nn.Module, batch: Batch) -> Float[Tensor, ""]:
    """The weighted terms, for hits with an `owner` in events that `offset` cuts."""
    found = network(batch["node"], batch["edge"], batch["feature"])
    terms = condensation(
        found[:, 0].sigmoid(), found[:, 1:], batch["owner"], offset=batch["offset"], norm="objects"
    )
    return terms.attraction + _REPULSION * terms.repulsion + terms.objects + _NOISE * terms.noise


def track_pairs(
    found: Float[np.ndarray, "node outputs"], distance: Float[np.ndarray, "node"]
) -> tuple[Int[np.ndarray, "pair 2"], Float[np.ndarray, "pair"]]:
    """Hits that follow each other in an object, outwards, with the beta of the hit that stands for it.

    Args:
        found: Output of a `TrackCondenser`.
        distance: Of each hit from the origin.
    """
    beta = 1 / (1 + np.exp(-found[:, 0].astype(np.float64)))
    label, centre = condense(beta, found[:, 1:], t_beta=BETA, t_d=RADIUS)
    order = np.lexsort((distance, label))
    order = order[label[order] >= 0]
    same = label[order[1:]] == label[order[:-1]]
    pair = np.column_stack((order[:-1], order[1:]))[same]
    return pair, beta[centre[label[pair[:, 0]]]]
