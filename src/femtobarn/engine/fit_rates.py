"""Training with several learning rates, of which the best one for its own loss is kept."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from torch import nn
from torch.utils.data import Dataset

from femtobarn.engine.fit import fit
from femtobarn.engine.training import Batch, Fit, Objective, Training
from femtobarn.errors import InputError

M = TypeVar("M", bound=nn.Module)


def fit_rates(
    build: Callable[[], M],
    objective: Objective,
    train: Dataset[Batch],
    validation: Dataset[Batch],
    *,
    rates: Sequence[float],
    settings: Training,
    seed: int,
    folder: Path,
    report: Callable[[int, int, str], None],
) -> tuple[M, Fit, float]:
    """The model that has the least validation loss, how it came to be, and its learning rate.

    Losses that differ in scale and curvature want different rates: to give all of them the same is to tune one of them.
    A training that was stopped goes on; its checkpoints are removed when all rates are done.

    Args:
        build: Gives a new model, always with the same weights.
        objective, train, validation, seed: See `fit`.
        rates: Learning rates, which take the place of that of the settings.
        settings: Of each training.
        folder: Where the checkpoints go.
        report: Called with the epochs done, those of all rates, and a message.

    Raises:
        InputError: No rates; or see `fit`.
    """
    if not rates:
        raise InputError("expected at least one learning rate, got none")
    total, found = settings.epochs * len(rates), []
    for place, rate in enumerate(rates):
        model = build()

        def progressed(row: dict[str, float], before: int = place * settings.epochs) -> None:
            report(before + int(row["epoch"]) + 1, total, f"loss {row['train']:.4g}")

        fitted = fit(
            model, objective, train, validation, settings=replace(settings, lr=rate), seed=seed,
            folder=folder / f"rate-{rate:g}", report=progressed, progress=False,
        )  # fmt: skip
        found.append((model, fitted, rate))
    for rate in rates:
        shutil.rmtree(folder / f"rate-{rate:g}", ignore_errors=True)
    return min(found, key=lambda each: each[1].validation)
