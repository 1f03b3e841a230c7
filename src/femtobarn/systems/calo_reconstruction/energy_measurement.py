"""How well the energy is measured: bias and resolution of each method on the same test showers."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64, Int

from femtobarn.datasets.clic import Showers
from femtobarn.metrics.energy_resolution import ResolutionFit, fit_resolution
from femtobarn.plots.resolution import central_width
from femtobarn.runs import DataKind, Result
from femtobarn.systems.calo_reconstruction import baselines
from femtobarn.systems.calo_reconstruction.evaluation import Evaluation, Outcome, truth_of
from femtobarn.systems.calo_reconstruction.sample import (
    SPECIES_TITLES,
    TASKS,
    Data,
    Split,
    of_species,
    of_task,
)
from femtobarn.systems.calo_reconstruction.study import TITLES

LINEAR, LAYERS = "linear in ECAL and HCAL", "weighted layer sum"


class Response(NamedTuple):
    """Relative residual of the energy in bins of the true one, for one species and method."""

    energy: Float64[np.ndarray, "bin"]
    """Mean true energy of the bin."""
    bias: Float64[np.ndarray, "bin"]
    bias_error: Float64[np.ndarray, "bin"]
    width: Float64[np.ndarray, "bin"]
    width_error: Float64[np.ndarray, "bin"]
    entries: Int[np.ndarray, "bin"]


class Estimates(NamedTuple):
    """Energies of the test showers of one species by each method."""

    species: str
    task: str
    """From which the networks are taken."""
    energy: Float64[np.ndarray, "shower"]
    by_method: dict[str, list[Float64[np.ndarray, "shower"]]]
    """One array for each seed."""


def energies(outcomes: Sequence[Outcome], split: Split, data: Data) -> list[Estimates]:
    """For each species the networks and trees of the first task that has it, and linear estimates of its own.

    The linear estimates are fitted on training showers of that species alone, which the networks do not know.
    """
    table = []
    seen: set[str] = set()
    tasks = list(dict.fromkeys(o.task for o in outcomes))
    for task in tasks:
        for species in TASKS[task][1:]:
            if species in seen:
                continue
            seen.add(species)
            test = truth_of(split, data, task)
            mine = np.isin(test.rows, of_species(split.test, species))
            by_method: dict[str, list[np.ndarray]] = {}
            for outcome in outcomes:
                if outcome.task == task and outcome.geometry == "clic":
                    title = TITLES[outcome.method]
                    by_method.setdefault(title, []).append(outcome.energy[mine])
            train, validation = (_passing(s, data, task, species) for s in (split.train, split.validation))
            own = split.test.take(test.rows[mine])
            line = baselines.fit_linear(baselines.sums(train), train.columns["energy"])
            by_method[LINEAR] = [line.energy(baselines.sums(own))]
            by_method[LAYERS] = [baselines.fit_layers(train, validation).energy(baselines.layer_sums(own))]
            table.append(Estimates(species, task, test.energy[mine], by_method))
    return table


def _passing(showers: Showers, data: Data, task: str, species: str) -> Showers:
    """Those of a species that pass the cut of a task."""
    rows, _, _ = of_task(showers, task, data)
    return showers.take(np.intersect1d(rows, of_species(showers, species)))


def response(
    true: Float64[np.ndarray, "shower"],
    found: Float[np.ndarray, "shower"],
    edges: Sequence[float],
    *,
    least: int = 40,
) -> Response:
    """Median and width of the relative residual in bins of the true energy, with errors; thin bins are left out.

    The width is half of the central 68 % over the median response, so that a low response is no gain; see
    `femtobarn.plots.resolution.central_width`. At least `least` showers a bin.
    """
    columns = []
    for low, high in pairwise(edges):
        inside = (true >= low) & (true < high)
        n = int(inside.sum())
        if n < least:
            continue
        residual = np.sort(baselines.fraction(found[inside], true[inside]))
        middle = float(np.median(residual))
        width, error = (value / (1 + middle) for value in central_width(residual))
        columns.append((true[inside].mean(), middle, 1.253 * width / np.sqrt(n), width, error, n))
    table = np.array(columns).reshape(-1, 6).T
    return Response(table[0], table[1], table[2], table[3], table[4], table[5].astype(np.int64))


def fit(found: Response) -> ResolutionFit | None:
    """The three terms, where there are bins enough."""
    if len(found.energy) < 3 or not ((found.width_error > 0) & (found.width > 0)).all():
        return None
    return fit_resolution(found.energy, found.width, found.width_error, generator=np.random.default_rng(0))


def results(estimates: Sequence[Estimates], settings: Evaluation, *, kind: DataKind) -> list[Result]:
    """Width relative to the best linear estimate, terms of the resolution and largest bias.

    Terms and bias are those of the first seed; the width is the mean over the seeds, with their standard deviation.
    """
    table = []
    for each in estimates:
        for method, arrays in each.by_method.items():
            labels = {"species": SPECIES_TITLES[each.species], "method": method}
            binned = response(each.energy, arrays[0], settings.bins, least=settings.least)
            rows = [_width(each, method, settings), *_terms(binned), *_largest_bias(binned)]
            table += [
                Result(name, value, error, unit, len(each.energy), "test", kind, labels, (), words)
                for name, value, error, unit, words in rows
            ]
    return sorted(table, key=lambda result: _REGRESSION.index(result.name))


_REGRESSION = (
    "width over that of the weighted layer sum", "stochastic term a", "noise term b", "constant term c",
    "largest bias",
)  # fmt: skip
_Row = tuple[str, float, float | None, str, str]  # name, value, error, unit, kind of error


def _width(each: Estimates, method: str, settings: Evaluation) -> _Row:
    if method == LAYERS:
        return _REGRESSION[0], 1.0, None, "", ""
    base, arrays = each.by_method[LAYERS][0], each.by_method[method]
    ratio, error = np.array([width_ratio(each.energy, a, base, settings.bootstraps) for a in arrays]).T
    between = float(ratio.std(ddof=1)) if len(arrays) > 1 else 0.0
    words = "bootstrap of the test showers" + (f", and {len(arrays)} seeds" if len(arrays) > 1 else "")
    return _REGRESSION[0], float(ratio.mean()), float(np.hypot(error.mean(), between)), "", words


def _terms(binned: Response) -> list[_Row]:
    terms = fit(binned)
    if terms is None:
        return []
    units = ("sqrt(GeV)", "GeV", "")
    return [
        (name, value, error, unit, "toys of the widths")
        for name, value, error, unit in zip(_REGRESSION[1:4], terms[:3], terms[3:6], units, strict=True)
    ]


def _largest_bias(binned: Response) -> list[_Row]:
    if not len(binned.bias):
        return []
    worst = int(np.argmax(np.abs(binned.bias)))
    value, error = float(binned.bias[worst]), float(binned.bias_error[worst])
    return [("largest bias", value, error, "", "of a median")]


def width_ratio(
    true: Float64[np.ndarray, "shower"],
    found: Float64[np.ndarray, "shower"],
    reference: Float64[np.ndarray, "shower"],
    bootstraps: int,
) -> tuple[float, float]:
    """Central width of ``(found / median response - true) / sqrt(true)`` over that of the reference, and its error.

    The residuals are divided by the square root, so that all energies count alike, and the energies by the median of
    ``found / true``, so that a low response is no gain. The error is that of a bootstrap.
    """
    residuals = [(each / np.median(each / true) - true) / np.sqrt(true) for each in (found, reference)]
    generator = np.random.default_rng(0)

    def ratio(rows: np.ndarray) -> float:
        widths = [np.subtract(*np.quantile(each[rows], (0.84, 0.16))) for each in residuals]
        return float(widths[0] / widths[1])

    everything = np.arange(len(true))
    drawn = [ratio(generator.integers(0, len(true), len(true))) for _ in range(bootstraps)]
    return ratio(everything), float(np.std(drawn, ddof=1))
