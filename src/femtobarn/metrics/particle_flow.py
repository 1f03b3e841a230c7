"""How well particle flow finds and measures particles: confusion, efficiency, fake rate, response."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Real

from femtobarn.errors import InputError
from femtobarn.metrics._samples import Array, scores, whole_numbers


class Finding(NamedTuple):
    """How one class is found, and the binomial errors."""

    efficiency: float
    """Elements of the class that are called so."""
    efficiency_error: float
    fake: float
    """Elements called so that are of another class."""
    fake_error: float
    true: int
    """Elements of the class."""
    called: int
    """Elements called so."""


class Response(NamedTuple):
    """Ratios of measured to true values: middle and three widths."""

    median: float
    quartiles: float
    """(q75 - q25) / median: right where the response is off by a factor, and deaf to tails."""
    spread: float
    """std / (1 + mean) of the relative error: right where the response is off, and moved by tails."""
    raw_mean: float
    """Mean of the relative error (x' - x) / x, cut at +-10: as in arXiv:2101.08578, section 4."""
    raw_spread: float
    """Its standard deviation, which is made small by scaling x' down."""
    n: int


def confusion(
    truth: Real[Array, "_"], found: Real[Array, "_"], *, classes: int
) -> Int[np.ndarray, "truth found"]:
    """Number of elements of each true class (row) that are called each class (column).

    Raises:
        InputError: A class that is not one of 0 to `classes` - 1.
    """
    if len(truth) != len(found):
        raise InputError(f"one class per element expected: got {len(truth)} true and {len(found)} found ones")
    both = np.stack((whole_numbers(truth, "true classes"), whole_numbers(found, "found classes")))
    if both.size and not (both.min() >= 0 and both.max() < classes):
        raise InputError(f"expected classes from 0 to {classes - 1}, got {both.min()} to {both.max()}")
    return np.bincount(both[0] * classes + both[1], minlength=classes**2).reshape(classes, classes)


def finding(table: Int[np.ndarray, "truth found"], kind: int) -> Finding:
    """Efficiency and fake rate of one class from a confusion table; NaN where there is nothing to count."""
    right, true, called = int(table[kind, kind]), int(table[kind].sum()), int(table[:, kind].sum())
    efficiency, efficiency_error = _share(right, true)
    fake, fake_error = _share(called - right, called)
    return Finding(efficiency, efficiency_error, fake, fake_error, true, called)


def fake_at_efficiency(
    truth: Real[Array, "_"],
    score: Real[Array, "_"],
    kind: int,
    *,
    efficiency: float,
) -> float:
    """Fake rate of a class when its elements are those above a threshold that leaves this efficiency.

    Ties are taken together. NaN if there is no element of the class.

    Args:
        truth: True class of each element.
        score: Larger for elements that look like the class.
        kind: The class.
        efficiency: Wanted, above 0; at least this is reached.

    Raises:
        InputError: Not one finite score for each element, or an efficiency that is not in (0, 1].
    """
    if not 0 < efficiency <= 1:
        raise InputError(f"expected an efficiency in (0, 1], got {efficiency}")
    truth, score = whole_numbers(truth, "true classes"), scores(score, "judged", least=0)
    if truth.shape != score.shape:
        raise InputError(f"expected one score for each element, got {score.shape} for {truth.shape}")
    mine = np.sort(score[truth == kind])[::-1]
    if not len(mine):
        return float("nan")
    threshold = mine[int(np.ceil(efficiency * len(mine) - 1e-9)) - 1]
    return float(np.mean(truth[score >= threshold] != kind))


def response(measured: Real[Array, "_"], true: Real[Array, "_"]) -> Response:
    """Middle and widths of measured over true values; NaN for fewer than two of them.

    Raises:
        InputError: Not one finite measured value for each true one, or true ones that are not above 0.
    """
    measured, true = scores(measured, "measured", least=0), scores(true, "true", least=0)
    if measured.shape != true.shape:
        raise InputError(
            f"expected a measured value for each true one, got {measured.shape} for {true.shape}"
        )
    if not (true > 0).all():
        raise InputError(f"expected true values above 0, got {true[~(true > 0)][0]:g}")
    if len(true) < 2:
        nan = float("nan")
        return Response(nan, nan, nan, nan, nan, len(true))
    ratio = measured / true
    low, middle, high = np.quantile(ratio, [0.25, 0.5, 0.75]).tolist()
    off = np.clip(ratio - 1, -10, 10)
    mean, std = float(off.mean()), float(off.std())
    return Response(
        middle,
        (high - low) / middle if middle > 0 else float("nan"),
        std / (1 + mean) if mean > -1 else float("nan"),
        mean,
        std,
        len(true),
    )


def quartile_width(values: Float[np.ndarray, "_"]) -> float:
    """q75 - q25 over 1.349: the standard deviation if the values are normal; deaf to tails."""
    if len(values) < 2:
        return float("nan")
    low, high = np.quantile(values.astype(np.float64), [0.25, 0.75]).tolist()
    return (high - low) / _NORMAL


def missing_momentum(
    momentum: Float[np.ndarray, "particle 4"], offset: Int[np.ndarray, "boundary"]
) -> Float[np.ndarray, "event 2"]:
    """x and y of minus the sum of (E, px, py, pz) of each event; 0 for an event without particles."""
    event = np.repeat(np.arange(len(offset) - 1), np.diff(offset))
    sums = [np.bincount(event, momentum[:, axis], len(offset) - 1) for axis in (1, 2)]
    return -np.stack(sums, axis=1).astype(np.float64)


def matched(
    true: Float[np.ndarray, "jet 3"],
    true_event: Int[np.ndarray, "jet"],
    found: Float[np.ndarray, "other 3"],
    found_event: Int[np.ndarray, "other"],
    *,
    distance: float,
) -> Int[np.ndarray, "jet"]:
    """The nearest found jet of the same event within a distance in (eta, phi) of each true one; -1 for none.

    Args:
        true, found: pT, eta and phi.
        true_event, found_event: Event of each, rising.
        distance: Largest.
    """
    first, last = (np.searchsorted(found_event, true_event, side=side) for side in ("left", "right"))
    partner = np.full(len(true), -1)
    for row, (start, stop) in enumerate(zip(first.tolist(), last.tolist(), strict=True)):
        if stop > start:
            eta, phi = (found[start:stop, 1:] - true[row, 1:]).T
            apart = np.hypot(eta, np.angle(np.exp(1j * phi)))
            best = int(apart.argmin())
            partner[row] = start + best if apart[best] <= distance else -1
    return partner


def _share(count: int, of: int) -> tuple[float, float]:
    if not of:
        return float("nan"), float("nan")
    share = count / of
    return share, float(np.sqrt(share * (1 - share) / of))


_NORMAL = 1.3489795003921634  # q75 - q25 of the standard normal
