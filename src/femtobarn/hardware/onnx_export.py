"""A network as ONNX, checked by onnxruntime."""

import inspect
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from femtobarn.data.cache import write_whole
from femtobarn.errors import InputError, VerificationError, require
from femtobarn.hardware.latency import onnx_session


class OnnxCheck(NamedTuple):
    """How onnxruntime's numbers compare with torch's."""

    events: int
    mismatches: int  #: output numbers farther apart than the tolerance
    largest_difference: float
    opset: int
    bytes: int

    def summary(self, path: Path) -> str:
        """One line about the file that was written.

        Raises:
            VerificationError: Output numbers differ.
        """
        if self.mismatches:
            raise VerificationError(
                f"{path}: {self.mismatches} output numbers of {self.events} events differ from torch by up to "
                f"{self.largest_difference:.1e}: do not use it"
            )
        return f"{path}: onnx, opset {self.opset}, {self.events} events agree with torch"


def export_onnx(
    module: nn.Module,
    example: Float[Tensor, "event *shape"] | Mapping[str, Tensor],
    path: Path,
    *,
    outputs: Sequence[str] = ("output",),
    axis: str | Mapping[str, str] = "event",
    tolerance: float = 0.0,
) -> OnnxCheck:
    """Write a network for any number of events, and compare onnxruntime with torch on the example.

    The file has the precision of the module. A quantised network is exact in float32 while its sums stay below
    24 bits, and in float64 below 53; onnxruntime has no convolution in float64.

    Args:
        module: Is exported as in `eval()`; quantised weights become constants.
        example: At least two events, of the module's precision: one input, or several by their names in the file,
            in the order of the module's arguments.
        path: File to write.
        outputs: Names of what the module returns, in its order.
        axis: Name of the first axis of all inputs, whose length is free; or a name for each input, where they have
            different lengths, such as nodes and edges.
        tolerance: Largest difference that is no mismatch, times the largest number of the same output.

    Raises:
        MissingExtraError: onnx, onnxscript or onnxruntime is not installed.
        VerificationError: The file would not take another number of events.
        InputError: Fewer than two events, an operation that onnxruntime lacks in this precision, or the file
            cannot be written.
    """
    inputs = dict(example) if isinstance(example, Mapping) else {str(axis): example}
    axes = {name: axis if isinstance(axis, str) else axis[name] for name in inputs}
    events = len(next(iter(inputs.values())))
    if events < 2:
        raise InputError(f"expected an example of at least two events, got {events}")
    for package in ("onnx", "onnxscript", "onnxruntime"):
        require(package, extra="hardware")
    module = deepcopy(module).eval()
    free = {name: torch.export.Dim(name) for name in set(axes.values())}
    with torch.no_grad(), _quiet():
        answer = module(*inputs.values())
        expected = [each.numpy() for each in (answer if isinstance(answer, tuple) else (answer,))]
        _freeze(module)
        program = torch.onnx.export(
            module,
            tuple(inputs.values()),
            dynamo=True,
            dynamic_shapes=_shapes(module, [free[axes[name]] for name in inputs]),
            input_names=list(inputs),
            output_names=list(outputs),
            verbose=False,
        )
    assert program is not None
    write_whole(path, lambda unfinished: program.save(str(unfinished)))
    session = onnx_session(path)
    if fixed := [each.name for each in session.get_inputs() if not isinstance(each.shape[0], str)]:
        raise VerificationError(
            f"{path}: takes no other number of rows of {', '.join(fixed)} than the example has: the network makes "
            "it a constant, as len(x) does where x.shape[0] would not"
        )
    found = session.run(None, {name: value.numpy() for name, value in inputs.items()})
    mismatches, largest = 0, 0.0
    for own, wanted in zip(found, expected, strict=True):
        difference = np.abs(own.astype(np.float64) - wanted)
        allowed = tolerance * np.abs(wanted).max(initial=0.0)
        mismatches += int((~(difference <= allowed)).sum())
        largest = max(largest, float(difference.max(initial=0.0)))
    opset: int = program.model.opset_imports[""]
    return OnnxCheck(events, mismatches, largest, opset, path.stat().st_size)


def _shapes(module: nn.Module, free: Sequence[Any]) -> tuple[Any, ...]:
    """The first axis of every input is free; arguments after a star count as one.

    `free` holds a `torch.export.Dim` for each, which is a function before torch 2.7, not a class.
    """
    kinds = [p.kind for p in inspect.signature(module.forward).parameters.values()]
    shapes = tuple({0: each} for each in free)
    if inspect.Parameter.VAR_POSITIONAL not in kinds:
        return shapes
    named = kinds.index(inspect.Parameter.VAR_POSITIONAL)
    return (*shapes[:named], shapes[named:])


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
