"""Students as hardware: Verilog, its simulation, its look-up tables, and what they cost in tagging."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import pyplot
from matplotlib.ticker import StrMethodFormatter

from femtobarn import plots
from femtobarn.errors import MissingExtraError
from femtobarn.hardware.export import export_verilog, quantities
from femtobarn.runs import DataKind, Result, Run
from femtobarn.systems.jet_distillation import study
from femtobarn.systems.jet_distillation.model import first_particles
from femtobarn.systems.jet_distillation.quantised import BitTagger, TrainedBits
from femtobarn.systems.jet_distillation.sample import Sample
from femtobarn.systems.jet_distillation.study import TITLES, Part, Trained

NAME = "student in hardware"  #: of the results
_MERITS = ("accuracy", "AUC")


def rows(test: Sample, particles: int) -> np.ndarray:
    """Inputs of the hardware, float64: the features of the hardest particles, rounded to float32 as in training."""
    columns = study.table(test)
    seen = first_particles(columns["momentum"], columns["mass"], columns["mask"], particles)
    return seen.float().double().numpy()


def write(trained: Trained, test: Sample, folder: Path, *, settings: TrainedBits) -> dict[str, Any]:
    """The report of a student as plain JSON; what could not be done stands in its notes."""
    model = trained.model
    assert isinstance(model, BitTagger)
    inputs = rows(test, model.particles)
    try:
        report = export_verilog(
            model.exact.integers,
            folder,
            vectors=inputs[: settings.vectors],
            test=inputs,
            pipeline=settings.pipeline,
            optimise=settings.optimise,
            synthesis=settings.synthesis,
            module="tagger",
        )
    except MissingExtraError as error:
        return {"notes": [f"the Verilog was not written: {error}; or give --hgq.no-optimise"]}
    return asdict(report)


def title(part: Part) -> str:
    """What a student is called in tables."""
    way = f"distilled from {TITLES[part.teacher]}" if part.teacher else part.method
    return f"{way}, beta {part.beta:g}"


def results(
    written: Sequence[Trained],
    merits: Sequence[Result],
    reports: Mapping[str, Mapping[str, Any]],
    *,
    data: DataKind,
) -> list[Result]:
    """Quality, cost and checks of each student that was written; what was not checked is left out.

    The quality is the mean over the seeds; the hardware is that of the first.
    """
    known = {(result.name, *result.labels.values()): result for result in merits}
    found = []
    for each in written:
        place = {"student": title(each.part)}
        for name in _MERITS:
            own = known[name, *each.part.labels_in_tables.values()]
            found.append(replace(own, name=NAME, unit="", data=data, labels={**place, "quantity": name}))
        for quantity, value in quantities(reports[each.part.name]).items():
            labels = {**place, "quantity": quantity}
            seeds = (each.part.seed,)
            found.append(Result(NAME, value, n=own.n, split=own.split, data=data, labels=labels, seeds=seeds))
    return found


def draw(
    run: Run,
    written: Sequence[Trained],
    merits: Sequence[Result],
    reports: Mapping[str, Mapping[str, Any]],
    *,
    data: DataKind,
) -> None:
    """Draw AUC against look-up tables of the students, and that of the same student in floating point."""
    every = all(reports[each.part.name].get("luts") for each in written)
    key = "luts" if every else "estimated_luts"
    known = {tuple(result.labels.values()): result for result in merits if result.name == "AUC"}
    points: dict[str, list[tuple[float, float, float]]] = {}
    limits: dict[str, float] = {}
    for each in written:
        if key not in reports[each.part.name]:
            return
        own = known[tuple(each.part.labels_in_tables.values())]
        way = title(each.part).rpartition(", ")[0]
        points.setdefault(way, []).append((reports[each.part.name][key], own.value, own.error or 0.0))
        limits[way] = known[tuple(each.part.start.labels_in_tables.values())].value
    with plots.style():
        figure, ax = pyplot.subplots()
        drawn = {}
        for way, each_point in points.items():
            drawn[way] = plots.frontier(ax, *np.transpose(each_point), label=way)
            colour = ax.containers[-1].lines[0].get_color()  # type: ignore[attr-defined]
            ax.axhline(
                limits[way], color=colour, linestyle=":", linewidth=0.9, label=f"{way}, in floating point"
            )
        ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        ax.set(xlabel=f"look-up tables ({'yosys' if every else 'estimate'})", ylabel="AUC")
        ax.legend(fontsize=8)
        plots.label(ax, data)
        run.save_figure(
            "hardware",
            figure,
            title="AUC and look-up tables",
            caption="The MLP for hardware with trained bits, at each price of an effective bit operation; before place "
            "and route, without multipliers in hardware. Upper left is better. Bars: test sample and seeds.",
            section="Hardware",
            data=plots.long_form(drawn, name="method"),
        )
