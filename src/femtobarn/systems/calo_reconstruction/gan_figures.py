"""The figures of generated showers beside those of Geant4: each is saved with the numbers drawn in it."""

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm

from femtobarn import plots
from femtobarn.runs import DataKind, Run
from femtobarn.systems.calo_reconstruction import shower_comparison
from femtobarn.systems.calo_reconstruction.shower_comparison import AXES, Images


def draw(
    run: Run,
    samples: dict[str, Images],
    real: Images,
    history: Sequence[dict[str, float]],
    *,
    kind: DataKind,
) -> None:
    """Draw what the GAN makes beside Geant4's showers."""
    with plots.style():
        _profiles(run, samples, real, kind)
        _response(run, samples, real, kind)
        _mean_images(run, samples, real, kind)
        _gan_training(run, history, kind)


def _profiles(run: Run, samples: dict[str, Images], real: Images, kind: DataKind) -> None:
    figure, axes = pyplot.subplots(1, 2, figsize=(8.4, 3.7))
    drawn = {}
    everything = {"Geant4": real} | samples
    for name, images in everything.items():
        found = shower_comparison.profiles(images)
        for ax, axis in zip(axes, ("depth", "x"), strict=True):
            edges = np.arange(len(found[axis]) + 1) - 0.5
            if axis == "x":
                edges = edges - len(found[axis]) // 2
            look = {"fill": True, "color": "0.85"} if name == "Geant4" else {"linewidth": 1.5}
            ax.stairs(found[axis], edges, label=name, **look)
        for axis in AXES:
            drawn[f"{name}, {axis}"] = {"cell": np.arange(len(found[axis])), "energy": found[axis]}
    axes[0].set(xlabel="layer", ylabel="energy a shower [1/20 MeV]")
    axes[1].set(xlabel="cell in x from the middle", yscale="log")
    axes[1].set_ylim(max(axes[1].get_ylim()[0], 1e-3))
    axes[0].legend()
    plots.label(axes[0], kind)
    run.save_figure(
        "gan-profiles",
        figure,
        title="3-D GAN: profiles",
        caption="Mean energy of electron showers in depth and across, deposited in the ECAL, for the same energies, "
        f"in a window of {real.ecal.shape[1]} cells a side. Mean shower: that of the training sample, scaled.",
        section="Generated showers",
        data=plots.long_form(drawn, name="sample and axis"),
    )


def _response(run: Run, samples: dict[str, Images], real: Images, kind: DataKind) -> None:
    """Response against energy, and the energies of cells."""
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(8.4, 3.7))
    left.set_prop_cycle(color=("0.35", *plots.PALETTE))  # each sample in the colour that it has on the right
    drawn, cells = {}, {}
    energy = real.energy.double().numpy()
    bins = np.quantile(energy, np.linspace(0, 1, 9))
    bins[-1] *= 1.0001
    edges = np.geomspace(1e-3, 50, 41)
    for name, images in ({"Geant4": real} | samples).items():
        total = images.ecal.double().sum(dim=(1, 2, 3)).numpy()
        drawn[name] = plots.band_profile(left, energy, total / energy, bins, label=name)
        counts = shower_comparison.cell_spectrum(images, edges)
        look = {"fill": True, "color": "0.85"} if name == "Geant4" else {"linewidth": 1.5}
        right.stairs(counts, edges, label=name, **look)
        cells[name] = {"low": edges[:-1], "high": edges[1:], "cells": counts}
    left.set(xlabel="energy of the electron [GeV]", ylabel="ECAL sum / energy [1/20 MeV per GeV]")
    right.set(
        xlabel="energy of a cell [1/20 MeV]",
        ylabel="cells a shower",
        xscale="log",
        yscale="log",
        ylim=(1e-3, None),
    )
    left.legend()
    right.legend()
    plots.label(left, kind)
    run.save_figure(
        "gan-response",
        figure,
        title="3-D GAN: response and cells",
        caption="Left: sum of the ECAL's cells over the energy, median and central 68 %. Right: filled cells of a "
        "shower in bins of their energy (the numbers drawn); a minimum ionising particle leaves about 0.01.",
        section="Generated showers",
        data=plots.long_form(cells, name="sample"),
    )


def _mean_images(run: Run, samples: dict[str, Images], real: Images, kind: DataKind) -> None:
    """One shower of each kind, of the same energy, from the side."""
    row = int(torch.argmin((real.energy - 20).abs()))
    shown = {"Geant4": real} | samples
    figure, axes = pyplot.subplots(1, len(shown), figsize=(2.9 * len(shown), 3.1), sharey=True)
    drawn = {}
    for ax, (name, images) in zip(np.atleast_1d(axes), shown.items(), strict=True):
        seen = images.ecal[row].double().sum(dim=0).numpy()
        image = ax.imshow(
            np.where(seen > 1e-3, seen, np.nan),
            origin="lower",
            aspect="auto",
            norm=LogNorm(1e-3, 10),
            cmap="viridis_r",
        )
        ax.set(xlabel="layer")
        ax.set_title(name, fontsize=9, loc="right")
        where = np.argwhere(seen > 0)
        drawn[name] = {"y": where[:, 0], "layer": where[:, 1], "energy": seen[seen > 0]}
    first: Axes = np.atleast_1d(axes)[0]
    first.set_ylabel("cell in y")
    figure.colorbar(image, ax=np.atleast_1d(axes)[-1], label="energy [1/20 MeV]")
    plots.label(first, kind)
    run.save_figure(
        "gan-shower",
        figure,
        title="3-D GAN: a shower",
        caption=f"Electrons of {float(real.energy[row]):.0f} GeV from the side, cells summed over x.",
        section="Generated showers",
        data=plots.long_form(drawn, name="sample"),
    )


def _gan_training(run: Run, history: Sequence[dict[str, float]], kind: DataKind) -> None:
    figure, ax = pyplot.subplots()
    names = {"generator": "generator", "discriminator": "discriminator", "mismatch": "distance"}
    curves = {name: [row[column] for row in history] for name, column in names.items()}
    drawn = plots.training_curves(ax, [row["epoch"] for row in history], curves, best="mismatch")
    ax.set_ylabel("losses; mismatch")
    ax.legend()
    plots.label(ax, kind)
    run.save_figure(
        "gan-training",
        figure,
        title="3-D GAN: training",
        caption="Losses of both players, and the mismatch with the validation showers, by which the epoch is chosen: "
        "relative errors of the mean profiles and of the spread of the response, added.",
        section="Training",
        data=drawn,
    )
