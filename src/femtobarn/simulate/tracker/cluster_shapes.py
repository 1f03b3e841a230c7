"""What the cells of a hit tell of its particle: how many, how much charge, how long the cluster is and where it points.

The features of arXiv:2103.06995 and arXiv:2007.00149 beside the position (exatrkx/exatrkx-iml2020,
src/processing/utils).
"""

import numpy as np
from jaxtyping import Float

from femtobarn.errors import InputError
from femtobarn.physics.tracks.hits import Hits
from femtobarn.simulate.tracker.geometry import detectors, module_row

#: Columns of `cluster_shapes`: number of cells, sum of their values, direction (pseudorapidity, azimuth) of the cluster
#: in the module, its lengths along u, v and w in mm, its direction in the detector.
SHAPES = (
    "cells",
    "charge",
    "local_eta",
    "local_phi",
    "length_u",
    "length_v",
    "length_w",
    "global_eta",
    "global_phi",
)


def cluster_shapes(hits: Hits) -> Float[np.ndarray, "hit 9"]:
    """The columns `SHAPES` of each hit.

    The cluster's lengths are its channels along u and v times their pitch, and the thickness of the module; its
    direction is that of the vector of these lengths. Charge is summed as it stands: events from elsewhere may have
    another scale.

    Raises:
        InputError: Hits without cells, a hit without any, or a module that there is not.
    """
    if hits.cells is None:
        raise InputError("expected hits with cells: the file of cells is missing")
    size = np.diff(hits.cells.offset)
    row = module_row(hits.volume, hits.layer, hits.module)
    if len(size) and (size.min() < 1 or row.min() < 0):
        wrong = int(np.flatnonzero((size < 1) | (row < 0))[0])
        raise InputError(
            f"hit {hits.number[wrong]} has no cells, or is on a module that TrackML does not have"
        )
    start = hits.cells.offset[:-1]
    table = detectors()
    pitch = np.stack((table["pitch_u"], table["pitch_v"]), axis=1)[row]
    length = np.empty((len(size), 3))
    charge = np.zeros(len(size))
    if len(size):
        most = np.maximum.reduceat(hits.cells.channel, start)
        least = np.minimum.reduceat(hits.cells.channel, start)
        length[:, :2] = (most - least + 1) * pitch
        charge = np.add.reduceat(hits.cells.value, start)
    length[:, 2] = 2 * table["module_t"][row]
    rotation = np.stack([table[f"rot_{a}{b}"] for a in "xyz" for b in "uvw"], axis=1).reshape(-1, 3, 3)[row]
    turned = np.einsum("nij,nj->ni", rotation, length)
    return np.column_stack((size, charge, *_direction(length), length, *_direction(turned)))


def _direction(vector: Float[np.ndarray, "n 3"]) -> tuple[Float[np.ndarray, "n"], Float[np.ndarray, "n"]]:
    """Pseudorapidity and azimuth."""
    across = np.hypot(vector[:, 0], vector[:, 1])
    return np.arcsinh(vector[:, 2] / np.maximum(across, 1e-9)), np.arctan2(vector[:, 1], vector[:, 0])
