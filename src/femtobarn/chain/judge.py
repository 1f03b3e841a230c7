"""End-points of all ways through the chain, with errors paired on the same events."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int

from femtobarn.chain.settings import STAGES, Chain, title_of
from femtobarn.evaluation.scores import Scored, score_table
from femtobarn.evaluation.trigger import zero_bias_rates
from femtobarn.metrics.particle_flow import quartile_width
from femtobarn.metrics.working_point import threshold_if_any
from femtobarn.runs import Result
from femtobarn.simulate.chunks import Arrays
from femtobarn.study import bootstrapped, by_name, draws_of_units, gain, row

REFERENCE = "reference"  #: in tables, the way that all others are compared with
RESOLUTION, MISSING = "resolution of the jet pT", "width of the missing momentum"
MOVED = "spread of the jet pT about that of the reference"  #: jet by jet, relative
PILEUP_RATIO = "trigger: rate above over below the median pile-up"
ENDCAP_JETS, BARREL_JETS, EVENT = "endcap", "barrel", "whole event"  #: where, in tables
OVER = ", over that of the reference"

Rows = Int[np.ndarray, "_"]
Statistic = Callable[[np.ndarray, Rows], float]


class Quantity(NamedTuple):
    """An end-point: rows of the same things for each way, and what is made of them."""

    name: str
    labels: dict[str, str]
    unit: str
    event: Int[np.ndarray, "row"]
    values: list[np.ndarray]
    """One for each way."""
    statistic: Statistic
    compared: bool
    """Whether the ratio to the reference is told too."""


def joined(parts: Sequence[Arrays]) -> Arrays:
    """The arrays of all pieces of work; events are counted on, seconds added up, memory is that of the largest."""
    starts = np.cumsum([0, *(int(part["events"][0]) for part in parts if "events" in part)])
    made: Arrays = {}
    for name in parts[0]:
        columns = [part[name] for part in parts]
        if name == "event":
            made[name] = np.concatenate([each + start for each, start in zip(columns, starts, strict=False)])
        elif name == "memory":
            made[name] = np.max(columns, axis=0)
        elif name == "events" or name.startswith("seconds "):
            made[name] = np.sum(columns, axis=0)
        else:
            made[name] = np.concatenate(columns)
    return made


def place_of(chain: Chain, number: int) -> str:
    """A way in tables: by the one choice that differs from the reference, as "compress: hits"."""
    ways = chain.ways()
    if not number:
        return f"{REFERENCE}: {', '.join(map(title_of, ways[0]))}"
    stage = next(stage for stage in STAGES if getattr(ways[0], stage) != getattr(ways[number], stage))
    return told(stage, getattr(ways[number], stage))


def told(stage: str, choice: str) -> str:
    """A choice in tables."""
    return f"{stage}: {title_of(choice)}"


def end_points(chain: Chain, made: Arrays) -> list[Result]:
    """Jets, missing momentum and tracks of every way, and their ratios to the reference on the same events.

    A way whose values are all those of the reference, as of barrel jets when the endcap is compressed, has no rows.
    """
    table = []
    for quantity in _quantities(chain, made):
        draws = draws_of_units(quantity.event, count=chain.bootstrap, seed=chain.seed)
        for number, values in enumerate(quantity.values):
            if number and np.array_equal(values, quantity.values[0], equal_nan=True):
                continue
            place = {"choice": place_of(chain, number), **quantity.labels}
            common: dict[str, Any] = {"n": len(values), "sample": "bootstrap over events"}
            (value,) = bootstrapped(quantity.statistic, [values], draws)
            if number or quantity.name != MOVED:
                table.append(row(quantity.name, [value], place, unit=quantity.unit, **common))
            if number and quantity.compared:
                ratio = gain(quantity.statistic, [(values, quantity.values[0])], draws, ratio=True)
                common["sample"] = "paired, bootstrap over events"
                table.append(row(f"{quantity.name}{OVER}", ratio, place, **common))
    return by_name(table, (RESOLUTION, f"{RESOLUTION}{OVER}", MOVED, MISSING, f"{MISSING}{OVER}"))


def costs(chain: Chain, made: Arrays) -> list[Result]:
    """Bits of a crossing, milliseconds of an event at each stage, memory."""
    table, count = [], int(made["events"][0])
    for number, way in enumerate(chain.ways()):
        bits, place = float(made[f"bits {number}"][0]), {"choice": told("compress", way.compress)}
        if way[1:] == chain.ways()[0][1:] and np.isfinite(bits):
            table.append(Result("bits of a crossing", bits / 1e6, unit="Mbit", labels=place, split="test"))
    for stage in STAGES:
        for number, choice in enumerate(getattr(chain, stage)):
            if (seconds := made.get(f"seconds {stage} {number}")) is not None:
                value, place = 1e3 * float(seconds[0]) / count, {"choice": told(stage, choice)}
                table.append(
                    Result("time of an event", value, unit="ms", n=count, labels=place, split="test")
                )
    memory = float(made["memory"][0])
    return [*table, Result("memory of a process", memory, unit="GiB", labels={}, split="test")]


def scored(chain: Chain, samples: Mapping[str, Arrays]) -> list[Scored]:
    """Every score after every choice that a trigger without tracks knows, on all samples."""
    found = []
    names = [name for name in next(iter(samples.values())) if name.startswith("score ")]
    for name in names:
        _, number, title = name.split(" ", 2)
        labels = {"score": title, "choice": place_of(chain, int(number))}
        found.append(Scored(labels, None, {kind: each[name] for kind, each in samples.items()}))
    return found


def trigger_rows(chain: Chain, found: Sequence[Scored], *, background: str) -> list[Result]:
    """Efficiencies for the signals where a share of the background passes, and the rate that this is."""
    first = found[0].labels
    rows = score_table(found, background=background, trivial=[first], fractions=(chain.passing,))
    rows += zero_bias_rates(found, background=background, share=chain.passing, bunches=chain.bunches)
    return [replace(each, name=f"trigger: {each.name}") for each in rows]


def pileup_rows(
    chain: Chain, found: Sequence[Scored], pileup: np.ndarray, *, background: str
) -> list[Result]:
    """Rate of each score of the reference where pile-up is above its median, over that below.

    The threshold is set on the first half of the crossings; a score whose ties allow none is left out.
    """
    half, table = len(pileup) // 2, list[Result]()
    high = pileup[half:] > np.median(pileup[half:])
    for each in found:
        score = each.scores[background]
        cut = threshold_if_any(score[:half], chain.passing)
        if cut is None or not each.labels["choice"].startswith(REFERENCE):
            continue
        above, below = (int((score[half:] > cut)[rows].sum()) for rows in (high, ~high))
        ratio = above / below * (~high).sum() / high.sum() if below else float("nan")
        error = ratio * float(np.sqrt(1 / above + 1 / below)) if above and below else 0.0
        labels = {"score": each.labels["score"]}
        table.append(row(PILEUP_RATIO, [(ratio, error)], labels, n=len(high), sample="Poisson"))
    return table


def _quantities(chain: Chain, made: Arrays) -> list[Quantity]:
    found, ways = list[Quantity](), range(len(chain.ways()))
    for region, chosen in ((ENDCAP_JETS, made["endcap"]), (BARREL_JETS, ~made["endcap"])):
        event, labels = made["event"][chosen], {"where": region}
        if len(event) < 2:
            continue
        for column, what in enumerate(("pT", "mass")):
            values = [made[f"response {i}"][chosen, column] for i in ways]
            found += [
                Quantity(f"response of the jet {what}", labels, "", event, values, _median, compared=True),
                Quantity(
                    f"resolution of the jet {what}", labels, "", event, values, _resolution, compared=True
                ),
            ]
        values = [made[f"response {i}"][chosen, 0] for i in ways]
        found.append(Quantity("share of jets found", labels, "", event, values, _found, compared=False))
        moved = [each / values[0] for each in values]
        found.append(Quantity(MOVED, labels, "", event, moved, _spread, compared=False))
        tracks = [made[f"tracks {i}"][chosen] for i in ways]
        if tracks[0][:, 0].sum():
            found.append(
                Quantity("track efficiency in jets", labels, "", event, tracks, _efficiency, compared=True)
            )
    event = np.repeat(np.arange(len(made["missing 0"])), 2)
    residuals = [made[f"missing {i}"].ravel() for i in ways]
    return [
        *found,
        Quantity(
            "width of the missing momentum", {"where": EVENT}, "GeV", event, residuals, _width, compared=True
        ),
    ]


def _median(values: np.ndarray, rows: Rows) -> float:
    there = values[rows]
    there = there[np.isfinite(there)]
    return float(np.median(there)) if len(there) else float("nan")


def _resolution(values: np.ndarray, rows: Rows) -> float:
    """Width from the quartiles over the median: a scale that is off does not make it small."""
    there = values[rows]
    middle = _median(values, rows)
    return quartile_width(there[np.isfinite(there)]) / middle if middle > 0 else float("nan")


def _width(values: np.ndarray, rows: Rows) -> float:
    return quartile_width(values[rows])


def _spread(values: np.ndarray, rows: Rows) -> float:
    there = values[rows]
    return quartile_width(there[np.isfinite(there)])


def _found(values: np.ndarray, rows: Rows) -> float:
    return float(np.isfinite(values[rows]).mean())


def _efficiency(counts: np.ndarray, rows: Rows) -> float:
    every, found = counts[rows].sum(axis=0)
    return float(found / every) if every else float("nan")
