"""Trained networks of a run as hardware: each written once, side by side, with what is known of it."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64

from femtobarn.errors import InputError, MissingExtraError
from femtobarn.hardware.cost import effective_bit_operations
from femtobarn.hardware.export import export_verilog, quantities
from femtobarn.hardware.integer_model import IntegerModel
from femtobarn.parts import Report, run_parts
from femtobarn.runs import Result, Run


@dataclass(frozen=True)
class Writing:
    """How networks are written as Verilog, and what is checked."""

    vectors: int = 1000
    """Test events that each design is simulated on."""
    pipeline: int = 5
    """Most adders between two registers; 0 for no registers."""
    optimise: bool = True
    """Share sums between outputs with alkaid; without it every weight is written by itself."""
    synthesis: bool = True
    """Count look-up tables with yosys."""
    largest: int = 1_000_000
    """Effective bit operations beyond which a network of the run is not written: it would take too long."""

    def __post_init__(self) -> None:
        if self.vectors < 2 or self.pipeline < 0:
            got = f"{self.vectors}, {self.pipeline}"
            raise InputError(f"at least two vectors and a pipeline of 0 or more expected: got {got}")


class Design(NamedTuple):
    """One network to write."""

    name: str
    integers: Callable[[], IntegerModel]
    """Makes the integer model in the process that writes it."""
    synthesis: bool = True
    """Count its look-up tables, if the settings ask for that."""


def write_designs(
    run: Run,
    designs: Sequence[Design],
    test: Float64[np.ndarray, "event *shape"],
    *,
    vectors: Float64[np.ndarray, "vector *shape"] | None = None,
    settings: Writing,
    module: str = "network",
    folder: str = "verilog",
    workers: int,
    progress: bool,
) -> dict[str, dict[str, Any]]:
    """The report of each design by its name; those that the run has written are not written again.

    What could not be done stands in the notes of the report and in the run's log.

    Args:
        run: The files go to ``FOLDER/NAME`` in it.
        designs: What to write.
        test: Inputs of test events.
        vectors: Inputs, the first of which are simulated; those of the test events if not given.
        settings: See `Writing`.
        module: Name of the Verilog module.
        folder: Of all designs, in the run.
        workers: Processes.
        progress: Show bars.
    """
    missing = [each for each in designs if run.done(f"designs/{each.name}") is None]
    simulated = (test if vectors is None else vectors)[: settings.vectors]
    work = functools.partial(_write, run, simulated, test, settings, module, folder)
    run_parts(work, missing, name=_name, title="designs", workers=workers, progress=progress)
    reports = {each.name: run.done(f"designs/{each.name}") or {} for each in designs}
    for name, report in reports.items():
        for note in report.get("notes", ()):
            run.log(event="note", design=name, note=note)
    return reports


def design_rows(
    name: str,
    reports: Mapping[str, Mapping[str, Any]],
    labels: Mapping[str, Mapping[str, str]],
    *,
    seeds: Mapping[str, tuple[int, ...]] | None = None,
    n: int = 0,
    split: str = "test",
) -> list[Result]:
    """Cost and checks of each design as results; what was not checked is left out.

    Args:
        name: Of the results.
        reports: Of `write_designs`.
        labels: Place in the table of each design, by its name.
        seeds: Of the trainings, by the design's name.
        n: Test events.
        split: Their sample.
    """
    return [
        Result(
            name,
            value,
            n=n,
            split=split,
            labels={**labels[design], "quantity": quantity},
            seeds=(seeds or {}).get(design, ()),
        )
        for design, report in reports.items()
        for quantity, value in quantities(report).items()
    ]


def _write(
    run: Run,
    vectors: np.ndarray,
    test: np.ndarray,
    settings: Writing,
    module: str,
    folder: str,
    design: Design,
    _: Report,
) -> None:
    integers = design.integers()
    if (cost := effective_bit_operations(integers)) > settings.largest:
        note = f"{cost} EBOPs are more than {settings.largest}: the Verilog was not written"
        run.mark_done(f"designs/{design.name}", {"ebops": cost, "notes": [note]})
        return
    try:
        report = export_verilog(
            integers,
            run.folder / folder / design.name,
            vectors=vectors,
            test=test,
            pipeline=settings.pipeline,
            optimise=settings.optimise,
            synthesis=settings.synthesis and design.synthesis,
            module=module,
        )
        found = {**asdict(report), "verified": report.verified}
    except MissingExtraError as error:
        found = {
            "notes": [f"the Verilog was not written: {error}; or switch its sharing of sums off (optimise)"]
        }
    run.mark_done(f"designs/{design.name}", found)


def _name(design: Design) -> str:
    return design.name
