"""Leaky integrate-and-fire units that can be differentiated twice, computed layer by layer over all time steps.

The traces of a unit (Kaiser et al. 2020, arXiv:1811.10766; arXiv:2201.10777) filter its inputs, not its potential, so
they are one product with a triangular matrix; only the reset goes step by step. A step of time is one bin of events.
"""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from femtobarn.errors import InputError

Reset = Literal["refractory", "hard", "none"]
SLOPE = 10.0  #: of the surrogate, in units of the inverse potential (arXiv:2201.10777)


@dataclass(frozen=True)
class Neuron:
    """Constants of a unit; the defaults are those of arXiv:2201.10777 for bins of 1 ms."""

    membrane: float = 0.95
    """Share of the membrane trace that is left after a step."""
    synapse: float = 0.9
    """Share of the synaptic trace that is left after a step."""
    reset: Reset = "refractory"
    """After a spike: "refractory" lowers the potential for a while, "hard" makes it 0 for one step, "none"."""
    recovery: float = 0.65
    """Share of the refractory trace that is left after a step."""
    refractory: float = 1.0
    """Weight of the refractory trace."""

    def __post_init__(self) -> None:
        shares = self.membrane, self.synapse, self.recovery
        if not all(0 <= each < 1 for each in shares) or self.membrane == self.synapse:
            raise InputError(
                f"expected shares in [0, 1), and other ones of membrane and synapse: got {shares}"
            )


def spikes(potential: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """1 where the potential is above 0, else 0; the derivative is taken to be 1 / (10 |u| + 1)^2 (fast sigmoid).

    The backward pass is made of differentiable operations, so that second derivatives are those of this factor, with
    `torch.autograd` as well as under `torch.func.grad` and `torch.func.vmap`.
    """
    if not torch.is_grad_enabled():
        return (potential > 0).to(potential.dtype)
    found: Tensor = _Step.apply(potential)  # type: ignore[no-untyped-call]
    return found


class _Step(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(potential: Tensor) -> Tensor:
        return (potential > 0).to(potential.dtype)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], _: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, *gradient: Tensor) -> Tensor:
        potential: Tensor = ctx.saved_tensors[0]
        return gradient[0] / (SLOPE * potential.abs() + 1) ** 2


def trace_response(
    steps: int, neuron: Neuron, *, gain: float = 1.0, device: torch.device | None = None
) -> Float[Tensor, " step"]:
    """Membrane trace of a unit n steps after a single input spike, for n = 0, 1 ...; float64.

    Q <- synapse Q + (1 - synapse) gain S and P <- membrane P + (1 - membrane) Q_before give
    gain (1 - membrane) (1 - synapse) (membrane^n - synapse^n) / (membrane - synapse), largest at
    n = ln(ln synapse / ln membrane) / ln(membrane / synapse).
    """
    a, b = neuron.membrane, neuron.synapse
    n = torch.arange(steps, dtype=torch.float64, device=device)
    response: Tensor = gain * (1 - a) * (1 - b) * (a**n - b**n) / (a - b)
    return response


def traces(
    incoming: Float[Tensor, "event step *shape"], neuron: Neuron, *, gain: float = 1.0
) -> Float[Tensor, "event step *shape"]:
    """Membrane traces of all inputs at all steps; counts as well as spikes may come in."""
    steps = incoming.shape[1]
    response = trace_response(steps, neuron, gain=gain, device=incoming.device).to(incoming)
    step = torch.arange(steps, device=incoming.device)
    lag = step[:, None] - step
    kernel = torch.where(lag >= 0, response[lag.clamp(min=0)], 0.0)
    return (kernel @ incoming.flatten(2)).reshape(incoming.shape)


def potentials(
    current: Float[Tensor, "event step *shape"], neuron: Neuron
) -> Float[Tensor, "event step *shape"]:
    """Potentials of units with these currents, lowered after their own spikes.

    What a spike does to its own unit is a constant to the gradient, as is common (Zenke, Vogels 2021,
    doi:10.1162/neco_a_01367); this is what lets all steps be computed together.
    """
    if neuron.reset == "none":
        return current
    with torch.no_grad():
        after = (_awake if neuron.reset == "hard" else _refractory)(current.detach(), neuron)
    return current * after if neuron.reset == "hard" else current + after


def _refractory(current: Tensor, neuron: Neuron) -> Tensor:
    """R <- recovery R - (1 - recovery) weight S_before, at each step."""
    trace, kept = torch.zeros_like(current[:, 0]), []
    drop = (1 - neuron.recovery) * neuron.refractory
    for now in current.unbind(1):
        kept.append(trace)
        trace = neuron.recovery * trace - drop * (now + trace > 0).to(current.dtype)
    return torch.stack(kept, dim=1)


def _awake(current: Tensor, _: Neuron) -> Tensor:
    """0 in the step after a spike, else 1."""
    awake, kept = torch.ones_like(current[:, 0]), []
    for now in current.unbind(1):
        kept.append(awake)
        awake = (now * awake <= 0).to(current.dtype)
    return torch.stack(kept, dim=1)
