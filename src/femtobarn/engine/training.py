"""What one trains with: settings, batches, and ``fit``.

``fit`` is a thin layer over Lightning's Trainer. What it adds is what a physicist relies on: the same
seed gives the same numbers, and a run that was stopped at any moment goes on to the numbers it would
have reached. For that, batches are drawn from (seed, epoch) alone, and a checkpoint is written whole
or not at all.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset, Sampler

from femtobarn.errors import InputError

Batch = dict[str, Tensor]


#: What is minimised: a scalar from the model and one batch. A module may stand here and carry state.
Objective = Callable[[nn.Module, Batch], Tensor]


@dataclass(frozen=True)
class Training:
    """How one model is trained."""

    epochs: int = 30
    """Passes over the training sample."""
    batch: int = 500
    """Samples per step and process."""
    lr: float = 2e-3
    """Largest learning rate of Adam."""
    schedule: Literal["cosine", "constant"] = "cosine"
    """How the learning rate changes from step to step."""
    weight_decay: float = 0.0
    """Decoupled weight decay (AdamW)."""
    clip: float | None = 1.0
    """Largest norm of the gradient; none switches the clipping off."""
    patience: int | None = None
    """Stop after so many epochs without a better validation loss; none trains to the end."""
    accelerator: str = "cpu"
    """Lightning accelerator: cpu, gpu, auto."""
    devices: int = 1
    """Processes or GPUs on each node."""
    nodes: int = 1
    """Machines; launch with torchrun or under SLURM."""
    strategy: str = "auto"
    """Lightning strategy, such as ddp."""
    threads: int = 1
    """Torch threads per process; one is fastest for small models."""

    def __post_init__(self) -> None:
        for name in ("epochs", "batch", "devices", "nodes", "threads"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1: got {getattr(self, name)}")
        if not self.lr > 0:
            raise InputError(f"lr must be positive: got {self.lr}")


class Fit(NamedTuple):
    """What a training leaves behind."""

    best_epoch: int
    validation: float
    """Validation loss of the best epoch, whose weights the model now holds."""
    history: list[dict[str, float]]
    """One row per epoch: epoch, train, validation, lr."""


class TensorTable(Dataset[Batch]):
    """Tensors of equal length in memory; an index tensor picks a whole batch at once."""

    def __init__(self, columns: Mapping[str, Tensor]) -> None:
        lengths = {name: len(column) for name, column in columns.items()}
        if not lengths or len(set(lengths.values())) != 1:
            raise InputError(f"columns of one length expected: got {lengths}")
        self.columns = dict(columns)
        self.length = next(iter(lengths.values()))

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: Any) -> Batch:
        return {name: column[index] for name, column in self.columns.items()}


class ShuffledBatches(Sampler[Tensor]):
    """Index tensors, one per batch, in an order that depends on (seed, epoch, rank) alone.

    ``steps_done`` tells how many steps the training has behind it; the epoch follows from it, so a
    resumed training draws the batches it would have drawn.
    """

    def __init__(
        self,
        length: int,
        batch: int,
        *,
        seed: int,
        steps_done: Callable[[], int],
        rank: Callable[[], int] = lambda: 0,
        world: int = 1,
    ) -> None:
        self.length, self.batch, self.seed, self.rank, self.world = length, batch, seed, rank, world
        self.steps_done = steps_done

    def __iter__(self) -> Iterator[Tensor]:
        epoch = self.steps_done() // len(self)
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
        order = torch.randperm(self.length, generator=generator)
        # Every process must take the same number of steps, so the few left over wait for another epoch.
        share = order[: self.length - self.length % self.world][self.rank() :: self.world]
        return iter(torch.split(share, self.batch))

    def __len__(self) -> int:
        return math.ceil((self.length // self.world) / self.batch)


def fit(
    model: nn.Module,
    objective: Objective,
    train: Dataset[Batch],
    validation: Dataset[Batch],
    *,
    settings: Training,
    seed: int,
    folder: Path,
    validate: Objective | None = None,
    lr_scale: Mapping[str, float] | None = None,
    report: Callable[[dict[str, float]], None] | None = None,
    progress: bool = True,
) -> Fit:
    """Train ``model`` in place and leave it with the weights of its best validation epoch.

    ``folder`` receives ``last.ckpt`` and ``best.ckpt`` after every epoch and ``log.csv``; when it already
    holds a ``last.ckpt``, training goes on from there and ends in the numbers of an unbroken run.

    Args:
        model: The module to train.
        objective: Scalar loss of ``(model, batch)``; a module with buffers is saved with the checkpoint.
        train, validation: Data sets that take an index tensor and return a dict of tensors, such as
            ``TensorTable``.
        settings: Epochs, batch size, learning rate, devices.
        seed: Decides the order of batches and all noise in training; weights are initialised by the caller.
        folder: Where checkpoints and the log go.
        validate: Loss on the validation sample, if it is not the objective.
        lr_scale: Learning rates of direct parts of the model, relative to that of the settings, by their names.
        report: Called with ``{"epoch", "train", "validation", "lr"}`` after each epoch.
        progress: Show a progress bar.

    Raises:
        InputError: If the loss is not finite, or a checkpoint in ``folder`` is damaged or foreign.
        KeyboardInterrupt: On Ctrl-C, after the trainer has shut down; checkpoints stay.
    """
    from femtobarn.engine.trainer import (
        carry_out,
    )  # Lightning takes a second, which most commands can do without

    return carry_out(
        model,
        objective,
        train,
        validation,
        settings=settings,
        seed=seed,
        folder=folder,
        validate=validate or objective,
        lr_scale=lr_scale or {},
        report=report,
        progress=progress,
    )
