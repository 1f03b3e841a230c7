"""How well the energy is measured: bias and resolution of each method on the same test showers."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64, Int

from femtobarn.datasets.clic import Showers
from femtobarn.metrics.energy_resolution import ResolutionFit, fit_resolution
from femtobarn.plots.resolution import central_width
from femtobarn.runs import Result
from femtobarn.study import Split, by_name, draws_of_units, gain, row
from femtobarn.systems.calo_reconstruction import baselines
from femtobarn.systems.calo_reconstruction.evaluation import Evaluation, Outcome
from femtobarn.systems.calo_reconstruction.sample import SPECIES_TITLES, TASKS, Data, Selection, of_task

LINEAR, LAYERS = "linear in ECAL and HCAL", "weighted layer sum"
WIDTH, TERMS = (
    "width over that of the weighted layer sum",
    ("stochastic term a", "noise term b", "constant term c"),
)


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


def energies(
    outcomes: Sequence[Outcome], tests: Mapping[str, Selection], split: Split[Showers], data: Data
) -> list[Estimates]:
    """For each species the networks and trees of the first task that has it, and linear estimates of its own.

    The linear estimates are fitted on training showers of that species alone, which the networks do not know.
    """
    first = {species: task for task in reversed(list(tests)) for species in TASKS[task][1:]}
    return [
        Estimates(species, task, *_of_species(species, task, outcomes, tests[task], split, data))
        for task in tests
        for species in TASKS[task][1:]
        if first[species] == task
    ]


def _of_species(
    species: str,
    task: str,
    outcomes: Sequence[Outcome],
    test: Selection,
    split: Split[Showers],
    data: Data,
) -> tuple[np.ndarray, dict[str, list[np.ndarray]]]:
    """True energies, and those by each method."""
    mine, by_method = test.of(species), dict[str, list[np.ndarray]]()
    for outcome in outcomes:
        if (outcome.part.task, outcome.part.geometry) == (task, "clic"):
            by_method.setdefault(outcome.part.method, []).append(outcome.energy[mine])
    chosen = (of_task(sample, task, data) for sample in (split.train, split.validation))
    train, validation = (each.showers.take(np.flatnonzero(each.of(species))) for each in chosen)
    own = test.showers.take(np.flatnonzero(mine))
    line = baselines.fit_linear(baselines.sums(train), train.columns["energy"])
    by_method[LINEAR] = [line.energy(baselines.sums(own))]
    by_method[LAYERS] = [baselines.fit_layers(train, validation).energy(baselines.layer_sums(own))]
    return test.energy[mine], by_method


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


def results(estimates: Sequence[Estimates], settings: Evaluation) -> list[Result]:
    """Width relative to the best linear estimate, terms of the resolution and largest bias.

    Terms and bias are those of the first seed; the width is the mean over the seeds.
    """
    table: list[Result] = []
    for each in estimates:
        draws = draws_of_units(np.arange(len(each.energy)), count=settings.bootstraps, seed=0)
        for method, arrays in each.by_method.items():
            labels, n = {"species": SPECIES_TITLES[each.species], "method": method}, len(each.energy)
            binned = response(each.energy, arrays[0], settings.bins, least=settings.least)
            values = width_ratios(each.energy, arrays, each.by_method[LAYERS][0], draws)
            if method == LAYERS:
                values = [(1.0, 0.0)]
            sample = "bootstrap of the test showers"
            table.append(row(WIDTH, values, labels, n=n, sample=sample))
            table += [
                row(name, [value], labels, n=n, unit=unit, sample=words)
                for name, value, unit, words in (*_terms(binned), *_largest_bias(binned))
            ]
    return by_name(table, [WIDTH, *TERMS, "largest bias"])


_Row = tuple[str, tuple[float, float], str, str]  # name, value with error, unit, kind of error


def _terms(binned: Response) -> Iterable[_Row]:
    terms = fit(binned)
    if terms is not None:
        units = ("sqrt(GeV)", "GeV", "")
        for name, value, error, unit in zip(TERMS, terms[:3], terms[3:6], units, strict=True):
            yield name, (value, error), unit, "toys of the widths"


def _largest_bias(binned: Response) -> Iterable[_Row]:
    if len(binned.bias):
        worst = int(np.argmax(np.abs(binned.bias)))
        yield "largest bias", (float(binned.bias[worst]), float(binned.bias_error[worst])), "", "of a median"


def width_ratios(
    true: Float64[np.ndarray, "shower"],
    found: Sequence[Float64[np.ndarray, "shower"]],
    reference: Float64[np.ndarray, "shower"],
    draws: Sequence[Int[np.ndarray, "_"]],
) -> list[tuple[float, float]]:
    """Central width of ``(found / median response - true) / sqrt(true)`` over that of the reference, and its error.

    The residuals are divided by the square root, so that all energies count alike, and the energies by the median of
    ``found / true``, so that a low response is no gain. The error is that of a bootstrap.

    Args:
        true: Energies, GeV.
        found: Estimates, one array for each seed.
        reference: Estimate to compare with.
        draws: Rows of the bootstrap, see `femtobarn.study.draws_of_units`.
    """
    pairs = [(_residual(true, each), _residual(true, reference)) for each in found]
    return gain(lambda each, rows: _width(each[rows]), pairs, draws, ratio=True)


def _residual(true: np.ndarray, found: np.ndarray) -> np.ndarray:
    scaled: np.ndarray = (found / np.median(found / true) - true) / np.sqrt(true)
    return scaled


def _width(residual: np.ndarray) -> float:
    return float(np.subtract(*np.quantile(residual, (0.84, 0.16))))
