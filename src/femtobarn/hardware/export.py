"""A folder with the Verilog of a model, its test vectors, and a record of what was checked."""

import dataclasses
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float, Int64

from femtobarn.errors import InputError
from femtobarn.hardware.cost import effective_bit_operations
from femtobarn.hardware.integer_model import IntegerModel
from femtobarn.hardware.synthesis import Synthesis, synthesise
from femtobarn.hardware.testbench import MissingToolError, simulate, test_bench, to_words
from femtobarn.hardware.verilog import VerilogSources, verilog

T = TypeVar("T")


@dataclass(frozen=True)
class VerilogReport:
    """What is known of a module; None stands for what was not checked."""

    ebops: int  #: effective bit operations of one event
    latency: int  #: clock cycles from an event to its answer, one event in each cycle; 0 without registers
    levels: int  #: adders on the longest path
    adders: int
    estimated_luts: int
    register_bits: int
    luts: int | None  #: counted by yosys, before place and route
    flip_flops: int | None
    depth: int | None  #: cells on the longest path between registers or ports, by yosys
    vectors: int
    mismatches: int | None  #: output numbers that differ from the integer model in the simulation
    overflows: dict[str, int]  #: numbers off the range of each quantiser, in the test events
    events: int  #: test events
    notes: tuple[str, ...]  #: checks that were left out, and why
    files: tuple[str, ...]

    @property
    def verified(self) -> bool:
        """Whether the Verilog was simulated and gave every output number of the integer model."""
        return self.mismatches == 0 and self.vectors > 0


_QUANTITIES = {
    "EBOPs": "ebops",
    "LUT (yosys)": "luts",
    "LUT (estimate)": "estimated_luts",
    "flip-flops (yosys)": "flip_flops",
    "cells on the longest path (yosys)": "depth",
    "adders on the longest path": "levels",
    "clock cycles": "latency",
    "vectors simulated": "vectors",
    "mismatches": "mismatches",
}


def quantities(report: Mapping[str, Any]) -> dict[str, float]:
    """Numbers of a `VerilogReport` or of its ``report.json`` by their names in tables; what was not checked is
    left out."""
    found = {title: report.get(key) for title, key in _QUANTITIES.items()}
    if report.get("mismatches") is None:
        del found["vectors simulated"]
    if "overflows" in report:
        found["numbers off their range"] = sum(report["overflows"].values())
    return {title: float(number) for title, number in found.items() if number is not None}


def export_verilog(
    model: IntegerModel,
    folder: Path,
    *,
    vectors: Float[np.ndarray, "vector *shape"],
    test: Float[np.ndarray, "event *shape"] | None = None,
    pipeline: int = 0,
    optimise: bool = True,
    synthesis: bool = True,
    module: str = "femtobarn",
) -> VerilogReport:
    """Write the module, a test bench and test vectors, run the checks for which the programs are installed.

    Args:
        model: What to write.
        folder: Is made if need be.
        vectors: Input numbers to simulate, some 1,000.
        test: Events in which overflows are counted; the vectors if left out.
        pipeline, optimise, module: As in `femtobarn.hardware.verilog.verilog`.
        synthesis: Count look-up tables with yosys, a minute or two for 10,000 of them.

    Returns:
        Costs and results. Without a simulator `mismatches` is None: nothing is called verified that was not run.

    Raises:
        MissingExtraError: `optimise` without alkaid.
        InputError: No vectors, or wrong ones.
    """
    if len(vectors) == 0:
        raise InputError("expected at least one test vector, got none")
    sources = verilog(model, pipeline=pipeline, optimise=optimise, module=module)
    inputs = model.encode(vectors)
    expected = model.run_integers(inputs)
    files = write_sources(sources, folder, inputs=_flat(inputs), expected=_flat(expected))
    model.save(folder / "model.npz")
    notes: list[str] = []
    answers = _if_possible(lambda: simulate(sources, _flat(inputs)), "the Verilog was not simulated", notes)
    cells = (
        _if_possible(lambda: synthesise(sources), "look-up tables were not counted", notes)
        if synthesis
        else None
    )
    events = vectors if test is None else test
    report = VerilogReport(
        ebops=effective_bit_operations(model),
        latency=sources.latency,
        levels=sources.levels,
        adders=sources.adders,
        estimated_luts=sources.luts,
        register_bits=sources.register_bits,
        **_cells(cells),
        vectors=len(vectors),
        mismatches=None if answers is None else int((answers != _flat(expected)).sum()),
        overflows=model.overflows(events),
        events=len(events),
        notes=tuple(notes),
        files=(*files, "model.npz", "report.json"),
    )
    text = json.dumps({**dataclasses.asdict(report), "verified": report.verified}, indent=2)
    (folder / "report.json").write_text(text + "\n", encoding="utf-8")
    return report


def write_sources(
    sources: VerilogSources,
    folder: Path,
    *,
    inputs: Int64[np.ndarray, "vector input"],
    expected: Int64[np.ndarray, "vector output"],
) -> tuple[str, ...]:
    """Names of the files written: module, test bench, words in and out, and where each number lies in a word."""
    ports = {
        "module": sources.module,
        "latency": sources.latency,
        "inputs": [dataclasses.asdict(port) for port in sources.inputs],
        "outputs": [dataclasses.asdict(port) for port in sources.outputs],
    }
    files = {
        f"{sources.module}.v": sources.text,
        "testbench.v": test_bench(sources, events=len(inputs)),
        "inputs.hex": "\n".join(to_words(inputs, sources.inputs)) + "\n",
        "expected.hex": "\n".join(to_words(expected, sources.outputs)) + "\n",
        "ports.json": json.dumps(ports, indent=2) + "\n",
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return tuple(files)


def _if_possible(check: Callable[[], T], otherwise: str, notes: list[str]) -> T | None:
    try:
        return check()
    except (MissingToolError, TimeoutError) as error:
        notes.append(f"{otherwise}: {error}")
        return None


def _cells(cells: Synthesis | None) -> dict[str, int | None]:
    return {name: getattr(cells, name, None) for name in ("luts", "flip_flops", "depth")}


def _flat(numbers: np.ndarray) -> np.ndarray:
    return numbers.reshape(len(numbers), math.prod(numbers.shape[1:]))
