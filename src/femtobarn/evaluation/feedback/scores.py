"""How well machines were followed: errors of what is measured and of what is hidden, and when not to believe a map."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from femtobarn.evaluation.feedback.following import Mode, Trace
from femtobarn.runs import Result, Run
from femtobarn.simulate.beam_histories import BeamHistory
from femtobarn.study import bootstrapped, draws_of_units, gain, row

SCREEN, HIDDEN = "screen error", "map error"  #: e1 and e0
OVER = {SCREEN: "screen error over that without feedback", HIDDEN: "map error over that without feedback"}
WARNING = "e1 improved, e0 did not"
NO_FEEDBACK = "no feedback"


def following_table(
    histories: Sequence[BeamHistory],
    traces: Mapping[Mode, Sequence[Trace]],
    *,
    independent: Collection[str] = (),
    block: int,
    bootstrap: int,
    seeds: Sequence[int],
    seed: int,
) -> list[Result]:
    """Mean errors over the later half of each history, and their ratios to `NO_FEEDBACK` on the same shots.

    Args:
        histories: What was followed.
        traces: Of each mode one for each training seed; that without feedback is among them.
        independent: Histories whose shots have nothing in common, for which a frozen code means nothing.
        block: Shots in a row that the bootstrap keeps together.
        bootstrap: Its samples.
        seeds: Of the trainings.
        seed: Of the bootstrap.
    """
    reference = next(each for mode, each in traces.items() if mode.name == NO_FEEDBACK)
    shots = len(later_half(reference[0].screen))
    draws = draws_of_units(np.arange(shots) // block, count=bootstrap, seed=seed)
    about: dict[str, Any] = {"seeds": seeds, "n": shots, "sample": "bootstrap of blocks of shots"}

    def of_one(mode: Mode, each: Sequence[Trace], place: int, labels: dict[str, str]) -> Iterator[Result]:
        for quantity, kind in ((SCREEN, "screen"), (HIDDEN, "hidden")):
            ours, theirs = (
                [later_half(getattr(t, kind))[:, place] for t in some] for some in (each, reference)
            )
            if np.isfinite(ours[0]).all():
                yield row(quantity, bootstrapped(_mean, ours, draws), labels, **about)
                if mode.name != NO_FEEDBACK:
                    ratio = gain(_mean, list(zip(ours, theirs, strict=True)), draws, ratio=True)
                    yield row(OVER[quantity], ratio, labels, of_mean=True, **about)
        for name, column, unit in (("error of the field found", 0, ""), ("charge found", 1, "fC")):
            if mode.joint:
                found = [(float(t.calibration[place, column]), 0.0) for t in each]
                yield row(name, found, labels, unit=unit, seeds=seeds, n=shots)

    return [
        result
        for mode, each in traces.items()
        for place, history in enumerate(histories)
        if not (mode.frozen and history.name in independent)
        for result in of_one(mode, each, place, {**mode.labels, "history": history.name})
    ]


def warned(run: Run, table: Sequence[Result]) -> list[Result]:
    """1 where the screen error fell by more than two errors and the map error did not: the map is not to be believed.

    Each such case is also noted in the log of the run.
    """
    of = {(each.name, *each.labels.values()): each for each in table}
    found = []
    for each in (each for each in table if each.name == OVER[SCREEN]):
        if hidden := of.get((OVER[HIDDEN], *each.labels.values())):
            wrong = _fell(each) and not _fell(hidden)
            found.append(
                Result(WARNING, float(wrong), n=each.n, split="test", labels=each.labels, seeds=each.seeds)
            )
            if wrong:
                ratios = f"{each.value:.2f} and {hidden.value:.2f} of those without feedback"
                run.log(event="warning", note=f"{WARNING}: {', '.join(each.labels.values())}: {ratios}")
    return found


def later_half(values: np.ndarray) -> np.ndarray:
    """What is judged: the machine has drifted by then."""
    return values[len(values) // 2 :]


def _fell(ratio: Result) -> bool:
    return ratio.value + 2 * (ratio.error or 0.0) < 1


def _mean(values: np.ndarray, rows: np.ndarray) -> float:
    return float(values[rows].mean())
