"""One training: a floating-point network, one of uniform bits, or a sweep that passes through all costs.

The loop is written out because a sweep keeps every checkpoint that nothing beats, not the best epoch alone.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import nn

from femtobarn.engine import load_tensors, save_tensors
from femtobarn.errors import InputError
from femtobarn.nn.quantised import BetaPoint, Checkpoint, ParetoSet, beta_at, ebops, total_bits
from femtobarn.systems.hgq import model
from femtobarn.systems.hgq.sample import Events, Split

_SAVE = 20.0  # seconds between two checkpoints; a stop loses no more
_CHUNK = 8192


@dataclass(frozen=True)
class Training:
    """How the networks are trained."""

    float_epochs: int = 300
    """Passes over the training events in floating point, where every other training starts."""
    uniform_epochs: int = 80
    """Passes of each training with uniform bits."""
    sweep_epochs: int = 500
    """Passes of the sweep, which stands beside all trainings with uniform bits together."""
    batch: int = 1024
    """Events in a step; fewer make the ranges of activations noisy."""
    lr: float = 5e-3
    """Largest learning rate of Adam; it falls as a cosine to zero."""
    restart: int = 50
    """Epochs after which the sweep's learning rate starts again from the top."""
    beta: tuple[float, float] = (1e-6, 1e-3)
    """Weight of the EBOPs in the loss of the sweep, at its start and at its end."""
    hold: float = 0.1
    """Share of the sweep during which beta stays at its start, before it grows by a constant factor an epoch."""
    gamma: float = 2e-6
    """Weight of the sum of all bits in the loss, which keeps bits that multiply nothing low."""
    fraction: float = 4.0
    """Fractional bits of the activations at the start of the sweep."""
    weight_fraction: float = 5.0
    """Fractional bits of the weights at the start of the sweep."""
    overflow: Literal["WRAP", "SAT"] = "SAT"
    """Activations of the sweep beyond their range: SAT cuts them off and trains the range too, WRAP has a range
    that holds all of the training events and needs no comparisons in hardware."""

    def __post_init__(self) -> None:
        for name in ("float_epochs", "uniform_epochs", "sweep_epochs", "batch", "restart"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1: got {getattr(self, name)}")
        if not (self.lr > 0 and 0 < self.beta[0] < self.beta[1] and 0 <= self.hold < 1 and self.gamma >= 0):
            raise InputError(
                "expected lr > 0, betas that grow from above 0, a share hold in [0, 1) and gamma of 0 or more: "
                f"got {self.lr}, {self.beta}, {self.hold}, {self.gamma}"
            )

    def betas(self) -> list[BetaPoint]:
        """Schedule of the sweep."""
        first, last = self.beta
        start = max(self.hold * self.sweep_epochs, 1e-9)
        return [BetaPoint(0, first), BetaPoint(start, first, "log"), BetaPoint(self.sweep_epochs, last)]


class Course(NamedTuple):
    """Length and shape of one training."""

    epochs: int
    restart: int
    betas: Sequence[BetaPoint] = ()
    """None for a training that has no cost."""


def train(
    net: nn.Module,
    split: Split,
    course: Course,
    settings: Training,
    *,
    seed: int,
    folder: Path,
    report: Callable[[int, int, str], None] = lambda *_: None,
) -> tuple[list[Checkpoint], list[dict[str, float]]]:
    """Checkpoints that nothing beats in validation quality and EBOPs, and a row for each epoch.

    Without cost there is one checkpoint, the best epoch. A stopped training goes on from ``last.pt`` in `folder`
    to the numbers that it would have reached.

    Raises:
        InputError: The loss is no longer finite.
    """
    torch.set_num_threads(1)
    optimizer = torch.optim.Adam([each for each in net.parameters() if each.requires_grad], lr=settings.lr)
    kept, history = ParetoSet(), list[dict[str, float]]()
    path, saved = folder / "last.pt", time.monotonic()
    if path.exists():
        content = load_tensors(path)
        net.load_state_dict(content["net"])
        optimizer.load_state_dict(content["optimizer"])
        history = content["history"]
        kept.checkpoints = [Checkpoint(**each) for each in content["kept"]]
    for epoch in range(len(history), course.epochs):
        row = _epoch(net, optimizer, split, course, settings, seed=seed, epoch=epoch)
        quality, _ = model.quality(
            split.task, outputs(net, split.validation), split.validation.y, split.scale
        )
        cost = float(ebops(net).detach()) if course.betas else 0.0
        kept.offer(net, quality=quality, cost=cost, epoch=epoch)
        history.append({**row, "quality": quality, "ebops": cost})
        report(epoch + 1, course.epochs, f"{quality:.4f}" + (f" at {cost:.0f} EBOPs" if course.betas else ""))
        if time.monotonic() - saved > _SAVE:
            save_tensors(
                {
                    "net": net.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "history": history,
                    "kept": [each._asdict() for each in kept.checkpoints],
                },
                path,
            )
            saved = time.monotonic()
    return kept.checkpoints, history


@torch.no_grad()
def outputs(net: nn.Module, events: Events) -> np.ndarray:
    """Outputs of the network in `eval()`."""
    net.eval()
    return torch.cat([net(x) for x in torch.split(events.x, _CHUNK)]).numpy()


def _epoch(
    net: nn.Module,
    optimizer: torch.optim.Optimizer,
    split: Split,
    course: Course,
    settings: Training,
    *,
    seed: int,
    epoch: int,
) -> dict[str, float]:
    """One pass in an order that depends on seed and epoch alone."""
    net.train()
    order = torch.randperm(
        len(split.train.x), generator=torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    )
    batches = torch.split(order, settings.batch)
    if len(batches) > 1 and len(batches[-1]) < settings.batch / 2:  # a short one makes all ranges noisy
        batches = batches[:-1]
    total = torch.zeros(())
    beta = beta_at(epoch, course.betas) if course.betas else 0.0
    for step, rows in enumerate(batches):
        at = (epoch % course.restart + step / len(batches)) / min(course.restart, course.epochs)
        for group in optimizer.param_groups:
            group["lr"] = settings.lr * 0.5 * (1 + math.cos(math.pi * at))
        task_loss = model.loss(split.task, net(split.train.x[rows]), split.train.y[rows])
        whole = task_loss
        if course.betas:
            whole = task_loss + beta * ebops(net) + settings.gamma * total_bits(net)
        optimizer.zero_grad()
        whole.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        model.keep_masked(net, split.masks)
        total += task_loss.detach()
    mean = float(total) / len(batches)
    if not math.isfinite(mean):
        raise InputError(f"training diverged in epoch {epoch}: lower the learning rate (--train.lr)")
    return {"epoch": float(epoch), "train": mean, "beta": beta}
