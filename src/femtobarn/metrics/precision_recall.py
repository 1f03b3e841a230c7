"""Precision and recall of a score: the area under their curve, thresholds, and other shares of signal."""

import numpy as np
from jaxtyping import Float, Real

from femtobarn.errors import InputError
from femtobarn.metrics._samples import Array, Labels, labels, scores


def average_precision(score: Real[Array, " event"], signal: Labels) -> float:
    """Mean precision over the signal events: the area under precision against recall, in steps.

    Events of equal score count together. A score that knows nothing gives the share of signal.

    Raises:
        InputError: Scores that are not finite, or no signal event.

    Example:
        >>> print(f"{average_precision(np.array([3.0, 2.0, 1.0]), np.array([True, False, True])):.3f}")
        0.833
    """
    line, signal = _checked(score, signal)
    order = np.argsort(-line, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(line[order])), len(line) - 1)  # the last event of each score
    true = np.cumsum(signal[order])[ends]
    return float((np.diff(true, prepend=0) / true[-1] * true / (ends + 1)).sum())


def recall_threshold(score: Real[Array, " event"], signal: Labels, *, recall: float) -> float:
    """The highest threshold at which at least this share of the signal is kept; events at it are kept.

    Raises:
        InputError: Scores that are not finite, no signal event, or a recall that is not above 0 and at most 1.
    """
    if not 0 < recall <= 1:
        raise InputError(f"expected a recall above 0 and at most 1, got {recall}")
    line, signal = _checked(score, signal)
    ordered = np.sort(line[signal])[::-1]
    return float(ordered[int(np.ceil(recall * len(ordered) - 1e-9)) - 1])


def precision_at_share(
    recall: Float[np.ndarray, "*point"] | float,
    false_rate: Float[np.ndarray, "*point"] | float,
    *,
    share: float,
) -> Float[np.ndarray, "*point"]:
    """Precision that a threshold has in a stream where `share` of the events are signal; NaN where nothing passes.

    Recall and the rate of false alarms do not depend on the share of signal, precision does (Bayes).

    Args:
        recall: Share of the signal that passes.
        false_rate: Share of the background that passes.
        share: Of signal in the stream.

    Raises:
        InputError: A share outside of 0 to 1.

    Example:
        >>> print(f"{precision_at_share(0.95, 0.3, share=0.01):.3f}")
        0.031
    """
    if not 0 <= share <= 1:
        raise InputError(f"expected a share from 0 to 1, got {share}")
    true, false = share * np.asarray(recall, float), (1 - share) * np.asarray(false_rate, float)
    with np.errstate(invalid="ignore"):
        return np.asarray(true / (true + false))


def _checked(score: Array, signal: Labels) -> tuple[np.ndarray, np.ndarray]:
    line = scores(score, "scored")
    is_signal = labels(signal, "signal", count=len(line))
    if not is_signal.any():
        raise InputError(f"expected signal among {len(line)} events, got none")
    return line, is_signal
