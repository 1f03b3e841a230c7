"""Many signals in one number: mean area under the curve, geometric mean of efficiencies; gains paired by event."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from femtobarn.errors import InputError
from femtobarn.evaluation.scores import Scored
from femtobarn.metrics.roc import auc_difference
from femtobarn.runs import Result
from femtobarn.study import bootstrapped, gain, grouped, row

Scores = Float[np.ndarray, "_"]
Rows = Int[np.ndarray, "_"]
Statistic = Callable[[Scores, Sequence[Rows]], float]


class Together(NamedTuple):
    """Events of the background and of all signals in one row, and how they are drawn again."""

    names: tuple[str, ...]
    """The background first."""
    sizes: tuple[int, ...]
    draws: list[Rows]
    """All events, then bootstrap samples with as many of each sample."""

    def flat(self, scored: Scored) -> Scores:
        """Scores of all events in the order of the samples."""
        return np.concatenate([scored.scores[name] for name in self.names])

    def of(self, statistic: Statistic) -> Callable[[Scores, Rows], float]:
        """A statistic of samples as one of flat scores and drawn rows."""
        ends = np.cumsum(self.sizes)[:-1]
        return lambda scores, rows: statistic(scores, np.split(rows, ends))


def together(scored: Scored, *, background: str, draws: int, seed: int) -> Together:
    """All samples of a score that has them all.

    Raises:
        InputError: No such background, no signal, or no draws.
    """
    names = (background, *(name for name in scored.scores if name != background))
    if background not in scored.scores or len(names) < 2 or draws < 2:
        raise InputError(f"expected a background, a signal and two draws: got {names[1:]} and {draws}")
    sizes = tuple(len(scored.scores[name]) for name in names)
    starts = np.cumsum((0, *sizes))[:-1]
    generator = np.random.default_rng(seed)
    drawn = [
        np.concatenate(
            [start + generator.integers(n, size=n) for start, n in zip(starts, sizes, strict=True)]
        )
        for _ in range(draws)
    ]
    return Together(names, sizes, [np.arange(sum(sizes)), *drawn])


def mean_area(scores: Scores, samples: Sequence[Rows]) -> float:
    """Mean over the signals of the area under the curve; equal scores count half."""
    background, *signals = (np.sort(scores[rows]) for rows in samples)
    areas = []
    for signal in signals:
        below = np.searchsorted(background, signal, side="left").mean()
        equal = np.searchsorted(background, signal, side="right").mean()
        areas.append((below + equal) / 2 / len(background))
    return float(np.mean(areas))


def geometric_mean_efficiency(fraction: float) -> Statistic:
    """Geometric mean over the signals of their share above the threshold that this share of background exceeds.

    Where no event of a signal passes, half an event is taken, for the mean would be 0 whatever the others are.
    """

    def statistic(scores: Scores, samples: Sequence[Rows]) -> float:
        background, *signals = (scores[rows] for rows in samples)
        threshold = np.sort(background)[::-1][int(fraction * len(background) + 1e-9)]
        passing = [max((signal > threshold).sum(), 0.5) / len(signal) for signal in signals]
        return float(np.exp(np.log(passing).mean()))

    return statistic


def summary(
    scored: Sequence[Scored], events: Together, statistic: Statistic, name: str, *, split: str = "test"
) -> list[Result]:
    """A row for each score that has all samples: the statistic over its seeds, with its bootstrap error."""
    whole = [each for each in scored if set(each.scores) == set(events.names)]
    found = []
    for group in grouped(whole, lambda each: tuple(each.labels.values())).values():
        values = bootstrapped(events.of(statistic), [events.flat(each) for each in group], events.draws)
        found.append(
            row(name, values, group[0].labels, seeds=_seeds(group), n=sum(events.sizes), split=split)
        )
    return found


def paired_gain(
    ours: Sequence[Scored],
    theirs: Sequence[Scored],
    events: Together,
    statistic: Statistic,
    name: str,
    *,
    ratio: bool = False,
    labels: Mapping[str, str] | None = None,
) -> Result:
    """Gain of a score over another on the same events and, where both have seeds, of the same seed.

    Args:
        ours: A score, one for each seed.
        theirs: Another; a single one without seed is compared with each of ours.
        events: Of `together`.
        statistic: Of scores and samples.
        name: Of the result.
        ratio: Divide instead of subtracting.
        labels: Of the result, instead of those of our score and of "over".

    Raises:
        InputError: Scores that do not pair.
    """
    other = {each.seed: each for each in theirs}
    if not ours or not other or (None not in other and any(each.seed not in other for each in ours)):
        raise InputError("expected scores of the same seeds, or one without a seed, to compare with")
    pairs = [(events.flat(each), events.flat(other.get(each.seed, theirs[0]))) for each in ours]
    values = gain(events.of(statistic), pairs, events.draws, ratio=ratio)
    place = dict(labels) if labels is not None else ours[0].labels | {"over": theirs[0].name}
    return row(
        name, values, place, seeds=_seeds(ours), n=sum(events.sizes), sample="paired bootstrap", of_mean=True
    )


def paired_change(
    ours: Sequence[Scored], theirs: Sequence[Scored], name: str, *, background: str, labels: Mapping[str, str]
) -> list[Result]:
    """Change of the area under the curve from their score to ours of the same seed, a row for each signal.

    Paired event by event (DeLong), with the standard error over the seeds.
    """
    other = {each.seed: each.scores for each in theirs}
    found = []
    for signal in (each for each in ours[0].scores if each != background):
        values = [
            auc_difference(
                each.scores[signal],
                each.scores[background],
                other[each.seed][signal],
                other[each.seed][background],
            )
            for each in ours
        ]
        found.append(
            row(
                name, values, {**labels, "signal": signal}, seeds=_seeds(ours), n=len(ours[0].scores[signal]),
                sample="paired (DeLong)", of_mean=True,
            )
        )  # fmt: skip
    return found


def signals_table(
    scored: Sequence[Scored],
    *,
    background: str,
    fraction: float,
    draws: int,
    seed: int,
    pairs: Sequence[tuple[Mapping[str, str], Mapping[str, str]]] = (),
    ratios: Sequence[tuple[Mapping[str, str], Mapping[str, str]]] = (),
) -> list[Result]:
    """Mean area and geometric mean of efficiencies of every score; gains in the first, ratios of the second.

    Args:
        scored: Scores; the first has all samples.
        background: Its name among them.
        fraction: Share of background that may pass, for efficiencies.
        draws: Bootstrap samples.
        seed: Of these.
        pairs: Labels of ours and of theirs, for gains in mean area; left out where one of the two is not there.
        ratios: The same for ratios of geometric means.

    Raises:
        InputError: As `together`.
    """
    events = together(scored[0], background=background, draws=draws, seed=seed)
    at, efficiency = f"at {100 * fraction:g} % of background", geometric_mean_efficiency(fraction)
    rows = summary(scored, events, mean_area, "mean AUC over signals")
    rows += summary(scored, events, efficiency, f"geometric mean over signals {at}")
    asked: list[tuple[tuple[Mapping[str, str], Mapping[str, str]], Statistic, str, bool]]
    asked = [(pair, mean_area, "gain in mean AUC over signals", False) for pair in pairs]
    asked += [(pair, efficiency, f"ratio of geometric means {at}", True) for pair in ratios]
    for pair, statistic, name, ratio in asked:
        ours, theirs = ([each for each in scored if each.labels == labels] for labels in pair)
        if ours and theirs:
            rows.append(paired_gain(ours, theirs, events, statistic, name, ratio=ratio))
    return rows


def _seeds(group: Sequence[Scored]) -> list[int]:
    return [each.seed for each in group if each.seed is not None]
