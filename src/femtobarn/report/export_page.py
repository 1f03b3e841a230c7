"""The page that lies beside an exported network: cost, checks, interface and files."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

import numpy as np

from femtobarn.hardware.export import quantities
from femtobarn.hardware.integer_model import IntegerModel
from femtobarn.hardware.integer_nodes import Input, Quantise
from femtobarn.hardware.network_export import Exported
from femtobarn.report.numbers import measurement
from femtobarn.report.page import _environment
from femtobarn.report.tables import value_cell
from femtobarn.runs import Result, Run, write_atomically

PAGE = "export.html"

_TARGETS = {"verilog": "Verilog", "onnx": "ONNX", "hls4ml": "hls4ml project"}
_MEANINGS = {
    "EBOPs": "bits of the input times bits of the weight, summed over all multiplications of one event",
    "LUT (yosys)": "look-up tables, mapped by yosys for UltraScale+ without multipliers, before place and route",
    "LUT (estimate)": "a look-up table for each bit of an adder, a comparison or a choice",
    "flip-flops (yosys)": "mapped by yosys",
    "cells on the longest path (yosys)": "between two registers or ports: the depth of the logic",
    "adders on the longest path": "from an input to an output, all stages together",
    "clock cycles": "from an event to its answer, a new event in every cycle; 0 has no registers",
    "vectors simulated": "in Icarus Verilog",
    "vectors compared": "events of which all output numbers were compared",
    "mismatches": "output numbers that differ: only 0 may be used",
    "numbers off their range": "in the test events: numbers that wrap or are cut off at an input or a quantiser",
    "test events": "events in which overflows were counted",
    "single event [us]": "median of calls of one event on one core of a processor, in onnxruntime",
    "single event, 95 % [us]": "the same, slower than 95 % of the calls",
}
_FILES = {
    "testbench.v": "test bench: reads inputs.hex, writes outputs.hex",
    "inputs.hex": "input words of the test vectors",
    "expected.hex": "output words of the integer model",
    "ports.json": "where each number lies in a word",
    "report.json": "cost and checks, for programs",
    "model.npz": "integer model: femtobarn.hardware.integer_model.IntegerModel.load",
    "vectors.npz": "test vectors: inputs, and the outputs expected",
    "network.onnx": "the network as ONNX, any number of events",
    "firmware": "the network in C++ for Vitis HLS, with its weights",
    "femtobarn_test.cpp": "hls4ml's test bench",
    "femtobarn_bridge.cpp": "what Python calls the emulation by",
    "build_lib.sh": "compiles the emulation with g++",
    "build_prj.tcl": "simulation and synthesis in Vitis HLS",
    "build_opt.tcl": "which of these steps are taken",
    "project.tcl": "names of the project, the device and the clock",
    "vivado_synth.tcl": "logic synthesis in Vivado",
    "hls4ml_config.yml": "hls4ml's settings",
    "tb_data": "events for hls4ml's test bench, none by default",
}
_BEYOND = {"WRAP": "wraps", "SAT": "stops at the ends", "SAT_SYM": "stops at symmetric ends"}
_BEYOND_NOTE = (
    "A quantiser that stops at the ends of its range is trained to cut some numbers off. One that wraps should count "
    "0: each number off its range is a wrong one, without warning."
)


class _Row(NamedTuple):
    quantity: str
    value: str
    meaning: str


class _Word(NamedTuple):
    place: str
    width: int
    sign: str
    step: str


class _Overflow(NamedTuple):
    quantiser: str
    beyond: str
    numbers: str
    share: str


class _File(NamedTuple):
    name: str
    size: str
    meaning: str


def write_export_page(
    exported: Exported, run: Run, *, summary: str, inputs: str, quality: Sequence[Result] = ()
) -> Path:
    """Write ``export.html`` into the folder of an exported network, complete in itself, and return its path.

    Args:
        exported: What was written and checked.
        run: The run that the network is from.
        summary: What the network does, in one sentence.
        inputs: What its input and output numbers are.
        quality: Its results, and those to compare with.

    Raises:
        InputError: The page cannot be written.
    """
    folder = exported.folder
    page = (
        _environment()
        .get_template("export.html.j2")
        .render(
            exported=exported,
            run=run,
            data=run.data,
            summary=summary,
            inputs=inputs,
            quality=quality,
            target=_TARGETS[exported.target],
            status=_status(exported),
            rows=[_Row(name, value, _MEANINGS.get(name, "")) for name, value in _numbers(exported).items()],
            overflows=_overflows(exported),
            overflow_note=_BEYOND_NOTE,
            words=_words(folder),
            files=_files(folder),
            command=_command(folder),
            versions=_versions(),
            value_cell=value_cell,
        )
    )
    write_atomically(folder / PAGE, page.encode())
    return folder / PAGE


def _status(exported: Exported) -> tuple[str, str, str]:
    """Class of the badge, its words, and a sentence."""
    if exported.mismatches is None:
        return "interrupted", "not verified", ""
    if exported.mismatches:
        return (
            "failed",
            f"{exported.mismatches} mismatches",
            f"Output numbers differ from {exported.compared_with}: do not use it.",
        )
    return "done", "bit for bit" if exported.ebops is not None else "the same numbers", ""


def _numbers(exported: Exported) -> dict[str, str]:
    found: dict[str, float] = {}
    if exported.verilog is not None:
        found = quantities(asdict(exported.verilog))
    else:
        if exported.ebops is not None:
            found["EBOPs"] = exported.ebops
            found["numbers off their range"] = sum(exported.overflows.values())
        if exported.mismatches is not None:
            found["vectors compared"] = exported.vectors
            found["mismatches"] = exported.mismatches
    if exported.ebops is not None:
        found["test events"] = exported.events
    shown = {name: measurement(float(value)) for name, value in found.items()}
    if exported.latency is not None:
        shown["single event [us]"] = measurement(exported.latency.median)
        shown["single event, 95 % [us]"] = measurement(exported.latency.percentile_95)
    return shown


def _overflows(exported: Exported) -> list[_Overflow]:
    """Quantisers with numbers off their range, what they do with them, and their share of all such numbers."""
    if exported.ebops is None:
        return []
    nodes = {node.name: node for node in IntegerModel.load(exported.folder / "model.npz").nodes}
    rows = []
    for name, count in exported.overflows.items():
        node = nodes[name]
        if count and isinstance(node, Input | Quantise):
            share = count / (exported.events * node.format.width.size)
            rows.append(_Overflow(name, _BEYOND[node.format.overflow], f"{count}", f"{share:.2%}"))
    return rows


def _words(folder: Path) -> dict[str, list[_Word]]:
    """Each number of the input and output words, where the network was written as Verilog."""
    if not (folder / "ports.json").exists():
        return {}
    ports = json.loads((folder / "ports.json").read_text(encoding="utf-8"))
    model = IntegerModel.load(folder / "model.npz")
    fractions = {"inputs": model.input.fraction, "outputs": model.output.fraction}
    return {
        f"{side.removesuffix('s')} word": _placed(ports[side], fraction.ravel())
        for side, fraction in fractions.items()
    }


def _placed(ports: Sequence[dict[str, int]], fractions: np.ndarray) -> list[_Word]:
    words, first = [], 0
    for port, fraction in zip(ports, fractions, strict=True):
        width = port["width"]
        place = f"{first + width - 1}:{first}" if width else "none"
        sign = "signed" if port["signed"] else "unsigned"
        words.append(_Word(place, width, sign if width else "", f"2^{port['exponent'] - int(fraction)}"))
        first += width
    return words


def _files(folder: Path) -> list[_File]:
    found = []
    for path in sorted(folder.iterdir()):
        if path.name == PAGE:
            continue
        size = f"{path.stat().st_size:,}".replace(",", "\u202f") if path.is_file() else ""
        meaning = _FILES.get(path.name, "the module" if path.suffix == ".v" else "")
        found.append(_File(path.name + ("" if path.is_file() else "/"), size, meaning))
    return found


def _command(folder: Path) -> str:
    """What a user types to simulate the folder again: it stands at the top of the test bench."""
    bench = folder / "testbench.v"
    if not bench.exists():
        return ""
    lines = bench.read_text(encoding="utf-8").splitlines()[:2]
    return " && ".join(line.removeprefix("// ") for line in lines)


def _versions() -> dict[str, str]:
    found = {}
    for package in ("femtobarn", "torch", "alkaid", "onnxruntime", "hls4ml"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
