"""Anomaly and classifier scores beside each other: every score against the trivial ones it has to beat.

A larger score is more anomalous; a score is named before the test sample is opened and is never turned round by
what it finds there. Working points are set on background alone.
"""

import math
import re
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from femtobarn.errors import InputError, check_known
from femtobarn.metrics.classifier_test import auc
from femtobarn.metrics.decorrelation import distance_correlation
from femtobarn.metrics.roc import auc_difference, background_efficiency, signal_efficiency
from femtobarn.metrics.working_point import calibrate, clopper_pearson
from femtobarn.runs import Result, Run
from femtobarn.study import Value, by_name, draw_rejection, grouped, row

Samples = Mapping[str, Float[np.ndarray, "_"]]  #: scores by the name of the sample


class Scored(NamedTuple):
    """What one training, or a score without one, gives the events of every test sample."""

    labels: dict[str, str]
    """Place in tables; those that differ by their seed only have the same."""
    seed: int | None
    """Seed of the training; none for a score without one."""
    scores: Samples
    """Of the background and of the signals it is for; a supervised score has its own signal alone."""

    @property
    def name(self) -> str:
        """Its labels in one line."""
        return ", ".join(filter(None, self.labels.values()))


def score_table(
    scored: Sequence[Scored],
    *,
    background: str,
    trivial: Sequence[Mapping[str, str]] = (),
    fractions: Sequence[float] = (0.01, 0.02),
    efficiency: float = 0.4,
    reference: Float[np.ndarray, "event"] | None = None,
    variable: str = "",
) -> list[Result]:
    """Each score against each signal: area under the curve, working points, and gains over the trivial scores.

    Rows: "AUC"; "signal at F % of background" for each fraction, the error of the threshold included; "background at
    E % of signal"; where nothing is left of either, its upper limit at 95 %; "gain in AUC", of each score over the
    trivial one that is best for that signal, paired event by event, its error by DeLong joined with the standard error
    over seeds; and the rank correlation with a variable of the background, such as the number of tracks, of scores that
    are not the same for all of it. Where so many events share a score that no threshold keeps the share asked for, the
    working point is NaN and says so.

    Args:
        scored: Scores of the same events, in the same order; the first has all samples.
        background: Name of the background among the samples.
        trivial: Labels of the scores without training that the others have to beat.
        fractions: Shares of background that may pass.
        efficiency: Share of the signal at which the background is given.
        reference: Of the background events, the variable a score should not merely repeat.
        variable: Its name.

    Raises:
        InputError: No such background, samples that differ, or a fraction of fewer than ten background events.
    """
    signals = _signals(scored, background)
    for fraction in fractions:
        calibrate(np.arange(len(scored[0].scores[background])), fraction)  # refuses too few events
    groups = list(grouped(scored, lambda each: tuple(each.labels.values())).values())
    table: list[Result] = []
    for signal in signals:
        best = _best(scored, trivial, signal, background)
        for group in groups:
            if signal in group[0].scores:
                table += _rows(group, signal, background, best, fractions, efficiency)
    if reference is not None:
        varied = [g for g in groups if all(np.ptp(each.scores[background]) > 0 for each in g)]
        table += [_correlation(group, background, reference, variable) for group in varied]
    return by_name(table)


def with_all_signals(scored: Sequence[Scored], *, background: str) -> list[Scored]:
    """Scores with all signals together as one sample more, where there are several."""
    found = []
    for each in scored:
        signals = {name: values for name, values in each.scores.items() if name != background}
        joined = {" + ".join(signals): np.concatenate(list(signals.values()))} if len(signals) > 1 else {}
        found.append(each._replace(scores={**each.scores, **joined}))
    return found


def dependence_table(
    scored: Sequence[Scored], variables: Mapping[str, Float[np.ndarray, "event"]], *, background: str
) -> list[Result]:
    """Distance correlation of each score with variables of the background events; a constant one is left out."""
    variables = {name: values for name, values in variables.items() if np.ptp(values) > 0}
    table = []
    for group in grouped(scored, lambda each: tuple(each.labels.values())).values():
        seeds = [each.seed for each in group if each.seed is not None]
        for name, values in variables.items():
            found = [distance_correlation(each.scores[background], values) for each in group]
            pairs: list[Value] = [(each.value, each.error) for each in found]
            place = group[0].labels | {"with": name}
            table.append(row("distance correlation on background", pairs, place, seeds=seeds, n=found[0].n))
    return table


def draw_scores(
    run: Run, scored: Sequence[Scored], *, background: str, shown: int = 8, section: str = "Scores"
) -> None:
    """Background rejection against signal efficiency, a figure for each signal; the first seed of each score."""
    first = {each.name: each for each in reversed(scored)}
    some = dict(list(reversed(first.items()))[:shown])
    more = " One training of each." if any(each.seed is not None for each in scored) else ""
    more += f" The first {shown} of {len(first)} scores." if len(first) > shown else ""
    files: dict[str, str] = {}
    for signal in _signals(scored, background):
        files[signal] = _file_name(f"roc-{signal}", files.values())
        is_signal = np.repeat([False, True], [len(scored[0].scores[name]) for name in (background, signal)])
        draw_rejection(
            run,
            {
                name: np.concatenate([each.scores[background], each.scores[signal]])
                for name, each in some.items()
                if signal in each.scores
            },
            is_signal,
            name=files[signal],
            title=f"{signal} against {background}",
            caption="One over the share of background that passes, against the share of signal that passes. Band: "
            f"binomial error. Upper right is better.{more}",
            section=section,
            by="score",
        )


def _file_name(text: str, taken: Collection[str]) -> str:
    """Of a figure: a sample may be called as it likes, a file of a run may not."""
    name = re.sub(r"[^0-9A-Za-z]+", "-", text).strip("-")
    return name if name not in taken else f"{name}-{len(taken) + 1}"


def _signals(scored: Sequence[Scored], background: str) -> list[str]:
    if not scored:
        raise InputError("expected at least one score, got none")
    sizes = {name: len(values) for name, values in scored[0].scores.items()}
    check_known("sample", [background], sizes)
    for each in scored:
        own = {name: len(values) for name, values in each.scores.items()}
        if background not in own or not own.items() <= sizes.items():
            raise InputError(f"{each.name}: expected scores of the same events as {scored[0].name}")
    return [name for name in sizes if name != background]


def _best(
    scored: Sequence[Scored], trivial: Sequence[Mapping[str, str]], signal: str, background: str
) -> Scored | None:
    """The trivial score that is best for this signal: the choice favours the score to beat."""
    known = [each for each in scored if each.labels in trivial and signal in each.scores]
    return max(known, key=lambda each: auc(each.scores[background], each.scores[signal])[0], default=None)


def _rows(
    group: Sequence[Scored],
    signal: str,
    background: str,
    best: Scored | None,
    fractions: Sequence[float],
    efficiency: float,
) -> list[Result]:
    pairs = [(each.scores[signal], each.scores[background]) for each in group]
    labels = group[0].labels | {"signal": signal}
    seeds = [each.seed for each in group if each.seed is not None]
    n = sum(map(len, pairs[0]))
    found = [row("AUC", [auc(b, s) for s, b in pairs], labels, seeds=seeds, n=n)]
    for fraction in fractions:
        name = f"signal at {100 * fraction:g} % of background"
        try:
            points = [signal_efficiency(s, b, fraction=fraction) for s, b in pairs]
        except InputError as error:  # too many equal scores, as of a network that saturates
            found.append(Result(name, math.nan, n=n, split="test", labels=labels, error_kind=str(error)))
            continue
        there = row(name, [(p.value, p.error) for p in points], labels, seeds=seeds, n=n)
        found.append(_with_limit(there, len(pairs[0][0])))
    left = [background_efficiency(s, b, efficiency=efficiency) for s, b in pairs]
    name = f"background at {100 * efficiency:g} % of signal"
    found.append(_with_limit(row(name, left, labels, seeds=seeds, n=n), len(pairs[0][1])))
    if best is not None and all(each is not best for each in group):
        theirs = best.scores[signal], best.scores[background]
        gains: list[Value] = [auc_difference(s, b, *theirs) for s, b in pairs]
        more = labels | {"over": best.name}
        found.append(
            row("gain in AUC", gains, more, seeds=seeds, n=n, sample="paired (DeLong)", of_mean=True)
        )
    return found


def _with_limit(result: Result, events: int) -> Result:
    """A share of which nothing was seen has its upper limit for an error."""
    if result.value > 0:
        return result
    _, limit = clopper_pearson(0, events, level=0.9)
    return Result(
        result.name, 0.0, limit, n=result.n, split=result.split, labels=result.labels, seeds=result.seeds,
        error_kind=f"upper limit at 95 % from none of {events}",
    )  # fmt: skip


def _correlation(
    group: Sequence[Scored], background: str, reference: Float[np.ndarray, "event"], variable: str
) -> Result:
    from scipy.stats import spearmanr

    values = [float(spearmanr(each.scores[background], reference).statistic) for each in group]
    error = 1 / np.sqrt(max(len(reference) - 1, 1))  # of the rank correlation of independent variables
    labels = group[0].labels | {"with": variable}
    seeds = [each.seed for each in group if each.seed is not None]
    rows: list[Value] = [(value, float(error * (1 - value**2))) for value in values]
    return row("rank correlation on background", rows, labels, seeds=seeds, n=len(reference))


def follow_table(
    students: Sequence[Scored], teachers: Mapping[int | None, Samples], *, background: str
) -> list[Result]:
    """How well students follow the teacher of their seed.

    Rank correlations on background, of all of it and of the tail: the twentieth with the largest scores of the
    teacher; and the Wasserstein distance of the scores of all signals from the teacher's, in units of the score.
    """
    from scipy.stats import spearmanr, wasserstein_distance

    table = []
    for group in grouped(students, lambda each: tuple(each.labels.values())).values():
        columns: dict[str, list[Value]] = {
            "rank correlation": [],
            "in the tail": [],
            "distance of scores": [],
        }
        for each in group:
            taught, own = teachers[each.seed], each.scores[background]
            tail = taught[background] >= np.quantile(taught[background], 0.95)
            signal = [
                np.concatenate([s[name] for name in taught if name != background])
                for s in (each.scores, taught)
            ]
            found = (
                spearmanr(own, taught[background]).statistic,
                spearmanr(own[tail], taught[background][tail]).statistic,
                wasserstein_distance(*signal),
            )
            for column, value in zip(columns.values(), found, strict=True):
                column.append((float(value), 0.0))
        seeds = [each.seed for each in group if each.seed is not None]
        table += [
            row("student and teacher", values, group[0].labels | {"quantity": name}, seeds=seeds, n=len(own))
            for name, values in columns.items()
        ]
    return table
