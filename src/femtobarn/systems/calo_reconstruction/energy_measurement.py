"""How well the energy is measured: bias and resolution of each method on the same test showers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int

from femtobarn.datasets.clic import Showers
from femtobarn.evaluation.energy_response import Response, linearised, response
from femtobarn.metrics.energy_resolution import ResolutionFit, fit_resolution
from femtobarn.runs import Result
from femtobarn.study import Split, by_name, draws_of_units, gain, row
from femtobarn.systems.calo_reconstruction import baselines
from femtobarn.systems.calo_reconstruction.evaluation import Evaluation, Outcome
from femtobarn.systems.calo_reconstruction.sample import (
    SPECIES_TITLES,
    TASKS,
    Data,
    Selection,
    calibration,
    of_task,
)

LINEAR, LAYERS = "linear in ECAL and HCAL", "weighted layer sum"
COMPENSATION, OWN_COMPENSATION = "software compensation", "software compensation, one species"
WIDTH, TERMS = f"width over that of {COMPENSATION}", ("stochastic term a", "constant term c")


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
    """For each species the networks and trees of the first task that has it, and estimates in closed form.

    Networks, trees and `COMPENSATION` are fitted on both species of the task, the others on this species alone:
    they know what the networks do not.
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
    both, other = (of_task(sample, task, data) for sample in (split.train, split.validation))
    train, validation = (each.showers.take(np.flatnonzero(each.of(species))) for each in (both, other))
    own, scale = test.showers.take(np.flatnonzero(mine)), calibration(split)
    line = baselines.fit_linear(baselines.sums(train), train.columns["energy"])
    by_method[LINEAR] = [line.energy(baselines.sums(own))]
    by_method[LAYERS] = [baselines.fit_layers(train, validation).energy(baselines.layer_sums(own))]
    for method, showers in ((COMPENSATION, both.showers), (OWN_COMPENSATION, train)):
        found = baselines.compensated(showers, own, window=data.window, calibration=scale)
        by_method[method] = [found]
    return test.energy[mine], by_method


def fit(found: Response) -> ResolutionFit | None:
    """Stochastic and constant term, where there are bins enough; the simulation has no noise."""
    if len(found.energy) < 3 or not ((found.width_error > 0) & (found.width > 0)).all():
        return None
    return fit_resolution(
        found.energy, found.width, found.width_error, noise=False, generator=np.random.default_rng(0)
    )


def results(estimates: Sequence[Estimates], settings: Evaluation) -> list[Result]:
    """Width relative to software compensation, terms of the resolution and largest bias.

    Terms and bias are those of the first seed; the width is the mean over the seeds.
    """
    table: list[Result] = []
    for each in estimates:
        draws = draws_of_units(np.arange(len(each.energy)), count=settings.bootstraps, seed=0)
        for method, arrays in each.by_method.items():
            labels, n = {"species": SPECIES_TITLES[each.species], "method": method}, len(each.energy)
            binned = response(each.energy, arrays[0], settings.bins, least=settings.least)
            values = width_ratios(each.energy, arrays, each.by_method[COMPENSATION][0], draws)
            if method == COMPENSATION:
                values = [(1.0, 0.0)]
            table.append(row(WIDTH, values, labels, n=n, sample="bootstrap of the showers", of_mean=True))
            table += [
                row(name, [value], labels, n=n, unit=unit, sample=words)
                for name, value, unit, words in _of_response(binned)
            ]
    return by_name(table, [WIDTH, *TERMS, "largest bias"])


def _of_response(binned: Response) -> Iterable[tuple[str, tuple[float, float], str, str]]:
    """Name, value with error, unit and kind of error of each term and of the largest bias, where they are known."""
    terms = fit(binned)
    if terms is not None:
        yield TERMS[0], (terms.stochastic, terms.stochastic_error), "sqrt(GeV)", "toys of the widths"
        yield TERMS[1], (terms.constant, terms.constant_error), "", "toys of the widths"
    if len(binned.bias):
        worst = int(np.argmax(np.abs(binned.bias)))
        yield "largest bias", (float(binned.bias[worst]), float(binned.bias_error[worst])), "", "of a median"


def width_ratios(
    true: Float64[np.ndarray, "shower"],
    found: Sequence[Float64[np.ndarray, "shower"]],
    reference: Float64[np.ndarray, "shower"],
    draws: Sequence[Int[np.ndarray, "_"]],
) -> list[tuple[float, float]]:
    """Central width of the `linearised` residual times sqrt(E) over that of the reference, with bootstrap errors.

    Times the square root, so that all energies count alike.

    Args:
        true: Energies, GeV.
        found: Estimates, one array for each seed.
        reference: Estimate to compare with.
        draws: Rows of the bootstrap, see `femtobarn.study.draws_of_units`.
    """
    root = np.sqrt(true)
    base = root * linearised(true, reference)
    pairs = [(root * linearised(true, each), base) for each in found]
    return gain(lambda each, rows: _width(each[rows]), pairs, draws, ratio=True)


def _width(residual: np.ndarray) -> float:
    return float(np.subtract(*np.quantile(residual, (0.84, 0.16))))
