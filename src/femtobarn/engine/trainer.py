"""Implementation of ``fit`` with Lightning: the task, its callbacks, and the Trainer."""

import csv
import math
import signal
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytorch_lightning as lightning
import torch
from pytorch_lightning.callbacks import Callback, EarlyStopping, ModelCheckpoint, RichProgressBar
from pytorch_lightning.plugins.io import TorchCheckpointIO
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from femtobarn.data.atomic import write_whole
from femtobarn.engine.checkpoints import check_course, load_tensors, save_tensors
from femtobarn.engine.step_cost import check_fits, step_cost
from femtobarn.engine.training import Batch, Fit, Objective, ShuffledBatches, Training, batch_on
from femtobarn.errors import InputError
from femtobarn.parts import end_with_launcher, processors

_FEW = 8  # events by which the memory of a step is estimated


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

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, _: int) -> Batch:
        return batch_on(batch, device)

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
    """Writes checkpoints atomically, and reads them without executing code from them."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        save_tensors(checkpoint, Path(path))

    def load_checkpoint(
        self, path: Any, map_location: Any = "cpu", weights_only: Any = True
    ) -> dict[str, Any]:
        return load_tensors(Path(path))


class _EpochLog(Callback):
    """Writes one row per epoch to ``log.csv`` and calls the user's callback."""

    def __init__(
        self, path: Path, course: dict[str, Any], report: Callable[[dict[str, float]], None] | None
    ) -> None:
        self.path, self.course, self.report = path, course, report
        self.history: list[dict[str, float]] = []

    def state_dict(self) -> dict[str, Any]:
        return {"history": self.history, "course": self.course}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        check_course(self.path.parent, state_dict.get("course", {}), self.course)
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
        write_whole(self.path, lambda path: _write_table(path, self.history))
        if self.report is not None:
            self.report(row)


def _write_table(path: Path, rows: list[dict[str, float]]) -> None:
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, fieldnames=list(rows[-1]))
        table.writeheader()
        table.writerows(rows)


class _SeedEachStep(Callback):
    """Seeds dropout and other noise in each step, so that they do not depend on where a training was stopped."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(self, trainer: lightning.Trainer, *_: Any) -> None:
        torch.manual_seed(self.seed * 1_000_003 + trainer.global_step)


def carry_out(
    model: nn.Module,
    objective: Objective,
    train: Dataset[Batch],
    validation: Dataset[Batch],
    *,
    settings: Training,
    seed: int,
    folder: Path,
    validate: Objective,
    lr_scale: Mapping[str, float],
    report: Callable[[dict[str, float]], None] | None,
    progress: bool,
) -> Fit:
    """Train with Lightning; the arguments are those of ``fit``."""
    end_with_launcher()
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(min(settings.threads, processors()))
    events = len(train)  # type: ignore[arg-type]
    course = _course(settings, seed=seed, events=events, lr_scale=lr_scale)
    log = _EpochLog(folder / "log.csv", course, report)
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
            precision=settings.precision,
            callbacks=callbacks,
            plugins=[_AtomicCheckpoints()],
            logger=False,
            enable_progress_bar=progress,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
        )
        batches = ShuffledBatches(
            events,
            settings.batch,
            seed=seed,
            steps_done=lambda: trainer.global_step,
            rank=lambda: trainer.global_rank,
            world=trainer.world_size,
        )
        place = trainer.strategy.root_device
        if place.type == "cuda":  # where memory that is not there ends the training with pages of a traceback
            few = train[torch.arange(min(_FEW, settings.batch, events))]
            check_fits(step_cost(objective, model, few, batch=settings.batch), place)
        fixed = torch.split(torch.arange(len(validation)), 4 * settings.batch)  # type: ignore[arg-type]
        steps = settings.epochs * len(batches)
        task = _Task(model, objective, validate, settings, lr_scale, steps)
        _run(
            trainer,
            task,
            DataLoader(train, sampler=batches, batch_size=None),
            DataLoader(validation, sampler=fixed, batch_size=None),
            last if last.exists() else None,
        )
    best = load_tensors(folder / "best.ckpt")
    task.cpu()
    task.load_state_dict(best["state_dict"])
    model.eval()
    return Fit(int(best["epoch"]), float(keep.best_model_score or math.nan), log.history)


def _course(settings: Training, *, seed: int, events: int, lr_scale: Mapping[str, float]) -> dict[str, Any]:
    """Settings that must not change when a training is resumed."""
    names = ("batch", "lr", "schedule", "weight_decay", "clip", "precision")
    same = {name: getattr(settings, name) for name in names} | {"seed": seed, "events": events}
    same |= {f"lr of {part}": scale for part, scale in lr_scale.items()}
    # A falling learning rate is laid out over all epochs; a constant one can be followed further.
    return same | ({"epochs": settings.epochs} if settings.schedule != "constant" else {})


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
    except ValueError as error:
        if "more than 1 value per channel" in str(error):
            raise InputError(
                "batch normalisation needs two events or more in a batch: choose a larger batch or sample"
            ) from error
        raise


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Lightning's warnings about data workers, loggers and folders, which do not apply to data in memory."""
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
