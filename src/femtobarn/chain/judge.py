"""End-points of all ways through the chain, with errors paired on the same events."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int

from femtobarn.chain.settings import CHOICES, STAGES, Chain, folder_of, holds_answers, title_of
from femtobarn.chain.tagging import GLUON
from femtobarn.evaluation.scores import Scored, score_table
from femtobarn.evaluation.trigger import zero_bias_rates
from femtobarn.hardware.export import quantities
from femtobarn.metrics.particle_flow import quartile_width
from femtobarn.metrics.working_point import threshold_if_any
from femtobarn.runs import Result
from femtobarn.simulate.chunks import Arrays
from femtobarn.study import bootstrapped, by_name, draws_of_units, gain, headline, row

REFERENCE = "reference"  #: in tables, the way that all others are compared with
RESOLUTION, MISSING = "resolution of the jet pT", "width of the missing momentum"
MOVED = "spread of the jet pT about that of the reference"  #: jet by jet, relative
TAGS = "tag: AUC of gluon against quark jets"
PILEUP_RATIO = "trigger: rate above over below the median pile-up"
ENDCAP_JETS, BARREL_JETS, EVENT = "endcap", "barrel", "whole event"  #: where, in tables
OVER, LESS = ", over that of the reference", ", less that of the reference"
SHIFT = "change of the jet pT, jet by jet"
LUT = "look-up tables"
_ON_CHIP = ("compress", "trigger")  # stages of the front end and of the first trigger
_DRAWN_IN = (
    0.05  # of the values at either end, that widths take at the quantile: tails count, but not by their size
)
_NORMAL = 0.9117  # standard deviation of normal values of one that are drawn in like this
HEADLINE = headline(
    f"{RESOLUTION}{OVER}", "choice", ("compress: best-choice-2", "compress: none"),
    ("cluster: truth", "track: truth"), where=ENDCAP_JETS,
)  # fmt: skip

Rows = Int[np.ndarray, "_"]
Statistic = Callable[[np.ndarray, Rows], float]


class Quantity(NamedTuple):
    """An end-point: rows of the same things for each way, and what is made of them."""

    name: str
    labels: dict[str, str]
    unit: str
    event: Int[np.ndarray, "row"]
    values: list[Any]
    """One for each way; None of a way that has none."""
    statistic: Statistic
    compared: str = ""
    """How, `OVER` or `LESS`, the comparison with the reference is told too."""
    against: bool = False
    """Whether the values themselves are against the reference, which has no row then."""


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
    """Jets, missing momentum, tracks and tags of every way, and how they compare with the reference on the same events.

    A way whose values are all those of the reference, as of barrel jets when the endcap is compressed, has no rows.
    """
    table = []
    for quantity in _quantities(chain, made):
        draws, first = (
            draws_of_units(quantity.event, count=chain.bootstrap, seed=chain.seed),
            quantity.values[0],
        )
        for number, values in enumerate(quantity.values):
            if values is None or (number and np.array_equal(values, first, equal_nan=True)):
                continue
            place = {"choice": place_of(chain, number), **quantity.labels}
            common: dict[str, Any] = {"n": len(values), "sample": "bootstrap over events"}
            (value,) = bootstrapped(quantity.statistic, [values], draws)
            if number or not quantity.against:
                table.append(row(quantity.name, [value], place, unit=quantity.unit, **common))
            if number and quantity.compared:
                found = gain(quantity.statistic, [(values, first)], draws, ratio=quantity.compared == OVER)
                common["sample"] = "paired, bootstrap over events"
                table.append(row(f"{quantity.name}{quantity.compared}", found, place, **common))
    return by_name(table, (f"{RESOLUTION}{OVER}", SHIFT, MOVED, RESOLUTION, f"{MISSING}{OVER}", MISSING))


def costs(chain: Chain, jets: Arrays, zero_bias: Arrays) -> list[Result]:
    """Bits of a crossing, milliseconds of an event at each stage, look-up tables of a front end, memory."""
    table = []
    for number, way in enumerate(chain.ways()):
        bits, place = float(jets[f"bits {number}"][0]), {"choice": told("compress", way.compress)}
        if way[1:] == chain.ways()[0][1:] and np.isfinite(bits):
            table.append(Result("bits of a crossing", bits / 1e6, unit="Mbit", labels=place, split="test"))
    for stage in CHOICES:
        made = zero_bias if stage == "trigger" else jets
        for number, choice in enumerate(getattr(chain, stage)):
            if (seconds := made.get(f"seconds {stage} {number}")) is not None:
                count, place = int(made["events"][0]), {"choice": told(stage, choice)}
                value = 1e3 * float(seconds[0]) / count
                table.append(
                    Result("time of an event", value, unit="ms", n=count, labels=place, split="test")
                )
            if stage in _ON_CHIP:
                table += _look_up_tables(stage, choice)
    memory = max(float(made["memory"][0]) for made in (jets, zero_bias))
    return [*table, Result("memory of a process", memory, unit="GiB", labels={}, split="test")]


def _look_up_tables(stage: str, choice: str) -> list[Result]:
    """Of each design that the run has stored for the model, as yosys counts them; NaN where none is known."""
    known = dict[str, float]()
    if choice not in CHOICES[stage] and not holds_answers(choice):
        run, model = folder_of(choice)
        folder = run.folder / "work" / "designs"
        for design in sorted(folder.iterdir()) if folder.is_dir() and model else ():
            counted = quantities(run.done(f"designs/{design.name}") or {}).get("LUT (yosys)")
            if model and design.name.endswith(model) and counted is not None:
                known[design.name.removesuffix(model).strip("-")] = counted
    places = {", ".join(filter(None, (told(stage, choice), name))): value for name, value in known.items()}
    return [
        Result(LUT, value, labels={"choice": place}, split="test")
        for place, value in (places or {told(stage, choice): float("nan")}).items()
    ]


def scored(chain: Chain, samples: Mapping[str, Arrays]) -> list[Scored]:
    """Every score after every choice that a trigger without tracks knows, on all samples."""
    found = []
    names = [name for name in next(iter(samples.values())) if name.startswith("score ")]
    for name in names:
        _, number, title = name.split(" ", 2)
        labels = {"score": title, "choice": place_of(chain, int(number))}
        found.append(Scored(labels, None, {kind: each[name] for kind, each in samples.items()}))
    return found


def trigger_rows(chain: Chain, found: Sequence[Scored], *, background: str, pileup: float) -> list[Result]:
    """Efficiencies for the signals where a share of the background passes, and the rate that this is."""
    found = [each._replace(labels={**each.labels, "pile-up": f"{pileup:g}"}) for each in found]
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
    ways, found = range(len(chain.ways())), list[Quantity]()
    for region, chosen in ((ENDCAP_JETS, made["endcap"]), (BARREL_JETS, ~made["endcap"])):
        if chosen.sum() > 1:
            found += _of_jets(chain, made, np.flatnonzero(chosen), {"where": region})
    event = np.repeat(np.arange(len(made["missing 0"])), 2)
    residuals = [made[f"missing {i}"].ravel() for i in ways]
    return [*found, Quantity(MISSING, {"where": EVENT}, "GeV", event, residuals, _width, OVER)]


def _of_jets(chain: Chain, made: Arrays, rows: Rows, labels: dict[str, str]) -> list[Quantity]:
    ways, event, found = range(len(chain.ways())), made["event"][rows], list[Quantity]()

    def add(
        name: str,
        values: list[Any],
        statistic: Statistic,
        compared: str = "",
        *,
        against: bool = False,
        **more: str,
    ) -> None:
        found.append(Quantity(name, labels | more, "", event, values, statistic, compared, against))

    for column, what in enumerate(("pT", "mass")):
        values = [made[f"response {i}"][rows, column] for i in ways]
        add(f"response of the jet {what}", values, _median, OVER)
        add(f"resolution of the jet {what}", values, _resolution, OVER)
    pt = [made[f"response {i}"][rows, 0] for i in ways]
    add("share of jets found", pt, _found)
    add(SHIFT, [each / pt[0] - 1 for each in pt], _median, against=True)
    add(MOVED, [each / pt[0] for each in pt], _spread, against=True)
    tracks = [made[f"tracks {i}"][rows] for i in ways]
    if tracks[0][:, 0].sum():
        add("track efficiency in jets", tracks, _efficiency, LESS)
    parton = made["parton"][rows]
    flavour = np.where(parton == GLUON, 1.0, np.where((parton > 0) & (parton < GLUON), 0.0, np.nan))
    if np.isfinite(flavour).any() and np.nanmin(flavour) < np.nanmax(flavour):
        for place, choice in enumerate(chain.tag):
            scores = [made.get(f"tag {place} {i}") for i in ways]
            both = [None if s is None else np.column_stack((s[rows], flavour)) for s in scores]
            if both[0] is not None:
                add(TAGS, both, _auc, LESS, score=title_of(choice))
    return found


def _median(values: np.ndarray, rows: Rows) -> float:
    there = values[rows]
    there = there[np.isfinite(there)]
    return float(np.median(there)) if len(there) else float("nan")


def _resolution(values: np.ndarray, rows: Rows) -> float:
    """Width over the median: a scale that is off does not make it small."""
    middle = _median(values, rows)
    return _width(values, rows) / middle if middle > 0 else float("nan")


def _width(values: np.ndarray, rows: Rows) -> float:
    """Standard deviation with the outer values drawn in to a quantile, in units that make it that of normal ones.

    On the same events the ratio of two of these is known about twice as well as that of quartiles.
    """
    there = values[rows]
    there = there[np.isfinite(there)]
    if len(there) < 2:
        return float("nan")
    low, high = np.quantile(there, (_DRAWN_IN, 1 - _DRAWN_IN))
    return float(np.clip(there, low, high).std()) / _NORMAL


def _spread(values: np.ndarray, rows: Rows) -> float:
    """Width from the quartiles: how far most values are moved."""
    there = values[rows]
    return quartile_width(there[np.isfinite(there)])


def _found(values: np.ndarray, rows: Rows) -> float:
    return float(np.isfinite(values[rows]).mean())


def _efficiency(counts: np.ndarray, rows: Rows) -> float:
    every, found = counts[rows].sum(axis=0)
    return float(found / every) if every else float("nan")


def _auc(both: np.ndarray, rows: Rows) -> float:
    """Share of pairs of a gluon and a quark in which the gluon has the larger score; half of those that are equal."""
    score, gluon = both[rows].T
    known = np.isfinite(score) & np.isfinite(gluon)
    signal, background = score[known & (gluon == 1)], np.sort(score[known & (gluon == 0)])
    if not len(signal) or not len(background):
        return float("nan")
    below, to = (np.searchsorted(background, signal, side=side) for side in ("left", "right"))
    return float((below + to).mean() / (2 * len(background)))
