"""The ways to learn from few examples, and how each is trained."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import nn

from femtobarn.errors import InputError
from femtobarn.evaluation.few_shot.digit_pairs import HARD, PUBLISHED, Pairs, Tasks
from femtobarn.evaluation.few_shot.episodes import FLOAT, Course, Learner, right, train_on_tasks
from femtobarn.nn.frame_cnn import FrameCnn
from femtobarn.nn.lif import Neuron
from femtobarn.nn.spiking_net import SpikingNet, start_near_threshold
from femtobarn.nn.weight_grid import weight_ranges
from femtobarn.parts import Report
from femtobarn.study import Models, Trained

Kind = Literal["CNN prototypes", "spiking prototypes", "MAML", "first-order MAML", "MAML without spikes"]
CNN: Kind = "CNN prototypes"
SPIKING: Kind = "spiking prototypes"
MAML: Kind = "MAML"


@dataclass(frozen=True)
class Study:
    """What is trained, and how."""

    kinds: tuple[Kind, ...] = (CNN, SPIKING, MAML, "first-order MAML")
    """Ways to learn. Prototypes: nearest class mean of a network's outputs. MAML: a step down the gradient."""
    hard: tuple[Kind, ...] = (CNN, SPIKING, MAML)
    """Models that are trained again without the digits of the hard split."""
    bits: tuple[int, ...] = (8, 4)
    """Bits of weights and updates with which MAML is trained on, from its weights in floating point."""
    seeds: tuple[int, ...] = (1, 2, 3)
    """Seeds of weights and tasks."""
    channels: tuple[int, ...] = (12, 24, 32)
    """Channels of the layers of the spiking network; published are 32, 64, 128."""
    neuron: Neuron = field(default_factory=lambda: Neuron(membrane=0.87, synapse=0.74))
    """Constants of the units, for a bin of 5.7 ms."""
    burn_in: int = 6
    """First bins without gradient."""
    cnn: tuple[int, ...] = (24, 48, 64)
    """Channels of the layers of the network on frames."""
    frames: int = 6
    """Frames that the network sees; divides the bins of time."""
    ways: int = 5
    """Classes of a task."""
    shots: int = 1
    """Labelled examples of each class."""
    queries: int = 3
    """Query examples of each class in training."""
    validation: int = 15
    """Validation tasks of a check."""
    inner: float = 1.0
    """Step size of MAML."""
    course: Course = field(default_factory=Course)
    bits_tasks: int = 30
    """Further tasks with few bits."""

    def __post_init__(self) -> None:
        least = min(self.shots, self.queries, self.validation, self.bits_tasks // self.course.checks)
        if not (self.kinds and self.seeds) or least < 1 or self.ways < 2 or not self.inner > 0:
            raise InputError(f"expected kinds, seeds, 2 ways, and other numbers of at least 1: got {self}")
        if (self.bits and MAML not in self.kinds) or not {*self.hard} <= {*self.kinds}:
            raise InputError(f"few bits start from {MAML}, what is hard is among the kinds: got {self.kinds}")

    def parts(self) -> list["Part"]:
        """All trainings."""
        each = [Part(kind, PUBLISHED, FLOAT, 0) for kind in self.kinds]
        each += [Part(MAML, PUBLISHED, bits, 0) for bits in self.bits]
        each += [Part(kind, HARD, FLOAT, 0) for kind in self.hard]
        return [part._replace(seed=seed) for seed in self.seeds for part in each]


class Part(NamedTuple):
    """One training."""

    kind: str
    split: str
    bits: int
    seed: int

    @property
    def name(self) -> str:
        """Its folder, such as ``maml-8-bit-seed1``."""
        words = [self.method, *([self.split] if self.split != PUBLISHED else []), f"seed{self.seed}"]
        return "-".join(words).replace(" ", "-").lower()

    @property
    def method(self) -> str:
        """The kind, and its bits if they are few."""
        return self.kind if self.bits == FLOAT else f"{self.kind} {self.bits} bit"

    @property
    def labels(self) -> dict[str, str]:
        """Its place in tables."""
        return {"method": self.method, "classes": self.split}


def build(part: Part, study: Study, kept: Mapping[str, Any]) -> nn.Module:
    """The network before its first weights are set."""
    steps, *shape = kept["shape"]
    if part.kind == CNN:
        return FrameCnn(steps, shape[0], frames=study.frames, channels=study.cnn)
    return SpikingNet(
        shape, study.ways, channels=study.channels, neuron=study.neuron, burn_in=study.burn_in,
        spiking=part.kind != "MAML without spikes",
    )  # fmt: skip


def needs(part: Part) -> list[Part]:
    """Few bits start from floating point."""
    return [part._replace(bits=FLOAT)] if part.bits != FLOAT else []


MODELS = Models(Part, lambda _: Study, build, needs)


def learner(study: Study, trained: Trained[Part]) -> Learner:
    """A trained part, ready to learn."""
    return _learner(study, trained.part, trained.model, trained.kept["ranges"])


def untrained(study: Study, pairs: Pairs, part: Part) -> Learner:
    """A network with its first weights."""
    torch.manual_seed(part.seed)
    net = build(part, study, {"shape": pairs.shape})
    if isinstance(net, SpikingNet):
        (task,) = pairs.episodes(1, ways=study.ways, shots=1, queries=4, seed=part.seed)
        start_near_threshold(net, pairs.frames(task.query))
        nn.init.zeros_(net.head.weight)  # labels in random order make a first head noise (arXiv:2106.15367)
    return _learner(study, part, net, {})


def train_one(study: Study, data: Tasks, work: Path, part: Part, report: Report) -> Trained[Part]:
    """One training on tasks."""
    split, course = data.by_split[part.split], study.course
    one, task = (
        untrained(study, split.train, part),
        {"ways": study.ways, "shots": study.shots, "queries": study.queries},
    )
    if part.bits != FLOAT:
        net = MODELS.load(work / needs(part)[0].name).model
        one = _learner(study, part, net, weight_ranges(dict(net.named_parameters()), bits=part.bits))
        course = replace(course, tasks=study.bits_tasks)

    def validate(one: Learner) -> float:
        tasks = split.validation.episodes(study.validation, seed=data.seed, **task)
        return float(right(one, split.validation, tasks).mean())

    episodes = split.train.episodes(course.tasks, seed=(part.seed, part.bits), **task)
    best, history = train_on_tasks(one, (split.train, episodes), validate, course=course, report=report)
    return Trained(part, one.net, history, 1 - best, {"shape": split.train.shape, "ranges": dict(one.ranges)})


def _learner(study: Study, part: Part, net: nn.Module, ranges: Mapping[str, int]) -> Learner:
    first_order = part.kind.startswith("first-order")
    return Learner(net, part.kind.endswith("prototypes"), study.inner, first_order, part.bits, ranges)
