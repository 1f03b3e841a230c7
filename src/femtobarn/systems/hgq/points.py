"""What a training leaves: a network in floating point, or points in the plane of quality against cost."""

import copy
import operator
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from femtobarn.engine import TensorTable, fit_front
from femtobarn.errors import InputError, nearest
from femtobarn.hardware.cost import effective_bit_operations
from femtobarn.hardware.integer_model import IntegerModel
from femtobarn.nn.quantised import ParetoSet, calibrate, quantise, to_integer, uniform_bits
from femtobarn.parts import Report
from femtobarn.runs import Run
from femtobarn.settings import from_dict
from femtobarn.study import Models, Split, Trained, grouped
from femtobarn.systems.hgq import tasks
from femtobarn.systems.hgq.sample import Events, Scale, Task
from femtobarn.systems.hgq.study import OURS, Config, Method, Part

_EXAMPLE = 4096  # training events that show a network its first ranges


class Point(NamedTuple):
    """One quantised network, calibrated, by its exact cost and its quality on the validation events."""

    part: Part
    epoch: int
    """By which its weights are found among those of the part."""
    ebops: int
    validation: float

    @property
    def name(self) -> str:
        """As ``predict --model`` and ``export --model`` call it."""
        return f"{self.part.name}-{self.ebops}ebops"


def network(config: Config) -> nn.Module:
    """The untrained network in floating point."""
    return tasks.network(config.data.task, hidden=config.study.hidden, norm=config.study.norm)


def quantised(part: Part, start: nn.Module, x: Tensor, config: Config) -> nn.Module:
    """The quantised network of a part as its training finds it; `x` shows it its first ranges."""
    settings, x = config.train, x[:_EXAMPLE]
    if part.bits:
        return uniform_bits(start, x, bits=part.bits)
    return quantise(
        start,
        x,
        fraction=settings.fraction,
        weight_fraction=settings.weight_fraction,
        overflow=settings.overflow,
    )


def build(part: Part, config: Config, _: Mapping[str, Any]) -> nn.Module:
    """The untrained network of a part, into which the weights of each of its points fit."""
    start = network(config)
    if part.method == "float":
        return start
    # Ranges come with the weights, so that any inputs will do.
    return quantised(part, start, torch.zeros(2, *tasks.TASKS[config.data.task].shape), config)


MODELS = Models(Part, lambda _: Config, build, needs=operator.attrgetter("needs"))


def train_one(config: Config, data: Split[Events], work: Path, part: Part, report: Report) -> Trained[Part]:
    """Train one part; it keeps its points, each by its epoch, that none of its others beats. The model is the best."""
    task, floating = config.data.task, part.method == "float"
    if floating:
        torch.manual_seed(part.seed)
        net = network(config)
    else:
        net = quantised(part, MODELS.load(work / part.start.name).model, data.train.x, config)
    trained, found, history = ParetoSet(), ParetoSet(), list[dict[str, float]]()
    if part.method == "after training":
        trained.offer(net, quality=0, cost=0, epoch=0)
    else:
        device = config.train.device
        masks = tasks.masks(task, data.train)
        tasks.keep_masked(net, masks)
        there = {name: mask.to(device) for name, mask in masks.items()}
        trained, history = fit_front(
            net,
            lambda net, batch: tasks.loss(task, net(batch["x"]), batch["y"]),
            lambda net: tasks.quality(task, tasks.outputs(net, data.validation), data.validation)[0],
            TensorTable({"x": data.train.x, "y": data.train.y}),
            course=config.train.course(part.method),
            seed=part.seed,
            folder=work / part.name,
            device=device,
            after_step=lambda net: tasks.keep_masked(net, there),
            report=report,
        )
    for each in trained.checkpoints:
        net.load_state_dict(each.state)
        exact = (each.quality, each.cost) if floating else _measured(net, task, data)
        found.offer(net, quality=exact[0], cost=exact[1], epoch=each.epoch)
    best = max(found.checkpoints, key=lambda each: each.quality)
    net.load_state_dict(best.state)
    kept = {
        "scale": data.train.scale._asdict(),
        "points": [(each.epoch, int(each.cost), each.quality) for each in found.checkpoints],
        "states": {each.epoch: each.state for each in found.checkpoints},
    }
    return Trained(part, net.eval(), history, -best.quality, kept)


def _measured(net: nn.Module, task: Task, data: Split[Events]) -> tuple[float, int]:
    """Quality of the calibrated network on the validation events, and its EBOPs, both of its integer model."""
    calibrate(net, data.train.x)
    integers = to_integer(net)
    output = integers(data.validation.x.double().numpy())
    return tasks.quality(task, output, data.validation)[0], effective_bit_operations(integers)


def network_of(trained: Trained[Part], point: Point) -> nn.Module:
    """The quantised network of a point of a part."""
    net: nn.Module = copy.deepcopy(trained.model)
    net.load_state_dict(trained.kept["states"][point.epoch])
    return net.eval()


def cheapest(points: Sequence[Point], *, at_least: float) -> Point | None:
    """The cheapest point of at least this validation quality."""
    good = [point for point in points if point.validation >= at_least]
    return min(good, key=lambda point: point.ebops) if good else None


def best_within(points: Sequence[Point], budget: float) -> Point | None:
    """The point of the best validation quality among those that cost no more than the budget."""
    there = [point for point in points if point.ebops <= budget]
    return max(there, key=lambda point: (point.validation, -point.ebops)) if there else None


class Networks:
    """All networks of a run: one in floating point for each seed, and the points, of each part the cheapest first."""

    def __init__(self, trained: Sequence[Trained[Part]]) -> None:
        self.parts = {each.part: each for each in trained}
        self.floats = {part.seed: each for part, each in self.parts.items() if part.method == "float"}
        self.points = [
            Point(part, *each)
            for part, trained in self.parts.items()
            if part.method != "float"
            for each in trained.kept["points"]
        ]

    @classmethod
    def of(cls, run: Run) -> "Networks":
        """Those that a run has trained.

        Raises:
            InputError: There is none.
        """
        parts = from_dict(Config, run.settings).study.parts()
        trained = [MODELS.load(folder) for folder in run.trained()]
        return cls(sorted(trained, key=lambda each: parts.index(each.part)))

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of the trainings."""
        return tuple(self.floats)

    @property
    def scale(self) -> Scale:
        """Of the inputs and of the angle."""
        return Scale(**self.floats[self.seeds[0]].kept["scale"])

    def integers(self, point: Point) -> IntegerModel:
        """The integer model of a point."""
        return to_integer(self.net(point))

    def net(self, point: Point) -> nn.Module:
        """The quantised network of a point."""
        return network_of(self.parts[point.part], point)

    def by_seed(self, method: Method) -> dict[int, list[Point]]:
        """Points of a method."""
        return grouped((p for p in self.points if p.part.method == method), lambda point: point.part.seed)

    def near_float(self, method: Method, seed: int, *, within: float) -> Point | None:
        """The cheapest point of a method whose validation quality is near that in floating point."""
        best = -self.floats[seed].validation
        return cheapest(self.by_seed(method).get(seed, ()), at_least=best - within)

    def choose(self, name: str | None, *, within: Sequence[float]) -> Point:
        """The point of a name; without one, the cheapest of the first seed near floating point with trained bits.

        Raises:
            InputError: There is none of that name, the message has the nearest; or none with trained bits yet.
        """
        if name is not None:
            names = {point.name: point for point in self.points}
            if name not in names:
                raise InputError(f"the run has no model {name!r}: {nearest(name, names)}")
            return names[name]
        seed, mine = next(iter(self.by_seed(OURS).items()), (0, []))
        if not mine:
            raise InputError(
                "the run has no network with trained bits yet: finish it with femtobarn run --resume"
            )
        near = (self.near_float(OURS, seed, within=distance) for distance in within)
        return next(filter(None, near), None) or max(mine, key=lambda point: point.validation)
