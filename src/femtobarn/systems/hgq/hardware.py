"""Points in hardware: those near floating point as Verilog in the run, and any of them for elsewhere."""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from femtobarn.hardware.integer_model import IntegerModel
from femtobarn.hardware.network_export import Exported
from femtobarn.nn.quantised import to_integer
from femtobarn.report.export_design import export_design
from femtobarn.runs import Result, Run
from femtobarn.study import Design, Split, write_designs
from femtobarn.systems.hgq import tasks
from femtobarn.systems.hgq.points import MODELS, Networks, Point, network_of
from femtobarn.systems.hgq.sample import Events
from femtobarn.systems.hgq.study import BASELINES, OURS, Config, Study

Reports = Mapping[str, Mapping[str, Any]]

_SCALED = "Inputs are scaled: (column - mean) / width with the constants of the training events."


class Chosen(NamedTuple):
    """A point chosen for its quality, to be written."""

    point: Point
    within: float
    """Largest distance of its validation quality from that in floating point."""


def chosen(networks: Networks, study: Study) -> list[Chosen]:
    """For each seed all methods at the first distance, for the first seed trained bits at all; dear ones last."""
    first, *others = study.within
    asked = [(method, seed, first) for seed in networks.seeds for method in (OURS, *BASELINES)]
    asked += [(OURS, networks.seeds[0], within) for within in others]
    found = [(networks.near_float(method, seed, within=within), within) for method, seed, within in asked]
    return sorted(
        (Chosen(point, within) for point, within in found if point is not None),
        key=lambda each: each.point.ebops,
    )


def write(
    config: Config, data: Split[Events], points: Sequence[Point], run: Run, *, progress: bool
) -> Reports:
    """The report of each point by its name, see `write_designs`."""
    return write_designs(
        run,
        [
            Design(each.name, functools.partial(_integers, run.folder / "work", each))
            for each in dict.fromkeys(points)
        ],
        data.test.x.double().numpy(),
        settings=config.hardware,
        module="femtobarn",
        workers=config.workers,
        progress=progress,
    )


def export(run: Run, test: Events, folder: Path, *, to: str, config: Config, model: str | None) -> Exported:
    """Write one point of the run, compare it with its integers on test events, and write a page about it.

    Without a name it is the cheapest of the first seed near floating point with trained bits.

    Raises:
        InputError: The run has no such point, or there is no such target.
        MissingExtraError: A package of the extra "hardware" is missing.
    """
    networks, task = Networks.of(run), tasks.TASKS[config.data.task]
    point = networks.choose(model, within=config.study.within)
    method, floating = point.part.method, -networks.floats[point.part.seed].validation
    return export_design(
        run,
        networks.net(point),
        networks.integers(point),
        folder,
        to=to,
        name=point.name,
        test=test.x.double().numpy(),
        settings=config.hardware,
        summary=f"A network for {config.data.task} ({method}), a point on the front of quality and cost.",
        inputs=f"{task.ports} {_SCALED}",
        quality=[
            Result(
                task.quality, task.sign * value, unit=task.unit, split="validation", labels={"network": name}
            )
            for name, value in {method: point.validation, "floating point": floating}.items()
        ],
    )


def _integers(work: Path, point: Point) -> IntegerModel:
    return to_integer(network_of(MODELS.load(work / point.part.name), point))
