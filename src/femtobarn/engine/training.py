"""Settings, batches and result of a training."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset, Sampler

from femtobarn.deprecation import moved
from femtobarn.errors import InputError

Batch = dict[str, Tensor]


#: What is minimised: a scalar from the model and one batch. A module may stand here and carry state.
Objective = Callable[[nn.Module, Batch], Tensor]


@dataclass(frozen=True)
class Training:
    """Training of one model."""

    epochs: int = 30
    """Passes over the training sample."""
    batch: int = 500
    """Events per step and process."""
    lr: float = 2e-3
    """Peak learning rate of AdamW."""
    schedule: Literal["cosine", "constant"] = "cosine"
    """Learning-rate schedule: cosine decay to zero, or constant."""
    weight_decay: float = 0.0
    """Weight decay of AdamW."""
    clip: float | None = 1.0
    """Maximum gradient norm; None for no clipping."""
    patience: int | None = None
    """Early stopping: epochs without a better validation loss before training stops; None trains all epochs."""
    accelerator: str = "cpu"
    """Lightning accelerator: cpu, gpu, cuda, mps, auto."""
    devices: int = 1
    """Processes or GPUs on each node."""
    nodes: int = 1
    """Number of machines; launch with torchrun or under SLURM."""
    strategy: str = "auto"
    """Lightning strategy, such as ddp."""
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    """Numbers of the networks in training: float32, or products of matrices in bfloat16, which is faster on a GPU."""
    threads: int = 1
    """Torch threads per process, at most one per processor; 1 is fastest for small models."""

    def __post_init__(self) -> None:
        for name in ("epochs", "batch", "devices", "nodes", "threads"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1: got {getattr(self, name)}")
        for name, value in (("lr", self.lr), ("clip", self.clip), ("patience", self.patience)):
            if value is not None and not 0 < value < math.inf:
                raise InputError(f"{name} must be positive: got {value}")
        if not 0 <= self.weight_decay < math.inf:
            raise InputError(f"weight_decay must not be negative: got {self.weight_decay}")


class Fit(NamedTuple):
    """Result of a training."""

    best_epoch: int
    validation: float
    """Validation loss of the best epoch, whose weights the model now holds."""
    history: list[dict[str, float]]
    """One row per epoch: epoch, train, validation, lr."""


#: Columns that stay on the CPU: where events begin and end is read by loops over events.
ON_THE_CPU = ("offset",)


def batch_on(batch: Mapping[str, Tensor], device: str | torch.device) -> Batch:
    """The columns of a batch on a device, but for those that a loop over events reads (`ON_THE_CPU`)."""
    return {name: column if name in ON_THE_CPU else column.to(device) for name, column in batch.items()}


class TensorTable(Dataset[Batch]):
    """Tensors of equal length in memory; an index tensor selects a batch."""

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


class MadeTable(Dataset[Batch]):
    """Batches that are made when they are asked for, of events too large to be kept in full.

    Args:
        make: Gives the batch of some rows.
        length: Number of events.
    """

    def __init__(self, make: Callable[[np.ndarray], Batch], length: int) -> None:
        self.make, self.length = make, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: Tensor) -> Batch:
        return self.make(index.numpy())


class ShuffledBatches(Sampler[Tensor]):
    """Index tensors, one per batch, in an order that depends on (seed, epoch, rank) alone.

    A single sample that would be left over joins the batch before it: batch normalisation takes no batch of one.

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
        sizes = [self.batch] * len(self)
        sizes[-1] = len(share) - self.batch * (len(self) - 1)
        return iter(torch.split(share, sizes))

    def __len__(self) -> int:
        share = self.length // self.world
        left_over = share % self.batch == 1 and share > self.batch > 1
        return math.ceil(share / self.batch) - left_over


__getattr__ = moved(__name__, {"fit": "femtobarn.engine.fit"}, removed_in="0.3")
