"""Teach a small network any score of a large one, from the inputs alone (knowledge distillation by regression)."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from femtobarn.engine.fit import fit
from femtobarn.engine.training import Batch, TensorTable, Training
from femtobarn.errors import InputError


def distil(
    scores: Float[np.ndarray, "_"],
    inputs: Float[np.ndarray, "_ *shape"],
    student: nn.Module,
    *,
    settings: Training,
    seed: int,
    folder: Path,
    validation: float = 0.2,
) -> nn.Module:
    """Teach a network any score, such as one of a large model, from the inputs alone; gives it in `eval()`.

    Args:
        scores: Of the teacher, one for each event.
        inputs: What the student sees.
        student: Gives one number for each event, shape (event, 1).
        settings: Of the training; it minimises the mean absolute error.
        seed: Of the batches and of the split.
        folder: For checkpoints.
        validation: Share of the events by which the best epoch is chosen.

    Raises:
        InputError: Not one finite score for each input.
    """
    if scores.shape != inputs.shape[:1] or not np.isfinite(scores).all():
        raise InputError(f"one finite score for each input expected: got {scores.shape} and {inputs.shape}")
    x, y = torch.from_numpy(inputs.astype(np.float32)), torch.from_numpy(scores.astype(np.float32))
    rows = torch.from_numpy(np.random.default_rng(seed).permutation(len(y)))
    kept = int(validation * len(rows))
    train, checked = (TensorTable({"x": x[each], "score": y[each]}) for each in (rows[kept:], rows[:kept]))

    def error(model: nn.Module, batch: Batch) -> Tensor:
        return (model(batch["x"]).squeeze(1) - batch["score"]).abs().mean()

    fit(student, error, train, checked, settings=settings, seed=seed, folder=folder, progress=False)
    return student.eval()
