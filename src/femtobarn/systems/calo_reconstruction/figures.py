"""The figures of showers, identification and energy: each is saved with the numbers drawn in it."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.ticker import NullFormatter

from femtobarn import plots
from femtobarn.metrics.classifier_test import auc
from femtobarn.metrics.roc import roc_curve
from femtobarn.physics.calorimeter_cells import ECAL, ECAL_CELL, HCAL_CELL, ecal_depths, hcal_depths
from femtobarn.runs import DataKind, Run
from femtobarn.systems.calo_reconstruction import energy_measurement
from femtobarn.systems.calo_reconstruction.energy_measurement import LAYERS, Estimates
from femtobarn.systems.calo_reconstruction.evaluation import Evaluation, Outcome, Truth, truth_of
from femtobarn.systems.calo_reconstruction.sample import (
    SPECIES_TITLES,
    TASKS,
    Data,
    Split,
    of_species,
)
from femtobarn.systems.calo_reconstruction.study import GEOMETRIES, TITLES, Trained


def draw(
    run: Run,
    outcomes: Sequence[Outcome],
    estimates: Sequence[Estimates],
    split: Split,
    data: Data,
    settings: Evaluation,
    trained: Sequence[Trained],
) -> None:
    """Draw the figures of showers, identification and energy; of several seeds the first is shown."""
    kind = split.provenance.kind
    with plots.style():
        for species in dict.fromkeys(name for o in outcomes for name in TASKS[o.task][1:]):
            _event(run, split, species, kind)
        for task in dict.fromkeys(o.task for o in outcomes):
            _roc(run, outcomes, split, data, task, kind)
        _auc_against_energy(run, outcomes, split, data, settings, kind)
        _granularity(run, outcomes, split, data, kind)
        for each in estimates:
            _resolution(run, each, settings, kind)
        _residuals(run, estimates, kind)
        _training(run, trained, kind)


def _event(run: Run, split: Split, species: str, kind: DataKind) -> None:
    """One shower from the side, in both calorimeters, and from the front: that whose energy is nearest to 20 GeV."""
    rows = of_species(split.test, species)
    energy = split.test.columns["energy"][rows]
    row = rows[int(np.argmin(np.abs(energy - 20)))]
    ecal, hcal = (part[0].astype(np.float64) for part in split.test.dense(np.array([row])))
    ecal, hcal = ecal * split.calibration.ecal * 1e3, hcal * split.calibration.hcal * 1e3
    figure, axes = pyplot.subplots(1, 3, figsize=(9.6, 3.5), width_ratios=(1, 1.2, 1))
    norm, drawn = LogNorm(1, 5e3), {}
    sides = (("ECAL", ecal, ecal_depths(), ECAL_CELL), ("HCAL", hcal, hcal_depths(), HCAL_CELL))
    for ax, (name, part, depth, size) in zip(axes, sides, strict=False):
        seen = part.sum(axis=0)  # along x: y against depth
        middles = (depth[1:] + depth[:-1]) / 2
        edges = np.concatenate(([2 * depth[0] - middles[0]], middles, [2 * depth[-1] - middles[-1]]))
        across = (np.arange(len(seen) + 1) - len(seen) / 2) * size
        filled = np.where(seen > 0, seen, np.nan)
        ax.pcolormesh(edges, across, filled, norm=norm, cmap="viridis_r", rasterized=True)
        ax.set(xlabel=f"depth, {name} [mm]")
        y, layer = np.nonzero(seen)
        drawn[name] = {"depth": depth[layer], "y": (y - len(seen) // 2) * size, "energy": seen[y, layer]}
    half, front = ECAL_CELL * ECAL[0] / 2, ecal.sum(axis=2).T
    image = axes[2].imshow(
        np.where(front > 0, front, np.nan), origin="lower", extent=(-half, half, -half, half), norm=norm,
        cmap="viridis_r",
    )  # fmt: skip
    axes[0].set_ylabel("y in the window [mm]")
    axes[2].set(xlabel="x, ECAL [mm]")
    figure.colorbar(image, ax=axes[2], label="energy [MeV]", shrink=0.8)
    degrees = np.degrees(split.test.columns["theta"][row]) if "theta" in split.test.columns else np.nan
    text = f"{SPECIES_TITLES[species]}, {split.test.columns['energy'][row]:.0f} GeV"
    plots.label(axes[0], kind)
    text += f", polar angle {degrees:.0f}°" if np.isfinite(degrees) else ""
    axes[2].set_title(text, fontsize=9, loc="right")
    run.save_figure(
        f"shower-{species}",
        figure,
        title=f"A shower: {SPECIES_TITLES[species]}",
        caption="One test shower from the side (summed over x) in both calorimeters, and the ECAL from the front "
        f"(summed over depth), in calibrated energy. Cells are {ECAL_CELL:g} mm and {HCAL_CELL:g} mm wide. The HCAL "
        "window follows the line from the interaction point: a straight inclined track is horizontal there.",
        section="Showers",
        data=plots.long_form(drawn, name="calorimeter"),
    )


def _energy_axis(ax: Axes, edges: np.ndarray) -> None:
    """A logarithmic axis of the energy with plain numbers."""
    ax.set(xscale="log", xlabel="true energy [GeV]", xlim=(0.95 * edges[0], 1.05 * edges[-1]))
    chosen = [x for x in (1, 2, 5, 10, 20, 50, 100, 200, 500) if edges[0] <= x <= edges[-1]]
    ax.set_xticks(chosen, [f"{x:g}" for x in chosen])
    ax.xaxis.set_minor_formatter(NullFormatter())


def _first_seed(outcomes: Sequence[Outcome], task: str, geometry: str) -> list[Outcome]:
    chosen: dict[str, Outcome] = {}
    for outcome in outcomes:
        if outcome.task == task and outcome.geometry == geometry:
            chosen.setdefault(outcome.method, outcome)
    return list(chosen.values())


def _roc(run: Run, outcomes: Sequence[Outcome], split: Split, data: Data, task: str, kind: DataKind) -> None:
    truth = truth_of(split, data, task)
    signal = truth.label == 1
    figure, ax = pyplot.subplots()
    drawn = {}
    for outcome in _first_seed(outcomes, task, "clic"):
        curve = roc_curve(outcome.score[signal], outcome.score[~signal])
        title = TITLES[outcome.method]
        drawn[title] = plots.rejection(ax, *curve, int((~signal).sum()), label=title)
    if all(len(each["signal"]) < 5 for each in drawn.values()):
        pyplot.close(figure)  # hardly any background passes at any efficiency: the table has the AUC
        return
    ax.set(
        xlabel=f"efficiency for {SPECIES_TITLES[TASKS[task].signal]}",
        ylabel=f"rejection of {SPECIES_TITLES[TASKS[task].background]}",
    )
    ax.legend()
    plots.label(ax, kind, text=TASKS[task].title)
    run.save_figure(
        f"roc-{task}",
        figure,
        title=f"Identification: {TASKS[task].title}",
        caption="One over the share of the background that passes, against the share of the signal that does; test "
        "showers of all energies, CLIC cells. Band: binomial error. Upper right is better; a curve ends where fewer "
        "than five background showers pass.",
        section="Identification",
        data=plots.long_form(drawn, name="method"),
    )


def _auc_against_energy(
    run: Run, outcomes: Sequence[Outcome], split: Split, data: Data, settings: Evaluation, kind: DataKind
) -> None:
    tasks = list(dict.fromkeys(o.task for o in outcomes))
    figure, axes = pyplot.subplots(1, len(tasks), figsize=(2.2 + 2.4 * len(tasks), 3.7), squeeze=False)
    edges, drawn = np.array(settings.wide_bins), {}
    for ax, task in zip(axes[0], tasks, strict=True):
        truth = truth_of(split, data, task)
        for place, outcome in enumerate(_first_seed(outcomes, task, "clic")):
            value, error = np.array([_auc_between(outcome, truth, *edge) for edge in pairwise(edges)]).T
            middle = np.sqrt(edges[:-1] * edges[1:]) * 1.02 ** (place - 1.5)
            ax.errorbar(middle, value, error, fmt=plots.MARKERS[place], label=TITLES[outcome.method])
            drawn[f"{TASKS[task].title}, {TITLES[outcome.method]}"] = {
                "low": edges[:-1], "high": edges[1:], "auc": value, "error": error,
            }  # fmt: skip
        _energy_axis(ax, edges)
        ax.set_title(TASKS[task].title, fontsize=10, loc="right")
    axes[0][0].set_ylabel("area under the ROC curve")
    axes[0][-1].legend(fontsize=8)
    plots.label(axes[0][0], kind)
    run.save_figure(
        "auc-energy",
        figure,
        title="Identification against energy",
        caption="AUC in bins of the true energy, CLIC cells; points of one bin are moved apart. Bars: errors of the "
        "test sample (DeLong). The axes have their own scales.",
        section="Identification",
        data=plots.long_form(drawn, name="task and method"),
    )


def _auc_between(outcome: Outcome, truth: Truth, low: float, high: float) -> tuple[float, float]:
    """AUC and error of the showers of some energies; NaN where there are fewer than 20 of a class."""
    inside = (truth.energy >= low) & (truth.energy < high)
    parts = [outcome.score[inside & (truth.label == label)] for label in (0, 1)]
    return auc(parts[0], parts[1]) if min(map(len, parts)) >= 20 else (np.nan, np.nan)


def _granularity(run: Run, outcomes: Sequence[Outcome], split: Split, data: Data, kind: DataKind) -> None:
    """AUC by granularity of each task that a network was trained on in several."""
    tasks = list(dict.fromkeys(o.task for o in outcomes if o.geometry != "clic" and o.method != "trees"))
    places = [name for name in GEOMETRIES if any(o.geometry == name for o in outcomes)]
    if len(places) < 2:
        return
    figure, axes = pyplot.subplots(1, len(tasks), figsize=(2.9 * len(tasks), 3.6), squeeze=False)
    drawn = {}
    resampled = {o.method for o in outcomes if o.geometry != "clic"}
    for ax, task in zip(axes[0], tasks, strict=True):
        truth = truth_of(split, data, task)
        signal = truth.label == 1
        for shift, method in enumerate(sorted(resampled)):
            each = {o.geometry: o for o in outcomes if (o.task, o.method) == (task, method)}
            value, error = np.array([auc(each[p].score[~signal], each[p].score[signal]) for p in places]).T
            at = np.arange(len(places)) + 0.12 * (shift - 0.5)
            ax.errorbar(at, value, error, fmt=plots.MARKERS[shift], label=TITLES[method])
            drawn[f"{TASKS[task].title}, {TITLES[method]}"] = {
                "cells": np.array([GEOMETRIES[p] for p in places]), "auc": value, "error": error,
            }  # fmt: skip
        ax.set_xticks(range(len(places)), [GEOMETRIES[p].removesuffix("-like") for p in places])
        ax.set(xlim=(-0.5, len(places) - 0.5), xlabel="")
        ax.minorticks_off()
        ax.set_title(TASKS[task].title, fontsize=10, loc="right")
    axes[0][0].set_ylabel("area under the ROC curve")
    axes[0][-1].legend()
    plots.label(axes[0][0], kind)
    run.save_figure(
        "granularity",
        figure,
        title="Identification with the cells of other detectors",
        caption="The same showers with their ECAL cells summed to those of an ATLAS-like or CMS-like calorimeter, in "
        "Molière radii; the HCAL is unchanged. Networks and trees are trained again in each.",
        section="Identification",
        data=plots.long_form(drawn, name="task and method"),
    )


def _resolution(run: Run, each: Estimates, settings: Evaluation, kind: DataKind) -> None:
    figure, (upper, lower) = pyplot.subplots(2, 1, figsize=(5.6, 5.6), sharex=True, height_ratios=(1, 1.6))
    drawn = {}
    for place, (method, arrays) in enumerate(each.by_method.items()):
        found = energy_measurement.response(each.energy, arrays[0], settings.bins, least=settings.least)
        drawn[method] = found._asdict()
        if not len(found.energy):
            continue
        at = found.energy * 1.012 ** (place - 2)
        marker, colour = plots.MARKERS[place], plots.PALETTE[place]
        upper.errorbar(at, found.bias, found.bias_error, fmt=marker, color=colour)
        label = method
        fit = energy_measurement.fit(found)
        if fit is not None:
            grid = np.geomspace(found.energy[0], found.energy[-1], 60)
            lower.plot(grid, fit(grid), color=colour, linewidth=1)
            label += f": {100 * fit.stochastic:.1f} %/√E"
            label += f" ⊕ {1e3 * fit.noise:.0f} MeV/E ⊕ {100 * fit.constant:.1f} %"
        lower.errorbar(at, found.width, found.width_error, fmt=marker, color=colour, label=label)
    upper.axhline(0, color="0.4", linewidth=0.8)
    upper.set_ylabel("median of (Ê − E)/E")
    lower.set_ylabel("relative resolution")
    _energy_axis(lower, np.array(settings.bins))
    low, high = lower.get_ylim()
    lower.set_ylim(max(low, 0), high + 0.45 * (high - low))
    if any(len(each["energy"]) for each in drawn.values()):
        lower.legend(fontsize=7)
    plots.label(upper, kind, text=SPECIES_TITLES[each.species])
    run.save_figure(
        f"resolution-{each.species}",
        figure,
        title=f"Response and resolution: {SPECIES_TITLES[each.species]}",
        caption="Median of the relative residual, and half of its central 68 % over the median response, in bins of "
        "the true energy, with statistical errors and the fit of the three terms. Networks and trees are those that "
        f"also tell {TASKS[each.task].title}; the linear estimates are fitted on this species alone.",
        section="Energy",
        data=plots.long_form(drawn, name="method"),
    )


def _residuals(run: Run, estimates: Sequence[Estimates], kind: DataKind) -> None:
    rows = (len(estimates) + 1) // 2
    figure, axes = pyplot.subplots(rows, 2, figsize=(8.4, 3.7 * rows), squeeze=False)
    drawn = {}
    for ax, each in zip(axes.flat, estimates, strict=False):
        reference = (each.by_method[LAYERS][0] - each.energy) / np.sqrt(each.energy)
        reach = 2 * float(np.subtract(*np.quantile(reference, (0.84, 0.16))))
        bins = np.linspace(-reach, reach, 41)
        for method, arrays in each.by_method.items():
            away = (arrays[0] - each.energy) / np.sqrt(each.energy)
            drawn[f"{SPECIES_TITLES[each.species]}, {method}"] = plots.residuals(ax, away, bins, label=method)
        ax.set(ylabel="share of showers")
        ax.set_ylim(0, 1.6 * ax.get_ylim()[1])
        ax.legend(fontsize=7, loc="upper left")
        ax.set_title(SPECIES_TITLES[each.species], fontsize=10, loc="right")
    for ax in axes[-1]:
        ax.set_xlabel("residual of E over √E [√GeV]")
    plots.label(axes[0][0], kind)
    run.save_figure(
        "residuals",
        figure,
        title="Residuals of the energy",
        caption="Residual of the energy over the square root of the energy, test showers of all energies. The legend "
        "has median and half of the central 68 %.",
        section="Energy",
        data=plots.long_form(drawn, name="species and method"),
    )


def _training(run: Run, trained: Sequence[Trained], kind: DataKind) -> None:
    chosen = [t for t in trained if t.part.geometry == "clic" and t.part.seed == trained[0].part.seed]
    longest = max(len(t.history) for t in chosen)
    tasks = list(dict.fromkeys(t.part.task for t in chosen))
    figure, axes = pyplot.subplots(1, len(tasks), figsize=(2.2 + 2.4 * len(tasks), 3.7), squeeze=False)
    drawn = {}
    for ax, task in zip(axes[0], tasks, strict=True):
        curves = {}
        for t in chosen:
            if t.part.task == task:
                values = [row["validation"] for row in t.history]
                curves[TITLES[t.part.network]] = values + [np.nan] * (longest - len(values))
        drawn[TASKS[task].title] = plots.training_curves(ax, np.arange(longest), curves)
        ax.set_title(TASKS[task].title, fontsize=10, loc="right")
    axes[0][0].set_ylabel("joint loss of validation showers")
    axes[0][-1].legend(fontsize=8)
    plots.label(axes[0][0], kind)
    run.save_figure(
        "training",
        figure,
        title="Training",
        caption="Joint loss of the validation showers after each epoch, one panel for each task with an axis of its "
        "own; the best epoch is kept.",
        section="Training",
        data=plots.long_form(drawn, name="task"),
    )
