"""The figures of the report: each is saved with the numbers drawn in it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import pyplot
from matplotlib.colors import LogNorm, SymLogNorm
from matplotlib.ticker import StrMethodFormatter

from femtobarn import plots
from femtobarn.physics import wafer
from femtobarn.runs import DataKind, Result, Run
from femtobarn.systems.emd_compression import designs
from femtobarn.systems.emd_compression.evaluation import Outcome, by_labels, occupancy, per_wafer
from femtobarn.systems.emd_compression.sample import Sample
from femtobarn.systems.emd_compression.study import Trained

_EMD = "EMD [sensor cells]"


def draw_all(
    run: Run,
    results: Sequence[Result],
    outcomes: Sequence[Outcome],
    trained: Sequence[Trained],
    test: Sample,
    *,
    display: Outcome,
    links: str,
    learned: Mapping[str, np.ndarray] | None,
    data: DataKind,
) -> None:
    """Draw every figure of the report.

    Args:
        run: Where they are saved.
        results: The table of results.
        outcomes: All algorithms on the test wafers.
        trained: The trained autoencoders, for their training curves.
        test: The test wafers.
        display: The algorithm whose wafers are shown.
        links: The rate at which losses are compared.
        learned: Columns "true", "predicted" and "self" of the learned EMD, if it was trained.
        data: Kind of the data.
    """
    first = [group[0] for group in by_labels(outcomes)]
    compared = [o for o in first if o.labels["e-links"] == links and "super" not in o.labels["method"]]
    with plots.style():
        _frontier(run, results, data)
        _displays(run, display, test, data)
        for profile in _PROFILES:
            _profile(run, compared, test, data, *profile)
        _core(run, compared, test, data)
        if learned is not None:
            _learned(run, learned, data)
        _training(run, trained, links, data)


def draw_hardware(
    run: Run,
    written: Sequence[Trained],
    found: Sequence[Result],
    reports: Mapping[str, Mapping[str, Any]],
    *,
    data: DataKind,
) -> None:
    """Draw EMD against look-up tables, for each rate.

    Args:
        run: Where it is saved.
        written: The encoders that were written as Verilog.
        found: Their results.
        reports: What is known of each in hardware.
        data: Kind of the data.
    """
    rates = designs.front(written, found, reports)
    if not rates:
        return
    with plots.style():
        figure, ax = pyplot.subplots(figsize=(6.4, 4.6))
        colours = dict(zip(dict.fromkeys(map(_rate, rates)), plots.PALETTE, strict=False))
        ax.set_prop_cycle(color=[colours[_rate(name)] for name in rates])
        drawn = {}
        for name, row in rates.items():
            drawn[name] = plots.frontier(ax, row["luts"], row["emd"], row["error"], label=name)
            if name.endswith(designs.YOSYS):
                ax.containers[-1].lines[0].set_linestyle("--")  # type: ignore[attr-defined]
        ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        ax.set(
            xlabel="look-up tables (estimate; yosys where named)",
            ylabel=f"mean {_EMD}",
        )
        ax.legend(fontsize=8)
        plots.label(ax, data)
        run.save_figure(
            "hardware",
            figure,
            title="EMD and look-up tables",
            caption="Encoders whose bits were trained with the exact EMD, each at its price of an effective bit "
            "operation, for every rate; before place and route, without multipliers in hardware. Lower left is "
            "better. The chip's formats were trained for as many epochs. Bars: showers in the test sample and seeds.",
            section="Hardware",
            data=plots.long_form(drawn, name="rate"),
        )


def _rate(name: str) -> str:
    return name.removesuffix(designs.YOSYS)


def _frontier(run: Run, results: Sequence[Result], data: DataKind) -> None:
    by_method: dict[str, dict[str, list[float]]] = {}
    bits = {tuple(r.labels.values()): r.value for r in results if r.name == "bits per crossing"}
    for r in results:
        if r.name == "mean EMD":
            columns = by_method.setdefault(r.labels["method"], {"bits": [], "value": [], "error": []})
            columns["bits"].append(bits[tuple(r.labels.values())])
            columns["value"].append(r.value)
            columns["error"].append(r.error or 0.0)
    figure, ax = pyplot.subplots(figsize=(6.4, 4.6))
    drawn = {name: plots.frontier(ax, **columns, label=name) for name, columns in by_method.items()}
    ax.set(xlabel="bits per wafer and bunch crossing", ylabel=f"mean {_EMD}", xlim=(0, 375), ylim=(0, None))
    ax.legend(loc="upper right", fontsize=8)
    plots.label(ax, data)
    run.save_figure(
        "frontier",
        figure,
        title="Rate and distortion",
        caption="Mean exact EMD between the wafer sent and the wafer that arrives, against the bits that were sent, "
        "header and sum included. Lower left is better. Bars: showers in the test sample and seeds.",
        section="Frontier",
        data=plots.long_form(drawn, name="method"),
    )


def _displays(run: Run, outcome: Outcome, test: Sample, data: DataKind) -> None:
    value = np.where(np.isfinite(outcome.emd), outcome.emd, np.inf)
    order = np.argsort(value)
    chosen = {"median": order[len(order) // 2], "97.5 %": order[int(0.975 * len(order))], "worst": order[-1]}
    name = f"{outcome.labels['method']}, {outcome.labels['e-links']} e-links"
    figure, axes = pyplot.subplots(len(chosen), 3, figsize=(8.6, 2.75 * len(chosen)))
    columns: dict[str, dict[str, np.ndarray]] = {}
    for row, (rank, i) in zip(axes, chosen.items(), strict=True):
        sent, arrived = (q[i] / wafer.ADC_PER_MIP for q in (test.charge, outcome.decoded))
        top = float(sent.max())
        for ax, title, values in (
            (row[0], f"{rank}: sent", sent),
            (row[1], f"arrives, EMD {outcome.emd[i]:.2f}", arrived),
        ):
            drawn = plots.wafer_display(ax, values, norm=LogNorm(max(top / 300, 1e-2), top))
            columns[f"{title}".split(",")[0] + ("" if "sent" in title else f" ({rank})")] = drawn
            ax.set_title(title, fontsize=10)
        size = float(np.abs(arrived - sent).max()) or 1.0
        norm = SymLogNorm(size / 30, vmin=-size, vmax=size)
        columns[f"{rank}: difference"] = plots.wafer_display(
            row[2],
            arrived - sent,
            norm=norm,
            cmap="RdBu_r",
            signed=True,
            label=r"difference [MIP$_\mathrm{T}$]",
        )
        row[2].set_title("arrives - sent", fontsize=10)
    figure.suptitle(f"femtobarn {'real data' if data == 'real' else 'stand-in'}: {name}", fontsize=11)
    run.save_figure(
        "wafers",
        figure,
        title="Wafers sent and decoded",
        caption=f"{name}. The wafers whose EMD is the median, the 97.5 % quantile and the largest of the test sample.",
        section="Wafers",
        data=plots.long_form(columns, name="display"),
    )


def _eta(test: Sample) -> np.ndarray:
    return np.abs(test.eta)


def _sum(test: Sample) -> np.ndarray:
    return np.log10(test.charge.sum(axis=1) / wafer.ADC_PER_MIP)


_PROFILES: tuple[tuple[str, str, Callable[[Sample], np.ndarray], Any], ...] = (
    ("occupancy", r"cells above 1 MIP$_\mathrm{T}$", occupancy, np.linspace(0, 24, 13)),
    ("sum", r"log$_{10}$(sum / MIP$_\mathrm{T}$)", _sum, np.linspace(0, 2.5, 21)),
    ("eta", r"|$\eta$| of the wafer", _eta, np.linspace(1.5, 3.0, 11)),
)


def _profile(
    run: Run,
    outcomes: Sequence[Outcome],
    test: Sample,
    data: DataKind,
    name: str,
    title: str,
    quantity: Callable[[Sample], np.ndarray],
    bins: Any,
) -> None:
    x = quantity(test).astype(float)
    if np.ptp(x) == 0:  # the analytic stand-in has one eta only
        return
    figure, ax = pyplot.subplots()
    drawn = {}
    for outcome in outcomes:
        arrived = np.isfinite(outcome.emd)
        method = outcome.labels["method"]
        drawn[method] = plots.band_profile(ax, x[arrived], outcome.emd[arrived], bins, label=method)
    ax.set(xlabel=title, ylabel=_EMD, ylim=(0, 1.35 * ax.get_ylim()[1]))  # room for the legend
    ax.legend(fontsize=8)
    plots.label(ax, data, text=f"{outcomes[0].labels['e-links']} e-links")
    run.save_figure(
        f"emd-{name}",
        figure,
        title=f"EMD against {name}",
        caption="Median and 16-84 % band over the test wafers; one training of each loss, all at the same rate. "
        "The published decoder unless the name says otherwise. Wafers that arrive empty have no EMD and are left "
        "out; the results count them.",
        section="Where it fails",
        data=plots.long_form(drawn, name="method"),
    )


def _core(run: Run, outcomes: Sequence[Outcome], test: Sample, data: DataKind) -> None:
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9.6, 3.9))
    charge = np.log10(test.charge.max(axis=1) / wafer.ADC_PER_MIP)
    bins = np.linspace(0, 2.5, 11)
    drawn: dict[str, dict[str, np.ndarray]] = {}
    for outcome in outcomes:
        ratio = per_wafer(outcome, test)["core ratio"]
        kept = np.isfinite(ratio)
        method = outcome.labels["method"]
        scale = plots.band_profile(left, charge[kept], ratio[kept], bins, label=method)
        width = plots.resolution(right, charge[kept], ratio[kept] - 1, bins, label=method)
        drawn[f"scale, {method}"], drawn[f"resolution, {method}"] = _pair(scale), _pair(width)
    for ax in (left, right):
        ax.set_xlabel(r"log$_{10}$(largest cell / MIP$_\mathrm{T}$)")
    left.set(ylabel="charge arriving / sent, core")
    right.set(ylabel="half width of the 68 % band")
    left.axhline(1, color="0.6", linewidth=0.8, zorder=0)
    right.legend(fontsize=7, loc="upper right")
    right.set_ylim(0, 1.35 * right.get_ylim()[1])
    plots.label(left, data, text=f"{outcomes[0].labels['e-links']} e-links")
    run.save_figure(
        "core",
        figure,
        title="Energy scale and resolution",
        caption="Charge in the largest cell sent and its neighbours: what arrives there over what was sent. Left: "
        "median and 16-84 % band. Right: half the width of that band, with its error.",
        section="Energy",
        data=plots.long_form(drawn, name="quantity"),
    )


def _pair(columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Profile and resolution in the columns they share, and the number each draws."""
    value = columns["median"] if "median" in columns else columns["width"]
    return {"low": columns["low"], "high": columns["high"], "entries": columns["entries"], "value": value}


def _learned(run: Run, columns: Mapping[str, np.ndarray], data: DataKind) -> None:
    true, predicted, same = columns["true"], columns["predicted"], columns["self"]
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9.6, 3.9))
    top = float(np.quantile(true, 0.999))
    left.plot(true, predicted, ".", markersize=2, alpha=0.3)
    left.plot((0, top), (0, top), color="black", linewidth=0.8)
    left.set(
        xlabel=f"exact {_EMD}", ylabel=f"learned {_EMD}", xlim=(0, top), ylim=(min(0, predicted.min()), top)
    )
    right.hist(same, bins=40, histtype="step")
    right.axvline(0, color="black", linewidth=0.8)
    right.set(xlabel="learned EMD of a wafer and itself [sensor cells]", ylabel="wafers")
    plots.label(left, data)
    run.save_figure(
        "learned-emd",
        figure,
        title="The learned EMD",
        caption="Left: the network's distance against the exact one for pairs of test wafers it has not seen. Right: "
        "its distance from a wafer to itself, which should be zero: the floor of a learned loss.",
        section="Learned EMD",
        data=dict(columns),
    )


def _training(run: Run, trained: Sequence[Trained], links: str, data: DataKind) -> None:
    chosen = [t for t in trained if t.part.labels["e-links"] == links and t.part.seed == trained[0].part.seed]
    longest = max(chosen, key=lambda t: len(t.history))
    epochs = [row["epoch"] for row in longest.history]
    curves = {}
    for each in chosen:
        values = [row["validation"] for row in each.history]
        curves[each.part.labels["method"]] = values + [np.nan] * (len(epochs) - len(values))
    figure, ax = pyplot.subplots()
    drawn = plots.training_curves(ax, epochs, curves)
    ax.set(ylabel=f"mean {_EMD} on validation wafers")
    ax.legend(fontsize=8)
    plots.label(ax, data, text=f"{links} e-links")
    run.save_figure(
        "training",
        figure,
        title="Training",
        caption="Exact EMD on the validation wafers after each epoch, for every loss; the best epoch is kept.",
        section="Training",
        data=drawn,
    )
