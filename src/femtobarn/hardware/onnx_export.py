"""A network as ONNX, checked by onnxruntime."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from femtobarn.errors import InputError, require
from femtobarn.hardware.latency import onnx_session


class OnnxCheck(NamedTuple):
    """How onnxruntime's numbers compare with torch's."""

    events: int
    mismatches: int  #: output numbers farther apart than the tolerance
    largest_difference: float
    opset: int
    bytes: int


def export_onnx(
    module: nn.Module, example: Float[Tensor, "event *shape"], path: Path, *, tolerance: float = 0.0
) -> OnnxCheck:
    """Write a network for any number of events, and compare onnxruntime with torch on the example.

    The file has the precision of the module. A quantised network is exact in float32 while its sums stay below
    24 bits, and in float64 below 53; onnxruntime has no convolution in float64.

    Args:
        module: Is exported as in `eval()`; quantised weights become constants.
        example: At least two events, of the module's precision.
        path: File to write.
        tolerance: Largest difference that is no mismatch, times the largest output.

    Raises:
        MissingExtraError: onnx, onnxscript or onnxruntime is not installed.
        InputError: Fewer than two events, or an operation that onnxruntime lacks in this precision.
    """
    if len(example) < 2:
        raise InputError(f"expected an example of at least two events, got {len(example)}")
    for package in ("onnx", "onnxscript", "onnxruntime"):
        require(package, extra="hardware")
    module = deepcopy(module).eval()
    with torch.no_grad(), _quiet():
        expected = module(example).numpy()
        _freeze(module)
        program = torch.onnx.export(
            module,
            (example,),
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim("event")},),
            input_names=["event"],
            output_names=["output"],
            verbose=False,
        )
    assert program is not None
    program.save(str(path))
    session = onnx_session(path)
    (answer,) = session.run(None, {session.get_inputs()[0].name: example.numpy()})
    difference = np.abs(answer.astype(np.float64) - expected)
    allowed = tolerance * np.abs(expected).max(initial=0.0)
    return OnnxCheck(
        events=len(example),
        mismatches=int((~(difference <= allowed)).sum()),
        largest_difference=float(difference.max(initial=0.0)),
        opset=program.model.opset_imports[""],
        bytes=path.stat().st_size,
    )


@runtime_checkable
class _Settled(Protocol):
    """Weights that can say what they are once training is over, as those of `nn.quantised` do."""

    def constants(self) -> tuple[Tensor, Tensor | None]: ...


class _Constants(nn.Module):
    """Weights that need no more quantising."""

    kernel: Tensor
    bias: Tensor | None

    def __init__(self, weights: _Settled) -> None:
        super().__init__()
        kernel, bias = weights.constants()
        self.register_buffer("kernel", kernel)
        self.register_buffer("bias", bias)

    def forward(self, layer: object) -> tuple[Tensor, Tensor | None]:
        return self.kernel, self.bias


def _freeze(module: nn.Module) -> None:
    for layer in list(module.modules()):
        for name, child in layer.named_children():
            if isinstance(child, _Settled):
                setattr(layer, name, _Constants(child))


@contextmanager
def _quiet() -> Iterator[None]:
    """Without torch's words on its own future and on torchvision, which a user can do nothing about."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
