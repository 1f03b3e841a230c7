"""Figures of a comparison of showers, as in the CaloChallenge: spectra with ratios, shapes, mean showers."""

import functools
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Float64
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from femtobarn import plots
from femtobarn.evaluation.leaderboard import Row
from femtobarn.evaluation.shower_summary import ShowerSummary
from femtobarn.metrics.estimate import Estimate
from femtobarn.metrics.shower_histograms import RESPONSE, VOXELS, group
from femtobarn.physics.voxels import VoxelGeometry
from femtobarn.runs import DataKind, Run

_SHOWN = 6  # generators in one figure; more hide each other
_LAYERS = 4  # of many, drawn one by one
_ROUND = 8  # pieces of a slice in alpha
_KNOWN = 4  # entries of the reference from which a ratio to it is drawn

_TITLES = {
    "E": ("Energy in a layer", "E [MeV]", "Energies"),
    "EC_eta": ("Centre in eta", "centre in eta [mm]", "Shapes"),
    "EC_phi": ("Centre in phi", "centre in phi [mm]", "Shapes"),
    "width_eta": ("Width in eta", "width in eta [mm]", "Shapes"),
    "width_phi": ("Width in phi", "width in phi [mm]", "Shapes"),
    "EC_r": ("Mean radius", "mean radius [mm]", "Shapes"),
    "width_r": ("Width in radius", "width in radius [mm]", "Shapes"),
    "sparsity": ("Sparsity", "share of empty voxels", "Shapes"),
}
_OF_ESTIMATE = {
    "separation power": "value",
    "null": "null",
    "scatter of the null": "null_error",
    "p": "p_value",
}
_CAPTION = (
    "Shares of the entries inside the published range; below, their ratio to the reference where it has four or more. "
    "Band and bars: square roots of counts. The published bins, up to four as one where the sample is small."
)


def shower_figures(
    run: Run,
    voxels: VoxelGeometry,
    real: ShowerSummary,
    generated: Mapping[str, ShowerSummary],
    *,
    reference: str,
    data: DataKind,
) -> dict[str, Callable[[], None]]:
    """What draws all spectra, profiles and mean showers, by name: up to six generators against the reference.

    Args:
        run: Where the figures are saved.
        voxels: Geometry.
        real: The reference.
        generated: Samples by name.
        reference: Name of the reference in the legend.
        data: Kind of the data.
    """
    shown = {reference: real} | dict(list(generated.items())[:_SHOWN])
    chosen = _chosen(voxels)

    def spectra(file: str, names: Sequence[str], *words: str) -> Callable[[], None]:
        return functools.partial(_styled, _draw_spectra, run, file, names, shown, *words, data)

    drawn: dict[str, Callable[[], None]] = {
        "response": spectra("response", [RESPONSE], "Response", RESPONSE, "Energies"),
        "profile": functools.partial(_styled, _draw_profile, run, voxels, shown, data),
    }
    for what, words in _TITLES.items():
        names = [f"{what}_{n}" for n in chosen if f"{what}_{n}" in real.histograms.edges]
        drawn[words[0].lower()] = spectra(f"spectra/{what.replace('_', '-')}", names, *words)
    drawn["voxels"] = spectra("spectra/voxels", [VOXELS], "Voxels", "energy of a voxel [MeV]", "Energies")
    drawn["mean showers"] = functools.partial(_styled, _draw_images, run, voxels, shown, data)
    return drawn


def _styled(draw: Callable[..., None], *arguments: object) -> None:
    with plots.style():
        draw(*arguments)


def draw_separations(run: Run, separations: Mapping[str, Mapping[str, Estimate]], *, data: DataKind) -> None:
    """Separation power of every histogram over its null, one line for each kind of histogram."""
    with plots.style():
        kinds = list(dict.fromkeys(group(name) for each in separations.values() for name in each))
        figure, ax = pyplot.subplots(figsize=(6.4, 1.1 + 0.42 * len(kinds)))
        columns: dict[str, dict[str, list[str] | list[float]]] = {}
        for index, (sample, found) in enumerate(separations.items()):
            kept = {name: e for name, e in found.items() if e.null > 0 and e.value > 0}
            ratio = [e.value / e.null for e in kept.values()]
            shift = (index + 1) / (len(separations) + 1)
            place = [kinds.index(group(name)) + 0.5 - shift for name in kept]
            marker = plots.MARKERS[index % len(plots.MARKERS)]
            ax.plot(ratio, place, marker, label=sample, linestyle="none", markersize=4, alpha=0.6)
            columns[sample] = {"histogram": list(kept), "separation power over null": ratio}
            for name, field in _OF_ESTIMATE.items():
                columns[sample][name] = [float(getattr(e, field)) for e in kept.values()]
        ax.axvline(1, color="0.4", linewidth=0.8)
        ax.set(xscale="log", xlabel="separation power / null", ylim=(len(kinds) - 0.5, -0.5))
        ax.set_yticks(range(len(kinds)), [kind.replace("_layer", " of layers") for kind in kinds])
        ax.tick_params(axis="y", which="minor", left=False, right=False)
        ax.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1))
        plots.label(ax, data)
        run.save_figure(
            "separation",
            figure,
            title="Separation power against the null",
            caption="One point for each histogram. At 1 (line) it is what two samples of the same thing of these sizes "
            "give on average; how far from 1 is still chance is in the table.",
            section="Metrics",
            data=plots.long_form(columns, name="sample"),
        )


def _draw_spectra(
    run: Run,
    file: str,
    names: Sequence[str],
    shown: Mapping[str, ShowerSummary],
    title: str,
    axis: str,
    section: str,
    data: DataKind,
) -> None:
    """Histograms side by side, each with its ratios below; those that are empty in the reference are left out."""
    truth, *_ = shown.values()
    names = [name for name in names if _counts(truth, name).any()]
    if not names:
        return
    figure, axes = _panels(len(names))
    columns: dict[str, dict[str, np.ndarray]] = {}
    for place, name in enumerate(names):
        main, below = axes[:, place]
        edges = truth.histograms.edges[name]
        drawn = _draw_counts(main, below, {k: _counts(v, name) for k, v in shown.items()}, edges)
        columns |= {f"{name}, {sample}": each for sample, each in drawn.items()}
        if edges[0] > 0 and edges[-1] / edges[0] > 20:
            main.set_xscale("log")
        below.set_xlabel(axis)
        if len(names) > 1:
            for ax in (main, below):
                ax.minorticks_off()  # drawing them takes most of the time, and there is no room
            main.set_title(f"layer {name.rpartition('_')[2]}", loc="right", fontsize=9)
    axes[0, 0].set_ylabel("share of entries")
    axes[1, 0].set_ylabel("ratio")
    axes[0, -1].legend(fontsize=8)
    plots.label(axes[0, 0], data)
    run.save_figure(
        file,
        figure,
        title=title,
        caption=_CAPTION,
        section=section,
        data=plots.long_form(columns, name="histogram"),
    )


def _panels(count: int) -> tuple[Figure, np.ndarray]:
    """Axes in columns, a small one below each large one."""
    size = (5.4, 4.6) if count == 1 else (2.7 * count + 0.6, 4.0)
    grid = {"height_ratios": [3, 1], "hspace": 0.05}
    if count > 1:  # a quarter faster than to let the layout be found
        (width, height), inches = size, {"left": 0.75, "right": 0.2, "bottom": 0.55, "top": 0.3}
        grid |= {"left": inches["left"] / width, "right": 1 - inches["right"] / width, "wspace": 0.27}
        grid |= {"bottom": inches["bottom"] / height, "top": 1 - inches["top"] / height, "hspace": 0.13}
    layout = "constrained" if count == 1 else "none"
    return pyplot.subplots(
        2, count, figsize=size, squeeze=False, sharex="col", gridspec_kw=grid, layout=layout
    )


def _draw_counts(
    main: Axes,
    below: Axes,
    counts: Mapping[str, Float64[np.ndarray, " bin"]],
    edges: Float64[np.ndarray, " edge"],
) -> dict[str, dict[str, np.ndarray]]:
    """The first as a filled histogram, the others as lines, over the range that any of them fills."""
    counts, edges = _wider_bins(counts, edges)
    filled = np.flatnonzero(np.sum(list(counts.values()), axis=0))
    part = slice(filled[0], filled[-1] + 1)
    edges = edges[filled[0] : filled[-1] + 2]
    truth, drawn = None, {}
    for place, (name, all_counts) in enumerate(counts.items()):
        total, entries = max(all_counts.sum(), 1), all_counts[part]
        share, error = entries / total, np.sqrt(entries) / total
        if truth is None:
            truth = np.where(entries >= _KNOWN, share, np.nan)
            main.stairs(share, edges, fill=True, color="0.85", label=name)
            main.stairs(share, edges, color="0.4", linewidth=0.8)
            band = np.nan_to_num(error / truth)
            below.stairs(1 + band, edges, baseline=1 - band, fill=True, color="0.85")
            below.axhline(1, color="0.4", linewidth=0.8)
        else:
            colour = plots.PALETTE[(place - 1) % len(plots.PALETTE)]
            main.stairs(share, edges, linewidth=1.3, label=name, color=colour)
            _draw_ratio(below, edges, share / truth, error / truth, colour)
        drawn[name] = {
            "low": edges[:-1],
            "high": edges[1:],
            "entries": entries,
            "share": share,
            "error": error,
        }
    top = max(float(each["share"].max()) for each in drawn.values())
    low = min(float(each["share"][each["share"] > 0].min(initial=1)) for each in drawn.values())
    if top > 200 * low:
        main.set(yscale="log", ylim=(max(low, 1e-6 * top) / 2, 5 * top))
    else:
        main.set_ylim(0, 1.35 * top)
    main.tick_params(labelbottom=False)
    below.set(xlim=(edges[0], edges[-1]), ylim=(0.5, 1.5))
    return drawn


def _wider_bins(
    counts: Mapping[str, Float64[np.ndarray, " fine"]], edges: Float64[np.ndarray, " fine_edge"]
) -> tuple[dict[str, Float64[np.ndarray, " bin"]], Float64[np.ndarray, " edge"]]:
    """Up to four bins as one where half of those that the reference fills, of many, hold fewer than ten entries."""
    truth = next(iter(counts.values()))
    filled = truth[truth > 0]
    together = int(np.clip(min(np.ceil(10 / np.median(filled)), len(filled) // 20), 1, 4))
    first = np.arange(0, len(truth), together)
    return {name: np.add.reduceat(each, first) for name, each in counts.items()}, edges[[*first, -1]]


def _draw_ratio(
    ax: Axes,
    edges: Float64[np.ndarray, " edge"],
    ratio: Float64[np.ndarray, " bin"],
    error: Float64[np.ndarray, " bin"],
    colour: str,
) -> None:
    """Steps, with bars that are one broken line: a line for each bar would make the file several times as large."""
    ax.stairs(ratio, edges, color=colour, linewidth=0.9, baseline=None)
    middle, gap = (edges[1:] + edges[:-1]) / 2, np.full(len(ratio), np.nan)
    x, y = np.column_stack((middle, middle, gap)), np.column_stack((ratio - error, ratio + error, gap))
    ax.plot(x.ravel(), y.ravel(), color=colour, linewidth=0.7)


def _draw_profile(
    run: Run, voxels: VoxelGeometry, shown: Mapping[str, ShowerSummary], data: DataKind
) -> None:
    """Mean share of the incident energy in each layer."""
    figure, (main, below) = pyplot.subplots(
        2, 1, figsize=(5.4, 4.6), sharex=True, gridspec_kw={"height_ratios": [3, 1], "hspace": 0.05}
    )
    place = np.arange(len(voxels.layers))
    columns: dict[str, dict[str, np.ndarray]] = {}
    truth = np.ones(len(place))
    for index, (name, summary) in enumerate(shown.items()):
        mean, square = summary.layers / summary.showers
        error = np.sqrt(np.clip(square - mean**2, 0, None) / summary.showers)
        colour = "0.35" if index == 0 else plots.PALETTE[(index - 1) % len(plots.PALETTE)]
        truth = np.where(mean > 0, mean, np.nan) if index == 0 else truth
        style = {"color": colour, "capsize": 0, "markersize": 4}
        marker = plots.MARKERS[index % len(plots.MARKERS)]
        main.errorbar(place, mean, error, fmt=f"{marker}-", label=name, linewidth=1, **style)
        below.errorbar(place, mean / truth, error / truth, fmt=marker, linewidth=0.8, **style)
        columns[name] = {
            "layer": np.array([layer.number for layer in voxels.layers]),
            "share": mean,
            "error": error,
        }
    below.axhline(1, color="0.4", linewidth=0.8)
    numbers = [layer.number for layer in voxels.layers]
    if len(numbers) < 12:
        below.set_xticks(place, [str(n) for n in numbers])
        below.tick_params(axis="x", which="minor", bottom=False, top=False)
    main.set(ylabel=r"mean of $E_\mathrm{layer} / E_\mathrm{inc}$", ylim=(0, None))
    below.set(xlabel="layer", ylabel="ratio", ylim=(0.8, 1.2))
    main.legend(fontsize=8)
    plots.label(main, data)
    run.save_figure(
        "profile",
        figure,
        title="Energy along the shower",
        caption="Mean over all showers of the share of the incident energy that a layer holds, with the error of the "
        "mean; below, the ratio to the reference.",
        section="Energies",
        data=plots.long_form(columns, name="sample"),
    )


def _draw_images(run: Run, voxels: VoxelGeometry, shown: Mapping[str, ShowerSummary], data: DataKind) -> None:
    """Mean energy of each voxel in a few layers, as seen along the axis of the shower."""
    places = [
        place
        for place, layer in enumerate(voxels.layers)
        if layer.number in _chosen(voxels) and layer.slices > 1
    ] or [0]
    means = {name: summary.mean / summary.showers for name, summary in shown.items()}
    largest = max(float(mean.max()) for mean in means.values())
    figure, axes = pyplot.subplots(
        len(means), len(places), figsize=(2.3 * len(places) + 1, 2.3 * len(means) + 0.3), squeeze=False,
        subplot_kw={"projection": "polar"},
    )  # fmt: skip
    mesh = None
    norm = LogNorm(largest * 1e-6, largest)
    for line, mean in zip(axes, means.values(), strict=True):
        for ax, place in zip(line, places, strict=True):
            layer = voxels.layers[place]
            # Alpha begins at -pi. Several pieces a slice make the rings round; the square root of the radius gives
            # the inner rings, which hold most of the energy, a part of the picture.
            alpha = np.linspace(-np.pi, np.pi, _ROUND * layer.slices + 1)
            values = mean[voxels.spans[place]].reshape(layer.slices, layer.rings).repeat(_ROUND, axis=0).T
            edges, values = np.sqrt(layer.r_edges), np.clip(values, norm.vmin, None)
            mesh = ax.pcolormesh(alpha, edges, values, norm=norm, cmap="viridis", rasterized=True)
            ax.set(xticks=[], yticks=[])
    for ax, place in zip(axes[0], places, strict=True):
        layer = voxels.layers[place]
        ax.set_title(f"layer {layer.number}, r < {layer.r_edges[-1]:g} mm", fontsize=9)
    for line, name in zip(axes, means, strict=True):
        line[0].set_ylabel(name, fontsize=9)
    if mesh is not None:
        figure.colorbar(mesh, ax=axes, label="mean energy of a voxel [MeV]", shrink=0.7)
    kind = "real data" if data == "real" else "stand-in"
    columns = {name: {"voxel": np.arange(len(mean)), "mean MeV": mean} for name, mean in means.items()}
    run.save_figure(
        "mean-showers",
        figure,
        title="Mean showers",
        caption=f"Mean energy of each voxel over all showers, seen along the axis, {kind}; rings are drawn at the "
        "square root of their radius. Colours begin a millionth below the largest.",
        section="Showers",
        data=plots.long_form(columns, name="sample"),
    )


def _counts(summary: ShowerSummary, name: str) -> Float64[np.ndarray, " bin"]:
    histograms = summary.histograms
    return histograms.voxels.counts if name == VOXELS else histograms.counts[name].astype(np.float64)


def _chosen(voxels: VoxelGeometry) -> list[int]:
    """Numbers of the layers that are drawn one by one: all of a few, some of many."""
    numbers = [layer.number for layer in voxels.layers]
    if len(numbers) <= _LAYERS + 1:
        return numbers
    return [numbers[i] for i in np.linspace(1, len(numbers) - 1, _LAYERS + 1).astype(int)[:_LAYERS]]


def draw_leaderboard(run: Run, rows: Sequence[Row]) -> None:
    """FPD and AUC of the published generators and of those of this run."""
    with plots.style():
        figure, ax = pyplot.subplots(figsize=(6.4, 4.6))
        known = [row for row in rows if {"FPD", "AUC low"} <= set(row.values)]
        fpd, auc = np.array(
            [[row.values["FPD"], row.values["AUC low"]] for row in known] or np.zeros((0, 2))
        ).T
        own = np.array([row.source == run.name for row in known], dtype=bool)
        for chosen, marker, name in ((~own, "o", "published"), (own, "*", "this run")):
            ax.plot(
                fpd[chosen],
                auc[chosen],
                marker,
                label=name,
                linestyle="none",
                markersize=5 + 5 * (marker == "*"),
            )
        for row, x, y in zip(known, fpd, auc, strict=True):
            ax.annotate(row.model, (x, y), (4, 3), textcoords="offset points", fontsize=6)
        ax.set(xscale="log", xlabel="FPD x 1000, published recipe", ylabel="AUC of the low-level classifier")
        ax.legend(fontsize=8)
        plots.label(ax, "real")
        run.save_figure(
            "leaderboard",
            figure,
            title="Among the generators of the challenge",
            caption="Published numbers (arXiv:2410.21611) and those of this run, on the same reference.",
            section="Metrics",
            data={"model": [row.model for row in known], "FPD": fpd, "AUC low": auc},
        )


def draw_consistency(
    run: Run, names: Sequence[str], consistency: Float64[np.ndarray, "sample sample"], *, data: DataKind
) -> None:
    """Mean log posterior of each generator (columns) for showers of each generator (rows)."""
    with plots.style():
        figure, ax = pyplot.subplots(figsize=(1.6 + 0.7 * len(names), 1.2 + 0.6 * len(names)))
        image = ax.imshow(consistency, cmap="viridis")
        for (i, j), value in np.ndenumerate(consistency):
            ax.annotate(f"{value:.2f}", (j, i), ha="center", va="center", fontsize=8, color="white")
        ax.set_xticks(range(len(names)), names, rotation=30, ha="right")
        ax.set_yticks(range(len(names)), names)
        ax.tick_params(which="both", length=0)
        ax.minorticks_off()
        ax.set(xlabel="taken for", ylabel="showers of")
        figure.colorbar(image, ax=ax, label="mean log posterior")
        plots.label(ax, data)
        run.save_figure(
            "consistency",
            figure,
            title="Who is taken for whom",
            caption="Mean log posterior for showers that took no part in the training: the diagonal should be "
            "the largest of each row.",
            section="Metrics",
            data={
                "showers of": np.repeat(names, len(names)),
                "taken for": np.tile(names, len(names)),
                "mean log posterior": consistency.ravel(),
            },
        )
