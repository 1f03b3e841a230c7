"""Tables of showers found in an endcap: efficiency, fakes, splits and merges, energies, pairs of photons, gains."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from femtobarn.datasets.hgcalml import HitEvents
from femtobarn.evaluation.endcap.showers import Showers
from femtobarn.runs import Result
from femtobarn.study import Value, bootstrapped, draws_of_units, gain, row

IOU = (0.3, 0.1, 0.5)  #: the first is that of the figures and gains
_PARTICLES = (("photons", (22,)), ("charged pions", (211,)))
_DRAWS = 50  # bootstrap samples
LEAST = 10  #: showers or jets behind a response


class Outcome(NamedTuple):
    """What one training of one method finds."""

    labels: dict[str, str]
    seed: int
    samples: Mapping[str, Showers]


def sample_rows(name: str, group: Sequence[Outcome], *, seed: int) -> list[Result]:
    """Everything about one sample by one method, over its seeds; showers above 5 GeV if nothing else is said.

    Args:
        name: Of the sample.
        group: Outcomes that differ by their seed.
        seed: Of the bootstrap.
    """
    showers = [each.samples[name] for each in group]
    labels = {"sample": name, **group[0].labels}
    common: dict[str, Any] = {"seeds": seeds_of(group), "n": int((showers[0].energy > 5).sum())}
    draws = draws_of_units(np.arange(showers[0].events), count=_DRAWS, seed=seed)
    made = []
    for iou in IOU:
        found = bootstrapped(partial(_efficiency, iou, 5.0), showers, draws)
        fake = bootstrapped(partial(_fake_rate, iou), showers, draws)
        made.append(row(f"efficiency, IoU {iou:g}", found, labels, **common))
        made.append(row(f"fake rate, IoU {iou:g}", fake, labels, **common))
    shares = {what: bootstrapped(partial(_share, what), showers, draws) for what in ("split", "merged")}
    made += [row(f"{what} showers", values, labels, **common) for what, values in shares.items()]
    hard = bootstrapped(partial(_efficiency, IOU[0], 20.0), showers, draws)
    common["n"] = int((showers[0].energy > 20).sum())
    made.append(row("efficiency above 20 GeV", hard, labels, **common))
    for kind, codes in _PARTICLES:
        ratios = [each.ratios(codes) for each in showers]
        if min(map(len, ratios)) >= LEAST:
            common["n"] = len(ratios[0])
            own = labels | {"particle": kind}
            made.append(row("response", [median(r, seed=seed) for r in ratios], own, **common))
            made.append(row("resolution", [width(r, seed=seed) for r in ratios], own, **common))
    return made


def pair_rows(
    name: str,
    group: Sequence[Outcome],
    apart: Float[np.ndarray, " event"],
    bins: Sequence[tuple[float, float]],
) -> list[Result]:
    """Share of pairs of which both photons are matched at IoU 0.3, by their distance in Moliere radii."""
    made = []
    for low, high in bins:
        rows = (apart >= low) & (apart < high)
        values = [share(both_found(each.samples[name])[rows]) for each in group]
        labels = {**group[0].labels, "Moliere radii": f"{low:g} to {high:g}"}
        made.append(row("both photons found", values, labels, n=int(rows.sum()), seeds=seeds_of(group)))
    return made


def gain_row(
    what: str, ours: Sequence[Outcome], theirs: Sequence[Outcome], name: str, *, seed: int, **labels: str
) -> Result:
    """Efficiency at IoU 0.3 of one method less that of another on the same events of a sample."""
    pairs = [(each.samples[name], theirs[i % len(theirs)].samples[name]) for i, each in enumerate(ours)]
    draws = draws_of_units(np.arange(pairs[0][0].events), count=_DRAWS, seed=seed)
    values = gain(partial(_efficiency, IOU[0], 5.0), pairs, draws)
    seeds = [each.seed for each in ours]
    own = {"sample": name, "gain": what, **labels}
    return row("gain in efficiency", values, own, seeds=seeds, of_mean=True)


def size_rows(name: str, events: HitEvents) -> list[Result]:
    """What an event holds; showers above 1 GeV with more than three hits are the visible ones."""
    led = np.bincount(events.owner[events.owner >= 0], minlength=len(events.energy))
    totals = {
        "hits": len(events.hits),
        "showers of three hits": len(events.energy),
        "showers above 1 GeV of four hits": int(((led > 3) & (events.energy > 1)).sum()),
    }
    return [
        Result(
            "in an event",
            n / len(events),
            n=len(events),
            split="test",
            labels={"sample": name, "quantity": k},
        )
        for k, n in totals.items()
    ]


def both_found(showers: Showers) -> Bool[np.ndarray, " event"]:
    """Whether two showers or more of an event are matched at IoU 0.3."""
    return np.bincount(showers.event[showers.iou >= 0.3], minlength=showers.events) >= 2


def share(passed: Bool[np.ndarray, " n"]) -> Value:
    """Share and its binomial error, never 0."""
    n = max(len(passed), 1)
    p = float(passed.sum()) / n
    return p, float(np.sqrt(max(p * (1 - p), 0.25 / n) / n))


def median(ratios: Float[np.ndarray, " n"], *, seed: int) -> Value:
    """Median and its bootstrap error."""
    return bootstrapped(lambda r, rows: float(np.median(r[rows])), [ratios], _draws(ratios, seed))[0]


def width(ratios: Float[np.ndarray, " n"], *, seed: int) -> Value:
    """Range of the middle half over the median, and its bootstrap error."""

    def of(r: np.ndarray, rows: np.ndarray) -> float:
        low, middle, high = np.quantile(r[rows], (0.25, 0.5, 0.75))
        return float((high - low) / middle)

    return bootstrapped(of, [ratios], _draws(ratios, seed))[0]


def _efficiency(iou: float, low: float, showers: Showers, rows: np.ndarray) -> float:
    return showers.efficiency(rows, iou=iou, low=low)


def _fake_rate(iou: float, showers: Showers, rows: np.ndarray) -> float:
    return showers.fake_rate(rows, iou=iou)


def _share(what: str, showers: Showers, rows: np.ndarray) -> float:
    return showers.share_of(getattr(showers, what), rows)


def _draws(ratios: np.ndarray, seed: int) -> list[np.ndarray]:
    return draws_of_units(np.arange(len(ratios)), count=_DRAWS, seed=seed)


def seeds_of(group: Sequence[Outcome]) -> list[int]:
    """Seeds of the trainings, of one that has several."""
    return [each.seed for each in group] if len(group) > 1 else []
