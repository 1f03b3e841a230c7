"""Networks that learn from a few examples, by class means or by steps down a gradient, and their training on tasks."""

import math
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import avg_pool2d, cross_entropy

from femtobarn.data.episodes import Episode
from femtobarn.errors import InputError
from femtobarn.losses.prototype import prototype_logits, prototypes
from femtobarn.nn.inner_loop import Weights, adapted
from femtobarn.nn.spiking_net import SpikingNet
from femtobarn.nn.weight_grid import on_grid, weight_ranges
from femtobarn.parts import Report

FLOAT = 32  #: bits of weights that are not rounded
_LAST = 50  # the learning rate falls to this part of itself

Inputs = Float[Tensor, "_ step channel row column"]
Answer = Callable[[Tensor], Tensor]  #: logits of inputs, once something was learned


@runtime_checkable
class Examples(Protocol):
    """What turns the rows of an `Episode` into inputs of a network."""

    def frames(self, rows: np.ndarray, /) -> Tensor:
        """Inputs of these rows."""


@dataclass(frozen=True)
class Course:
    """A training on tasks."""

    tasks: int = 300
    """Tasks, one a step."""
    checks: int = 3
    """Times that validation tasks are tried; the weights that are best then are kept."""
    lr: float = 5e-3
    """Learning rate of Adam, which falls to a fiftieth along a cosine."""
    clip: float = 10.0
    """Largest norm of a gradient."""
    device: str = "cpu"
    """Torch device of the trainings: cpu, cuda."""

    def __post_init__(self) -> None:
        if not 1 <= self.checks <= self.tasks or not (0 < self.lr < math.inf and 0 < self.clip < math.inf):
            raise InputError(
                f"expected at least as many tasks as checks, and lr and clip above 0, got {self}"
            )


class Learner(NamedTuple):
    """A network and how it learns from labelled examples."""

    net: nn.Module
    by_means: bool
    """By class means of its outputs; else by steps down the gradient."""
    rate: float = 1.0
    """Step size."""
    first_order: bool = False
    """Leave second derivatives out of the training."""
    bits: int = FLOAT
    """Of the weights, before a step and after it."""
    ranges: Mapping[str, int] = {}
    """Of these bits, see `weight_ranges`."""

    def learn(self, support: Inputs, label: Tensor, ways: int) -> Answer:
        """What gives logits of new inputs, after the labelled ones were seen."""
        if self.by_means:
            means = prototypes(embed(self.net, support), label, ways)  # checked where the labels are
            return lambda x: prototype_logits(embed(self.net, x), means)

        target = label.to(support.device)

        def loss(weights: Weights) -> Tensor:
            return cross_entropy(functional_call(self.net, weights, (support,)), target)

        found = adapted(
            loss, self._start(), rate=self.rate, first_order=self.first_order, after_step=self._rounded
        )
        return lambda x: functional_call(self.net, found, (x,))

    def before(self, x: Inputs) -> Tensor:
        """Logits of a network that has not seen labelled examples."""
        logits: Tensor = functional_call(self.net, self._start(), (x,))
        return logits

    def in_bits(self, bits: int) -> "Learner":
        """A copy whose weights are rounded to so many bits, without training."""
        net, weights = deepcopy(self.net), dict(self.net.named_parameters())
        with torch.no_grad():
            net.load_state_dict(on_grid(weights, weight_ranges(weights, bits=bits), bits=bits))
        return self._replace(net=net)

    def _start(self) -> Weights:
        return self._rounded(dict(self.net.named_parameters()))

    def _rounded(self, weights: Weights) -> Weights:
        return on_grid(weights, self.ranges, bits=self.bits) if self.ranges else weights


def embed(net: nn.Module, x: Inputs) -> Float[Tensor, "_ feature"]:
    """Where class means live: rates of the last layer of a spiking network, or the outputs of another."""
    found: Tensor = net.rates(x) if isinstance(net, SpikingNet) else net(x)
    return found


class Features(nn.Module):
    """What class means are taken of, as a network of its own; see `embed`."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Inputs) -> Float[Tensor, "_ feature"]:
        """Features."""
        return embed(self.net, x)


class Counts(nn.Module):
    """The trivial features, without training: events of each pixel, blurred and of length 1.

    The squared distance of two of them is 2 - 2 cos, so that class means of one example compare by the cosine.

    Args:
        blur: Pixels a side of the window that counts are averaged in; 1 for none.
    """

    def __init__(self, blur: int = 1) -> None:
        super().__init__()
        self.blur = blur

    def forward(self, x: Inputs) -> Float[Tensor, "_ feature"]:
        """Features."""
        smooth = avg_pool2d(x.sum(dim=1), self.blur, 1, padding=self.blur // 2).flatten(1)
        found: Tensor = smooth / smooth.norm(dim=1, keepdim=True).clamp(min=1e-9)
        return found


def task_logits(one: Learner, examples: Examples, task: Episode) -> Float[Tensor, "query way"]:
    """Of the queries of a task, after its support was learned."""
    place = next(one.net.parameters(), torch.empty(0)).device
    support, query = (examples.frames(rows).to(place) for rows in (task.support, task.query))
    return one.learn(support, torch.from_numpy(task.support_label), len(task.classes))(query)


def right(
    one: Learner, examples: Examples, tasks: Iterable[Episode], *, adapt: bool = True
) -> Bool[np.ndarray, "task query"]:
    """Whether each query of each task is right.

    Args:
        one: Learns each task anew.
        examples: Inputs.
        tasks: All of the same size.
        adapt: False asks the network as it is, before it has seen the support.
    """
    found = []
    with torch.no_grad():
        for task in tasks:
            logits = task_logits(one, examples, task) if adapt else one.before(examples.frames(task.query))
            found.append(logits.argmax(dim=1).cpu().numpy() == task.query_label)
    return np.array(found)


def train_on_tasks(
    one: Learner,
    train: tuple[Examples, Iterable[Episode]],
    validate: Callable[[Learner], float],
    *,
    course: Course,
    report: Report,
) -> tuple[float, list[dict[str, float]]]:
    """Make the loss of queries small, task by task; the best accuracy on validation tasks, and how it came to be.

    Args:
        one: Its network is trained in place, and left with the best weights.
        train: Inputs, and as many tasks as the course has, or more.
        validate: Accuracy on validation tasks.
        course: See `Course`.
        report: Called at each check.

    Raises:
        InputError: The loss is not finite.
    """
    one.net.to(course.device)
    descent = torch.optim.Adam(one.net.parameters(), lr=course.lr)
    rates = torch.optim.lr_scheduler.CosineAnnealingLR(descent, course.tasks, course.lr / _LAST)
    best: tuple[float, dict[str, Any]] = (-1.0, {})
    history, losses = list[dict[str, float]](), list[Tensor]()
    examples, tasks = train
    for place, task in zip(range(1, course.tasks + 1), tasks, strict=False):
        losses.append(_step(one, examples, task, descent, course.clip))
        rates.step()
        if place % (course.tasks // course.checks) == 0:
            accuracy, loss = validate(one), float(torch.stack(losses).double().mean())
            if not math.isfinite(loss):
                raise InputError("the loss is not finite: choose a smaller learning rate or step size")
            history.append({"epoch": float(place), "train": loss, "validation": accuracy})
            best = max(best, (accuracy, deepcopy(one.net.state_dict())), key=lambda each: each[0])
            report(place, course.tasks, f"accuracy {accuracy:.3f}")
            losses.clear()
    one.net.cpu().load_state_dict(best[1])
    one.net.eval()
    return best[0], history


def _step(
    one: Learner, examples: Examples, task: Episode, descent: torch.optim.Optimizer, clip: float
) -> Tensor:
    logits = task_logits(one, examples, task)
    loss = cross_entropy(logits, torch.from_numpy(task.query_label).to(logits.device))
    descent.zero_grad()
    torch.autograd.backward(loss)
    nn.utils.clip_grad_norm_(one.net.parameters(), clip)
    descent.step()
    return loss.detach()
