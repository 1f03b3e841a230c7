"""Feedback on a vector of a trained model: what it says is kept true to measurements while the world drifts.

`latent_cost` makes a cost of any encoder, decoder and forward model; `tune` lowers any cost by one of four methods that
are all given the same number of evaluations. Nothing is trained.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from femtobarn.engine.extremum_seeking import ExtremumSeeking, Seeking
from femtobarn.errors import InputError, check_known

Cost = Callable[[Tensor], Tensor]  #: of vectors (machine, parameter) the cost of each machine
Method = Literal["none", "seeking", "gradient", "random", "simplex"]
_DECAYS = (0.9, 0.999)  # of Adam's means


@dataclass(frozen=True)
class Feedback:
    """How a vector is tuned."""

    method: str = "gradient"
    """none, seeking (extremum seeking), gradient (Adam), random (search around the best), simplex (Nelder-Mead)."""
    calls: int = 3
    """Evaluations of the cost for each measurement; those of the gradient also cost a backward pass."""
    step: float = 0.05
    """Amplitude of the oscillation, learning rate, width of the search, or side of the simplex; units of the vector."""
    gain: float = 20.0
    """Gain of extremum seeking."""
    limit: float = 3.0
    """Largest component: beyond some standard deviations of its training a decoder invents."""
    prior: float = 0.0
    """Adds prior * |vector|^2 to the cost."""

    def __post_init__(self) -> None:
        check_known("method", [self.method], get_args(Method))
        if self.calls < 1 or not (self.step > 0 and self.limit > 0 and self.prior >= 0):
            raise InputError(
                f"expected a call or more, a step and a limit above 0, a prior of 0 or more, got {self}"
            )


class State(NamedTuple):
    """All that the feedback has to know to go on; tensors and a number, which can be stored."""

    position: Float[Tensor, "machine parameter"]
    calls: int
    """Evaluations so far."""
    mean: Float[Tensor, "machine parameter"]
    """Of the gradient."""
    square: Float[Tensor, "machine parameter"]
    """Mean square of the gradient."""


class Tuned(NamedTuple):
    """Outcome of one measurement."""

    state: State
    best: Float[Tensor, "machine parameter"]
    """The vector with the least cost of those tried."""
    cost: Float[Tensor, "machine"]
    """Its cost, the prior included."""


def no_feedback(machines: int, parameters: int, *, dtype: torch.dtype = torch.float32) -> State:
    """The state before the first measurement: zeros."""
    zero = torch.zeros(machines, parameters, dtype=dtype)
    return State(zero, 0, zero, zero)


def latent_cost(
    code: Float[Tensor, "machine latent"],
    decode: Callable[[Tensor], Tensor],
    forward: Callable[[Tensor], Tensor],
    measured: Float[Tensor, "machine *shape"],
    *,
    spread: Float[Tensor, "latent"] | None = None,
) -> Cost:
    """C(p) = sum |forward(decode(code + p * spread)) - measured| / sum |measured|.

    Args:
        code: What an encoder makes of the measurement.
        decode: From codes to what is hidden.
        forward: From what is hidden to what is measured: physics, a surrogate, or the machine itself.
        measured: The measurement.
        spread: Standard deviation of each latent number in training, the unit of p; 1 if not given.
    """
    unit = torch.ones(code.shape[1]) if spread is None else spread
    inside = tuple(range(1, measured.ndim))
    total = measured.abs().sum(dim=inside).clamp(min=1e-12)

    def cost(vector: Tensor) -> Tensor:
        expected = forward(decode(code + vector * unit))
        return (expected - measured).abs().sum(dim=inside) / total

    return cost


def tune(cost: Cost, state: State, settings: Feedback, *, generator: torch.Generator | None = None) -> Tuned:
    """Lower the cost of one measurement, starting from where the measurement before ended.

    Args:
        cost: Of vectors, one of each machine; see `latent_cost`. Machines do not depend on each other.
        state: See `no_feedback`.
        settings: Method and number of evaluations.
        generator: Of the random search.

    Raises:
        InputError: A random search without a generator, or a cost of another shape than one number a machine.
    """
    seen = _Best(cost, settings.prior, len(state.position))
    if settings.method == "none":
        seen(torch.zeros_like(state.position))
        return Tuned(state._replace(calls=state.calls + 1), *seen.best())
    if settings.method == "random" and generator is None:
        raise InputError("expected a generator for the random search, got none")
    step: Any = {"seeking": _seek, "gradient": _descend, "random": _search, "simplex": _simplex}[
        settings.method
    ]
    moved = step(seen, state, settings, generator)
    return Tuned(moved._replace(calls=state.calls + settings.calls), *seen.best())


class Probe(NamedTuple):
    """What a few evaluations say of a cost."""

    noise: Float[Tensor, "machine"]
    """Standard deviation at the same vector."""
    change: Float[Tensor, "machine"]
    """Root mean square of what a step in each direction changes."""


def probe(
    cost: Cost, position: Float[Tensor, "machine parameter"], step: float, *, repeats: int = 5
) -> Probe:
    """Noise of a cost, and what a step changes, by `repeats` evaluations and one for each parameter.

    Extremum seeking cannot work where a step changes less than the noise.
    """
    with torch.no_grad():
        same = torch.stack([cost(position) for _ in range(repeats)])
        moved = torch.stack([cost(position + step * each) for each in torch.eye(position.shape[1])])
    return Probe(same.std(dim=0), (moved - same.mean(dim=0)).square().mean(dim=0).sqrt())


def advised_method(found: Probe, *, differentiable: bool) -> Method:
    """gradient where there is one; else seeking where a step changes more than the noise; else none."""
    if differentiable:
        return "gradient"
    return "seeking" if bool((found.change > found.noise).all()) else "none"


class _Best:
    """A cost that remembers the best vector of each machine that it was asked for."""

    def __init__(self, cost: Cost, prior: float, machines: int) -> None:
        self.cost, self.prior, self.machines = cost, prior, machines
        self.least: Tensor | None = None
        self.where: Tensor | None = None

    def __call__(self, vector: Tensor) -> Tensor:
        found = self.cost(vector)
        if found.shape != (self.machines,):
            raise InputError(
                f"expected a cost for each of {self.machines} machines, got {tuple(found.shape)}"
            )
        total = found + self.prior * vector.square().sum(dim=1)
        value, at = torch.nan_to_num(total.detach(), nan=math.inf), vector.detach()
        if self.least is None or self.where is None:
            self.least, self.where = value, at.clone()
        else:
            better = value < self.least
            self.where = torch.where(better[:, None], at, self.where)
            self.least = torch.minimum(self.least, value)
        return total

    def best(self) -> tuple[Tensor, Tensor]:
        """Vectors and costs."""
        assert self.where is not None
        assert self.least is not None
        return self.where, self.least


@torch.no_grad()
def _seek(cost: _Best, state: State, settings: Feedback, _: object) -> State:
    rule = ExtremumSeeking(settings.step, settings.gain, limit=settings.limit)
    seeking = Seeking(state.position, state.calls)
    for _call in range(settings.calls):
        seeking = rule.step(seeking, cost(seeking.position))
    return state._replace(position=seeking.position)


def _descend(cost: _Best, state: State, settings: Feedback, _: object) -> State:
    """Adam (Kingma and Ba, arXiv:1412.6980) whose means live on from measurement to measurement."""
    position, mean, square = state[0], state.mean, state.square
    for done in range(state.calls + 1, state.calls + settings.calls + 1):
        at = position.detach().requires_grad_()
        (slope,) = torch.autograd.grad(cost(at).sum(), at)
        slope = torch.nan_to_num(slope, 0.0, 0.0, 0.0)
        mean = _DECAYS[0] * mean + (1 - _DECAYS[0]) * slope
        square = _DECAYS[1] * square + (1 - _DECAYS[1]) * slope**2
        size = (square / (1 - _DECAYS[1] ** done)).sqrt() + 1e-8
        position = position - settings.step * mean / (1 - _DECAYS[0] ** done) / size
        position = position.clamp(-settings.limit, settings.limit)
    return State(position, state.calls, mean, square)


@torch.no_grad()
def _search(cost: _Best, state: State, settings: Feedback, generator: torch.Generator) -> State:
    """The vector kept so far is measured again, because its cost drifts; then others around the best."""
    cost(state.position)
    for _call in range(settings.calls - 1):
        drawn = torch.randn(state.position.shape, generator=generator, dtype=state.position.dtype)
        cost((cost.best()[0] + settings.step * drawn).clamp(-settings.limit, settings.limit))
    return state._replace(position=cost.best()[0])


@torch.no_grad()
def _simplex(cost: _Best, state: State, settings: Feedback, _: object) -> State:
    """Nelder-Mead of SciPy from the vector kept so far, one machine after the other."""
    from scipy.optimize import minimize

    position = state.position.clone()
    for machine in range(len(position)):
        start = position[machine].double().numpy()

        def of_one(vector: np.ndarray, machine: int = machine) -> float:
            position[machine] = torch.from_numpy(vector).to(position.dtype)
            return float(cost(position)[machine])

        corners = np.vstack((start, start + settings.step * np.eye(len(start))))
        bound = [(-settings.limit, settings.limit)] * len(start)
        options = {"maxfev": settings.calls, "initial_simplex": corners.clip(-settings.limit, settings.limit)}
        minimize(of_one, start, method="Nelder-Mead", bounds=bound, options=options)
        position[machine] = cost.best()[0][machine]
    return state._replace(position=position)
