"""``fit``: one model, one objective, one optimiser.

It is a thin layer over Lightning's Trainer. What it adds is what a physicist relies on: the same
seed gives the same numbers, and a run that was stopped at any moment goes on to the numbers it would
have reached. For that, batches are drawn from (seed, epoch) alone, and a checkpoint is written whole
or not at all.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from torch import nn
from torch.utils.data import Dataset

from femtobarn.engine.training import Batch, Fit, Objective, Training
from femtobarn.errors import InputError
from femtobarn.settings import check_machine, to_dict


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
        model: The module to train; one in evaluation mode is set to training, parts of one alone stay as they are.
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
        InputError: The loss is not finite, the machine lacks the devices, or ``folder`` holds a checkpoint that
            is damaged or of another model or training.
        KeyboardInterrupt: On Ctrl-C, after the trainer has shut down; checkpoints stay.
    """
    check_machine({"seed": seed, **to_dict(settings)})
    sizes = {"train": len(train), "validation": len(validation)}  # type: ignore[arg-type]
    if min(sizes["train"] // settings.devices, sizes["validation"]) < 1:
        raise InputError(f"events to train on and to validate with expected: got {sizes}")
    if not model.training:  # left so by an evaluation, it would keep its batch norms and dropout as they are
        model.train()
    # Lightning takes a second to import, which most commands can do without.
    from femtobarn.engine.trainer import carry_out

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
