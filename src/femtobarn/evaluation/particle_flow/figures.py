"""Figures of particle flow: what classes are taken for, and responses of each kind of particle."""

from collections.abc import Sequence

import numpy as np
from matplotlib.ticker import NullFormatter

from femtobarn import plots
from femtobarn.evaluation.particle_flow.methods import Outcome
from femtobarn.physics import particle_flow as flow
from femtobarn.physics.particle_flow import CLASSES, FlowEvents
from femtobarn.runs import Run
from femtobarn.study import drawing

_ENERGIES = np.geomspace(1, 100, 9)  # GeV


def draw_classes(run: Run, events: FlowEvents, outcomes: Sequence[Outcome]) -> None:
    """Efficiency and fake rate of neutral hadrons and photons against their energy; the first seed of each method."""
    truth, kinds = events.target, (flow.NEUTRAL, flow.PHOTON)
    with drawing(
        run, "classes", title="Neutral hadrons and photons", section="Classes", legend={}, shape=(2, 2), size=(9, 7),
        sharex=True, by="method",
        caption="Upper: share of the true ones that are called so, against the true energy. Lower: share of those "
        "called so that are something else, against the energy they are given. Bins with fewer than 20 are left out. "
        "Bars: binomial. First seed.",
    ) as d:  # fmt: skip
        for number, each in enumerate(_first_seeds(outcomes)):
            columns: dict[str, np.ndarray] = {"energy": np.sqrt(_ENERGIES[1:] * _ENERGIES[:-1])}
            look = {"marker": plots.MARKERS[number % len(plots.MARKERS)], "markersize": 4}
            for at, kind in enumerate(kinds):
                right = (truth[:, 0] == kind) & (each.particle[:, 0] == kind)
                shares = (
                    ("efficiency", _share(truth[:, 6], truth[:, 0] == kind, right)),
                    ("fake rate", _share(each.particle[:, 6], each.particle[:, 0] == kind, ~right)),
                )
                for ax, (name, (share, error)) in zip(d.axes[:, at], shares, strict=True):
                    ax.errorbar(columns["energy"], share, error, label=each.method, **look)
                    ax.set(xscale="log", ylim=(0, 1.05), ylabel=f"{name}, {CLASSES[kind]}s")
                    ax.xaxis.set_minor_formatter(NullFormatter())
                    columns |= {f"{name}, {CLASSES[kind]}": share, f"error of {name}, {CLASSES[kind]}": error}
            d.drawn[each.method] = columns
        for ax in d.axes[1]:
            ax.set_xlabel("energy [GeV]")


def draw_response(run: Run, events: FlowEvents, outcomes: Sequence[Outcome]) -> None:
    """Spectra of the response of the first seed of each method."""
    truth, edges = events.target, np.linspace(0, 3, 61)
    groups = {
        "charged hadron": (flow.CHARGED, 2),
        "neutral hadron": (flow.NEUTRAL, 6),
        "photon": (flow.PHOTON, 6),
    }
    with drawing(
        run, "response", title="Response", section="Momenta", legend={}, shape=(1, 3), size=(12, 4), by="method",
        caption="Measured over true pT of charged hadrons, and energy of neutral hadrons and photons, where the method "
        "has the right class; the last bin holds all above. First seed.",
    ) as d:  # fmt: skip
        for each in _first_seeds(outcomes):
            columns: dict[str, np.ndarray] = {"low": edges[:-1], "high": edges[1:]}
            for ax, (name, (kind, column)) in zip(d.axes.flat, groups.items(), strict=True):
                right = (truth[:, 0] == kind) & (each.particle[:, 0] == kind)
                ratio = np.minimum(each.particle[right, column] / truth[right, column], edges[-1] - 1e-6)
                share = np.histogram(ratio, edges)[0] / max(right.sum(), 1)
                ax.stairs(share, edges, label=each.method)
                ax.set(xlabel=f"measured / true, {name}s", ylabel="share of particles")
                columns[name] = share
            d.drawn[each.method] = columns


def _first_seeds(outcomes: Sequence[Outcome]) -> list[Outcome]:
    return list({each.method: each for each in reversed(outcomes)}.values())[::-1]


def _share(
    energy: np.ndarray, all_of: np.ndarray, some: np.ndarray, least: int = 20
) -> tuple[np.ndarray, np.ndarray]:
    """Share in bins of energy, and its binomial error; NaN where there are few."""
    whole, part = (np.histogram(energy[rows], _ENERGIES)[0] for rows in (all_of, all_of & some))
    share = np.where(whole >= least, part / np.maximum(whole, 1), np.nan)
    return share, np.sqrt(share * (1 - share) / np.maximum(whole, 1))
