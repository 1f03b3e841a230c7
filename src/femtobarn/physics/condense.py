"""Objects from the output of a network trained by object condensation (arXiv:2002.03605, section 3.3)."""

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import cKDTree

from femtobarn.errors import InputError

_WIDER = 1 + 1e-6  # the tree's distances may round otherwise than those the cut is made on


def condense(
    beta: Float[np.ndarray, " hit"],
    x: Float[np.ndarray, "hit dimension"],
    distance: Float[np.ndarray, " hit"] | None = None,
    *,
    t_beta: float = 0.1,
    t_d: float = 0.5,
) -> tuple[Int[np.ndarray, " hit"], Int[np.ndarray, " object"]]:
    """Object of each hit, -1 for none, and the hit that each object stands on.

    The free hit of largest beta takes all free hits nearer than `t_d` times its distance; then the next, down to
    `t_beta`. Of equal betas the first hit comes first. Objects are numbered as they are found.

    Args:
        beta: Of each hit of one event.
        x: Learned coordinates.
        distance: Learned lengths; 1 for all if not given.
        t_beta: Least beta of a hit to stand for an object.
        t_d: Radius of an object, in units of its distance.

    Raises:
        InputError: Not one of each number for each hit, or numbers that are not finite.
    """
    given = [len(each) for each in (beta, x, distance) if each is not None]
    if len(set(given)) > 1:
        raise InputError(f"expected beta, x and distance of the same hits, got {given}")
    for name, values in (("beta", beta), ("x", x), ("distance", distance)):
        if values is not None and not np.isfinite(values).all():
            raise InputError(
                f"expected finite numbers of every hit, {name} has {(~np.isfinite(values)).sum()} others"
            )
    label = np.full(len(beta), -1, np.int64)
    centres: list[int] = []
    if not len(beta):
        return label, np.empty(0, np.int64)
    place = x.astype(np.float64)
    radius = t_d * (np.ones(len(beta)) if distance is None else distance.astype(np.float64))
    tree = cKDTree(place)
    order = np.argsort(-beta, kind="stable")
    for seed in order[: int((beta > t_beta).sum())].tolist():
        if label[seed] >= 0:
            continue
        near = np.array(tree.query_ball_point(place[seed], radius[seed] * _WIDER), np.int64)
        inside = np.linalg.norm(place[near] - place[seed], axis=1) < radius[seed]
        label[near[inside & (label[near] < 0)]] = len(centres)
        label[seed] = len(centres)  # even with a radius of 0
        centres.append(seed)
    return label, np.array(centres, np.int64)
