"""A trained network for the target asked for, with every check that can be made here."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import nn

from femtobarn.errors import InputError, MissingExtraError, VerificationError, check_known
from femtobarn.hardware.circuit import bits
from femtobarn.hardware.cost import effective_bit_operations
from femtobarn.hardware.export import VerilogReport, export_verilog
from femtobarn.hardware.hls4ml import export_hls4ml
from femtobarn.hardware.integer_model import IntegerModel
from femtobarn.hardware.integer_nodes import Conv
from femtobarn.hardware.latency import Latency, onnx_latency, onnx_session
from femtobarn.hardware.onnx_export import export_onnx

T = TypeVar("T")

TARGETS = ("verilog", "onnx", "hls4ml")
ONNX = "network.onnx"
_SINGLE = 24  # bits that float32 holds
_CLOSE = 1e-5  # of the largest output, for a network in floating point
_EXAMPLE = 1000  # events that the ONNX exporter compares by itself


@dataclass(frozen=True)
class Exported:
    """What was written of one network, and what is known of it; None stands for what was not checked."""

    name: str
    target: str
    folder: Path
    compared_with: str  #: what the mismatches are against
    ebops: int | None  #: effective bit operations of one event; none in floating point
    vectors: int
    mismatches: int | None  #: output numbers that differ
    overflows: dict[str, int]  #: numbers off the range of each quantiser, in the test events
    events: int  #: test events
    verilog: VerilogReport | None
    latency: Latency | None  #: of one event on one core, in onnxruntime
    notes: tuple[str, ...]  #: checks that were left out, and why

    @property
    def verified(self) -> bool:
        """Whether what was written was run and gave every output number."""
        return self.mismatches == 0

    def summary(self) -> str:
        """What was written and checked, a line each.

        Raises:
            VerificationError: Output numbers differ.
        """
        if self.mismatches:
            raise VerificationError(
                f"{self.folder}: {self.mismatches} output numbers of {self.vectors} events differ from "
                f"{self.compared_with}: do not use it"
            )
        checked = "not checked" if self.mismatches is None else f"0 mismatches in {self.vectors} events"
        return "\n".join([f"{self.folder}: {self.name} as {self.target}, {checked}", *self.notes])


def export_network(
    net: nn.Module,
    integers: IntegerModel | None,
    folder: Path,
    *,
    to: str,
    name: str,
    vectors: Float[np.ndarray, "vector *shape"],
    test: Float[np.ndarray, "event *shape"] | None = None,
    pipeline: int = 5,
    optimise: bool = True,
    synthesis: bool = True,
    calls: int = 1000,
) -> Exported:
    """Write a network as Verilog, as ONNX or as an hls4ml project, and compare it with its integers.

    Whatever the target, the folder also gets the integer model (``model.npz``), the test vectors and, where the
    packages for it are there, the network as ONNX, on which the time of a single event is measured.

    Args:
        net: The network in torch.
        integers: Its integer model; none for a network in floating point, which is written as ONNX only.
        folder: Where all files go; is made if need be.
        to: One of `TARGETS`.
        name: What the network is called.
        vectors: Inputs to compare on; they are rounded to the input format first.
        test: Events in which overflows are counted; the vectors if left out.
        pipeline, optimise, synthesis: As in `export_verilog`.
        calls: Single events that are timed; 0 leaves that out, and the ONNX file where it is not the target.

    Raises:
        InputError: An unknown target, no vectors, or a network that the target has no form for.
        MissingExtraError: A package of the extra "hardware" that the target needs is missing.
    """
    check_known("format", [to], TARGETS)
    if len(vectors) < 2:
        raise InputError(f"expected at least two test vectors, got {len(vectors)}")
    if integers is None and to != "onnx":
        raise InputError(f"{name} computes in floating point: only onnx is possible, or train its bits first")
    folder.mkdir(parents=True, exist_ok=True)
    notes: list[str] = []
    events = vectors if test is None else test
    numbers, expected = _contract(net, integers, vectors)
    report = mismatches = latency = None
    if integers is not None:
        integers.save(folder / "model.npz")
    if to == "verilog":
        assert integers is not None
        report = export_verilog(
            integers,
            folder,
            vectors=numbers,
            test=events,
            pipeline=pipeline,
            optimise=optimise,
            synthesis=synthesis,
        )
        mismatches, notes = report.mismatches, list(report.notes)
    elif to == "hls4ml":
        assert integers is not None
        check = export_hls4ml(integers, folder, vectors=numbers)
        mismatches, notes = check.mismatches, [check.note] if check.note else []
    if to != "verilog":
        np.savez_compressed(folder / "vectors.npz", inputs=numbers, expected=expected)
    if to == "onnx":
        mismatches = onnx_mismatches(net, integers, folder / ONNX, numbers, expected)
        latency = _latency(folder, integers, numbers, calls)
    elif calls:
        latency = _if_possible(lambda: _timed(net, integers, folder, numbers, expected, calls), notes)
    return Exported(
        name=name,
        target=to,
        folder=folder,
        compared_with="the integer model" if integers is not None else "torch",
        ebops=None if integers is None else effective_bit_operations(integers),
        vectors=len(vectors),
        mismatches=mismatches,
        overflows={} if integers is None else integers.overflows(events),
        events=len(events),
        verilog=report,
        latency=latency,
        notes=tuple(notes),
    )


def onnx_mismatches(
    net: nn.Module,
    integers: IntegerModel | None,
    path: Path,
    inputs: Float64[np.ndarray, "vector *shape"],
    expected: Float64[np.ndarray, "vector *output"],
) -> int:
    """Write a network as ONNX; how many output numbers of onnxruntime differ from the expected ones.

    Integers are compared exactly, the file being of float64 where sums may need more than 24 bits; numbers of a
    network in floating point may differ by 1e-5 of the largest.

    Raises:
        MissingExtraError: onnx, onnxscript or onnxruntime is not installed.
        InputError: An operation that onnxruntime lacks, such as a convolution in float64.
    """
    precision = _precision(integers)
    example = torch.from_numpy(inputs).to(precision)
    export_onnx(deepcopy(net).to(precision), example[:_EXAMPLE], path)
    session = onnx_session(path)
    (answer,) = session.run(None, {session.get_inputs()[0].name: example.numpy()})
    allowed = 0.0 if integers is not None else _CLOSE * np.abs(expected).max(initial=0.0)
    difference = np.abs(answer.reshape(expected.shape).astype(np.float64) - expected)
    return int((~(difference <= allowed)).sum())


def _contract(
    net: nn.Module, integers: IntegerModel | None, vectors: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Inputs as numbers that the input format holds, and what has to come out."""
    if integers is None:
        weight = next(net.parameters())
        with torch.no_grad():
            x = torch.from_numpy(vectors).to(weight.dtype)
            return x.double().numpy(), deepcopy(net).eval()(x).double().numpy()
    # On the grid nothing is left to round, so that float32 and float64 read the same numbers.
    numbers = np.ldexp(integers.encode(vectors).astype(np.float64), -integers.input.fraction)
    return numbers, integers(numbers)


def _timed(
    net: nn.Module,
    integers: IntegerModel | None,
    folder: Path,
    inputs: np.ndarray,
    expected: np.ndarray,
    calls: int,
) -> Latency | None:
    """Latency of the network as ONNX, where that file is right."""
    wrong = onnx_mismatches(net, integers, folder / ONNX, inputs, expected)
    if wrong:
        (folder / ONNX).unlink()
        raise InputError(f"{wrong} output numbers of the ONNX file differ from the integer model")
    return _latency(folder, integers, inputs, calls)


def _latency(folder: Path, integers: IntegerModel | None, inputs: np.ndarray, calls: int) -> Latency | None:
    if not calls:
        return None
    event = torch.from_numpy(inputs[:1]).to(_precision(integers)).numpy()
    return onnx_latency(folder / ONNX, event, calls=calls)


def _precision(integers: IntegerModel | None) -> torch.dtype:
    """Of an ONNX file: float64 where float32 could be inexact; onnxruntime has no convolution in float64."""
    if integers is None or any(isinstance(node, Conv) for node in integers.nodes):
        return torch.float32
    widest = max(
        bits(int(value.low.min(initial=0)), int(value.high.max(initial=0))) for value in integers.values
    )
    return torch.float32 if widest <= _SINGLE else torch.float64


def _if_possible(measure: Callable[[], T], notes: list[str]) -> T | None:
    try:
        return measure()
    except (InputError, MissingExtraError) as error:
        notes.append(f"the time of a single event was not measured: {error}")
        return None
