"""The training loop of all generators, adversarial or not: batches, averaged weights, checks, checkpoints.

``engine.fit`` follows one loss of one optimiser. Here two players have one each, and the best checkpoint is
that with the smallest distance between generated and validation events, which is no mean over batches. Order
of the batches, noise and dropout depend on (seed, step) alone, so a training that was stopped needs no state
of a random generator to go on to the numbers it would have reached.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import Dataset

from femtobarn.engine import (
    Batch,
    ShuffledBatches,
    TensorTable,
    batch_on,
    check_course,
    load_tensors,
    save_tensors,
)
from femtobarn.errors import InputError


@dataclass(frozen=True)
class Course:
    """Training length of a generator, and choice of its checkpoint."""

    epochs: int = 10
    """Passes over the training events."""
    batch: int = 128
    """Events per step."""
    check: int = 1
    """Epochs between validations; each validation writes a checkpoint."""
    ema: float = 0.99
    """Decay per step of the exponential moving average of the weights, which is validated and kept; 0 for none."""
    schedule: Literal["constant", "cosine"] = "constant"
    """Learning-rate schedule: constant, or cosine decay to zero."""
    warmup: float = 0.0
    """Fraction of the steps with linear learning-rate warm-up."""

    def __post_init__(self) -> None:
        for name in ("epochs", "batch", "check"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1: got {getattr(self, name)}")
        if not (0 <= self.ema < 1 and 0 <= self.warmup < 1):
            raise InputError(f"ema and warmup in [0, 1) expected: got {self.ema}, {self.warmup}")


@runtime_checkable
class Learner(Protocol):
    """Networks with their optimisers and learning rates, and one training step."""

    generator: Any
    networks: nn.ModuleDict
    optimizers: dict[str, torch.optim.Optimizer]
    rates: dict[str, float]

    def step(self, batch: dict[str, Tensor], /, *, generator: torch.Generator) -> dict[str, Tensor]:
        """One step on a batch of real events, columns by name; the losses by name."""
        ...


#: Distance of a generator's events from the validation events, and its error; the number seeds the noise.
Distance = Callable[[nn.Module, int], tuple[float, float]]


def fit_generator(
    learner: Learner,
    train: Mapping[str, Tensor] | Dataset[Batch],
    distance: Distance,
    *,
    course: Course,
    seed: int,
    folder: Path,
    device: str = "cpu",
    report: Callable[[dict[str, float]], None] = lambda _: None,
) -> list[dict[str, float]]:
    """Train, leave the generator with the averaged weights of its best check, and return the history.

    ``train`` has the columns of the training events, rows in the same order, all of which go to the device at once; or
    it makes a batch from an index tensor, as ``MadeTable``, and each batch goes there. The best check has the smallest
    distance plus error (arXiv:2312.04757). ``folder`` receives ``last.ckpt`` and ``best.ckpt``; when it holds a
    ``last.ckpt``, training goes on from there to the numbers of an unbroken run.

    Returns:
        A row for each check: epoch, the losses averaged over the epochs since the last check, distance, error,
        and the seconds spent in training so far, those of the checks not counted.

    Raises:
        InputError: A loss is not finite, or the checkpoint is damaged or of another model or training.
    """
    learner.networks.to(device).train()
    average_fn = get_ema_multi_avg_fn(course.ema)  # type: ignore[no-untyped-call]
    average = AveragedModel(learner.generator, multi_avg_fn=average_fn)
    step, history = 0, list[dict[str, float]]()
    table: Any = TensorTable(batch_on(train, device)) if isinstance(train, Mapping) else train
    followed = _followed(course, seed, len(table))
    if (folder / "last.ckpt").exists():
        step, history = _load(folder / "last.ckpt", learner, average, followed)
    batches = ShuffledBatches(len(table), course.batch, seed=seed, steps_done=lambda: step)
    steps, noise = course.epochs * len(batches), torch.Generator(device)
    sums, since, start = dict[str, Tensor](), step, time.perf_counter()
    while step < steps:
        for rows in batches:
            torch.manual_seed(seed * 1_000_003 + step)  # of dropout
            noise.manual_seed(seed * 1_000_003 + step)
            set_rates(learner, pace(course, step, steps))
            rows = rows.to(device) if isinstance(train, Mapping) else rows
            losses = _step(learner, batch_on(table[rows], device), noise)
            average.update_parameters(learner.generator)
            sums = {name: sums.get(name, 0.0) + loss for name, loss in losses.items()}
            step += 1
        epoch = step // len(batches)
        if epoch % course.check and step < steps:
            continue
        means = {name: float(total) / (step - since) for name, total in sums.items()}
        seconds = time.perf_counter() - start + (history[-1]["seconds"] if history else 0.0)
        if not all(map(math.isfinite, means.values())):
            raise InputError(f"training diverged in epoch {epoch} ({means}): lower the learning rates")
        value, error = distance(average.module, epoch)
        row = {"epoch": float(epoch), **means, "distance": value, "error": error, "seconds": seconds}
        if all(value + error < old["distance"] + old["error"] for old in history):
            save_tensors({"generator": average.module.state_dict(), "row": row}, folder / "best.ckpt")
        history.append(row)
        _save(folder / "last.ckpt", learner, average, step, history, followed)
        report(row)
        sums, since, start = {}, step, time.perf_counter()
    learner.generator.load_state_dict(load_tensors(folder / "best.ckpt")["generator"])
    learner.networks.cpu()
    learner.generator.eval()
    return history


def _step(learner: Learner, batch: dict[str, Tensor], noise: torch.Generator) -> dict[str, Tensor]:
    """Where all the time goes; nothing in it may wait for the device."""
    return learner.step(batch, generator=noise)


def pace(course: Course, step: int, steps: int) -> float:
    """Learning rate at a step, relative to the largest."""
    rising = course.warmup * steps
    if step < rising:
        return min((step + 1) / rising, 1.0)
    if course.schedule == "constant":
        return 1.0
    return 0.5 + 0.5 * math.cos(math.pi * (step - rising) / (steps - rising))


def set_rates(learner: Learner, scale: float) -> None:
    """Set the learning rate of every optimiser to `scale` times its largest."""
    for name, optimizer in learner.optimizers.items():
        for group in optimizer.param_groups:
            group["lr"] = scale * learner.rates[name]


def _followed(course: Course, seed: int, events: int) -> dict[str, Any]:
    """Settings that must not change when a training is resumed."""
    same = {name: getattr(course, name) for name in ("batch", "check", "ema", "schedule", "warmup")}
    same |= {"seed": seed, "events": events}
    # Rates that rise or fall are laid out over all epochs; constant ones can be followed further.
    constant = course.schedule == "constant" and course.warmup == 0
    return same if constant else same | {"epochs": course.epochs}


def _save(
    path: Path,
    learner: Learner,
    average: AveragedModel,
    step: int,
    history: list[dict[str, float]],
    followed: dict[str, Any],
) -> None:
    content = {
        "networks": learner.networks.state_dict(),
        "optimizers": {name: optimizer.state_dict() for name, optimizer in learner.optimizers.items()},
        "average": average.state_dict(),
        "step": step,
        "history": history,
        "course": followed,
    }
    save_tensors(content, path)


def _load(
    path: Path, learner: Learner, average: AveragedModel, followed: dict[str, Any]
) -> tuple[int, list[dict[str, float]]]:
    content = load_tensors(path)
    try:
        learner.networks.load_state_dict(content["networks"])
        average.load_state_dict(content["average"])
        for name, optimizer in learner.optimizers.items():
            optimizer.load_state_dict(content["optimizers"][name])
        step, history = int(content["step"]), list(content["history"])
    except (KeyError, RuntimeError, ValueError) as error:
        raise InputError(
            f"{path} is the checkpoint of another model: remove it or choose another folder"
        ) from error
    check_course(path.parent, content.get("course", {}), followed)
    return step, history
