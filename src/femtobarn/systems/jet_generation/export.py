"""A trained generator as an ONNX file: noise and multiplicity in, finished jets out.

The file holds the whole way to jets, mask and final clean-up included; of EPiC-FM the whole midpoint sampler
with its fixed steps, not the velocity alone. So every generator is used in the same way, and what is tested
is what a user runs.
"""

import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from femtobarn.data.cache import write_whole
from femtobarn.errors import InputError, VerificationError, require
from femtobarn.runs import Run
from femtobarn.systems.jet_generation import study
from femtobarn.systems.jet_generation.model import finish

OPSET = 17
TOLERANCE = 1e-4  #: largest difference from torch in a check, relative to the largest feature


class _Whole(nn.Module):
    """Generator and clean-up in one call with plain tensors."""

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, multiplicity: Tensor, *noise: Tensor) -> tuple[Tensor, Tensor]:
        particles, mask = finish(self.generator(multiplicity, *noise))
        return particles, mask


def export(run: Run, folder: Path, *, to: str = "onnx", model: str | None = None) -> Path:
    """ONNX file of a trained generator of the run, checked in onnxruntime against torch.

    Args:
        run: A finished run.
        folder: Where ``NAME.onnx`` goes.
        to: Only "onnx" here.
        model: Which of the trained generators; the one with the smallest validation FPD if not given.

    Raises:
        InputError: The run has no such generator, the file cannot be written, or another format is asked for.
        VerificationError: The file and torch disagree.
        MissingExtraError: onnx or onnxruntime is not installed.
    """
    if to != "onnx":
        raise InputError(f"a generator of jets is exported to onnx, not to {to}")
    trained = study.choose(run, model)
    path = folder / f"{trained.part.name}.onnx"
    to_onnx(trained.generator, path)
    difference = difference_from_torch(trained.generator, path)
    if not difference <= TOLERANCE:
        raise VerificationError(f"{path} disagrees with torch by {difference:.1e}, more than {TOLERANCE:.0e}")
    return path


def to_onnx(generator: nn.Module, path: Path) -> None:
    """Write a generator as ONNX; the number of jets is free, that of the slots for particles is not.

    Inputs are ``multiplicity`` int64 (jet) and the noise in its order, ``noise_0`` and so on; outputs are
    ``particles`` (jet, slot, 3) and ``mask`` (jet, slot).
    """
    require("onnx", extra="hardware")
    multiplicity, noise = _example(generator, jets=2)
    names = ["multiplicity", *(f"noise_{i}" for i in range(len(noise)))]
    dynamic = {name: {0: "jet"} for name in [*names, "particles", "mask"]}
    whole = _Whole(generator).eval()

    def write(unfinished: Path) -> None:
        with warnings.catch_warnings(), torch.no_grad():
            # The newer exporter needs onnxscript; shapes that are fixed are meant to be.
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined]
            torch.onnx.export(
                whole,
                (multiplicity, *noise),
                str(unfinished),
                dynamo=False,
                opset_version=OPSET,
                input_names=names,
                output_names=["particles", "mask"],
                dynamic_axes=dynamic,
            )

    try:
        write_whole(path, write)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error


def difference_from_torch(generator: nn.Module, path: Path, *, jets: int = 200) -> float:
    """Largest difference between jets of the ONNX file and of torch from the same noise, relative to the
    largest feature; infinite where the masks differ."""
    runtime = require("onnxruntime", extra="hardware")
    multiplicity, noise = _example(generator, jets=jets)
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    feed = {"multiplicity": multiplicity.numpy()} | {f"noise_{i}": z.numpy() for i, z in enumerate(noise)}
    particles, mask = session.run(["particles", "mask"], feed)
    with torch.no_grad():
        expected, expected_mask = _Whole(generator).eval()(multiplicity, *noise)
    if not np.array_equal(mask, expected_mask.numpy()):
        return float("inf")
    return float(np.abs(particles - expected.numpy()).max() / expected.abs().max())


def _example(generator: nn.Module, *, jets: int) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Multiplicities from 0 to all slots, and noise for them."""
    slots: int = generator.particles  # type: ignore[assignment]
    multiplicity = torch.arange(jets) % (slots + 1)
    return multiplicity, generator.noise(jets, generator=torch.Generator().manual_seed(0))  # type: ignore[operator]
