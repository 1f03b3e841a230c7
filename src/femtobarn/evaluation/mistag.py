"""Background above a threshold: on events of its own, as a rate in Hz, and against another variable such as pile-up."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from femtobarn.evaluation.scores import Scored
from femtobarn.metrics.decorrelation import mistag_profile
from femtobarn.metrics.trigger_rate import process_rate
from femtobarn.metrics.working_point import calibrate, measured, threshold_if_any
from femtobarn.runs import Result, Run
from femtobarn.study import drawing, row

_BINS = 5  # of equal numbers of events


def mistag_table(scored: Sequence[Scored], *, background: str, fraction: float) -> list[Result]:
    """Share of background above a threshold that is set on one half of its events and measured on the other.

    The first seed of each score. A threshold on few events is as uncertain as what passes it: the error joins both.

    Args:
        scored: As for `score_table`.
        background: Name of the background among the samples.
        fraction: Share that the threshold is asked to keep; a score with ties that do not allow it is left out.

    Raises:
        InputError: A fraction of fewer than ten events of a half.
    """
    half, table = len(scored[0].scores[background]) // 2, []
    calibrate(np.arange(half), fraction)
    for each in {each.name: each for each in reversed(scored)}.values():
        one, other = each.scores[background][:half], each.scores[background][half:]
        if (threshold := threshold_if_any(one, fraction)) is None:
            continue
        passed = measured(other, threshold)
        error = math.sqrt(fraction * (1 - fraction) * (1 / len(one) + 1 / len(other)))
        labels = each.labels | {"asked": f"{100 * fraction:g} %"}
        value, sample = [(passed.value, error)], "binomial, of both halves"
        table.append(row("mistag on other events", value, labels, n=passed.n, sample=sample))
    return table[::-1]


def rate_table(
    scores: Sequence[Scored],
    *,
    background: str,
    weight: Float[np.ndarray, "event"],
    cross_section: float,
    luminosity: float,
    fraction: float,
) -> list[Result]:
    """Rate of background behind thresholds that a share of the simulated events passes; the first seed of each score.

    A score whose ties allow no threshold is left out.

    Args:
        scores: As for `score_table`.
        background: Name of the background among the samples.
        weight: Of its events.
        cross_section: Of its events, pb.
        luminosity: Instantaneous, cm^-2 s^-1.
        fraction: Share of events that passes, without their weights.

    Raises:
        InputError: A fraction of fewer than ten events.
    """
    table = []
    for each in reversed({each.name: each for each in reversed(scores)}.values()):
        if (cut := threshold_if_any(each.scores[background], fraction)) is None:
            continue
        passed = each.scores[background] > cut
        rate = process_rate(passed, cross_section=cross_section, luminosity=luminosity, weight=weight)
        labels = each.labels | {"unweighted mistag": f"{100 * fraction:g} %"}
        values, sample = [(rate.value, rate.error)], "weighted events"
        table.append(row(f"rate of {background}", values, labels, n=rate.n, unit="Hz", sample=sample))
    return table


def draw_mistag(
    run: Run,
    scores: Mapping[str, Float[np.ndarray, "event"]],
    variable: Float[np.ndarray, "event"],
    *,
    fraction: float,
    what: str,
    caption: str,
    bins: int = _BINS,
    **figure: Any,
) -> list[Result]:
    """Share of background events above a fixed threshold of each score, in bins of a variable such as pile-up.

    The threshold is passed by the share asked for of all events together; a score whose ties allow none is left out.

    Args:
        run: Where the figure is saved.
        scores: Of the background, by name.
        variable: Of the same events.
        fraction: Share that may pass.
        what: The variable, as the axis calls it.
        caption: Of the figure.
        bins: Of equal numbers of events.
        figure: More arguments of `drawing`.

    Raises:
        InputError: A fraction of fewer than ten events.
    """
    edges, table = np.quantile(variable, np.linspace(0, 1, bins + 1)), []
    given: dict[str, Any] = {"title": f"Mistag against {what}", "section": "Trigger", "legend": {}} | figure
    with drawing(run, f"mistag-{what.split()[-1]}", caption=caption, by="score", **given) as d:
        for name, score in scores.items():
            if (cut := threshold_if_any(score, fraction)) is None:
                continue
            seen = mistag_profile(score, variable, threshold=cut, edges=edges)
            middle = (seen.low + seen.high) / 2
            bars = np.stack((seen.value - seen.value_low, seen.value_high - seen.value))
            d.ax.errorbar(middle, 100 * seen.value, 100 * bars, marker="o", label=name)
            d.drawn[name] = {what: middle, "mistag [%]": 100 * seen.value, "events": seen.n}
            for place, at in enumerate(middle):
                labels = {"score": name, what: f"{at:.0f}"}
                values = [(float(seen.value[place]), float(bars[:, place].mean()))]
                n = int(seen.n[place])
                table.append(row(f"mistag at {what}", values, labels, n=n, sample="Clopper-Pearson"))
        d.ax.axhline(100 * fraction, color="0.5", linestyle=":")
        d.ax.set(xlabel=what, ylabel="mistag [%]")
    return table
