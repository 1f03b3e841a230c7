"""Showers found against true ones: matched by the energy of common hits, then counted (arXiv:2204.01681)."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Real
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from femtobarn.errors import InputError
from femtobarn.metrics._samples import Array, numpy, whole_numbers

_LEAST = 0.1  # IoU below which a true and a found object are never compared (HGCalML, callback_wrappers.py)
_PART = 0.2  # of a true shower's energy: what counts as a part of it


class Overlaps(NamedTuple):
    """Pairs of a true and a found object with hits in common, by true and then found number."""

    true: Int[np.ndarray, " pair"]
    found: Int[np.ndarray, " pair"]
    common: Float[np.ndarray, " pair"]  # energy of the common hits
    iou: Float[np.ndarray, " pair"]  # the same over that of the hits of either
    true_energy: Float[np.ndarray, " true"]
    found_energy: Float[np.ndarray, " found"]


class Matching(NamedTuple):
    """Partners of one event, -1 for none, and their intersection over union."""

    found_of: Int[np.ndarray, " true"]
    true_of: Int[np.ndarray, " found"]
    iou: Float[np.ndarray, " true"]  # of true objects with their partner; 0 for none


def overlaps(
    true: Real[Array, "_"],
    found: Real[Array, "_"],
    energy: Real[Array, "_"],
    *,
    trues: int | None = None,
    founds: int | None = None,
) -> Overlaps:
    """Energies in common of the true and found objects of one event.

    Args:
        true, found: Number of the object that each hit belongs to, negative for none.
        energy: Of the hits.
        trues, founds: Numbers of objects, where there may be some without hits.

    Raises:
        InputError: Arrays of different lengths, objects that are not whole numbers or beyond the last, or an energy
            that is not finite.
    """
    if not len(true) == len(found) == len(energy):
        raise InputError(f"expected one label each of all hits, got {len(true)}, {len(found)}, {len(energy)}")
    true, found = whole_numbers(true, "true objects"), whole_numbers(found, "found objects")
    energy = numpy(energy)
    if not np.isfinite(energy).all():
        raise InputError("expected finite energies of hits, got others")
    t, p = (int(each.max(initial=-1)) + 1 for each in (true, found))
    trues, founds = t if trues is None else trues, p if founds is None else founds
    if t > trues or p > founds:
        raise InputError(f"expected {trues} true and {founds} found objects, got {t} and {p} or more")
    of_true = np.bincount(true[true >= 0], energy[true >= 0], trues)
    of_found = np.bincount(found[found >= 0], energy[found >= 0], founds)
    both = (true >= 0) & (found >= 0)
    pairs, row = np.unique(true[both] * max(founds, 1) + found[both], return_inverse=True)
    common = np.bincount(row, energy[both], len(pairs))
    i, j = np.divmod(pairs, max(founds, 1))
    union = of_true[i] + of_found[j] - common
    iou = np.divide(common, union, out=np.zeros(len(common)), where=union > 0)
    return Overlaps(i, j, common, iou, of_true, of_found)


def match(pairs: Overlaps, *, least: float = _LEAST) -> Matching:
    """One partner at most for each object, so that the sum of the IoU is largest; none below `least`.

    The assignment is made among the objects that overlap, group by group, which gives the same as all at once.
    """
    t, p = len(pairs.true_energy), len(pairs.found_energy)
    found_of, true_of, iou = np.full(t, -1), np.full(p, -1), np.zeros(t)
    kept = pairs.iou >= least
    i, j, value = pairs.true[kept], pairs.found[kept], pairs.iou[kept]
    graph = coo_array((np.ones(len(i)), (i, t + j)), shape=(t + p, t + p))
    _, group = connected_components(graph, directed=False)
    order = np.argsort(group[i], kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(group[i][order])) + 1):
        if not len(rows):
            continue
        names, a = np.unique(i[rows], return_inverse=True)
        others, b = np.unique(j[rows], return_inverse=True)
        table = np.zeros((len(names), len(others)))
        table[a, b] = value[rows]
        for one, two in zip(*linear_sum_assignment(table, maximize=True), strict=True):
            if table[one, two] > 0:
                found_of[names[one]], true_of[others[two]] = others[two], names[one]
                iou[names[one]] = table[one, two]
    return Matching(found_of, true_of, iou)


def is_split(pairs: Overlaps) -> Bool[np.ndarray, " true"]:
    """True objects of whose energy two or more found ones hold a fifth each."""
    large = pairs.common >= _PART * pairs.true_energy[pairs.true]
    return np.bincount(pairs.true[large], minlength=len(pairs.true_energy)) > 1


def is_merged(pairs: Overlaps) -> Bool[np.ndarray, " true"]:
    """True objects that have half of their energy in a found one that holds half of another true one as well."""
    most = pairs.common >= 0.5 * pairs.true_energy[pairs.true]
    held = np.bincount(pairs.found[most], minlength=len(pairs.found_energy))
    shared = most & (held[pairs.found] > 1)
    return np.bincount(pairs.true[shared], minlength=len(pairs.true_energy)) > 0


def share_around(
    place: Float[np.ndarray, "object 2"],
    energy: Float[np.ndarray, " object"],
    hits: Float[np.ndarray, "hit 2"],
    hit_energy: Float[np.ndarray, " hit"],
    *,
    radius: float,
) -> Float[np.ndarray, " object"]:
    """Energy of each object over that of all hits around it, at most 1: small in a crowd.

    Args:
        place, hits: Positions in any two coordinates, such as those on the face in mm.
        energy: Of the objects, as their hits have it.
        hit_energy: Of all hits.
        radius: How far "around" reaches.
    """
    if not len(hits) or not len(place):
        return np.ones(len(place))
    near = cKDTree(hits).query_ball_point(place, radius)
    around = np.array([hit_energy[rows].sum(dtype=np.float64) for rows in near])
    return np.minimum(np.divide(energy, around, out=np.ones(len(energy)), where=around > 0), 1.0)
