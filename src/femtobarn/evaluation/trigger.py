"""A score as a trigger: rates of zero bias and of a process, those that keep some signal, and against pile-up."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from femtobarn.evaluation.scores import Scored
from femtobarn.metrics.decorrelation import mistag_profile, residual
from femtobarn.metrics.trigger_rate import ORBIT_FREQUENCY, process_rate, trigger_rate
from femtobarn.metrics.working_point import threshold_if_any
from femtobarn.runs import Result, Run
from femtobarn.study import drawing, grouped, row

_BINS = 5  # of equal numbers of crossings


def rate_rows(table: Sequence[Result], *, bunches: int) -> list[Result]:
    """What the shares of background in a table of scores mean in kHz, if the background is zero-bias crossings.

    Args:
        table: Rows "background at E % of signal" of `femtobarn.evaluation.scores.score_table`; others are left out.
        bunches: Colliding bunches.
    """
    whole = bunches * ORBIT_FREQUENCY / 1e3
    return [
        replace(
            each, name=each.name.replace("background", "rate", 1), unit="kHz", value=each.value * whole,
            error=None if each.error is None else each.error * whole,
        )
        for each in table
        if each.name.startswith("background at ")
    ]  # fmt: skip


def draw_rates(
    run: Run,
    scores: Mapping[str, Float[np.ndarray, "crossing"]],
    pileup: Float[np.ndarray, "crossing"],
    total: Float[np.ndarray, "crossing"],
    *,
    share: float,
    bunches: int,
    variable: str = "total energy",
) -> list[Result]:
    """Rate against pile-up of each score and of its residual beside a simple variable; how much it rises.

    The threshold is set on the first half of the crossings and measured on the second. The residual is the score
    less its linear dependence on the variable, fitted on the first half. A score whose ties allow no threshold is left
    out.

    Args:
        run: Where the figure is saved.
        scores: Of zero-bias crossings, by name.
        pileup: Mean number of collisions of each.
        total: The variable of each: its energy, in any unit, or whatever `variable` says.
        share: Of the crossings that may pass.
        bunches: Colliding bunches.
        variable: Name of `total`.

    Raises:
        InputError: A share of fewer than ten crossings of a half.
    """
    half = len(pileup) // 2
    left = {f"{name}, residual": residual(s, total, s[:half], total[:half]) for name, s in scores.items()}
    edges, whole = np.quantile(pileup, np.linspace(0, 1, _BINS + 1)), bunches * ORBIT_FREQUENCY / 1e3
    table = []
    with drawing(
        run, "rate", title="Rate against pile-up", section="Trigger", by="score", legend={},
        caption=f"Rate of zero-bias crossings above a threshold that {100 * share:g} % of one half of the sample "
        f"passes, measured on the other half; {bunches} bunches. Residual: the score less its linear dependence on "
        f"the {variable}. Bars: Clopper-Pearson.",
    ) as d:  # fmt: skip
        for name, score in {variable: total, **scores, **left}.items():
            if (cut := threshold_if_any(score[:half], share)) is None:
                continue
            seen = mistag_profile(score[half:], pileup[half:], threshold=cut, edges=edges)
            middle = (seen.low + seen.high) / 2
            bars = np.stack((seen.value - seen.value_low, seen.value_high - seen.value)) * whole
            d.ax.errorbar(middle, seen.value * whole, bars, marker="o", label=name)
            d.drawn[name] = {"pile-up": middle, "rate [kHz]": seen.value * whole, "crossings": seen.n}
            low, high = seen.value[0], seen.value[-1]
            spread = [(seen.value_high[i] - seen.value_low[i]) / 2 for i in (0, -1)]
            ratio = float(high / low) if low > 0 else float("nan")
            error = ratio * float(np.hypot(spread[0] / low, spread[1] / high)) if low > 0 < high else 0.0
            labels, title = {"score": name}, "rate at the highest over the lowest pile-up"
            table.append(row(title, [(ratio, error)], labels, n=len(pileup) - half, sample="Clopper-Pearson"))
        d.ax.set(xlabel="mean number of collisions", ylabel="rate [kHz]", yscale="log")
    return table


def process_rates(
    scored: Sequence[Scored],
    *,
    background: str,
    process: str,
    share: float,
    cross_section: float,
    luminosity: float = 2e34,
) -> list[Result]:
    """Rate at which events of a process pass the threshold that a share of the background passes, a row a score.

    A score whose ties allow no threshold in one of its trainings is left out.

    Args:
        scored: Scores of background and process.
        background, process: Names of the samples.
        share: Of the background that may pass.
        cross_section: Of the events of the process, pb.
        luminosity: Instantaneous, cm^-2 s^-1.

    Raises:
        InputError: A share of fewer than ten events.
    """
    table = []
    for group in grouped(scored, lambda each: tuple(each.labels.values())).values():
        values = []
        for each in group:
            if (cut := threshold_if_any(each.scores[background], share)) is not None:
                passed = each.scores[process] > cut
                rate = process_rate(passed, cross_section=cross_section, luminosity=luminosity)
                values.append((rate.value, rate.error))
        if len(values) < len(group):
            continue
        name = f"rate of {process} at {100 * share:g} % of background"
        seeds = [each.seed for each in group if each.seed is not None]
        n = len(group[0].scores[process])
        table.append(row(name, values, group[0].labels, seeds=seeds, n=n, unit="Hz"))
    return table


def zero_bias_rates(scored: Sequence[Scored], *, background: str, share: float, bunches: int) -> list[Result]:
    """Rate of each score in kHz: the threshold is set on one half of zero bias and measured on the other.

    A score whose ties allow no threshold in one of its trainings is left out.

    Args:
        scored: Scores, those of zero-bias events among them.
        background: Name of these events.
        share: Of one half that may pass.
        bunches: Colliding bunches.

    Raises:
        InputError: A share of fewer than ten events of a half.
    """
    table = []
    for group in grouped(scored, lambda each: tuple(each.labels.values())).values():
        values = []
        for each in group:
            one, other = np.array_split(each.scores[background], 2)
            if (cut := threshold_if_any(one, share)) is not None:
                rate = trigger_rate(other > cut, bunches=bunches)
                values.append((rate.value / 1e3, rate.error / 1e3))
        if len(values) < len(group):
            continue
        seeds = [each.seed for each in group if each.seed is not None]
        name, n = f"rate at {100 * share:g} % of zero bias", len(group[0].scores[background]) // 2
        table.append(row(name, values, group[0].labels, seeds=seeds, n=n, unit="kHz"))
    return table
