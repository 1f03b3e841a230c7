"""Figures of showers found in an endcap: efficiency by energy and crowd, photons, pairs, cost."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from femtobarn.evaluation.endcap.showers import Showers
from femtobarn.evaluation.endcap.tables import Outcome, both_found, median, share, width
from femtobarn.runs import Result, Run
from femtobarn.study import Value, drawing, grouped, over_seeds

Lines = Mapping[str, Sequence[Outcome]]  #: outcomes that differ by their seed, by the name in the legend
_ENERGIES = np.array([1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 200.0])
_CROWD = np.array([0.0, 0.3, 0.5, 0.7, 0.85, 0.95, 1.001])  # share of the energy around
_RADII = np.array([0.5, 1.0, 1.5, 2.0, 3.0, 4.0])
_LEAST = 5  # showers that a point needs


def draw_efficiency(run: Run, lines: Lines, names: Sequence[str]) -> None:
    """Against the true energy and the local density, and fakes against theirs; a panel for each sample."""
    _panels(
        run, "efficiency", lines, names, lambda s: s.energy, _ENERGIES, low=1.0, x="energy [GeV]", log=True,
        title="Efficiency against energy",
        caption="Share of true showers with a partner of IoU 0.3. Bars: test sample and spread over seeds.",
    )  # fmt: skip
    _panels(
        run, "crowd", lines, names, lambda s: s.share, _CROWD, low=5.0, x="share of energy within 50 mm", log=False,
        title="Efficiency against local density",
        caption="Showers above 5 GeV by their own share of all energy within 50 mm on the face: crowds on the left, "
        "showers alone on the right.",
    )  # fmt: skip
    _draw_fakes(run, lines, names)


def _draw_fakes(run: Run, lines: Lines, names: Sequence[str]) -> None:
    """Share of found showers without a partner against their measured energy, a panel for each sample."""
    with drawing(
        run, "fakes", title="Fakes against energy", section="Efficiency", shape=(1, len(names)),
        size=(4.2 * len(names), 3.6), sharey=True,
        caption="Share of found showers without a true partner of IoU 0.3. Bars: test sample and spread over seeds.",
    ) as d:  # fmt: skip
        for ax, sample in zip(d.axes[0], names, strict=True):
            for label, group in lines.items():
                found = []
                for low, high in pairwise(_ENERGIES):
                    some = [each.samples[sample] for each in group]
                    inside = [(s.found_energy > low) & (s.found_energy <= high) for s in some]
                    if min(map(np.sum, inside)) >= _LEAST:
                        pairs = zip(some, inside, strict=True)
                        values = [share(s.found_iou[rows] < 0.3) for s, rows in pairs]
                        found.append((float(np.sqrt(low * high)), *over_seeds(values)))
                if found:
                    at, value, error = np.transpose(found)
                    ax.errorbar(at, value, error, marker="o", markersize=3, label=label)
                    d.drawn[f"{sample}, {label}"] = {"energy [GeV]": at, "fake rate": value, "error": error}
            ax.set(xlabel="measured energy [GeV]", ylim=(0, 1.05), xscale="log")
            ax.text(0.05, 0.92, sample, transform=ax.transAxes)
        d.ax.set_ylabel("fake rate, IoU < 0.3")
        if d.drawn:
            d.axes[0, -1].legend(fontsize=7)


def draw_photons(run: Run, lines: Lines, name: str) -> None:
    """Median and width of the measured energy of matched photons of one sample."""
    with drawing(
        run, "response", title="Energy of matched photons", section="Energy", shape=(1, 2), size=(9.0, 3.8),
        caption=f"Measured over true energy, {name}: its median, and the range of its middle half over the median. "
        "Each method has one factor a cluster, fitted on its own clusters of training events.",
    ) as d:  # fmt: skip
        for label, group in lines.items():
            found: list[tuple[float, ...]] = []
            for low, high in pairwise(_ENERGIES):
                ratios = [each.samples[name].ratios((22,), low=low, high=high) for each in group]
                if min(map(len, ratios)) >= _LEAST:
                    numbers = (over_seeds([f(r, seed=1) for r in ratios]) for f in (median, width))
                    found.append((float(np.sqrt(low * high)), *(x for pair in numbers for x in pair)))
            if found:
                energy, middle, off, spread, error = np.transpose(found)
                for ax, value, bar in ((d.axes[0, 0], middle, off), (d.axes[0, 1], spread, error)):
                    ax.errorbar(energy, value, bar, marker="o", markersize=3, label=label)
                d.drawn[label] = {"energy": energy, "median": middle, "IQR over median": spread}
        for ax, text in zip(d.axes[0], ("median response", "IQR / median"), strict=True):
            ax.set(xscale="log", xlabel="energy [GeV]", ylabel=text)
        if d.drawn:
            d.axes[0, 1].legend(fontsize=7)


def draw_pairs(run: Run, lines: Lines, name: str, apart: Float[np.ndarray, " event"]) -> None:
    """Pairs of photons of which both are found, against their distance."""
    with drawing(
        run, "pairs", title="Two photons side by side", section="Photon pairs",
        caption="Share of pairs of photons of 10 to 50 GeV, without pile-up, of which both are matched at IoU 0.3.",
    ) as d:  # fmt: skip
        for label, group in lines.items():
            found = [
                (
                    (low + high) / 2,
                    *over_seeds([share(both_found(each.samples[name])[rows]) for each in group]),
                )
                for low, high in pairwise(_RADII)
                if (rows := (apart >= low) & (apart < high)).sum() >= _LEAST
            ]
            if found:
                at, value, error = np.transpose(found)
                d.ax.errorbar(at, value, error, marker="o", markersize=3, label=label)
                d.drawn[label] = {"distance": at, "both found": value, "error": error}
        if d.drawn:
            d.ax.legend(fontsize=7)
        d.ax.set(xlabel="distance [Moliere radii]", ylabel="both photons found", ylim=(0, 1.05))


def draw_cost(run: Run, rows: Sequence[Result]) -> None:
    """Results of the name "time of an event" against their label "hits"."""
    with drawing(
        run, "cost", title="Time against hits", section="Cost", legend={},
        caption="Seconds of one event on one thread; slices of the densest sample side by side. The machine is not "
        "alone: trust the growth.",
    ) as d:  # fmt: skip
        times = [each for each in rows if each.name == "time of an event"]
        for method, some in grouped(times, lambda each: each.labels["method"]).items():
            hits, seconds = [float(each.labels["hits"]) for each in some], [each.value for each in some]
            d.ax.plot(hits, seconds, marker="o", label=method)
            d.drawn[method] = {"hits": hits, "seconds": seconds}
        d.ax.set(xlabel="hits", ylabel="s", xscale="log", yscale="log")


def _panels(
    run: Run,
    name: str,
    lines: Lines,
    names: Sequence[str],
    column: Callable[[Showers], np.ndarray],
    edges: np.ndarray,
    *,
    low: float,
    x: str,
    log: bool,
    title: str,
    caption: str,
) -> None:
    with drawing(
        run, name, title=title, caption=caption, section="Efficiency", shape=(1, len(names)),
        size=(4.2 * len(names), 3.6), sharey=True,
    ) as d:  # fmt: skip
        for ax, sample in zip(d.axes[0], names, strict=True):
            for label, group in lines.items():
                found = [
                    (float(np.sqrt(a * b)) if log else (a + b) / 2, *over_seeds(values))
                    for a, b in pairwise(edges)
                    if (values := _binned(group, sample, column, a, b, low))
                ]
                if found:
                    at, value, error = np.transpose(found)
                    ax.errorbar(at, value, error, marker="o", markersize=3, label=label)
                    d.drawn[f"{sample}, {label}"] = {x: at, "efficiency": value, "error": error}
            ax.set(xlabel=x, ylim=(0, 1.05), xscale="log" if log else "linear")
            ax.text(0.05, 0.05, sample, transform=ax.transAxes)
        d.ax.set_ylabel("efficiency, IoU > 0.3")
        if d.drawn:
            d.axes[0, int(np.argmax([len(ax.containers) for ax in d.axes[0]]))].legend(fontsize=7)


def _binned(
    group: Sequence[Outcome],
    sample: str,
    column: Callable[[Showers], np.ndarray],
    a: float,
    b: float,
    low: float,
) -> list[Value]:
    """Efficiency of each outcome in a bin; none where there are too few showers."""
    values = []
    for each in group:
        showers = each.samples[sample]
        chosen = (column(showers) > a) & (column(showers) <= b) & (showers.energy > low)
        if chosen.sum() >= _LEAST:
            values.append(share(showers.iou[chosen] >= 0.3))
    return values
