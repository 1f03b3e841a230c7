"""What two hits tell of a track through both: the features of doublets, and those of triplets."""

import numpy as np
from jaxtyping import Float, Int

from femtobarn.physics.tracks.layer_map import segment_values
from femtobarn.physics.tracks.triplets import Triplets, triplet_values

#: Columns of `pair_features`. Steps in r, z (m) and phi (rad) and pseudorapidity; asinh of z0 / 10 mm; asinh of the
#: curvature of the circle through both hits and the beam, in 1/m; the angle of the step to the beam.
PAIR_FEATURES = ("dr", "dz", "dphi", "deta", "z0", "curvature", "theta")


def pair_features(
    position: Float[np.ndarray, "hit 3"], pair: Int[np.ndarray, "pair 2"]
) -> Float[np.ndarray, "pair 7"]:
    """The columns `PAIR_FEATURES` of pairs of hits (mm); a turn about the beam changes none of them."""
    a, b = position[pair[:, 0]], position[pair[:, 1]]
    values = segment_values(position, pair)
    rise = np.hypot(b[:, 0], b[:, 1]) - np.hypot(a[:, 0], a[:, 1])
    step = b - a
    across = np.hypot(step[:, 0], step[:, 1])
    bend = 2e3 * np.sin(values[:, 0]) / np.maximum(across, 1e-3)
    return np.stack(
        (
            rise / 1e3,
            step[:, 2] / 1e3,
            values[:, 0],
            values[:, 2],
            np.arcsinh(values[:, 1] / 10),
            np.arcsinh(bend),
            np.arctan2(across, step[:, 2]),
        ),
        axis=1,
    )


def triplet_features(
    position: Float[np.ndarray, "hit 3"], pair: Int[np.ndarray, "pair 2"], found: Triplets
) -> Float[np.ndarray, "triplet 4"]:
    """Of triplets: asinh of the curvature in 1/m and of the impact parameter in mm, the bend in theta, rad, and phi's.

    The last is the angle between both steps seen along the beam. A turn about the beam changes none of them.

    Args:
        position: Of the hits, mm.
        pair: Doublets.
        found: Pairs of them.
    """
    inner, outer = pair[found.doublet[:, 0]], pair[found.doublet[:, 1]]
    values = triplet_values(position, np.column_stack((inner, outer[:, 1])).astype(np.int64))
    one, other = (position[each[:, 1], :2] - position[each[:, 0], :2] for each in (inner, outer))
    kink = np.arctan2(one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0], (one * other).sum(axis=1))
    return np.column_stack((np.arcsinh(1e3 * values[:, 0]), np.arcsinh(values[:, 1]), values[:, 2], kink))
