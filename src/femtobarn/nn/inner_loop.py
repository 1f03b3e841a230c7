"""Adaptation of any module to a few examples, differentiable in its first weights (MAML, arXiv:1703.03400)."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from femtobarn.errors import InputError

Weights = dict[str, Tensor]
Loss = Callable[[Weights], Tensor]  #: a scalar of the weights


def weights_of(
    model: nn.Module, *, adapted: Callable[[str], bool] = lambda _: True
) -> tuple[Weights, Weights]:
    """The parameters of a module by name: those to adapt, and the others.

    Args:
        model: Any module; its weights are given as they are, so that gradients reach them.
        adapted: Whether a name is to be adapted: ``lambda name: name.startswith("head")`` adapts the head only.

    Raises:
        InputError: Nothing is left to adapt.
    """
    every: Weights = dict(model.named_parameters())
    some = {name: each for name, each in every.items() if adapted(name)}
    if not some:
        raise InputError(f"no parameter is to be adapted: there are {', '.join(every) or 'none'}")
    return some, {name: each for name, each in every.items() if name not in some}


def adapted(
    loss: Loss,
    weights: Mapping[str, Tensor],
    *,
    rate: float | Mapping[str, Tensor],
    steps: int = 1,
    first_order: bool = False,
    after_step: Callable[[Weights], Weights] | None = None,
) -> Weights:
    """Weights after some steps down the gradient of a loss.

    A gradient of what is computed from them passes through the steps: (I - rate H) for each, H being the second
    derivatives of the loss. With `first_order` H is taken to be 0.

    Args:
        loss: Of the support examples: ``lambda w: cross_entropy(functional_call(model, w, (x,)), y)``.
        weights: To start from.
        rate: Step size, or one of each parameter, which may be learned (Meta-SGD, arXiv:1707.09835).
        steps: Of the descent.
        first_order: Leave second derivatives out.
        after_step: Applied to the weights after each step, such as rounding to a grid.

    Raises:
        InputError: No step.
    """
    if steps < 1:
        raise InputError(f"expected at least one step, got {steps}")
    found = dict(weights)
    for _ in range(steps):
        # Of detached weights no graph is kept, which is all that first order saves.
        slope = torch.func.grad(loss)({n: w.detach() for n, w in found.items()} if first_order else found)
        by = {name: rate if isinstance(rate, float) else rate[name] for name in found}
        found = {name: each - by[name] * slope[name] for name, each in found.items()}
        found = found if after_step is None else after_step(found)
    return found
