"""The figures of the report: each is saved with the numbers drawn in it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import pyplot

from femtobarn import plots
from femtobarn.plots.style import MARKERS
from femtobarn.runs import DataKind, Result, Run
from femtobarn.systems.jet_generation import evaluation
from femtobarn.systems.jet_generation.evaluation import Outcome
from femtobarn.systems.jet_generation.model import Jets
from femtobarn.systems.jet_generation.study import Trained

_SPECTRA: dict[str, tuple[str, str, bool]] = {
    "mass": (r"relative mass $m/p_T$", "jets", False),
    "multiplicity": (r"particles with $p_T > 0$", "jets", True),
    "leading": (r"$p_T^\mathrm{rel}$ of the hardest particle", "jets", False),
    "eta": (r"$\eta^\mathrm{rel}$", "particles", True),
    "phi": (r"$\phi^\mathrm{rel}$", "particles", True),
    "pt": (r"$p_T^\mathrm{rel}$", "particles", True),
}  #: axis, of what, logarithmic
_TITLES = {
    "mass": "Jet mass",
    "multiplicity": "Particles in a jet",
    "leading": "Hardest particle",
    "eta": "Particle eta",
    "phi": "Particle phi",
    "pt": "Particle pT",
}


def draw_all(
    run: Run,
    results: Sequence[Result],
    found: Sequence[Outcome],
    trained: Sequence[Trained],
    test: Jets,
    *,
    data: DataKind,
) -> None:
    """Draw every figure of the report; of models with several seeds the first is shown."""
    with plots.style():
        _spectra(run, _first_seeds(found), test, data)
        _frontier(run, results, data)
        _learning(run, trained, data)
        _losses(run, trained, data)


def _first_seeds(found: Sequence[Outcome]) -> dict[str, Outcome]:
    """One outcome a model; the real jets and the baseline of all particles are left out."""
    chosen: dict[str, Outcome] = {}
    for outcome in found:
        if outcome.labels["model"] not in (evaluation.TRUTH, "marginals"):
            chosen.setdefault(outcome.labels["model"], outcome)
    return chosen


def _spectra(run: Run, found: dict[str, Outcome], test: Jets, data: DataKind) -> None:
    real = evaluation.spectra(test)
    made = {name: evaluation.spectra(outcome.jets) for name, outcome in found.items()}
    for name, (title, of, logarithmic) in _SPECTRA.items():
        figure, (main, below) = pyplot.subplots(2, 1, figsize=(5.4, 4.8), sharex=True, height_ratios=(3, 1))
        samples = {model: each[name] for model, each in made.items()}
        bins = _bins(name, real[name])
        drawn = plots.ratio_histograms(main, below, real[name], samples, bins, label=evaluation.TRUTH)
        main.set_ylabel(f"share of the {of} per bin")
        if logarithmic:
            main.set_yscale("log")
        else:
            main.set_ylim(0, 1.35 * main.get_ylim()[1])  # room for the legend
        below.set_xlabel(title)
        main.legend(fontsize=8, ncols=2)
        plots.label(main, data)
        run.save_figure(
            f"spectrum-{name}",
            figure,
            title=_TITLES[name],
            caption=f"Share of all {of} in each bin, test jets and generated ones. Below: ratio to the test jets; the "
            "band and the bars are square roots of counts.",
            section="Spectra",
            data=drawn,
        )


def _bins(name: str, values: np.ndarray) -> Any:
    if name == "multiplicity":
        return np.arange(-0.5, values.max() + 1.5)
    low, high = np.quantile(values, (0.0, 0.999))
    if name in ("eta", "phi"):
        edge = np.quantile(np.abs(values), 0.9999)
        low, high = -edge, edge
    return np.linspace(min(low, 0.0), high, 41)


def _frontier(run: Run, results: Sequence[Result], data: DataKind) -> None:
    batch = max(int(r.labels["jets at once"]) for r in results if r.name == "time per jet")
    times = {
        r.labels["model"]: r.value
        for r in results
        if r.name == "time per jet" and r.labels["jets at once"] == str(batch)
    }
    distance = {r.labels["model"]: r for r in results if r.name == "FPD"}
    floor = distance[evaluation.EXPECTED]
    least = 2 * (floor.error or 0.0)
    figure, ax = pyplot.subplots()
    columns: dict[str, list[Any]] = {"model": [], "time per jet [us]": [], "FPD": [], "error": []}
    for marker, (name, microseconds) in zip(MARKERS, times.items(), strict=False):
        result = distance[name]
        ax.errorbar(
            microseconds, max(result.value, least), result.error, fmt=marker, markersize=7, label=name
        )
        for column, value in zip(
            columns.values(), (name, microseconds, result.value, result.error), strict=True
        ):
            column.append(value)
    ax.axhspan(0, least, color="0.9", label="indistinguishable here")
    ax.set(xscale="log", xlabel=r"time per jet [$\mu$s]", ylabel="FPD")
    ax.set_yscale("symlog", linthresh=least or 1e-6)
    ax.legend(fontsize=8)
    plots.label(ax, data, text=f"{batch} jets at once, one thread")
    run.save_figure(
        "frontier",
        figure,
        title="Quality and time",
        caption="FPD on the test jets against the time a jet takes. Lower left is better. Grey: two standard "
        "deviations of what two samples of real jets of this size give.",
        section="Time",
        data=columns,
    )


def _learning(run: Run, trained: Sequence[Trained], data: DataKind) -> None:
    figure, ax = pyplot.subplots()
    drawn = {}
    for each in trained:
        seconds = np.array([row["seconds"] for row in each.history])
        distance = np.array([row["distance"] for row in each.history])
        error = np.array([row["error"] for row in each.history])
        ax.plot(seconds, distance.clip(min=1e-5), marker=".", label=each.part.name)
        ax.plot(each.best["seconds"], max(each.best["distance"], 1e-5), "o", color="black", markersize=4)
        drawn[each.part.name] = {"seconds": seconds, "FPD": distance, "error": error}
    ax.set(xlabel="seconds of training", ylabel="FPD on the validation jets", yscale="log")
    ax.legend(fontsize=8)
    plots.label(ax, data)
    run.save_figure(
        "learning",
        figure,
        title="FPD while training",
        caption="FPD of the averaged weights on the validation jets after each check, against the time spent in "
        "training. Black: the check whose weights were kept.",
        section="Training",
        data=plots.long_form(drawn, name="model"),
    )


def _losses(run: Run, trained: Sequence[Trained], data: DataKind) -> None:
    known = {"epoch", "distance", "error", "seconds"}
    figure, axes = pyplot.subplots(
        1, len(trained), figsize=(3.1 * len(trained), 2.9), squeeze=False, sharey=False
    )
    drawn = {}
    for ax, each in zip(axes[0], trained, strict=True):
        epochs = np.array([row["epoch"] for row in each.history])
        for loss in (name for name in each.history[0] if name not in known):
            values = np.array([row[loss] for row in each.history])
            ax.plot(epochs, values, label=loss)
            drawn[f"{each.part.name}: {loss}"] = {"epoch": epochs, "loss": values}
        ax.set(xlabel="epoch", title=each.part.name)
        ax.legend(fontsize=7)
    axes[0][0].set_ylabel("loss")
    figure.suptitle(f"femtobarn {'real data' if data == 'real' else 'stand-in'}", fontsize=10)
    run.save_figure(
        "losses",
        figure,
        title="Losses",
        caption="Mean losses since the check before. Of two players neither has to fall: at the balance "
        "of a least-squares GAN the discriminator's is 0.5 and the generator's 0.25.",
        section="Training",
        data=plots.long_form(drawn, name="loss of"),
    )
