"""The figures of showers, identification and energy: each is saved with the numbers drawn in it."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.ticker import NullFormatter

from femtobarn import plots
from femtobarn.datasets.clic import Calibration, Showers
from femtobarn.evaluation.energy_response import response
from femtobarn.metrics.classifier_test import auc
from femtobarn.metrics.roc import roc_curve
from femtobarn.physics.calorimeter_cells import ECAL, ECAL_CELL, HCAL_CELL, ecal_depths, hcal_depths
from femtobarn.runs import Run
from femtobarn.study import Split, Trained, drawing
from femtobarn.systems.calo_reconstruction import energy_measurement
from femtobarn.systems.calo_reconstruction.energy_measurement import LAYERS, Estimates
from femtobarn.systems.calo_reconstruction.evaluation import Evaluation, Outcome
from femtobarn.systems.calo_reconstruction.sample import (
    SPECIES_TITLES,
    TASKS,
    Selection,
    calibration,
    of_species,
)
from femtobarn.systems.calo_reconstruction.study import GEOMETRIES, Part

Tests = Mapping[str, Selection]


def draw(
    run: Run,
    outcomes: Sequence[Outcome],
    estimates: Sequence[Estimates],
    tests: Tests,
    split: Split[Showers],
    settings: Evaluation,
    trained: Sequence[Trained[Part]],
) -> None:
    """Draw the figures of showers, identification and energy; of several seeds the first is shown."""
    scale = calibration(split)
    for species in dict.fromkeys(name for task in tests for name in TASKS[task][1:]):
        _event(run, split.test, scale, species)
    for task, test in tests.items():
        _roc(run, outcomes, test, task)
    _auc_against_energy(run, outcomes, tests, settings)
    _granularity(run, outcomes, tests)
    for each in estimates:
        _resolution(run, each, settings)
    _residuals(run, estimates)
    _training(run, trained, list(tests))


def _event(run: Run, showers: Showers, scale: Calibration, species: str) -> None:
    """One shower from the side, in both calorimeters, and from the front: that whose energy is nearest to 20 GeV."""
    rows = of_species(showers, species)
    row = rows[int(np.argmin(np.abs(showers.columns["energy"][rows] - 20)))]
    ecal, hcal = (part[0].astype(np.float64) for part in showers.dense(np.array([row])))
    ecal, hcal = ecal * scale.ecal * 1e3, hcal * scale.hcal * 1e3
    norm = LogNorm(1, 5e3)
    with drawing(
        run, f"shower-{species}", title=f"A shower: {SPECIES_TITLES[species]}", section="Showers",
        caption="One test shower from the side (summed over x) in both calorimeters, and the ECAL from the front "
        f"(summed over depth), in calibrated energy. Cells are {ECAL_CELL:g} mm and {HCAL_CELL:g} mm wide. The HCAL "
        "window follows the line from the interaction point: a straight inclined track is horizontal there.",
        by="calorimeter", shape=(1, 3), size=(9.6, 3.5), width_ratios=(1, 1.2, 1),
    ) as d:  # fmt: skip
        axes = d.axes[0]
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
            d.drawn[name] = {
                "depth": depth[layer],
                "y": (y - len(seen) // 2) * size,
                "energy": seen[y, layer],
            }
        half, front = ECAL_CELL * ECAL[0] / 2, ecal.sum(axis=2).T
        filled = np.where(front > 0, front, np.nan)
        reach = (-half, half, -half, half)
        image = axes[2].imshow(filled, origin="lower", extent=reach, norm=norm, cmap="viridis_r")
        axes[0].set_ylabel("y in the window [mm]")
        axes[2].set(xlabel="x, ECAL [mm]")
        d.figure.colorbar(image, ax=axes[2], label="energy [MeV]", shrink=0.8)
        axes[2].set_title(_words(showers, int(row), species), fontsize=9, loc="right")


def _words(showers: Showers, row: int, species: str) -> str:
    text = f"{SPECIES_TITLES[species]}, {showers.columns['energy'][row]:.0f} GeV"
    degrees = np.degrees(showers.columns["theta"][row]) if "theta" in showers.columns else np.nan
    return text + (f", polar angle {degrees:.0f}°" if np.isfinite(degrees) else "")


def _energy_axis(ax: Axes, edges: np.ndarray) -> None:
    """A logarithmic axis of the energy with plain numbers."""
    ax.set(xscale="log", xlabel="true energy [GeV]", xlim=(0.95 * edges[0], 1.05 * edges[-1]))
    chosen = [x for x in (1, 2, 5, 10, 20, 50, 100, 200, 500) if edges[0] <= x <= edges[-1]]
    ax.set_xticks(chosen, [f"{x:g}" for x in chosen])
    ax.xaxis.set_minor_formatter(NullFormatter())


def _first_seed(outcomes: Sequence[Outcome], task: str, geometry: str) -> dict[str, Outcome]:
    """Outcomes of a task and granularity by method."""
    chosen: dict[str, Outcome] = {}
    for outcome in outcomes:
        if (outcome.part.task, outcome.part.geometry) == (task, geometry):
            chosen.setdefault(outcome.part.method, outcome)
    return chosen


def _roc(run: Run, outcomes: Sequence[Outcome], test: Selection, task: str) -> None:
    signal, names = test.label == 1, TASKS[task]
    with drawing(
        run, f"roc-{task}", title=f"Identification: {names.title}", section="Identification",
        caption="One over the share of the background that passes, against the share of the signal that does; test "
        "showers of all energies, CLIC cells. Band: binomial error. Upper right is better; a curve ends where fewer "
        "than five background showers pass.",
        by="method", text=names.title, legend={},
    ) as d:  # fmt: skip
        for method, outcome in _first_seed(outcomes, task, "clic").items():
            curve = roc_curve(outcome.score[signal], outcome.score[~signal])
            d.drawn[method] = plots.rejection(d.ax, *curve, int((~signal).sum()), label=method)
        if all(len(each["signal"]) < 5 for each in d.drawn.values()):  # type: ignore[arg-type]
            d.drawn.clear()  # hardly any background passes at any efficiency: the table has the AUC
        d.ax.set(
            xlabel=f"efficiency for {SPECIES_TITLES[names.signal]}",
            ylabel=f"rejection of {SPECIES_TITLES[names.background]}",
        )


def _auc_against_energy(run: Run, outcomes: Sequence[Outcome], tests: Tests, settings: Evaluation) -> None:
    edges = np.array(settings.wide_bins)
    with drawing(
        run, "auc-energy", title="Identification against energy", section="Identification",
        caption="AUC in bins of the true energy, CLIC cells; points of one bin are moved apart. Bars: errors of the "
        "test sample (DeLong). The axes have their own scales.",
        by="task and method", shape=(1, len(tests)), size=(2.2 + 2.4 * len(tests), 3.7),
    ) as d:  # fmt: skip
        for ax, (task, test) in zip(d.axes[0], tests.items(), strict=True):
            for place, (method, outcome) in enumerate(_first_seed(outcomes, task, "clic").items()):
                value, error = np.array([_auc_between(outcome, test, *edge) for edge in pairwise(edges)]).T
                middle = np.sqrt(edges[:-1] * edges[1:]) * 1.02 ** (place - 1.5)
                ax.errorbar(middle, value, error, fmt=plots.MARKERS[place], label=method)
                columns = {"low": edges[:-1], "high": edges[1:], "auc": value, "error": error}
                d.drawn[f"{TASKS[task].title}, {method}"] = columns
            _energy_axis(ax, edges)
            ax.set_title(TASKS[task].title, fontsize=10, loc="right")
        d.ax.set_ylabel("area under the ROC curve")
        d.axes[0][-1].legend(fontsize=8)


def _auc_between(outcome: Outcome, test: Selection, low: float, high: float) -> tuple[float, float]:
    """AUC and error of the showers of some energies; NaN where there are fewer than 20 of a class."""
    inside = (test.energy >= low) & (test.energy < high)
    parts = [outcome.score[inside & (test.label == label)] for label in (0, 1)]
    return auc(parts[0], parts[1]) if min(map(len, parts)) >= 20 else (np.nan, np.nan)


def _granularity(run: Run, outcomes: Sequence[Outcome], tests: Tests) -> None:
    """AUC by granularity of each task that a network was trained on in several."""
    coarse = [o.part for o in outcomes if o.part.geometry != "clic"]
    tasks = list(dict.fromkeys(part.task for part in coarse if part.network != "trees"))
    places = [name for name in GEOMETRIES if any(o.part.geometry == name for o in outcomes)]
    if len(places) < 2:
        return
    methods = [part.method for part in sorted(coarse, key=lambda part: part.network)]
    with drawing(
        run, "granularity", title="Identification with the cells of other detectors", section="Identification",
        caption="The same showers with their ECAL cells summed to those of an ATLAS-like or CMS-like calorimeter, in "
        "Molière radii; the HCAL is unchanged. Networks and trees are trained again in each.",
        by="task and method", shape=(1, len(tasks)), size=(2.9 * len(tasks), 3.6),
    ) as d:  # fmt: skip
        for ax, task in zip(d.axes[0], tasks, strict=True):
            signal = tests[task].label == 1
            for shift, method in enumerate(dict.fromkeys(methods)):
                each = [_first_seed(outcomes, task, place)[method].score for place in places]
                value, error = np.array([auc(score[~signal], score[signal]) for score in each]).T
                at = np.arange(len(places)) + 0.12 * (shift - 0.5)
                ax.errorbar(at, value, error, fmt=plots.MARKERS[shift], label=method)
                cells = np.array([GEOMETRIES[place] for place in places])
                d.drawn[f"{TASKS[task].title}, {method}"] = {"cells": cells, "auc": value, "error": error}
            ax.set_xticks(range(len(places)), [GEOMETRIES[p].removesuffix("-like") for p in places])
            ax.set(xlim=(-0.5, len(places) - 0.5), xlabel="")
            ax.minorticks_off()
            ax.set_title(TASKS[task].title, fontsize=10, loc="right")
        d.ax.set_ylabel("area under the ROC curve")
        d.axes[0][-1].legend()


def _resolution(run: Run, each: Estimates, settings: Evaluation) -> None:
    with drawing(
        run, f"resolution-{each.species}", section="Energy",
        title=f"Response and resolution: {SPECIES_TITLES[each.species]}",
        caption="Median of the relative residual, and half of its central 68 % after the response is made linear, in "
        "bins of the true energy, with statistical errors and the fit of both terms. Networks, trees and software "
        f"compensation are those that also tell {TASKS[each.task].title}; the others are fitted on this species alone.",
        by="method", text=SPECIES_TITLES[each.species], shape=(2, 1), size=(5.6, 5.6), sharex=True,
        height_ratios=(1, 1.6),
    ) as d:  # fmt: skip
        upper, lower = d.axes[:, 0]
        for place, (method, arrays) in enumerate(each.by_method.items()):
            found = response(each.energy, arrays[0], settings.bins, least=settings.least)
            d.drawn[method] = found._asdict()
            if not len(found.energy):
                continue
            at = found.energy * 1.012 ** (place - 2)
            marker, colour = plots.MARKERS[place], plots.PALETTE[place]
            upper.errorbar(at, found.bias, found.bias_error, fmt=marker, color=colour)
            label, fit = method, energy_measurement.fit(found)
            if fit is not None:
                grid = np.geomspace(found.energy[0], found.energy[-1], 60)
                lower.plot(grid, fit(grid), color=colour, linewidth=1)
                label += f": {100 * fit.stochastic:.1f} %/√E"
                label += f" ⊕ {100 * fit.constant:.1f} %"
            lower.errorbar(at, found.width, found.width_error, fmt=marker, color=colour, label=label)
        upper.axhline(0, color="0.4", linewidth=0.8)
        upper.set_ylabel("median of (Ê − E)/E")
        lower.set_ylabel("relative resolution")
        _energy_axis(lower, np.array(settings.bins))
        low, high = lower.get_ylim()
        lower.set_ylim(max(low, 0), high + 0.45 * (high - low))
        if lower.get_legend_handles_labels()[0]:
            lower.legend(fontsize=7)


def _residuals(run: Run, estimates: Sequence[Estimates]) -> None:
    rows = (len(estimates) + 1) // 2
    with drawing(
        run, "residuals", title="Residuals of the energy", section="Energy",
        caption="Residual of the energy over the square root of the energy, test showers of all energies. The legend "
        "has median and half of the central 68 %.",
        by="species and method", shape=(rows, 2), size=(8.4, 3.7 * rows),
    ) as d:  # fmt: skip
        for ax, each in zip(d.axes.flat, estimates, strict=False):
            root = np.sqrt(each.energy)
            reference = (each.by_method[LAYERS][0] - each.energy) / root
            reach = 2 * float(np.subtract(*np.quantile(reference, (0.84, 0.16))))
            bins = np.linspace(-reach, reach, 41)
            for method, arrays in each.by_method.items():
                away, series = (arrays[0] - each.energy) / root, f"{SPECIES_TITLES[each.species]}, {method}"
                d.drawn[series] = plots.residuals(ax, away, bins, label=method)
            ax.set(ylabel="share of showers")
            ax.set_ylim(0, 1.6 * ax.get_ylim()[1])
            ax.legend(fontsize=7, loc="upper left")
            ax.set_title(SPECIES_TITLES[each.species], fontsize=10, loc="right")
        for ax in d.axes[-1]:
            ax.set_xlabel("residual of E over √E [√GeV]")


def _training(run: Run, trained: Sequence[Trained[Part]], tasks: Sequence[str]) -> None:
    seed = trained[0].part.seed
    chosen = [t for t in trained if t.history and (t.part.geometry, t.part.seed) == ("clic", seed)]
    longest = max(len(t.history) for t in chosen)
    with drawing(
        run, "training", title="Training", section="Training",
        caption="Joint loss of the validation showers after each epoch, one panel for each task with an axis of its "
        "own; the best epoch is kept.",
        by="task", shape=(1, len(tasks)), size=(2.2 + 2.4 * len(tasks), 3.7),
    ) as d:  # fmt: skip
        for ax, task in zip(d.axes[0], tasks, strict=True):
            curves = {}
            for each in (t for t in chosen if t.part.task == task):
                values = [row["validation"] for row in each.history]
                curves[each.part.method] = values + [np.nan] * (longest - len(values))
            d.drawn[TASKS[task].title] = plots.training_curves(ax, np.arange(longest), curves)
            ax.set_title(TASKS[task].title, fontsize=10, loc="right")
        d.ax.set_ylabel("joint loss of validation showers")
        d.axes[0][-1].legend(fontsize=8)
