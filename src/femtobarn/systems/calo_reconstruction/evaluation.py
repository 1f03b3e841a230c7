"""How well networks and baselines identify particles and measure their energy, on the same test showers."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from torch import nn

from femtobarn.datasets.clic import Showers
from femtobarn.errors import InputError
from femtobarn.hardware.latency import single_event_latency
from femtobarn.metrics.classifier_test import auc
from femtobarn.metrics.energy_resolution import ResolutionFit, fit_resolution
from femtobarn.metrics.roc import accuracy, background_rejection
from femtobarn.plots.resolution import central_width
from femtobarn.runs import DataKind, Result
from femtobarn.systems.calo_reconstruction import baselines, study
from femtobarn.systems.calo_reconstruction.gan import NORMAL, generate
from femtobarn.systems.calo_reconstruction.gan_training import Gan
from femtobarn.systems.calo_reconstruction.sample import (
    SPECIES_TITLES,
    TASKS,
    Data,
    Split,
    hadronic_ratio,
    of_species,
    of_task,
)
from femtobarn.systems.calo_reconstruction.study import GEOMETRIES, TITLES, Part, Trained

LINEAR, LAYERS = "linear in ECAL and HCAL", "weighted layer sum"
Merit = Callable[[np.ndarray, np.ndarray], tuple[float, float]]
MERITS: dict[str, Merit] = {
    "AUC": lambda signal, background: auc(background, signal),
    "accuracy": accuracy,
    "background rejection at 90 % of signal": lambda s, b: background_rejection(s, b, efficiency=0.9),
}  #: figures of merit of (scores of the signal, scores of the background), with their errors


@dataclass(frozen=True)
class Evaluation:
    """What is measured on the test showers."""

    bins: tuple[float, ...] = (5.0, 7.0, 10.0, 14.0, 20.0, 28.0, 38.0, 50.0)
    """Edges in energy for response and resolution, GeV."""
    wide_bins: tuple[float, ...] = (5.0, 10.0, 20.0, 30.0, 50.0)
    """Edges in energy for the AUC, GeV."""
    electron_like: float = 0.05
    """Ratio of HCAL to ECAL, in file units, below which a pion looks like an electron: e or pi also there."""
    rounds: int = 400
    """Boosted trees, at most."""
    bootstraps: int = 200
    """Samples drawn with replacement behind the errors of differences."""
    least: int = 40
    """Showers that a bin of energy must have."""
    nulls: int = 2
    """Trainings of a classifier of Geant4 against Geant4 behind the null of that against the GAN; 0 for none."""
    calls: int = 100
    """Single showers behind a latency; 0 leaves it out."""

    def __post_init__(self) -> None:
        for edges in (self.bins, self.wide_bins):
            if len(edges) < 2 or list(edges) != sorted(set(edges)):
                raise InputError(f"expected rising edges of bins in GeV, got {edges}")
        if self.bootstraps < 2 or self.rounds < 1 or self.least < 2 or self.calls < 0:
            raise InputError(
                "expected at least two bootstraps and showers a bin, one round, calls of 0 or more"
            )


class Outcome(NamedTuple):
    """One method on the test showers of a task."""

    task: str
    method: str
    geometry: str
    seed: int
    score: Float64[np.ndarray, "shower"]
    energy: Float64[np.ndarray, "shower"]

    @property
    def labels(self) -> dict[str, str]:
        """As in tables."""
        return {
            "task": TASKS[self.task].title,
            "method": TITLES.get(self.method, self.method),
            "cells": GEOMETRIES[self.geometry],
        }


class Truth(NamedTuple):
    """Test showers of a task and what is known of them."""

    rows: Int[np.ndarray, "shower"]
    label: Int[np.ndarray, "shower"]
    energy: Float64[np.ndarray, "shower"]
    pdg: Int[np.ndarray, "shower"]
    ratio: Float64[np.ndarray, "shower"]


class Response(NamedTuple):
    """Relative residual of the energy in bins of the true one, for one species and method."""

    energy: Float64[np.ndarray, "bin"]
    """Mean true energy of the bin."""
    bias: Float64[np.ndarray, "bin"]
    bias_error: Float64[np.ndarray, "bin"]
    width: Float64[np.ndarray, "bin"]
    width_error: Float64[np.ndarray, "bin"]
    entries: Int[np.ndarray, "bin"]


def truth(split: Split, data: Data, task: str) -> Truth:
    """The test showers of a task."""
    rows, label, _ = of_task(split.test, task, data)
    columns = split.test.columns
    ratio = hadronic_ratio(split.test)[rows]
    return Truth(rows, label, columns["energy"][rows], columns["pdg"][rows], ratio)


def of_networks(trained: Sequence[Trained], split: Split, data: Data) -> list[Outcome]:
    """All networks on the test showers of their tasks."""
    tables = {each.part.task: study.table(split.test, each.part.task, data) for each in trained}
    found = []
    for each in trained:
        out = study.outputs(each.model, tables[each.part.task])
        part = each.part
        found.append(
            Outcome(part.task, part.network, part.geometry, part.seed, out.logit.numpy(), out.energy.numpy())
        )
    return found


def of_trees(
    part: Part,
    split: Split,
    data: Data,
    shapes: dict[str, Float64[np.ndarray, "shower feature"]],
    settings: Evaluation,
) -> Outcome:
    """Boosted trees on the shower shapes of a task and geometry, fitted and applied.

    Args:
        part: Which task and geometry.
        split: The showers.
        data: Their cuts.
        shapes: Features of all showers of the samples "train", "validation" and "test".
        settings: Rounds.
    """
    columns = []
    for name in ("train", "validation", "test"):
        showers = getattr(split, name)
        rows, label, _ = of_task(showers, part.task, data)
        columns.append(
            (
                shapes[name][rows],
                label,
                showers.columns["energy"][rows],
                split.calibration.energy(showers)[rows],
            )
        )
    trees = baselines.fit_trees(*columns[0], validation=columns[1], seed=part.seed, rounds=settings.rounds)
    x, _, _, sums = columns[2]
    return Outcome(part.task, "trees", part.geometry, part.seed, trees.score(x), trees.energy(x, sums))


def identification(
    outcomes: Sequence[Outcome], split: Split, data: Data, settings: Evaluation, *, kind: DataKind
) -> list[Result]:
    """Accuracy, AUC and rejection of each method; AUC in bins of energy, and of electron-like pions."""
    table = []
    for group in grouped(outcomes):
        test = truth(split, data, group[0].task)
        signal = test.label == 1
        for name, merit in MERITS.items():
            values = [merit(o.score[signal], o.score[~signal]) for o in group]
            table.append(_result(name, values, group, len(signal), kind))
        regions = {
            f"{low:g}-{high:g} GeV": (test.energy >= low) & (test.energy < high)
            for low, high in pairwise(settings.wide_bins)
        }
        if group[0].task == "e-pi":
            regions[f"HCAL/ECAL < {settings.electron_like:g}"] = test.ratio < settings.electron_like
        for words, inside in regions.items():
            if min((inside & signal).sum(), (inside & ~signal).sum()) < 20:
                continue
            values = [auc(o.score[inside & ~signal], o.score[inside & signal]) for o in group]
            more = {"showers": words}
            table.append(_result("AUC in a region", values, group, int(inside.sum()), kind, more=more))
    order = [*MERITS, "AUC in a region"]
    return sorted(table, key=lambda result: order.index(result.name))


def gains(
    outcomes: Sequence[Outcome], split: Split, data: Data, settings: Evaluation, *, kind: DataKind
) -> list[Result]:
    """AUC of each network minus that of the trees in the same cells, on the same showers."""
    table = []
    trees = {(o.task, o.geometry): o for o in outcomes if o.method == "trees"}
    for group in grouped(outcomes):
        reference = trees.get((group[0].task, group[0].geometry))
        if reference is None or group[0].method == "trees":
            continue
        test = truth(split, data, group[0].task)
        value, error = auc_gain(group, reference, test.label == 1, settings.bootstraps)
        seeds = tuple(o.seed for o in group)
        kinds = "bootstrap of the test showers" + (", and of the seeds" if len(seeds) > 1 else "")
        labels = group[0].labels
        table.append(
            Result(
                "gain in AUC over the BDT",
                value,
                error,
                "",
                len(test.rows),
                "test",
                kind,
                labels,
                seeds,
                kinds,
            )
        )
    return table


def auc_gain(
    group: Sequence[Outcome], reference: Outcome, signal: np.ndarray, bootstraps: int
) -> tuple[float, float]:
    """Mean over the seeds of the difference of AUCs, and its error: test showers and seeds in quadrature."""
    generator = np.random.default_rng(0)
    ones, zeros = np.flatnonzero(signal), np.flatnonzero(~signal)

    def gain(s: np.ndarray, b: np.ndarray) -> np.ndarray:
        base = auc(reference.score[b], reference.score[s])[0]
        return np.array([auc(o.score[b], o.score[s])[0] - base for o in group])

    each = gain(ones, zeros)
    drawn = [
        gain(generator.choice(ones, len(ones)), generator.choice(zeros, len(zeros))).mean()
        for _ in range(bootstraps)
    ]
    between = each.std(ddof=1) / np.sqrt(len(each)) if len(each) > 1 else 0.0
    return float(each.mean()), float(np.hypot(np.std(drawn, ddof=1), between))


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
            test = truth(split, data, task)
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


def regression(estimates: Sequence[Estimates], settings: Evaluation, *, kind: DataKind) -> list[Result]:
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


def filters(split: Split, data: Data, tasks: Sequence[str], *, kind: DataKind) -> list[Result]:
    """Share of the test showers of each task that the cut on HCAL / ECAL keeps."""
    table = []
    for task in tasks:
        rows, _, share = of_task(split.test, task, data)
        n = round(len(rows) / max(share, 1e-9))
        error = float(np.sqrt(share * (1 - share) / max(n, 1)))
        labels = {"task": TASKS[task].title}
        table.append(
            Result(
                "share kept by the cut on HCAL/ECAL",
                share,
                error or None,
                "",
                n,
                "test",
                kind,
                labels,
                (),
                "binomial",
            )
        )
    return table


def costs(
    trained: Sequence[Trained], split: Split, data: Data, settings: Evaluation, *, kind: DataKind
) -> list[Result]:
    """Weights, latency of one shower, and time of a shower in a batch, of each kind of network."""
    found = []
    for each in {t.part.network: t for t in reversed(trained)}.values():
        labels = {"method": TITLES[each.part.network]}
        found.append(Result("weights", float(study.weights(each.model)), None, "", 0, "", kind, labels))
        if not settings.calls:
            continue
        table = study.table(split.test, each.part.task, data)
        for size in (1, min(1000, len(table))):
            batch = table[torch.arange(size)]
            arguments = [batch[name] for name in ("ecal", "hcal", "sums", "direction")]
            with torch.inference_mode():
                if size == 1:
                    call = single_event_latency(lambda: each.model(*arguments), calls=settings.calls)  # noqa: B023
                    value, error = call.median, call.percentile_95 - call.median
                else:
                    start = time.perf_counter()
                    each.model(*arguments)
                    value, error = 1e6 * (time.perf_counter() - start) / size, None
            more = labels | {"showers at once": str(size)}
            spread = "95 % quantile - median" if size == 1 else ""
            found.append(Result("time per shower", value, error, "us", size, "", kind, more, (), spread))
    return sorted(found, key=lambda result: result.name, reverse=True)


def grouped(outcomes: Sequence[Outcome]) -> list[list[Outcome]]:
    """Outcomes that differ by their seed only, together."""
    groups: dict[tuple[str, str, str], list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault((outcome.task, outcome.geometry, outcome.method), []).append(outcome)
    return [group for _, group in sorted(groups.items(), key=lambda pair: (pair[0][1] != "clic", pair[0][1]))]


def _result(
    name: str,
    values: Sequence[tuple[float, float]],
    group: Sequence[Outcome],
    n: int,
    kind: DataKind,
    *,
    more: dict[str, str] | None = None,
) -> Result:
    value, error = np.array(values).T
    between = float(value.std(ddof=1)) if len(group) > 1 else 0.0
    words = "test sample" + (f" and standard deviation over {len(group)} seeds" if len(group) > 1 else "")
    seeds = tuple(outcome.seed for outcome in group)
    labels = group[0].labels | (more or {})
    total = float(np.hypot(error.mean(), between))
    return Result(name, float(value.mean()), total, "", n, "test", kind, labels, seeds, words)


def generation_times(model: nn.Module, settings: Gan, *, kind: DataKind) -> list[Result]:
    """Milliseconds for a shower of the GAN, one or 64 at once, on the threads that torch has."""
    found = []
    for size in (1, 64):
        energy, theta = torch.full((size,), 20.0), torch.full((size,), NORMAL)
        source = torch.Generator().manual_seed(0)
        generate(model, energy, theta, unit=settings.unit, cell_unit=settings.cell_unit, generator=source)
        start = time.perf_counter()
        generate(model, energy, theta, unit=settings.unit, cell_unit=settings.cell_unit, generator=source)
        value = 1e3 * (time.perf_counter() - start) / size
        labels = {"method": "3-D GAN", "showers at once": str(size)}
        found.append(Result("time to generate a shower", value, None, "ms", size, "", kind, labels))
    return found
