"""Background whose spectrum in a variable is that of a signal, so that a score cannot win by the variable alone."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from femtobarn.errors import InputError
from femtobarn.evaluation.scores import Scored, score_table
from femtobarn.runs import Result
from femtobarn.study import by_name


class Window(NamedTuple):
    """Rows of signal and background within a window, with the same spectrum."""

    signal: Int[np.ndarray, "_"]
    background: Int[np.ndarray, "_"]


def same_spectrum(
    signal: Float[np.ndarray, "signal"],
    background: Float[np.ndarray, "background"],
    window: tuple[float, float],
    *,
    bins: int = 8,
    seed: int,
) -> Window:
    """All signal in the window, and background thinned until its spectrum is that of the signal.

    Bins hold equal numbers of signal; of each as many background events are kept, drawn at random, as there are in
    the poorest. So the rows need no weights, and paired errors stay right; the area under the curve of the variable
    itself is then about 1/2, which is the check of it.

    Args:
        signal, background: The variable, such as the mass.
        window: Ends.
        bins: At most; fewer where there are not ten events of either kind for each.
        seed: Of the draw.

    Raises:
        InputError: A window whose ends do not rise.
    """
    low, high = window
    if not low < high:
        raise InputError(f"expected a window whose ends rise: got {low} to {high}")
    inside = [np.flatnonzero((low <= each) & (each < high)) for each in (signal, background)]
    bins = max(1, min(bins, *(len(each) // 10 for each in inside)))
    if not len(inside[0]):
        return Window(inside[0], inside[1][:0])
    edges = np.quantile(signal[inside[0]], np.linspace(0, 1, bins + 1))
    edges[0], edges[-1] = low, high
    place = np.searchsorted(edges, background[inside[1]], side="right") - 1
    draw = np.random.default_rng(seed)
    groups = [draw.permutation(inside[1][place == k]) for k in range(bins)]
    fewest = min(map(len, groups))
    return Window(inside[0], np.sort(np.concatenate([group[:fewest] for group in groups])))


def equal_spectrum_table(
    scored: Sequence[Scored],
    variable: Mapping[str, Float[np.ndarray, "_"]],
    windows: Sequence[tuple[float, float]],
    *,
    background: str,
    trivial: Sequence[Mapping[str, str]],
    name: str,
    unit: str,
    seed: int,
    least: int = 20,
) -> list[Result]:
    """Areas under the curve, and gains in them, of each signal against background of the same spectrum.

    A signal is judged in the window that holds its median; it is left out where there is none, or fewer than `least`
    events of either kind.

    Args:
        scored: Scores of the events, see `femtobarn.evaluation.scores.score_table`.
        variable: Of the events of every sample.
        windows: Ends of windows in it.
        background: Name of the background among the samples.
        trivial: Labels of the scores to beat.
        name, unit: Of the variable.
        seed: Of the draw.
        least: Events.
    """
    table: list[Result] = []
    for signal in (each for each in variable if each != background):
        middle = np.median(variable[signal])
        for low, high in (w for w in windows if w[0] <= middle < w[1]):
            rows = same_spectrum(variable[signal], variable[background], (low, high), seed=seed)
            if min(map(len, rows)) < least:
                continue
            inside = [
                each._replace(scores={background: each.scores[background][rows.background],
                                      signal: each.scores[signal][rows.signal]})
                for each in scored if signal in each.scores
            ]  # fmt: skip
            found = score_table(inside, background=background, trivial=trivial, fractions=())
            place = {"signal": f"{signal}, {low:g} to {high:g} {unit}"}
            table += [
                replace(each, name=f"{each.name} at equal {name}", labels=each.labels | place)
                for each in found
                if each.name in ("AUC", "gain in AUC")
            ]
    return by_name(table)
