"""The figures of the report."""

from collections.abc import Sequence

import numpy as np

from femtobarn import plots
from femtobarn.hardware.fixed_point import bit_span
from femtobarn.hardware.integer_nodes import Linear
from femtobarn.runs import Run
from femtobarn.study import draw_front, drawing, grouped, over_seeds
from femtobarn.systems.hgq.hardware import Chosen, Reports
from femtobarn.systems.hgq.judge import Entry
from femtobarn.systems.hgq.points import Networks, Point
from femtobarn.systems.hgq.study import BASELINES, OURS, Part
from femtobarn.systems.hgq.tasks import Judged


def draw_all(
    run: Run,
    networks: Networks,
    task: Judged,
    entries: Sequence[Entry],
    chosen: Sequence[Chosen],
    reports: Reports,
) -> None:
    """Draw every figure of the report.

    Args:
        run: Where they are saved.
        networks: Of the run.
        task: What their quality is.
        entries: The front: quality on the test events against cost.
        chosen: The points written as Verilog.
        reports: What is known of each.
    """
    first = networks.seeds[0]
    _front(run, task, entries)
    mine = [each for each in chosen if (each.point.part.method, each.point.part.seed) == (OURS, first)]
    if mine:
        _bits(run, networks, min(mine, key=lambda each: each.within).point)
    _sweep(run, networks.parts[Part(OURS, 0, first)].history, task)
    _look_up_tables(run, [each.point for each in chosen], reports)


def _front(run: Run, task: Judged, entries: Sequence[Entry]) -> None:
    floating, *others = ((each, over_seeds(each.quality)) for each in entries)
    points: dict[str, list[tuple[float, float, float]]] = {}
    for entry, (value, error) in others:
        cost, _ = over_seeds([(each, 0) for each in entry.ebops])
        points.setdefault(entry.method, []).append((cost, task.sign * value, error))
    draw_front(
        run,
        points,
        limits={"floating point": task.sign * floating[1][0]},
        xscale="log",
        xlabel="EBOPs",
        ylabel=f"{task.quality} on test events" + (f" [{task.unit}]" if task.unit else ""),
        name="front",
        title="Quality against cost",
        caption="EBOPs: bits of the input times bits of the weight, summed over all multiplications. Trained bits: "
        "for each budget the point of the best validation quality, mean over the seeds. Uniform bits and "
        "quantisation after training: one point a width. Bars: test sample and seeds.",
        section="Front",
        size=(6.4, 4.6),
    )


def _bits(run: Run, networks: Networks, point: Point) -> None:
    """Bits of every weight of a point."""
    layers = [node for node in networks.integers(point).nodes if isinstance(node, Linear)]
    spans = {node.name: bit_span(node.weight) for node in layers}
    top = max((int(span.max()) for span in spans.values()), default=0)
    with drawing(
        run,
        "bits",
        by="layer",
        shape=(1, max(len(spans), 1)),
        size=(3.2 * max(len(spans), 1), 3.4),
        title="Bits of every weight",
        caption="Binary digits from the first to the last that is not zero; weights of 0 bits are pruned and cost "
        f"nothing. The cheapest network with trained bits near floating point, first seed: {point.ebops} EBOPs.",
        section="Bits",
    ) as d:
        for ax, (name, span) in zip(d.axes.flat, spans.items(), strict=False):
            image = ax.imshow(span, vmin=0, vmax=max(top, 1), aspect="auto", interpolation="nearest")
            ax.set(xlabel=f"input of {name}\n{np.mean(span == 0):.0%} pruned")
            output, inside = np.indices(span.shape)
            d.drawn[name] = {"output": output.ravel(), "input": inside.ravel(), "bits": span.ravel()}
        if spans:
            d.ax.set_ylabel("output")
            d.figure.colorbar(image, ax=d.axes.ravel().tolist(), label="bits of the weight")


def _sweep(run: Run, history: Sequence[dict[str, float]], task: Judged) -> None:
    epochs = [row["epoch"] for row in history]
    with drawing(
        run,
        "sweep",
        shape=(2, 1),
        sharex=True,
        size=(5.4, 5.2),
        title="The sweep",
        caption="Validation quality and EBOPs after each epoch while beta, the weight of the EBOPs in the loss, grows. "
        "The learning rate starts again at the top at fixed intervals. First seed.",
        section="Training",
    ) as d:
        upper, lower = d.axes.flat
        quality = {task.quality: [task.sign * row["quality"] for row in history]}
        drawn = [
            plots.training_curves(upper, epochs, quality),
            plots.training_curves(lower, epochs, {"EBOPs": [row["ebops"] for row in history]}),
        ]
        upper.set(xlabel="", ylabel=f"{task.title}, validation")
        lower.set(ylabel="EBOPs seen by training", yscale="log")
        d.table = {key: np.concatenate([np.asarray(each[key]) for each in drawn]) for key in drawn[0]}


def _look_up_tables(run: Run, points: Sequence[Point], reports: Reports) -> None:
    counted = grouped((p for p in points if reports[p.name].get("luts")), lambda point: point.part.method)
    with drawing(
        run,
        "look-up-tables",
        by="method",
        legend={},
        title="EBOPs and look-up tables",
        caption="The points written as Verilog. Counted by yosys before place and route, without "
        "multipliers in hardware. Grey: as many look-up tables as EBOPs. Uniform formats cut large numbers off, "
        "which takes look-up tables that EBOPs do not count.",
        section="Hardware",
    ) as d:
        for method, marker in zip((OURS, *BASELINES), plots.MARKERS, strict=False):
            if mine := counted.get(method):
                columns = {
                    "EBOPs": np.array([point.ebops for point in mine]),
                    "LUT": np.array([reports[point.name]["luts"] for point in mine]),
                }
                d.ax.plot(columns["EBOPs"], columns["LUT"], marker, label=method)
                d.drawn[method] = columns
        right = d.ax.get_xlim()[1]
        d.ax.axline((right, right), slope=1, color="0.6", linewidth=0.8)
        d.ax.set(xscale="log", yscale="log", xlabel="EBOPs", ylabel="look-up tables (yosys)")
