"""The figures of the report: each is saved with the numbers drawn in it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.colors import LogNorm, SymLogNorm

from femtobarn import plots
from femtobarn.physics import wafer
from femtobarn.physics.wafer_formats import BEST_CHOICE
from femtobarn.runs import Result, Run
from femtobarn.study import Trained, draw_front, draw_training, drawing
from femtobarn.systems.emd_compression.judge import Outcome, by_labels, occupancy, per_wafer
from femtobarn.systems.emd_compression.sample import Wafers
from femtobarn.systems.emd_compression.study import PYRAMID, Part

_EMD = "EMD [sensor cells]"
_PROFILES: tuple[tuple[str, str, Callable[[Wafers], np.ndarray], Any], ...] = (
    ("occupancy", r"cells above 1 MIP$_\mathrm{T}$", occupancy, np.linspace(0, 24, 13)),
    (
        "sum",
        r"log$_{10}$(sum / MIP$_\mathrm{T}$)",
        lambda test: np.log10(test.charge.sum(axis=1) / wafer.ADC_PER_MIP),
        np.linspace(0, 2.5, 21),
    ),
    ("eta", r"|$\eta$| of the wafer", lambda test: np.abs(test.eta), np.linspace(1.5, 3.0, 11)),
)


def draw_all(
    run: Run,
    results: Sequence[Result],
    outcomes: Sequence[Outcome],
    trained: Sequence[Trained[Part]],
    test: Wafers,
    *,
    display: Outcome,
    links: int,
    learned: Mapping[str, np.ndarray] | None,
) -> None:
    """Draw every figure of the report.

    Wafers are those of `display`, losses are compared at one rate, `links`; `learned` are the columns of
    `learned_emd.examine`, if it was trained.
    """
    hidden = {"super trigger cells", *BEST_CHOICE[:2], PYRAMID[0]}  # others of their kind arrive better
    first = [same[0] for same in by_labels(outcomes).values()]
    compared = [o for o in first if o.labels["e-links"] == str(links) and o.labels["method"] not in hidden]
    _rates(run, results)
    _displays(run, display, test)
    for profile in _PROFILES:
        _profile(run, compared, test, *profile)
    _core(run, compared, test)
    if learned is not None:
        _learned(run, learned)
    draw_training(
        run,
        [each for each in trained if each.part.links == links and each.part.seed == trained[0].part.seed],
        ylabel=f"mean {_EMD} on validation wafers",
        caption="Exact EMD on the validation wafers after each epoch, for every loss; the best epoch is kept.",
        text=f"{links} e-links",
    )


def _rates(run: Run, results: Sequence[Result]) -> None:
    bits = {tuple(r.labels.values()): r.value for r in results if r.name == "bits per crossing"}
    points: dict[str, list[tuple[float, float, float]]] = {}
    for r in results:
        if r.name == "mean EMD":
            point = bits[tuple(r.labels.values())], r.value, r.error or 0.0
            points.setdefault(r.labels["method"], []).append(point)
    draw_front(
        run,
        points,
        xlabel="bits per wafer and bunch crossing",
        ylabel=f"mean {_EMD}",
        caption="Mean exact EMD between the wafer sent and the wafer that arrives, against the bits that were sent, "
        "header and sum included. Lower left is better. Bars: showers in the test sample and seeds.",
        name="frontier",
        title="Rate and distortion",
        section="Frontier",
        size=(6.4, 4.6),
        legend={"loc": "upper right"},
    )


def _displays(run: Run, outcome: Outcome, test: Wafers) -> None:
    order = np.argsort(np.where(np.isfinite(outcome.emd), outcome.emd, np.inf))
    chosen = {"median": order[len(order) // 2], "97.5 %": order[int(0.975 * len(order))], "worst": order[-1]}
    name = f"{outcome.labels['method']}, {outcome.labels['e-links']} e-links"
    with drawing(
        run, "wafers", title="Wafers sent and decoded", section="Wafers", by="display",
        caption=f"{name}. The wafers whose EMD is the median, the 97.5 % quantile and the largest of the test sample.",
        shape=(len(chosen), 3), size=(8.6, 2.9 * len(chosen)),
    ) as d:  # fmt: skip
        for row, (rank, i) in zip(d.axes, chosen.items(), strict=True):
            sent, arrived = (q[i] / wafer.ADC_PER_MIP for q in (test.charge, outcome.decoded))
            top, size = float(sent.max()), float(np.abs(arrived - sent).max()) or 1.0
            shades = LogNorm(max(top / 300, 1e-2), top)
            difference = {
                "norm": SymLogNorm(size / 30, vmin=-size, vmax=size),
                "cmap": "RdBu_r",
                "signed": True,
                "label": r"difference [MIP$_\mathrm{T}$]",
            }
            texts = "sent", f"arrives, EMD {outcome.emd[i]:.2f}", "arrives - sent"
            looks: tuple[dict[str, Any], ...] = {"norm": shades}, {"norm": shades}, difference
            columns = zip(row, texts, (sent, arrived, arrived - sent), looks, strict=True)
            for ax, text, values, look in columns:
                d.drawn[f"{rank}: {text.split(',')[0]}"] = plots.wafer_display(ax, values, **look)
                ax.set_title(f"{rank}: {text}", fontsize=10, y=-0.12)


def _profile(
    run: Run,
    outcomes: Sequence[Outcome],
    test: Wafers,
    name: str,
    xlabel: str,
    quantity: Callable[[Wafers], np.ndarray],
    bins: Any,
) -> None:
    x = quantity(test).astype(float)
    if np.ptp(x) == 0:  # the analytic stand-in has one eta only
        return
    with drawing(
        run, f"emd-{name}", title=f"EMD against {name}", section="Where it fails", by="method", legend={},
        caption="Median and 16-84 % band over the test wafers; one training of each loss, all at the same rate. "
        "The published decoder unless the name says otherwise. Wafers that arrive empty have no EMD and are left "
        "out; the results count them.",
        text=f"{outcomes[0].labels['e-links']} e-links",
    ) as d:  # fmt: skip
        for outcome in outcomes:
            arrived, method = np.isfinite(outcome.emd), outcome.labels["method"]
            d.drawn[method] = plots.band_profile(d.ax, x[arrived], outcome.emd[arrived], bins, label=method)
        d.ax.set(xlabel=xlabel, ylabel=_EMD, ylim=(0, 1.35 * d.ax.get_ylim()[1]))  # room for the legend


def _core(run: Run, outcomes: Sequence[Outcome], test: Wafers) -> None:
    charge, bins = np.log10(test.charge.max(axis=1) / wafer.ADC_PER_MIP), np.linspace(0, 2.5, 11)
    with drawing(
        run, "core", title="Energy scale and resolution", section="Energy", by="quantity",
        caption="Charge in the largest cell sent and its neighbours: what arrives there over what was sent. Left: "
        "median and 16-84 % band. Right: half the width of that band, with its error.",
        shape=(1, 2), size=(9.6, 3.9), text=f"{outcomes[0].labels['e-links']} e-links",
    ) as d:  # fmt: skip
        left, right = d.axes[0]
        for outcome in outcomes:
            ratio, method = per_wafer(outcome, test)["core ratio"], outcome.labels["method"]
            kept = np.isfinite(ratio)
            scale = plots.band_profile(left, charge[kept], ratio[kept], bins, label=method)
            width = plots.resolution(right, charge[kept], ratio[kept] - 1, bins, label=method)
            for what, columns, value in (("scale", scale, "median"), ("resolution", width, "width")):
                shared = {name: columns[name] for name in ("low", "high", "entries")}
                d.drawn[f"{what}, {method}"] = shared | {"value": columns[value]}
        for ax in d.axes[0]:
            ax.set_xlabel(r"log$_{10}$(largest cell / MIP$_\mathrm{T}$)")
        left.set(ylabel="charge arriving / sent, core")
        left.axhline(1, color="0.6", linewidth=0.8, zorder=0)
        right.set(ylabel="half width of the 68 % band", ylim=(0, 1.35 * right.get_ylim()[1]))
        right.legend(fontsize=7, loc="upper right")


def _learned(run: Run, columns: Mapping[str, np.ndarray]) -> None:
    true, predicted, same = columns["true"], columns["predicted"], columns["self"]
    with drawing(
        run, "learned-emd", title="The learned EMD", section="Learned EMD", shape=(1, 2), size=(9.6, 3.9),
        caption="Left: the network's distance against the exact one for pairs of test wafers it has not seen. Right: "
        "its distance from a wafer to itself, which should be zero: the floor of a learned loss.",
    ) as d:  # fmt: skip
        left, right = d.axes[0]
        top = float(np.quantile(true, 0.999))
        left.plot(true, predicted, ".", markersize=2, alpha=0.3)
        left.plot((0, top), (0, top), color="black", linewidth=0.8)
        left.set(xlabel=f"exact {_EMD}", ylabel=f"learned {_EMD}", xlim=(0, top))
        left.set_ylim(min(0, predicted.min()), top)
        right.hist(same, bins=40, histtype="step")
        right.axvline(0, color="black", linewidth=0.8)
        right.set(xlabel="learned EMD of a wafer and itself [sensor cells]", ylabel="wafers")
        d.table = columns
