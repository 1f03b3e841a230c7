"""Scores of signal and background over several trainings: figures of merit with errors, and paired gains."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool

from femtobarn.runs import Result
from femtobarn.study import Value, gain, row

Merit = Callable[[np.ndarray, np.ndarray], Value]
"""A figure of merit of (scores of signal, scores of background), and its error from the size of the sample."""


def merits_of(
    merits: Mapping[str, Merit],
    scores: Sequence[np.ndarray],
    is_signal: Bool[np.ndarray, "event"],
    labels: Mapping[str, str],
    **about: Any,
) -> list[Result]:
    """Each figure of merit, over trainings that differ by their seed only.

    Args:
        merits: By name.
        scores: Of the same events by each training; larger is more like signal.
        is_signal: Of these events.
        labels: Of the results.
        about: More arguments of `row`, such as the seeds.
    """
    return [
        row(name, [merit(*_by_class(each, is_signal)) for each in scores], labels, n=len(is_signal), **about)
        for name, merit in merits.items()
    ]


def gains_of(
    merits: Mapping[str, Merit],
    pairs: Sequence[tuple[np.ndarray, np.ndarray]],
    is_signal: Bool[np.ndarray, "event"],
    labels: Mapping[str, str],
    draws: Sequence[np.ndarray],
    *,
    ratios: Callable[[str], bool] = lambda name: "rejection" in name,
    **about: Any,
) -> list[Result]:
    """The gain, or ratio, of each figure of merit of the first scores of each pair over the second.

    Args:
        merits: By name.
        pairs: Scores of the same events by two trainings of the same seed.
        is_signal: Of these events.
        labels: Of the results.
        draws: Bootstrap samples of the events, see `draws_of_classes`.
        ratios: Whether a merit of that name is compared by its ratio.
        about: More arguments of `row`, such as the seeds.
    """
    found = []
    for name, merit in merits.items():
        ratio = ratios(name)
        title = f"{'ratio' if ratio else 'gain'} of {name}"

        def measured(score: np.ndarray, rows: np.ndarray, merit: Merit = merit) -> float:
            return merit(*_by_class(score[rows], is_signal[rows]))[0]

        values = gain(measured, pairs, draws, ratio=ratio)
        sample = about.get("sample", "bootstrap over test events")
        more = {"n": len(is_signal), "of_mean": True} | about | {"sample": sample}
        found.append(row(title, values, labels, **more))
    return found


def _by_class(score: np.ndarray, is_signal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return score[is_signal], score[~is_signal]
