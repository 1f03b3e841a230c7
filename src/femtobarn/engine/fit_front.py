"""A training that leaves many networks: every epoch that no other beats in both quality and cost is kept.

`fit` keeps the best epoch alone. Here the price of the hardware grows from epoch to epoch, so that one training passes
through all costs (arXiv:2405.00645).
"""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from femtobarn.engine.checkpoints import check_course, load_tensors, save_tensors
from femtobarn.engine.training import Batch, Objective, TensorTable
from femtobarn.errors import InputError
from femtobarn.nn.quantised import BetaPoint, Checkpoint, ParetoSet, beta_at, ebops, total_bits

_SAVE = 20.0  # seconds between two checkpoints; a stop loses no more


@dataclass(frozen=True)
class Sweep:
    """Length and shape of such a training."""

    epochs: int
    """Passes over the training events."""
    batch: int
    """Events per step; fewer make the ranges of activations noisy."""
    lr: float
    """Peak learning rate of Adam; it falls as a cosine to zero."""
    restart: int
    """Epochs after which the learning rate starts again from the peak."""
    beta: tuple[float, float] | None = None
    """Price of an effective bit operation in the loss, at the start and at the end; None for a network without."""
    hold: float = 0.0
    """Share of the epochs with the first price; then it grows by a constant factor an epoch."""
    gamma: float = 0.0
    """Price of a bit, which keeps those low that multiply nothing."""

    def price(self, epoch: int) -> float:
        """Of an effective bit operation."""
        if self.beta is None:
            return 0.0
        first, last = self.beta
        start = max(self.hold * self.epochs, 1e-9)
        return beta_at(
            epoch, [BetaPoint(0, first), BetaPoint(start, first, "log"), BetaPoint(self.epochs, last)]
        )


def fit_front(
    model: nn.Module,
    loss: Objective,
    quality: Callable[[nn.Module], float],
    table: TensorTable,
    *,
    course: Sweep,
    seed: int,
    folder: Path,
    device: str = "cpu",
    after_step: Callable[[nn.Module], None] = lambda _: None,
    report: Callable[[int, int, str], None] = lambda *_: None,
) -> tuple[ParetoSet, list[dict[str, float]]]:
    """Epochs that none beats in quality and EBOPs, and a row for each epoch; without a price the best epoch alone.

    A stopped training goes on from ``last.ckpt`` in `folder` to the numbers of an unbroken one.

    Args:
        model: To train; with a price, a network with trained bits.
        loss: What is minimised, the price of the hardware aside.
        quality: By which epochs are compared, on other events than those of `table`; more is better.
        table: Training events.
        course: Length, learning rate and price.
        seed: Of the order of the events.
        folder: For the checkpoint.
        device: Where the steps are made; `quality` is given the model on the CPU, which is left there.
        after_step: Called with the model after each step, as to keep weights at zero.
        report: Called with epochs done, epochs in total and a short text.

    Raises:
        InputError: The loss is not finite, or the checkpoint is that of another training.
    """
    model.to(device)
    table = TensorTable({name: column.to(device) for name, column in table.columns.items()})
    optimizer = torch.optim.Adam([each for each in model.parameters() if each.requires_grad], lr=course.lr)
    kept, history = ParetoSet(), list[dict[str, float]]()
    path, saved, followed = folder / "last.ckpt", time.monotonic(), asdict(course) | {"seed": seed}
    if path.exists():
        content = load_tensors(path)
        check_course(folder, content["course"], followed)
        model.load_state_dict(content["model"])
        optimizer.load_state_dict(content["optimizer"])
        history = content["history"]
        kept.checkpoints = [Checkpoint(**each) for each in content["kept"]]
    for epoch in range(len(history), course.epochs):
        mean = _epoch(
            model.to(device),
            optimizer,
            loss,
            table,
            course,
            after_step,
            seed=seed,
            epoch=epoch,
            device=device,
        )
        reached = quality(model.cpu())
        cost = float(ebops(model).detach()) if course.beta else 0.0
        kept.offer(model, quality=reached, cost=cost, epoch=epoch)
        row = {"epoch": float(epoch), "train": mean, "beta": course.price(epoch)}
        history.append({**row, "quality": reached, "ebops": cost})
        report(epoch + 1, course.epochs, f"{reached:.4f}" + (f" at {cost:.0f} EBOPs" if course.beta else ""))
        if time.monotonic() - saved > _SAVE:
            checkpoint: dict[str, Any] = {
                "course": followed,
                "model": model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "history": history,
                "kept": [each._asdict() for each in kept.checkpoints],
            }
            save_tensors(checkpoint, path)
            saved = time.monotonic()
    model.cpu()
    return kept, history


def _epoch(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss: Objective,
    table: TensorTable,
    course: Sweep,
    after_step: Callable[[nn.Module], None],
    *,
    seed: int,
    epoch: int,
    device: str,
) -> float:
    """One pass in an order that depends on seed and epoch alone; the mean loss, without the price."""
    model.train()
    order = torch.randperm(len(table), generator=torch.Generator().manual_seed(seed * 1_000_003 + epoch))
    batches = torch.split(order.to(device), course.batch)
    if len(batches) > 1 and len(batches[-1]) < course.batch / 2:  # a short one makes all ranges noisy
        batches = batches[:-1]
    total, beta = torch.zeros((), device=device), course.price(epoch)
    for step, rows in enumerate(batches):
        at = (epoch % course.restart + step / len(batches)) / min(course.restart, course.epochs)
        for group in optimizer.param_groups:
            group["lr"] = course.lr * 0.5 * (1 + math.cos(math.pi * at))
        total += _step(model, optimizer, loss, table[rows], beta, course.gamma)
        after_step(model)
    mean = float(total) / len(batches)
    if not math.isfinite(mean):
        raise InputError(f"training diverged in epoch {epoch}: lower the learning rate")
    return mean


def _step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss: Objective,
    batch: Batch,
    beta: float,
    gamma: float,
) -> Tensor:
    """Improve the weights once; the loss, without the price."""
    plain = loss(model, batch)
    priced = plain + beta * ebops(model) + gamma * total_bits(model) if beta else plain
    optimizer.zero_grad()
    torch.autograd.backward(priced)
    optimizer.step()
    return plain.detach()
