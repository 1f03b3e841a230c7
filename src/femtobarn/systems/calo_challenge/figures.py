"""The figures of the report: each is saved with the numbers drawn in it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import pyplot
from matplotlib.colors import LogNorm

from femtobarn import plots
from femtobarn.metrics.shower_features import ShowerMoments, moments
from femtobarn.physics.voxels import VoxelGeometry, geometry
from femtobarn.plots.style import MARKERS
from femtobarn.runs import DataKind, Result, Run
from femtobarn.systems.calo_challenge.evaluation import TRUTH, Outcome, read_back
from femtobarn.systems.calo_challenge.model import Batch
from femtobarn.systems.calo_challenge.preprocessing import read_out
from femtobarn.systems.calo_challenge.study import Trained

_REFERENCE = "test showers"
_PLAIN = {"response": "Response"}  #: titles without formulas
_MANY = 2000  # showers that fill fine bins
_KNOWN = {"epoch", "distance", "error", "seconds"}


def draw_all(
    run: Run,
    results: Sequence[Result],
    found: Sequence[Outcome],
    trained: Sequence[Trained],
    test: Batch,
    *,
    dataset: str,
    layers: int,
    data: DataKind,
) -> None:
    """Draw every figure of the generators; of models with several seeds the first is shown, of layers so many."""
    voxels = geometry(dataset)
    drawn = _some_layers(voxels, layers)
    shown = _first_seeds(found)
    known = _known(test, found, voxels)
    with plots.style():
        _frontier(run, results, data)
        samples = {each.title: read_back(each) for each in shown}
        _spectra(run, known, samples, voxels, drawn, data)
        _images(run, known, samples, voxels, drawn, data)
        _learning(run, trained, data, name="learning", section="Training")
        if max(len(each.history) for each in trained) > 1:  # one check makes no curve
            _losses(run, trained, data)


def draw_hybrid(
    run: Run,
    found: Sequence[Outcome],
    trained: Sequence[Trained],
    test: Batch,
    *,
    dataset: str,
    data: DataKind,
) -> None:
    """Draw what compares the two starts of flow matching."""
    voxels, section = geometry(dataset), "Flow matching from noise and from GFLASH"
    known = _known(test, found, voxels)
    samples = {each.title: read_back(each) for each in _first_seeds(found)}
    with plots.style():
        _learning(run, trained, data, name="hybrid-learning", section=section)
        of = {name: moments(*sample, voxels) for name, sample in samples.items()}
        real = moments(*known, voxels)
        deepest = int(real.energy.sum(axis=0).argmax())
        number = voxels.layers[deepest].number
        quantities: dict[str, tuple[str, Any]] = {
            "response": ("response E_tot / E_inc", lambda m: m.total / m.incident),
            "width": (f"width in radius, layer {number} [mm]", lambda m: m.width_r[:, deepest]),
        }
        for what, (title, value) in quantities.items():
            values = {model: value(m) for model, m in of.items()}
            _ratio(run, f"hybrid-{what}", title, value(real), values, data, section=section)


def _known(test: Batch, found: Sequence[Outcome], voxels: VoxelGeometry) -> tuple[np.ndarray, np.ndarray]:
    """As many test showers as were generated."""
    count = found[0].estimates["FPD"].n_real
    showers = read_out(test["showers"][:count], voxels.threshold)
    return test["energies"][:count].numpy(), showers.numpy()


def _first_seeds(found: Sequence[Outcome]) -> list[Outcome]:
    """One outcome a model; the floor is left out."""
    chosen: dict[str, Outcome] = {}
    for outcome in found:
        if outcome.title != TRUTH:
            chosen.setdefault(outcome.title, outcome)
    return list(chosen.values())


def _some_layers(voxels: VoxelGeometry, count: int) -> list[tuple[int, int]]:
    """Place and number of so many layers, evenly chosen; the middle one of one."""
    last = len(voxels.layers) - 1
    places = np.linspace(0, last, min(count, last + 1)) if count > 1 else np.array([last / 2])
    return [(int(place), voxels.layers[int(place)].number) for place in places.round()]


def _spectra(
    run: Run,
    known: tuple[np.ndarray, np.ndarray],
    samples: dict[str, tuple[np.ndarray, np.ndarray]],
    voxels: VoxelGeometry,
    layers: Sequence[tuple[int, int]],
    data: DataKind,
) -> None:
    real = moments(*known, voxels)
    made = {name: moments(*sample, voxels) for name, sample in samples.items()}

    def draw(name: str, title: str, value: Any, section: str, *, bins: Any = None, log: bool = False) -> None:
        values = {model: value(m) for model, m in made.items()}
        _ratio(run, name, title, value(real), values, data, section=section, bins=bins, log=log)

    response = "Energies"
    draw(
        "response", "$E_\\mathrm{tot} / E_\\mathrm{inc}$", lambda m: m.total / m.incident, response, log=True
    )
    for place, number in layers:

        def energy(m: ShowerMoments, place: int = place) -> np.ndarray:
            return np.log10(m.energy[:, place].clip(min=0.3 * voxels.threshold))

        draw(f"energy-{number}", f"log10 of the energy in layer {number} [MeV]", energy, response, log=True)
    sliced = [(p, n) for p, n in layers if voxels.layers[p].slices > 1]
    for place, number in sliced:
        shapes: dict[str, tuple[str, Any]] = {
            "centre": (f"centre in eta, layer {number} [mm]", lambda m, p=place: m.x[m.energy[:, p] > 0, p]),
            "width": (
                f"width in eta, layer {number} [mm]",
                lambda m, p=place: m.width_x[m.energy[:, p] > 0, p],
            ),
            "sparsity": (f"share of empty voxels, layer {number}", lambda m, p=place: m.sparsity[:, p]),
        }
        for what, (title, value) in shapes.items():
            draw(f"{what}-{number}", title, value, "Centres, widths, sparsity")
    entries = {name: sample[1] for name, sample in samples.items()}
    _voxel_spectrum(run, known[1], entries, voxels, data)


def _voxel_spectrum(
    run: Run, real: np.ndarray, made: dict[str, np.ndarray], voxels: VoxelGeometry, data: DataKind
) -> None:
    low, high = np.log10(voxels.threshold), np.log10(real.max())
    values = {name: np.log10(x[x >= voxels.threshold]) for name, x in made.items()}
    reference = np.log10(real[real >= voxels.threshold])
    total = {name: float(x.size) for name, x in made.items()} | {_REFERENCE: float(real.size)}
    title = "log10 of the energy of a voxel [MeV]"
    _ratio(
        run, "voxels", title, reference, values, data,
        section="Voxels", bins=np.linspace(low, high, 41), log=True, weights=total, of="voxels",
    )  # fmt: skip


def _ratio(
    run: Run,
    name: str,
    title: str,
    reference: np.ndarray,
    samples: dict[str, np.ndarray],
    data: DataKind,
    *,
    section: str,
    bins: Any = None,
    log: bool = False,
    weights: dict[str, float] | None = None,
    of: str = "showers",
) -> None:
    samples = {model: values for model, values in samples.items() if len(values)}
    if not len(reference) or not samples:
        return
    if bins is None:
        low, high = np.quantile(reference, (0.001, 0.999))
        margin = 0.1 * (high - low) + 1e-3
        bins = np.linspace(low - margin, high + margin, 41 if len(reference) >= _MANY else 16)
    figure, (main, below) = pyplot.subplots(2, 1, figsize=(5.4, 4.8), sharex=True, height_ratios=(3, 1))
    drawn = plots.ratio_histograms(main, below, reference, samples, bins, label=_REFERENCE, weights=weights)
    main.set_ylabel(f"share of the {of} per bin")
    if log:
        main.set_yscale("log")
    else:
        main.set_ylim(0, 1.45 * main.get_ylim()[1])  # room for the legend
    below.set_xlabel(title)
    main.legend(fontsize=8, ncols=2)
    plots.label(main, data)
    caption = (
        f"Share of all {of} in each bin, test showers and generated ones. Below: ratio to the test showers; the "
        "band and the bars are square roots of counts."
    )
    run.save_figure(name, figure, title=_PLAIN.get(name, title), caption=caption, section=section, data=drawn)


def _images(
    run: Run,
    known: tuple[np.ndarray, np.ndarray],
    samples: dict[str, tuple[np.ndarray, np.ndarray]],
    voxels: VoxelGeometry,
    layers: Sequence[tuple[int, int]],
    data: DataKind,
) -> None:
    """Mean showers, layer by layer, in (x, y)."""
    means = {_REFERENCE: known[1].mean(axis=0)} | {n: s[1].mean(axis=0) for n, s in samples.items()}
    figure, axes = pyplot.subplots(
        len(layers), len(means), figsize=(1.5 * len(means) + 1, 1.6 * len(layers)), squeeze=False,
        subplot_kw={"projection": "polar"},
    )  # fmt: skip
    drawn: dict[str, list[Any]] = {"sample": [], "layer": [], "voxel": [], "mean energy [MeV]": []}
    for row, (place, number) in enumerate(layers):
        layer, span = voxels.layers[place], voxels.spans[place]
        edges = np.asarray(layer.r_edges)
        area = np.pi * np.diff(edges**2) / layer.slices
        real = means[_REFERENCE][span].reshape(layer.slices, layer.rings) / area
        lit = real[real > 0]
        norm = LogNorm(lit.min(), max(lit.max(), 1.01 * lit.min())) if lit.size else LogNorm(1e-3, 1)
        angle = np.linspace(-np.pi, np.pi, max(layer.slices, 60) + 1)
        for ax, (name, mean) in zip(axes[row], means.items(), strict=True):
            density = mean[span].reshape(layer.slices, layer.rings) / area
            fine = np.repeat(density, (len(angle) - 1) // layer.slices, axis=0)
            # Rings widen outwards: drawn by the root of the radius, so that the inner ones are seen.
            image = ax.pcolormesh(
                np.linspace(-np.pi, np.pi, len(fine) + 1), np.sqrt(edges), fine.T, norm=norm, rasterized=True
            )
            ax.set(xticks=[], yticks=[])
            ax.grid(visible=False)
            if row == 0:
                ax.set_title(name, fontsize=8)
            drawn["sample"] += [name] * layer.voxels
            drawn["layer"] += [number] * layer.voxels
            drawn["voxel"] += list(range(span.start, span.stop))
            drawn["mean energy [MeV]"] += mean[span].tolist()
        axes[row][0].set_ylabel(f"layer {number}", fontsize=8, labelpad=14)
        bar = figure.colorbar(image, ax=list(axes[row]), shrink=0.8, pad=0.01)
        bar.set_label("MeV / mm$^2$", fontsize=7)
        bar.ax.tick_params(labelsize=7)
    kind = "real data" if data == "real" else "stand-in"
    figure.suptitle(f"femtobarn, {kind}", fontsize=9)
    run.save_figure(
        "mean-showers",
        figure,
        title="Mean showers",
        caption="Mean energy per area over all incident energies, seen along the particle. The radius is drawn by its "
        "square root, to the outer edge of each layer; white is empty in all showers.",
        section="Mean showers",
        data=drawn,
    )


def _frontier(run: Run, results: Sequence[Result], data: DataKind) -> None:
    """Fidelity against time against size."""
    board: dict[str, dict[str, Result]] = {}
    for result in results:
        if result.name == "leaderboard":
            board.setdefault(result.labels["metric"], {})[result.labels["model"]] = result
    (timed,) = (metric for metric in board if metric.startswith("ms per shower"))
    figure, axes = pyplot.subplots(1, 2, figsize=(9.2, 4.0))
    columns: dict[str, list[Any]] = {
        name: [] for name in ("model", "ms per shower", "1000 weights", "FPD", "error", "AUC", "AUC error")
    }
    floor = board["FPD"][TRUTH]
    least = max(2 * (floor.error or 0.0), 1e-6)
    for marker, model in zip(MARKERS, board[timed], strict=False):
        size, cost = board["1000 weights"][model].value, board[timed][model].value
        fidelity, auc = board["FPD"][model], board["AUC, high-level"][model]
        for ax, result, low in ((axes[0], fidelity, least), (axes[1], auc, 0.0)):
            big = 4 + 3 * np.log10(1 + size)
            ax.errorbar(
                cost, max(result.value, low), result.error, fmt=marker, markersize=big, label=model, alpha=0.8
            )
        row = (model, cost, size, fidelity.value, fidelity.error, auc.value, auc.error)
        for column, value in zip(columns.values(), row, strict=True):
            column.append(value)
    axes[0].axhspan(0, least, color="0.9", label="indistinguishable here")
    axes[0].axhline(board["FPD"]["marginals"].value, color="0.4", linestyle="--", label="marginals")
    axes[1].axhline(board["AUC, high-level"]["marginals"].value, color="0.4", linestyle="--")
    axes[1].axhline(0.5, color="0.9", linewidth=3)
    decades = np.log10(columns["ms per shower"])
    limits = 10 ** np.floor(decades.min() - 0.1), 10 ** np.ceil(decades.max() + 0.1)
    for ax in axes:
        ax.set(xscale="log", xlabel=timed, xlim=limits)
    axes[0].set_ylabel("FPD")
    axes[0].set_yscale("symlog", linthresh=least)
    axes[1].set(ylabel="AUC, high-level features", ylim=(0.48, 1.02))
    axes[0].set_ylim(0, 3 * axes[0].get_ylim()[1])
    axes[0].legend(fontsize=7, ncols=2, loc="lower left", markerscale=0.5)
    plots.label(axes[0], data)
    plots.label(axes[1], data, text="one thread")
    run.save_figure(
        "frontier",
        figure,
        title="Fidelity against time against size",
        caption="FPD and AUC of a classifier on the test showers, against the time that a shower takes; the marks grow "
        "with the logarithm of the number of weights. Lower left is better. Grey: two standard deviations of FPD "
        "between two samples of the wanted showers, and an AUC of one half.",
        section="Leaderboard",
        data=columns,
    )


def _learning(run: Run, trained: Sequence[Trained], data: DataKind, *, name: str, section: str) -> None:
    figure, ax = pyplot.subplots()
    drawn = {}
    for marker, each in zip(MARKERS, trained, strict=False):
        seconds, distance, error = (
            np.array([row[column] for row in each.history]) for column in ("seconds", "distance", "error")
        )
        ax.errorbar(seconds, distance.clip(min=1e-5), error, fmt=f"{marker}-", markersize=4, label=each.title)
        drawn[each.part.name] = {"seconds": seconds, "FPD": distance, "error": error}
    ax.set(xlabel="seconds of training", ylabel="FPD on the validation showers", yscale="log")
    ax.legend(fontsize=8)
    plots.label(ax, data)
    run.save_figure(
        name,
        figure,
        title="FPD while training",
        caption="FPD of the averaged weights on the validation showers after each check, against the time spent in "
        "training on one core, the other core being as busy.",
        section=section,
        data=plots.long_form(drawn, name="model"),
    )


def _losses(run: Run, trained: Sequence[Trained], data: DataKind) -> None:
    figure, axes = pyplot.subplots(1, len(trained), figsize=(2.7 * len(trained), 2.9), squeeze=False)
    drawn = {}
    for ax, each in zip(axes[0], trained, strict=True):
        epochs = np.array([row["epoch"] for row in each.history])
        for loss in (name for name in each.history[0] if name not in _KNOWN):
            values = np.array([row[loss] for row in each.history])
            ax.plot(epochs, values, marker=".", label=loss)
            drawn[f"{each.part.name}: {loss}"] = {"epoch": epochs, "loss": values}
        ax.set(xlabel="epoch", title=each.title)
        ax.title.set_fontsize(9)
        ax.legend(fontsize=7)
    axes[0][0].set_ylabel("loss")
    figure.suptitle(f"femtobarn, {'real data' if data == 'real' else 'stand-in'}", fontsize=9)
    run.save_figure(
        "losses",
        figure,
        title="Losses",
        caption="Mean losses since the check before. Each model has its own; only their fall can be compared.",
        section="Training",
        data=plots.long_form(drawn, name="loss of"),
    )
