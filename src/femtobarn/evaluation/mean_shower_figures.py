"""Mean showers: the share of the energy in each layer, and the energy of each voxel as seen along the axis."""

from collections.abc import Mapping

import numpy as np
from matplotlib import pyplot
from matplotlib.colors import LogNorm

from femtobarn import plots
from femtobarn.evaluation.shower_summary import ShowerSummary
from femtobarn.physics.voxels import VoxelGeometry
from femtobarn.runs import DataKind, Run

_LAYERS = 4  # of many, drawn one by one
_ROUND = 8  # pieces of a slice in alpha


def draw_profile(run: Run, voxels: VoxelGeometry, shown: Mapping[str, ShowerSummary], data: DataKind) -> None:
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


def draw_images(run: Run, voxels: VoxelGeometry, shown: Mapping[str, ShowerSummary], data: DataKind) -> None:
    """Mean energy of each voxel in a few layers, as seen along the axis of the shower."""
    places = [
        place
        for place, layer in enumerate(voxels.layers)
        if layer.number in layers_shown(voxels) and layer.slices > 1
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


def layers_shown(voxels: VoxelGeometry) -> list[int]:
    """Numbers of the layers that are drawn one by one: all of a few, some of many."""
    numbers = [layer.number for layer in voxels.layers]
    if len(numbers) <= _LAYERS + 1:
        return numbers
    return [numbers[i] for i in np.linspace(1, len(numbers) - 1, _LAYERS + 1).astype(int)[:_LAYERS]]
