"""SoftKiller: which particles of a crossing are above its pile-up (Cacciari, Salam, Soyez 2014, arXiv:1407.0408)."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float, Int

from femtobarn.errors import InputError
from femtobarn.physics._padded import check_boundaries
from femtobarn.physics.vectors import cylindrical


def soft_killer(
    momentum: Float[np.ndarray, "particle 4"],
    offset: Int[np.ndarray, "boundary"],
    *,
    side: float = 0.5,
    edges: Sequence[float] = (-3.0, -1.5, 1.5, 3.0),
) -> Bool[np.ndarray, "particle"]:
    """True for particles whose pT is above the cut of their event and region; false beyond the outermost edges.

    The plane of eta and phi is cut into patches. The cut is the smallest that leaves nothing in half of a region's
    patches: the median over the patches of their hardest particle. An event of a few particles has a cut of 0 and keeps
    all of them.

    Args:
        momentum: Energy, px, py, pz, GeV.
        offset: Particles of event i are rows ``offset[i]`` to ``offset[i + 1]``.
        side: Of a patch, about; whole numbers of patches fill a region.
        edges: In pseudorapidity, of regions that have a cut each: detectors differ.

    Raises:
        InputError: Edges that do not rise, a side that is not above 0, boundaries of events that do not fit, or a
            momentum that is not finite.
    """
    if len(edges) < 2 or any(not low < high for low, high in pairwise(edges)) or not side > 0:
        raise InputError(f"expected rising edges and a side above 0, got {tuple(edges)} and {side:g}")
    check_boundaries(offset, len(momentum))
    if not np.isfinite(momentum).all():
        raise InputError("expected finite momenta, got others")
    events = len(offset) - 1
    event = np.repeat(np.arange(events), np.diff(offset))
    pt, eta, phi, _ = cylindrical(momentum).T
    around = max(round(2 * np.pi / side), 1)
    column = np.floor((phi / (2 * np.pi) + 0.5) * around).astype(np.int64) % around
    kept = np.zeros(len(pt), bool)
    for low, high in pairwise(edges):
        rows = max(round((high - low) / side), 1)
        inside = np.flatnonzero((eta >= low) & (eta < high))
        row = np.floor((eta[inside] - low) / (high - low) * rows).astype(np.int64)
        hardest = np.zeros((events, rows * around))
        np.maximum.at(hardest, (event[inside], row * around + column[inside]), pt[inside])
        cut = np.median(hardest, axis=1)
        kept[inside] = pt[inside] > cut[event[inside]]
    return kept
