"""What a training step needs, measured on a few events before the training starts: memory and operations."""

import copy
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from femtobarn.engine.training import Batch, Objective
from femtobarn.errors import InputError

_STATES = 2  # numbers that Adam keeps of each weight


class StepCost(NamedTuple):
    """Of one step with a whole batch, on one process."""

    parameters: int
    """Weights that are trained."""
    memory: int
    """Bytes: weights, their gradients, the state of Adam, and what the backward pass needs of the forward pass."""
    operations: int
    """Floating-point operations of both passes, a multiplication and an addition counted as two."""


def step_cost(objective: Objective, model: nn.Module, few: Batch, *, batch: int) -> StepCost:
    """Measure a step on a few events, and scale it to a batch.

    What is kept for the backward pass, and the operations, are taken to grow with the events, which is exact for events
    of one size. Operations are those of matrix products and convolutions (`torch.utils.flop_counter`), nearly all
    of most networks; memory that libraries take for themselves is not in it. Model and random numbers of torch are left
    as they are.

    Args:
        objective: Scalar of the model and a batch.
        model: To be trained, on the CPU.
        few: A batch of a few events.
        batch: Events of a step.
    """
    model, objective = copy.deepcopy((model, objective))  # statistics of batches stay as they are
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    fixed = sum(_bytes(each) for each in (*model.parameters(), *model.buffers()))
    fixed += (1 + _STATES) * sum(map(_bytes, weights))
    saved: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        saved[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    own = {each.untyped_storage().data_ptr() for each in (*model.parameters(), *model.buffers())}
    with torch.random.fork_rng(devices=[]), FlopCounterMode(display=False) as counter:
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda each: each):
            found = objective(model, few)
        if found.requires_grad:
            torch.autograd.grad(found, weights, allow_unused=True)
    kept = sum(size for place, size in saved.items() if place not in own)
    scale = batch / len(next(iter(few.values())))
    return StepCost(
        sum(each.numel() for each in weights),
        int(fixed + scale * kept),
        int(scale * counter.get_total_flops()),
    )


def check_fits(cost: StepCost, device: torch.device) -> None:
    """Refuse a training whose steps need more memory than a GPU has free.

    Raises:
        InputError: They do, by the estimate; what to change is told.
    """
    if device.type != "cuda":
        return
    free, total = torch.cuda.mem_get_info(device)
    if cost.memory > free:
        needed, there, whole = (each / 2**30 for each in (cost.memory, free, total))
        raise InputError(
            f"a training step needs about {needed:.1f} GiB on {device}, which has {there:.1f} of {whole:.1f} GiB free: "
            "choose a smaller batch, or fewer workers side by side"
        )


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()
