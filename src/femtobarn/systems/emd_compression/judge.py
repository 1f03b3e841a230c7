"""How well wafers arrive: the exact EMD first, then what a normalised distance cannot see."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int

from femtobarn.losses import emd
from femtobarn.nn.wafer_autoencoder import BITS, CODES
from femtobarn.nn.wafer_autoencoder.pyramid_code import PAYLOAD, pyramid_code
from femtobarn.physics import wafer, wafer_formats
from femtobarn.runs import Result
from femtobarn.study import Trained, Value, by_name, draws_of_units, gain, grouped, row
from femtobarn.systems.emd_compression.sample import Wafers
from femtobarn.systems.emd_compression.study import PYRAMID, Part
from femtobarn.systems.emd_compression.training import decode

_BOOTSTRAPS = 100
_SAMPLE = "bootstrap over showers"


class Outcome(NamedTuple):
    """One algorithm on every test wafer."""

    labels: dict[str, str]
    seed: int | None
    """Seed of the training; none for an algorithm without one."""
    bits: float
    """Mean bits per wafer and bunch crossing, header and sum included."""
    decoded: Float[np.ndarray, "wafer 48"]
    """Charges as they arrive, in CALQ counts."""
    emd: Float[np.ndarray, "wafer"]
    """Exact EMD from the wafer sent to the wafer that arrives, in sensor-cell pitches; NaN if it arrives empty."""


def by_labels(outcomes: Iterable[Outcome]) -> dict[tuple[str, str], list[Outcome]]:
    """Outcomes that differ by their seed only, together, by method and rate."""
    return grouped(outcomes, lambda each: (each.labels["method"], each.labels["e-links"]))


def exact_emd(
    sent: Float[np.ndarray, "wafer 48"], arrived: Float[np.ndarray, "wafer 48"]
) -> Float[np.ndarray, "wafer"]:
    """Exact Earth mover's distances of wafers, both scaled to unit sum, in sensor-cell pitches."""
    cost = torch.from_numpy(wafer.distances().copy())
    a, b = (torch.from_numpy(np.ascontiguousarray(q, dtype=np.float64)) for q in (sent, arrived))
    return emd(a, b, cost).numpy()


def learned_outcome(trained: Trained[Part], test: Wafers) -> Outcome:
    """A trained autoencoder on the test wafers."""
    decoded = decode(trained.model, test)
    links = trained.part.links
    bits = float(wafer_formats.HEADER_BITS + CODES * BITS[links])
    if trained.part.decoder == "best-choice":
        bits = float(wafer_formats.best_choice_bits(wafer_formats.CELLS_SENT[links]))
    if trained.part.decoder == "pyramid":
        bits = float(wafer_formats.HEADER_BITS + PAYLOAD[links])
    return Outcome(trained.part.labels, trained.part.seed, bits, decoded, exact_emd(test.charge, decoded))


def conventional_outcomes(test: Wafers, links: Sequence[int]) -> list[Outcome]:
    """The algorithms of today's chip at the rates asked for, and those whose rate is not a choice."""
    fixed = {
        "threshold 1.35 MIP": wafer_formats.threshold(test.charge),
        "threshold 2 MIP": wafer_formats.threshold(test.charge, counts=2 * wafer.ADC_PER_MIP),
        "repeater": wafer_formats.repeater(test.charge),
    }
    outcomes = [_conventional(name, "", sent, test) for name, sent in fixed.items()]
    for n in links:
        cells, logarithmic = wafer_formats.CELLS_SENT[n], wafer_formats.LOGARITHMIC[n]
        sent = {
            wafer_formats.BEST_CHOICE[0]: wafer_formats.best_choice(test.charge, cells=cells),
            wafer_formats.BEST_CHOICE[1]: wafer_formats.best_choice_spread(test.charge, cells=cells),
            wafer_formats.BEST_CHOICE[2]: wafer_formats.logarithmic_choice(
                test.charge, **logarithmic._asdict()
            ),
            PYRAMID[0]: _pyramid(test.charge, n),
            "super trigger cells": wafer_formats.super_trigger_cells(test.charge, size=4 if n == 5 else 16),
        }
        outcomes += [_conventional(name, str(n), each, test) for name, each in sent.items()]
    return outcomes


FIGURES_OF_MERIT = {
    "mean EMD": "cell",
    "median EMD": "cell",
    "shift of the centre": "cell",
    "width ratio": "",
    "squared difference": "",
    "core response": "",
    "core resolution": "",
    "empty output": "",
}  #: and their units; a cell is the pitch of a sensor cell, 1.2 cm


def results(outcomes: Sequence[Outcome], test: Wafers) -> list[Result]:
    """Every figure of merit for every algorithm, seeds taken together; errors join seeds and test showers."""
    draws = draws_of_units(test.group, count=_BOOTSTRAPS, seed=0)
    table = []
    for same in by_labels(outcomes).values():
        seeds = [each.seed for each in same if each.seed is not None]
        measured = [_with_errors(per_wafer(each, test), draws) for each in same]
        common: dict[str, Any] = {"labels": same[0].labels, "seeds": seeds, "n": len(test), "sample": _SAMPLE}
        for name, unit in FIGURES_OF_MERIT.items():
            table.append(row(name, [each[name] for each in measured], unit=unit, **common))
        table.append(row("bits per crossing", [(same[0].bits, 0)], unit="bit", **common))
    return by_name(table)


def ratios(outcomes: Sequence[Outcome], test: Wafers, *, pairs: Sequence[tuple[str, str]]) -> list[Result]:
    """Ratio of mean EMDs of the methods of each pair at each rate they share, seed by seed if both have seeds."""
    draws = draws_of_units(test.group, count=_BOOTSTRAPS, seed=0)
    groups, table = by_labels(outcomes), []
    common: dict[str, Any] = {"n": len(test), "sample": _SAMPLE, "of_mean": True}
    for method, reference in pairs:
        for (_, links), mine in ((key, same) for key, same in groups.items() if key[0] == method):
            theirs = {each.seed: each for each in groups.get((reference, links), ())}
            shared = [(each, theirs.get(each.seed, theirs.get(None))) for each in mine]
            matched = [(each, other) for each, other in shared if other is not None]
            if not matched:
                continue
            seeds = [each.seed for each, _ in matched if each.seed is not None]
            labels = {"method": method, "relative to": reference, "e-links": links}
            values = gain(_mean_emd, matched, draws, ratio=True)
            table.append(row("ratio of mean EMD", values, labels, seeds=seeds, **common))
    return table


def per_wafer(outcome: Outcome, test: Wafers) -> dict[str, Float[np.ndarray, "wafer"]]:
    """What each wafer contributes to the figures of merit; NaN where nothing arrives.

    "shift" is the distance between the charge-weighted centres, "width ratio" that of the charge-weighted
    root mean square radii, "squared difference" sum (q - p)^2 / sqrt(sum q^2 sum p^2), and "core ratio" the
    charge that arrives in the largest cell sent and its neighbours, over the charge sent there.
    """
    q, p = test.charge.astype(np.float64), outcome.decoded.astype(np.float64)
    (x, width), (y, narrow) = _moments(q), _moments(p)
    core = _core(q)
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "emd": outcome.emd,
            "shift": np.linalg.norm(x - y, axis=1),
            "width ratio": np.where(width > 0, narrow / width, np.nan),
            "squared difference": ((q - p) ** 2).sum(1) / np.sqrt((q**2).sum(1) * (p**2).sum(1)),
            "core ratio": (p * core).sum(1) / (q * core).sum(1),
        }


def merits(columns: Mapping[str, Float[np.ndarray, "wafer"]]) -> dict[str, float]:
    """Figures of merit of one algorithm from the columns of ``per_wafer``."""
    arrived = np.isfinite(columns["emd"])
    each = {name: values[arrived & np.isfinite(values)] for name, values in columns.items()}
    if not arrived.any():
        return dict.fromkeys(FIGURES_OF_MERIT, float("nan")) | {"empty output": 1.0}
    low, median, high = np.quantile(each["core ratio"], (0.16, 0.5, 0.84))
    return {
        "mean EMD": float(each["emd"].mean()),
        "median EMD": float(np.median(each["emd"])),
        "shift of the centre": float(np.median(each["shift"])),
        "width ratio": float(np.median(each["width ratio"])) if len(each["width ratio"]) else float("nan"),
        "squared difference": float(each["squared difference"].mean()),
        "core response": float(median),
        "core resolution": float((high - low) / 2 / median) if median > 0 else float("nan"),
        "empty output": float(1 - arrived.mean()),
    }


def occupancy(sample: Wafers) -> Int[np.ndarray, "wafer"]:
    """Cells above one transverse MIP."""
    return (sample.charge > wafer.ADC_PER_MIP).sum(axis=1)


def _conventional(name: str, links: str, sent: wafer_formats.Sent, test: Wafers) -> Outcome:
    labels = {"method": name, "e-links": links}
    return Outcome(labels, None, float(sent.bits.mean()), sent.charge, exact_emd(test.charge, sent.charge))


def _pyramid(charge: Float[np.ndarray, "wafer 48"], links: int) -> wafer_formats.Sent:
    """The sum in equal portions, each in the cell it came from or near it; the frame is full."""
    shares = pyramid_code(links)(torch.from_numpy(charge)).numpy()
    bits = np.full(len(charge), wafer_formats.HEADER_BITS + PAYLOAD[links])
    return wafer_formats.Sent(shares * wafer_formats.transmitted_sum(charge)[:, None], bits)


def _mean_emd(outcome: Outcome, rows: Int[np.ndarray, "_"]) -> float:
    return float(np.nanmean(outcome.emd[rows]))


def _with_errors(
    columns: Mapping[str, Float[np.ndarray, "wafer"]], draws: Sequence[Int[np.ndarray, "_"]]
) -> dict[str, Value]:
    """Figures of merit, each with its bootstrap error."""
    found = [merits({name: column[rows] for name, column in columns.items()}) for rows in draws]
    return {
        name: (value, float(np.std([each[name] for each in found[1:]], ddof=1)))
        for name, value in found[0].items()
    }


def _moments(q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Charge-weighted centre, and root mean square distance from it."""
    x = wafer.positions()
    total = q.sum(axis=1, keepdims=True)
    share = np.divide(q, total, out=np.full_like(q, np.nan), where=total > 0)
    centre = share @ x
    square = share @ (x**2).sum(axis=1) - (centre**2).sum(axis=1)
    return centre, np.sqrt(np.maximum(square, 0))


def _core(q: np.ndarray) -> np.ndarray:
    """True for the largest cell of each wafer and its neighbours."""
    return (wafer.hexagonal_distance() <= 1)[q.argmax(axis=1)]


def pairs(parts: Iterable[Part]) -> list[tuple[str, str]]:
    """Which method's mean EMD is set against which other's."""
    trained = dict.fromkeys(part.labels["method"] for part in parts)
    known = wafer_formats.BEST_CHOICE + PYRAMID
    first, *others = [method for method in trained if method not in known]
    large = [method for method in others if "decoder" in method]
    found = [(first, "MSE")] if "MSE" in others else []
    found += [(method, first) for method in others if method != "MSE"]
    ours = (first, *large, *PYRAMID)
    return found + [(method, best) for method in ours for best in wafer_formats.BEST_CHOICE]
