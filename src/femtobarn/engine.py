"""Training with one objective: progress, checkpoints, resume, early stop, many devices.

``fit`` is a thin layer over Lightning's Trainer. What it adds is what a physicist relies on: the same
seed gives the same numbers, and a run that was stopped at any moment goes on to the numbers it would
have reached. For that, batches are drawn from (seed, epoch) alone, and a checkpoint is written whole
or not at all.
"""

import csv
import math
import os
import signal
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pytorch_lightning as lightning
import torch
from pytorch_lightning.callbacks import Callback, EarlyStopping, ModelCheckpoint, RichProgressBar
from pytorch_lightning.plugins.io import TorchCheckpointIO
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Sampler

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


class _Task(lightning.LightningModule):
    def __init__(
        self,
        model: nn.Module,
        objective: Objective,
        validate: Objective,
        settings: Training,
        lr_scale: Mapping[str, float],
        steps: int,
    ) -> None:
        super().__init__()
        # An objective with state (warm starts, say) is a module, so its state is in the checkpoint.
        self.model, self.objective, self.validate = model, objective, validate
        self.settings, self.lr_scale, self.steps = settings, dict(lr_scale), steps

    def training_step(self, batch: Batch, _: int) -> Tensor:
        loss = self.objective(self.model, batch)
        size = len(next(iter(batch.values())))
        self.log("train", loss, on_step=False, on_epoch=True, batch_size=size, sync_dist=True)
        return loss

    def validation_step(self, batch: Batch, _: int) -> None:
        loss = self.validate(self.model, batch)
        size = len(next(iter(batch.values())))
        self.log("validation", loss, prog_bar=True, batch_size=size, sync_dist=True)

    def configure_optimizers(self) -> Any:
        by_rate: dict[float, list[nn.Parameter]] = {}
        for name, weight in self.model.named_parameters():
            if weight.requires_grad:
                rate = self.settings.lr * self.lr_scale.get(name.split(".")[0], 1.0)
                by_rate.setdefault(rate, []).append(weight)
        weights = [{"params": group, "lr": rate} for rate, group in by_rate.items()]
        optimizer = torch.optim.AdamW(weights, lr=self.settings.lr, weight_decay=self.settings.weight_decay)
        if self.settings.schedule == "constant":
            return optimizer
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=self.steps)
        return [optimizer], [{"scheduler": schedule, "interval": "step"}]


class _AtomicCheckpoints(TorchCheckpointIO):
    """Checkpoints appear whole or not at all, and reading one never runs code from it."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        save_tensors(checkpoint, Path(path))

    def load_checkpoint(
        self, path: Any, map_location: Any = "cpu", weights_only: Any = True
    ) -> dict[str, Any]:
        return load_tensors(Path(path))


class _EpochLog(Callback):
    """Writes one line per epoch to ``log.csv``, and tells the caller."""

    def __init__(self, path: Path, report: Callable[[dict[str, float]], None] | None) -> None:
        self.path, self.report = path, report
        self.history: list[dict[str, float]] = []

    def state_dict(self) -> dict[str, Any]:
        return {"history": self.history}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.history = state_dict["history"]

    def on_train_epoch_end(self, trainer: lightning.Trainer, _: lightning.LightningModule) -> None:
        logged = {name: float(trainer.callback_metrics[name]) for name in ("train", "validation")}
        if not all(map(math.isfinite, logged.values())):
            raise InputError(
                f"training diverged in epoch {trainer.current_epoch} ({logged}): lower the learning rate"
            )
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        row = {"epoch": float(trainer.current_epoch), **logged, "lr": float(rate)}
        # Kept sorted and unique, also when an epoch is repeated after a stop.
        self.history = [old for old in self.history if old["epoch"] < row["epoch"]] + [row]
        if not trainer.is_global_zero:
            return
        with self.path.open("w", newline="") as file:
            table = csv.DictWriter(file, fieldnames=list(row))
            table.writeheader()
            table.writerows(self.history)
        if self.report is not None:
            self.report(row)


class _SeedEachStep(Callback):
    """Dropout and other noise must not depend on where a run was stopped."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(self, trainer: lightning.Trainer, *_: Any) -> None:
        torch.manual_seed(self.seed * 1_000_003 + trainer.global_step)


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
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(settings.threads)
    log = _EpochLog(folder / "log.csv", report)
    each_epoch: dict[str, Any] = {"save_on_train_epoch_end": True, "enable_version_counter": False}
    keep = ModelCheckpoint(folder, "best", monitor="validation", **each_epoch)
    callbacks: list[Callback] = [
        _SeedEachStep(seed),
        log,
        keep,
        ModelCheckpoint(folder, "last", **each_epoch),
    ]
    if settings.patience is not None:
        stop = EarlyStopping("validation", patience=settings.patience, check_on_train_epoch_end=True)
        callbacks.insert(2, stop)
    if progress:
        callbacks.append(RichProgressBar(refresh_rate=10))
    last = folder / "last.ckpt"
    with _quiet():
        trainer = lightning.Trainer(
            accelerator=settings.accelerator,
            devices=settings.devices,
            num_nodes=settings.nodes,
            strategy=settings.strategy,
            max_epochs=settings.epochs,
            gradient_clip_val=settings.clip,
            callbacks=callbacks,
            plugins=[_AtomicCheckpoints()],
            logger=False,
            enable_progress_bar=progress,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
        )
        batches = ShuffledBatches(
            len(train),  # type: ignore[arg-type]
            settings.batch,
            seed=seed,
            steps_done=lambda: trainer.global_step,
            rank=lambda: trainer.global_rank,
            world=trainer.world_size,
        )
        fixed = torch.split(torch.arange(len(validation)), 4 * settings.batch)  # type: ignore[arg-type]
        steps = settings.epochs * len(batches)
        task = _Task(model, objective, validate or objective, settings, lr_scale or {}, steps)
        _run(
            trainer,
            task,
            DataLoader(train, sampler=batches, batch_size=None),
            DataLoader(validation, sampler=fixed, batch_size=None),
            last if last.exists() else None,
        )
    best = load_tensors(folder / "best.ckpt")
    task.load_state_dict(best["state_dict"])
    model.eval()
    return Fit(int(best["epoch"]), float(keep.best_model_score or math.nan), log.history)


def save_tensors(content: dict[str, Any], path: Path) -> None:
    """Write tensors and plain data to ``path``: whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with part.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except (OSError, RuntimeError) as error:
        part.unlink(missing_ok=True)
        raise InputError(f"cannot write the checkpoint {path}: {error}") from error


def load_tensors(path: Path) -> dict[str, Any]:
    """Read a file of tensors and plain data. Anything else in it is refused, never executed."""
    if not path.is_file():
        raise InputError(f"no checkpoint at {path}: give the folder of a finished run")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise InputError(
            f"{path} is not a femtobarn checkpoint or is damaged: expected a file of tensors and plain data"
        ) from error
    if not isinstance(content, dict):
        raise InputError(
            f"{path} is not a femtobarn checkpoint: expected a dict, got {type(content).__name__}"
        )
    return content


def _run(trainer: lightning.Trainer, task: _Task, train: Any, validation: Any, resume: Path | None) -> None:
    on_interrupt = signal.getsignal(signal.SIGINT)
    try:
        trainer.fit(task, train, validation, ckpt_path=resume, weights_only=True)
    except SystemExit as stop:
        # Lightning turns Ctrl-C into an exit with code 1 and leaves the signal ignored.
        signal.signal(signal.SIGINT, on_interrupt)
        raise KeyboardInterrupt from stop
    except (KeyError, RuntimeError) as error:
        if resume is not None and "state_dict" in str(error):
            raise InputError(
                f"{resume} is the checkpoint of another model: remove it or choose another folder"
            ) from error
        raise


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Lightning's advice on workers, loggers and folders, which does not apply to data in memory."""
    import logging

    logger = logging.getLogger("pytorch_lightning")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="pytorch_lightning.*")
            warnings.filterwarnings("ignore", message=".*(does not have many workers|LeafSpec).*")
            yield
    finally:
        logger.setLevel(level)
