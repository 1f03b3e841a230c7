"""The figures of generated showers beside those of Geant4: each is saved with the numbers drawn in it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.colors import LogNorm

from femtobarn import plots
from femtobarn.evaluation.generators import draw_learning, draw_losses
from femtobarn.runs import Run
from femtobarn.study import Trained, drawing
from femtobarn.systems.calo_gan.judge import AXES, Images, cell_spectrum, profiles
from femtobarn.systems.calo_gan.training import Part

REAL = "Geant4"
SECTION = "Generated showers"


def draw(run: Run, samples: Mapping[str, Images], real: Images, trained: Sequence[Trained[Part]]) -> None:
    """Draw what the GAN makes beside Geant4's showers, and how it was trained."""
    shown = {REAL: real, **samples}
    _profiles(run, shown)
    _response(run, shown)
    _shower(run, shown)
    draw_learning(run, trained, quality="mismatch with the validation showers")
    draw_losses(run, trained, caption="Mean losses of both players since the check before.")


def _look(name: str) -> dict[str, Any]:
    return {"fill": True, "color": "0.85"} if name == REAL else {"linewidth": 1.5}


def _profiles(run: Run, shown: Mapping[str, Images]) -> None:
    cells = shown[REAL].ecal.shape[1]
    with drawing(
        run, "gan-profiles", title="3-D GAN: profiles", section=SECTION,
        caption="Mean energy of electron showers in depth and across, deposited in the ECAL, for the same energies, "
        f"in a window of {cells} cells a side. Mean shower: that of the training sample, scaled.",
        by="sample and axis", shape=(1, 2), size=(8.4, 3.7), legend={},
    ) as d:  # fmt: skip
        left, right = d.axes[0]
        for name, images in shown.items():
            found = profiles(images)
            for ax, axis, middle in ((left, "depth", 0), (right, "x", cells // 2)):
                edges = np.arange(len(found[axis]) + 1) - 0.5 - middle
                ax.stairs(found[axis], edges, label=name, **_look(name))
            for axis in AXES:
                d.drawn[f"{name}, {axis}"] = {"cell": np.arange(len(found[axis])), "energy": found[axis]}
        left.set(xlabel="layer", ylabel="energy a shower [1/20 MeV]")
        right.set(xlabel="cell in x from the middle", yscale="log")
        right.set_ylim(max(right.get_ylim()[0], 1e-3))


def _response(run: Run, shown: Mapping[str, Images]) -> None:
    """Response against energy, and the energies of cells."""
    energy = shown[REAL].energy.double().numpy()
    bins = np.quantile(energy, np.linspace(0, 1, 9))
    bins[-1] *= 1.0001
    edges = np.geomspace(1e-3, 50, 41)
    with drawing(
        run, "gan-response", title="3-D GAN: response and cells", section=SECTION,
        caption="Left: sum of the ECAL's cells over the energy, median and central 68 %. Right: filled cells of a "
        "shower in bins of their energy (the numbers drawn); a minimum ionising particle leaves about 0.01.",
        by="sample", shape=(1, 2), size=(8.4, 3.7), legend={},
    ) as d:  # fmt: skip
        left, right = d.axes[0]
        left.set_prop_cycle(
            color=("0.35", *plots.PALETTE)
        )  # each sample in the colour that it has on the right
        for name, images in shown.items():
            total = images.ecal.double().sum(dim=(1, 2, 3)).numpy()
            plots.band_profile(left, energy, total / energy, bins, label=name)
            counts = cell_spectrum(images, edges)
            right.stairs(counts, edges, label=name, **_look(name))
            d.drawn[name] = {"low": edges[:-1], "high": edges[1:], "cells": counts}
        left.set(xlabel="energy of the electron [GeV]", ylabel="ECAL sum / energy [1/20 MeV per GeV]")
        right.set(xlabel="energy of a cell [1/20 MeV]", ylabel="cells a shower", ylim=(1e-3, None))
        right.set(xscale="log", yscale="log")


def _shower(run: Run, shown: Mapping[str, Images]) -> None:
    """One shower of each kind, of the same energy, from the side."""
    energy = shown[REAL].energy
    row = int(torch.argmin((energy - 20).abs()))
    with drawing(
        run, "gan-shower", title="3-D GAN: a shower", section=SECTION,
        caption=f"Electrons of {float(energy[row]):.0f} GeV from the side, cells summed over x.",
        by="sample", shape=(1, len(shown)), size=(2.9 * len(shown), 3.1), sharey=True,
    ) as d:  # fmt: skip
        for ax, (name, images) in zip(d.axes[0], shown.items(), strict=True):
            seen = images.ecal[row].double().sum(dim=0).numpy()
            filled = np.where(seen > 1e-3, seen, np.nan)
            image = ax.imshow(filled, origin="lower", aspect="auto", norm=LogNorm(1e-3, 10), cmap="viridis_r")
            ax.set(xlabel="layer")
            ax.set_title(name, fontsize=9, loc="right")
            where = np.argwhere(seen > 0)
            d.drawn[name] = {"y": where[:, 0], "layer": where[:, 1], "energy": seen[seen > 0]}
        d.ax.set_ylabel("cell in y")
        d.figure.colorbar(image, ax=d.axes[0][-1], label="energy [1/20 MeV]")
