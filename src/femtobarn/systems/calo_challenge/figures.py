"""The figures of the report: fidelity against cost, spectra and mean showers, and the two starts."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from femtobarn import plots
from femtobarn.evaluation.generators import draw_learning, draw_losses
from femtobarn.evaluation.shower_figures import shower_figures
from femtobarn.evaluation.shower_summary import Extent, ShowerSummary
from femtobarn.metrics.shower_features import ShowerMoments, features_of, moments
from femtobarn.metrics.shower_histograms import Largest
from femtobarn.runs import DataKind, Result, Run
from femtobarn.study import Trained, drawing, grouped
from femtobarn.systems.calo_challenge.judge import BASELINE, TRUTH, Outcome
from femtobarn.systems.calo_challenge.sample import ShowerTable
from femtobarn.systems.calo_challenge.study import Part

_REFERENCE = "test showers"
_QUALITY = "FPD on the validation showers"
_MANY = 2000  # showers that fill fine bins


def draw_all(
    run: Run,
    results: Sequence[Result],
    found: Sequence[Outcome],
    trained: Sequence[Trained[Part]],
    test: ShowerTable,
) -> None:
    """Draw every figure of the generators; of models with several seeds the first is shown."""
    _draw_fidelity(run, results)
    real = moments(*test.arrays, test.voxels)
    whole = Extent(Largest.of(real, test.arrays[1]), np.abs(features_of(real, test.voxels)).max(axis=0))
    samples = {name: _summary(each.showers(test), whole) for name, each in _first_seeds(found).items()}
    truth = _summary(test, whole)
    for draw in shower_figures(
        run, test.voxels, truth, samples, reference=_REFERENCE, data=run.kind
    ).values():
        draw()
    draw_learning(run, trained, quality=_QUALITY)
    if max(len(each.history) for each in trained) > 1:  # one check makes no curve
        caption = (
            "Mean losses since the check before. Each model has its own; only their fall can be compared."
        )
        draw_losses(run, trained, caption=caption)


def draw_starts(
    run: Run,
    found: Sequence[Outcome],
    trained: Sequence[Trained[Part]],
    test: ShowerTable,
    *,
    kind: DataKind,
) -> None:
    """Draw what compares the two starts of flow matching."""
    section = "Flow matching from noise and from GFLASH"
    draw_learning(run, trained, quality=_QUALITY, name="hybrid-learning", section=section, kind=kind)
    real = moments(*test.arrays, test.voxels)
    made = {n: moments(*each.showers(test).arrays, test.voxels) for n, each in _first_seeds(found).items()}
    deepest = int(real.energy.sum(axis=0).argmax())
    width = f"width in radius, layer {test.voxels.layers[deepest].number}"
    quantities: dict[str, tuple[str, str, Callable[[ShowerMoments], np.ndarray]]] = {
        "hybrid-response": ("Response", "E_tot / E_inc", lambda m: m.total / m.incident),
        "hybrid-width": (width.capitalize(), f"{width} [mm]", lambda m: m.width_r[:, deepest]),
    }
    for name, (title, axis, of) in quantities.items():
        samples = {model: of(each) for model, each in made.items()}
        _draw_ratio(run, name, of(real), samples, title=title, axis=axis, section=section, kind=kind)


def _first_seeds(found: Sequence[Outcome]) -> dict[str, Outcome]:
    """One outcome a model; the floor is left out."""
    models = grouped(found, lambda each: each.model)
    return {model: same[0] for model, same in models.items() if model != TRUTH}


def _summary(sample: ShowerTable, whole: Extent) -> ShowerSummary:
    found = ShowerSummary(sample.voxels, whole, rows=1, seed=0)
    energies, showers = sample.arrays
    found.update(moments(energies, showers, sample.voxels), showers, sample.voxels, 0)
    return found


def _draw_ratio(
    run: Run,
    name: str,
    reference: np.ndarray,
    samples: Mapping[str, np.ndarray],
    *,
    title: str,
    axis: str,
    section: str,
    kind: DataKind,
) -> None:
    low, high = np.quantile(reference, (0.001, 0.999))
    margin = 0.1 * (high - low) + 1e-3
    bins = np.linspace(low - margin, high + margin, 41 if len(reference) >= _MANY else 16)
    caption = (
        "Share of all showers in each bin, test showers and generated ones. Below: ratio to the test showers; the "
        "band and the bars are square roots of counts."
    )
    with drawing(
        run, name, title=title, caption=caption, section=section, shape=(2, 1), size=(5.4, 4.8), kind=kind,
        legend={"ncols": 2}, sharex=True, height_ratios=(3, 1),
    ) as d:  # fmt: skip
        main, below = d.axes[:, 0]
        d.table = plots.ratio_histograms(main, below, reference, samples, bins, label=_REFERENCE)
        main.set(ylabel="share of the showers per bin", ylim=(0, 1.45 * main.get_ylim()[1]))
        below.set_xlabel(axis)


def _draw_fidelity(run: Run, results: Sequence[Result]) -> None:
    """Fidelity against time against size."""
    ranked = grouped((each for each in results if each.name == "leaderboard"), lambda r: r.labels["metric"])
    board = {metric: {r.labels["model"]: r for r in rows} for metric, rows in ranked.items()}
    (timed,) = (metric for metric in board if metric.startswith("ms per shower"))
    floor = board["FPD"][TRUTH]
    least = max(2 * (floor.error or 0.0), 1e-6)
    caption = (
        "FPD and AUC of a classifier on the test showers, against the time that a shower takes; the marks grow with "
        "the logarithm of the number of weights. Lower left is better. Grey: two standard deviations of FPD between "
        "two samples of the wanted showers, and an AUC of one half."
    )
    with drawing(
        run, "frontier", title="Fidelity against time against size", caption=caption, section="Leaderboard",
        by="model", shape=(1, 2), size=(9.2, 4.0), text="one thread",
        legend={"fontsize": 7, "ncols": 2, "loc": "lower left", "markerscale": 0.5},
    ) as d:  # fmt: skip
        for marker, (model, time) in zip(plots.MARKERS, board[timed].items(), strict=False):
            size, cost = board["1000 weights"][model].value, time.value
            columns = {timed: [cost], "1000 weights": [size]}
            for ax, quality, low in zip(d.axes[0], ("FPD", "AUC, high-level"), (least, 0.0), strict=True):
                value, error = board[quality][model].value, board[quality][model].error or 0.0
                style = {"fmt": marker, "markersize": 4 + 3 * np.log10(1 + size), "alpha": 0.8}
                ax.errorbar(cost, max(value, low), error, label=model, **style)
                columns |= {quality: [value], f"error of {quality}": [error]}
            d.drawn[model] = columns
        fpd, auc = d.axes[0]
        fpd.axhspan(0, least, color="0.9", label="indistinguishable here")
        fpd.axhline(board["FPD"][BASELINE].value, color="0.4", linestyle="--", label=BASELINE)
        auc.axhline(board["AUC, high-level"][BASELINE].value, color="0.4", linestyle="--")
        auc.axhline(0.5, color="0.9", linewidth=3)
        decades = np.log10([each.value for each in board[timed].values()])
        limits = 10 ** np.floor(decades.min() - 0.1), 10 ** np.ceil(decades.max() + 0.1)
        for ax in d.axes[0]:
            ax.set(xscale="log", xlabel=timed, xlim=limits)
        fpd.set_yscale("symlog", linthresh=least)
        fpd.set(ylabel="FPD", ylim=(0, 3 * fpd.get_ylim()[1]))
        auc.set(ylabel="AUC, high-level features", ylim=(0.48, 1.02))
