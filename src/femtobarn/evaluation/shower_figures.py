"""Figures of a comparison of showers, as in the CaloChallenge: spectra with ratios, shapes, mean showers."""

import functools
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Float64
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from femtobarn import plots
from femtobarn.evaluation.mean_shower_figures import draw_images, draw_profile, layers_shown
from femtobarn.evaluation.shower_summary import ShowerSummary
from femtobarn.metrics.shower_histograms import RESPONSE, VOXELS
from femtobarn.physics.voxels import VoxelGeometry
from femtobarn.runs import DataKind, Run

_SHOWN = 6  # generators in one figure; more hide each other
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
    chosen = layers_shown(voxels)

    def spectra(file: str, names: Sequence[str], *words: str) -> Callable[[], None]:
        return functools.partial(_styled, _draw_spectra, run, file, names, shown, *words, data)

    drawn: dict[str, Callable[[], None]] = {
        "response": spectra("response", [RESPONSE], "Response", RESPONSE, "Energies"),
        "profile": functools.partial(_styled, draw_profile, run, voxels, shown, data),
    }
    for what, words in _TITLES.items():
        names = [f"{what}_{n}" for n in chosen if f"{what}_{n}" in real.histograms.edges]
        drawn[words[0].lower()] = spectra(f"spectra/{what.replace('_', '-')}", names, *words)
    drawn["voxels"] = spectra("spectra/voxels", [VOXELS], "Voxels", "energy of a voxel [MeV]", "Energies")
    drawn["mean showers"] = functools.partial(_styled, draw_images, run, voxels, shown, data)
    return drawn


def _styled(draw: Callable[..., None], *arguments: object) -> None:
    with plots.style():
        draw(*arguments)


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


def _counts(summary: ShowerSummary, name: str) -> Float64[np.ndarray, " bin"]:
    histograms = summary.histograms
    return histograms.voxels.counts if name == VOXELS else histograms.counts[name].astype(np.float64)
