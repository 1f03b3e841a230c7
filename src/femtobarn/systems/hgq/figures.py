"""The figures of the report: each is saved with the numbers drawn in it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import pyplot

from femtobarn import plots
from femtobarn.hardware.fixed_point import bit_span
from femtobarn.hardware.integer_nodes import Linear
from femtobarn.runs import DataKind, Run
from femtobarn.systems.hgq import evaluation, study
from femtobarn.systems.hgq.designs import Design
from femtobarn.systems.hgq.evaluation import Row
from femtobarn.systems.hgq.study import METHODS, Part, Trained


def draw_all(
    run: Run,
    trained: Trained,
    rows: Sequence[Row],
    chosen: Sequence[Design],
    reports: Mapping[str, Mapping[str, Any]],
    *,
    data: DataKind,
) -> None:
    """Draw every figure of the report.

    Args:
        run: Where they are saved.
        trained: The networks.
        rows: The front: quality on the test events against cost.
        chosen: The designs that were written out.
        reports: What is known of each design.
        data: Kind of the data.
    """
    with plots.style():
        _front(run, trained, rows, data)
        _bits(run, trained, chosen, data)
        _sweep(run, trained, data)
        _look_up_tables(run, chosen, reports, data)


def _front(run: Run, trained: Trained, rows: Sequence[Row], data: DataKind) -> None:
    name, unit, sign = evaluation.quality_name(trained)
    figure, ax = pyplot.subplots(figsize=(6.4, 4.6))
    drawn: dict[str, dict[str, np.ndarray]] = {}
    for method in METHODS:
        mine = [
            (row.ebops[0], *row.quality) for row in rows if row.method == method and row.ebops is not None
        ]
        if mine:
            bits, values, errors = np.transpose(mine)
            drawn[method] = plots.frontier(ax, bits, sign * values, errors, label=method)
    if not any(np.isfinite(columns["value"]).any() for columns in drawn.values()):
        return  # a training too short for any quality, such as a resolution without most of the tracks
    limit = next(row.quality[0] for row in rows if row.method == "float")
    ax.axhline(sign * limit, color="0.4", linewidth=0.9, linestyle=":", label="floating point")
    ax.set_xscale("log")
    ax.set(xlabel="EBOPs", ylabel=f"{name} on test events" + (f" [{unit}]" if unit else ""))
    ax.legend()
    plots.label(ax, data)
    run.save_figure(
        "front",
        figure,
        title="Quality against cost",
        caption="EBOPs: bits of the input times bits of the weight, summed over all multiplications. Trained bits: "
        "for each budget the point of the best validation quality, mean over the seeds. Uniform bits and "
        "quantisation after training: one point a width. Bars: test sample and seeds.",
        section="Front",
        data=plots.long_form(drawn, name="method"),
    )


def _bits(run: Run, trained: Trained, chosen: Sequence[Design], data: DataKind) -> None:
    """Bits of every weight of the best exported design."""
    first = trained.study.seeds[0]
    shown = [d for d in chosen if d.method == "trained bits" and d.point.part.seed == first]
    if not shown:
        return
    design = min(shown, key=lambda each: each.within)
    layers = [node for node in trained.integers(design.point).nodes if isinstance(node, Linear)]
    if not layers:
        return
    spans = [bit_span(node.weight) for node in layers]
    top = max(int(span.max()) for span in spans)
    figure, axes = pyplot.subplots(1, len(spans), figsize=(3.2 * len(spans), 3.4), squeeze=False)
    columns = {}
    for ax, node, span in zip(axes[0], layers, spans, strict=True):
        image = ax.imshow(
            span, cmap="viridis", vmin=0, vmax=max(top, 1), aspect="auto", interpolation="nearest"
        )
        ax.set(xlabel="input", title=f"{node.name}: {np.mean(span == 0):.0%} pruned")
        output, inside = np.indices(span.shape)
        columns[node.name] = {"output": output.ravel(), "input": inside.ravel(), "bits": span.ravel()}
    axes[0][0].set_ylabel("output")
    figure.colorbar(image, ax=axes[0].tolist(), label="bits of the weight")
    kind = "real data" if data == "real" else "stand-in"
    figure.suptitle(f"femtobarn {kind}: {design.point.ebops} EBOPs", fontsize=11)
    run.save_figure(
        "bits",
        figure,
        title="Bits of every weight",
        caption="Binary digits from the first to the last that is not zero; weights of 0 bits are pruned and cost "
        "nothing. The cheapest network with trained bits near floating point, first seed.",
        section="Bits",
        data=plots.long_form(columns, name="layer"),
    )


def _sweep(run: Run, trained: Trained, data: DataKind) -> None:
    part = Part("trained bits", 0, trained.study.seeds[0])
    rows = study.load_history(trained.folder / part.name)
    name, unit, sign = evaluation.quality_name(trained)
    epochs = [row["epoch"] for row in rows]
    figure, (upper, lower) = pyplot.subplots(2, 1, figsize=(5.4, 5.2), sharex=True)
    quality = plots.training_curves(upper, epochs, {name: [sign * row["quality"] for row in rows]})
    cost = plots.training_curves(lower, epochs, {"EBOPs": [row["ebops"] for row in rows]})
    upper.set(xlabel="", ylabel=f"{name} on validation events" + (f" [{unit}]" if unit else ""))
    lower.set(ylabel="EBOPs seen by training", yscale="log")
    plots.label(upper, data)
    run.save_figure(
        "sweep",
        figure,
        title="The sweep",
        caption="Validation quality and EBOPs after each epoch while beta, the weight of the EBOPs in the loss, grows. "
        "The learning rate starts again at the top at fixed intervals. First seed.",
        section="Training",
        data={key: np.concatenate((quality[key], cost[key])) for key in quality},
    )


def _look_up_tables(
    run: Run, chosen: Sequence[Design], reports: Mapping[str, Mapping[str, Any]], data: DataKind
) -> None:
    counted = [design for design in chosen if reports[design.name].get("luts")]
    if not counted:
        return
    figure, ax = pyplot.subplots()
    drawn: dict[str, dict[str, np.ndarray]] = {}
    for method, marker in zip(METHODS, plots.MARKERS, strict=False):
        rows = [design for design in counted if design.method == method]
        if rows:
            columns = {
                "EBOPs": np.array([design.point.ebops for design in rows]),
                "LUT": np.array([reports[design.name]["luts"] for design in rows]),
            }
            ax.plot(columns["EBOPs"], columns["LUT"], marker, label=method)
            drawn[method] = columns
    ends = np.array(ax.get_xlim())
    ax.axline((ends[1], ends[1]), slope=1, color="0.6", linewidth=0.8)
    ax.set(xscale="log", yscale="log", xlabel="EBOPs", ylabel="look-up tables (yosys)")
    ax.legend()
    plots.label(ax, data)
    run.save_figure(
        "look-up-tables",
        figure,
        title="EBOPs and look-up tables",
        caption="The designs that were written out. Counted by yosys before place and route, without "
        "multipliers in hardware. Grey: as many look-up tables as EBOPs. Uniform formats cut large numbers off, "
        "which takes look-up tables that EBOPs do not count.",
        section="Hardware",
        data=plots.long_form(drawn, name="method"),
    )
