"""Whether probabilities mean what they say, and a scale and an offset of logits that mend them."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Real

from femtobarn.errors import InputError
from femtobarn.metrics._samples import Array, Labels, labels, scores


class CalibrationError(NamedTuple):
    """Mean distance between the probability said and the share seen, in bins of equal numbers of events."""

    value: float
    error: float
    """Standard error, from bootstrap samples."""
    null: float
    """What probabilities that are exactly right give on average with so many events: never 0."""
    n: int


def calibration_error(
    probability: Real[Array, " event"],
    signal: Labels,
    *,
    bins: int = 10,
    draws: int = 200,
    seed: int = 0,
) -> CalibrationError:
    """The expected calibration error (Naeini et al. 2015, AAAI), with bins of equal numbers of events.

    Args:
        probability: Of signal, as said.
        signal: What was seen.
        bins: Groups of events in the order of their probabilities.
        draws: Bootstrap samples behind the error, and draws of labels behind the null.
        seed: Of the draws.

    Raises:
        InputError: Fewer events than bins, numbers that are no probabilities, or fewer than a bin or two draws.
    """
    if bins < 1 or draws < 2:
        raise InputError(f"expected a bin and two draws or more, got {bins} and {draws}")
    p, y = _checked(probability, signal, bins)
    draw = np.random.default_rng(seed)
    rows = draw.integers(len(p), size=(draws, len(p)))
    error = np.std([_distance(p[some], y[some], bins) for some in rows], ddof=1)
    null = np.mean([_distance(p, (draw.random(len(p)) < p).astype(float), bins) for _ in range(draws)])
    return CalibrationError(_distance(p, y, bins), float(error), float(null), len(p))


def reliability(
    probability: Real[Array, " event"], signal: Labels, *, bins: int = 10
) -> Float[np.ndarray, "bin 3"]:
    """Mean probability, share of signal and number of events in bins of equal numbers of events.

    Raises:
        InputError: As `calibration_error`, but fewer events than bins leave some bins out.
    """
    if bins < 1:
        raise InputError(f"expected a bin or more, got {bins}")
    p, y = _checked(probability, signal, 1)
    groups = [group for group in np.array_split(np.argsort(p, kind="stable"), bins) if len(group)]
    return np.array([(p[g].mean(), y[g].mean(), len(g)) for g in groups])


class Scaling(NamedTuple):
    """Logits that are right: ``slope * logit + offset``; the slope is above 0, so that the order stays."""

    slope: float
    offset: float

    def __call__(self, logit: Float[np.ndarray, "*event"]) -> Float[np.ndarray, "*event"]:
        """The probabilities."""
        return np.asarray(1 / (1 + np.exp(-(self.slope * np.asarray(logit, np.float64) + self.offset))))


def fit_scaling(logit: Real[Array, " event"], signal: Labels, *, offset: bool = True) -> Scaling:
    """The slope, and with `offset` the offset, of the largest likelihood on events that were not trained on.

    The slope alone is temperature scaling (Guo et al. 2017, arXiv:1706.04599); both are Platt's scaling. A
    classifier trained with balanced classes needs the offset: it believes that half of the events are signal.

    Raises:
        InputError: No event of one of the classes, or a logit that is not finite.
    """
    from scipy.optimize import minimize

    x = scores(logit, "scaled")
    y = labels(signal, "signal", count=len(x))
    if y.all() or not y.any():
        raise InputError(f"expected events of both classes, got {int(y.sum())} of {len(y)} signal")

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        slope, shift = np.exp(parameters[0]), parameters[1] if offset else 0.0
        z = slope * x + shift
        left = 1 / (1 + np.exp(-np.clip(z, -700, 700))) - y
        gradient = np.array([(left * x).mean() * slope, left.mean() if offset else 0.0])
        return float((np.logaddexp(0, z) - y * z).mean()), gradient

    # No order can be right in all events for ever: the slope is bounded where they are separable.
    found = minimize(loss, np.zeros(2), jac=True, method="L-BFGS-B", bounds=[(-5, 5), (-50, 50)]).x
    return Scaling(float(np.exp(found[0])), float(found[1]) if offset else 0.0)


def _checked(probability: Array, signal: Labels, least: int) -> tuple[np.ndarray, np.ndarray]:
    if len(probability) != len(signal) or len(probability) < least:
        raise InputError(
            f"expected a label for each of at least {least} probabilities, got {len(probability)}, {len(signal)}"
        )
    p = scores(probability, "judged")
    if not ((p >= 0) & (p <= 1)).all():
        raise InputError("expected probabilities from 0 to 1, got others")
    return p, labels(signal, "signal", count=len(p)).astype(np.float64)


def _distance(p: np.ndarray, y: np.ndarray, bins: int) -> float:
    groups = np.array_split(np.argsort(p, kind="stable"), bins)
    return float(sum(abs(p[group].sum() - y[group].sum()) for group in groups) / len(p))
