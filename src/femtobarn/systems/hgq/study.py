"""What is trained in one run: parts that can be done on their own, and the points they leave in the plane of
quality against cost."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from femtobarn.engine import load_tensors, save_tensors
from femtobarn.errors import InputError, nearest
from femtobarn.hardware.cost import effective_bit_operations
from femtobarn.hardware.integer_model import IntegerModel
from femtobarn.nn.quantised import ParetoSet, calibrate, quantise, to_integer
from femtobarn.parts import Report
from femtobarn.systems.hgq import model
from femtobarn.systems.hgq.sample import Scale, Split, Task
from femtobarn.systems.hgq.training import Course, Training, train
from femtobarn.systems.hgq.uniform import uniform

Method = Literal["float", "trained bits", "uniform bits", "after training"]
METHODS: tuple[Method, ...] = ("trained bits", "uniform bits", "after training")  #: ours first
EXAMPLE = 4096  #: training events that show a network its first ranges


@dataclass(frozen=True)
class Study:
    """Which networks are trained and compared."""

    hidden: tuple[int, ...] = (32, 16)
    """Widths of the hidden layers of the jet classifier."""
    norm: bool = False
    """Batch normalisation in the jet classifier, folded into the weights before they are rounded."""
    uniform: tuple[int, ...] = (8, 7, 6, 5, 4, 3, 2)
    """Widths of quantisation-aware trainings with the same number of bits everywhere."""
    after: tuple[int, ...] = (12, 10, 9, 8, 7, 6, 5, 4)
    """Widths of quantisation after training."""
    seeds: tuple[int, ...] = (1, 2, 3)
    """Seeds of the first weights and the order of the events."""
    within: tuple[float, ...] = (0.005, 0.02, 0.05)
    """How far from floating point the designs that are written out may be; savings are quoted for the first. In
    units of the quality: accuracy, or mrad."""

    def __post_init__(self) -> None:
        if not (self.hidden and self.seeds and self.within) or min(self.hidden) < 1:
            raise InputError(
                "at least one hidden layer, one seed and one distance from floating point are needed"
            )
        if min((*self.uniform, *self.after), default=2) < 2:
            raise InputError(f"uniform numbers have at least 2 bits: got {self.uniform}, {self.after}")
        if list(self.within) != sorted(self.within) or self.within[0] <= 0:
            raise InputError(
                f"distances from floating point that grow from above 0 expected: got {self.within}"
            )

    def parts(self) -> list["Part"]:
        """Everything that follows the floating-point trainings, the longest first."""
        kinds: list[tuple[Method, int]] = [("trained bits", 0)]
        kinds += [("uniform bits", bits) for bits in self.uniform]
        kinds += [("after training", 0)] if self.after else []
        return [Part(method, bits, seed) for method, bits in kinds for seed in self.seeds]


class Part(NamedTuple):
    """One training."""

    method: Method
    bits: int
    """Of a uniform training, else 0."""
    seed: int

    @property
    def name(self) -> str:
        """As it is called on disk, such as ``uniform-bits-6-seed1``."""
        width = f"-{self.bits}" if self.bits else ""
        return f"{self.method.replace(' ', '-')}{width}-seed{self.seed}"


class Point(NamedTuple):
    """One quantised network, calibrated, by its exact cost and its quality on the validation events."""

    part: Part
    key: str
    """Name of its weights in the file of the part."""
    bits: int
    """Uniform width, 0 where bits are trained."""
    ebops: int
    validation: float

    @property
    def name(self) -> str:
        """As ``predict --model`` and ``export --model`` call it."""
        return f"{self.part.name}-{self.ebops}ebops"


def train_float(
    part: Part, split: Split, study: Study, settings: Training, *, folder: Path, report: Report
) -> None:
    """Train a floating-point network and leave its best epoch in ``net.pt``."""
    torch.manual_seed(part.seed)
    net = model.network(split.task, hidden=study.hidden, norm=study.norm)
    model.keep_masked(net, split.masks)
    course = Course(settings.float_epochs, settings.float_epochs)
    (best,), history = train(net, split, course, settings, seed=part.seed, folder=folder, report=report)
    save_tensors({"state": best.state, "quality": best.quality, "history": history}, folder / "net.pt")
    (folder / "last.pt").unlink(missing_ok=True)


def load_float(folder: Path, task: Task, study: Study) -> tuple[nn.Module, float]:
    """The floating-point network that `train_float` left, and its validation quality."""
    content = load_tensors(folder / "net.pt")
    net = model.network(task, hidden=study.hidden, norm=study.norm)
    net.load_state_dict(content["state"])
    return net.eval(), float(content["quality"])


def train_part(
    part: Part,
    split: Split,
    study: Study,
    settings: Training,
    *,
    start: nn.Module,
    folder: Path,
    report: Report,
) -> None:
    """Train from a floating-point network and leave the calibrated points of the part in ``points.pt``."""
    torch.set_num_threads(1)
    found = ParetoSet()
    states: dict[str, dict[str, Tensor]] = {}
    points: list[tuple[str, int, int, float]] = []
    history: list[dict[str, float]] = []

    def measured(net: nn.Module) -> tuple[int, float]:
        calibrate(net, split.train.x)
        integers = to_integer(net)
        quality, _ = model.quality(
            split.task, integers(split.validation.x.double().numpy()), split.validation.y, split.scale
        )
        return effective_bit_operations(integers), quality

    if part.method == "after training":
        for bits in study.after:
            net = untrained(part, start, split.train.x, bits=bits, settings=settings)
            states[f"{bits}"] = net.state_dict()
            points.append((f"{bits}", bits, *measured(net)))
    else:
        net = untrained(part, start, split.train.x, bits=part.bits, settings=settings)
        sweep = part.method == "trained bits"
        course = (
            Course(settings.sweep_epochs, settings.restart, settings.betas())
            if sweep
            else Course(settings.uniform_epochs, settings.uniform_epochs)
        )
        kept, history = train(net, split, course, settings, seed=part.seed, folder=folder, report=report)
        for checkpoint in kept:
            net.load_state_dict(checkpoint.state)
            cost, quality = measured(net)
            found.offer(net, quality=quality, cost=cost, epoch=checkpoint.epoch)
        for each in found.checkpoints:
            states[f"{each.epoch}"] = each.state
            points.append((f"{each.epoch}", part.bits, int(each.cost), each.quality))
    save_tensors({"points": points, "states": states, "history": history}, folder / "points.pt")
    (folder / "last.pt").unlink(missing_ok=True)


def untrained(part: Part, start: nn.Module, x: Tensor, *, bits: int, settings: Training) -> nn.Module:
    """The quantised network of a part as its training finds it."""
    if part.method == "trained bits":
        return quantise(
            start,
            x[:EXAMPLE],
            fraction=settings.fraction,
            weight_fraction=settings.weight_fraction,
            overflow=settings.overflow,
        )
    return uniform(start, x[:EXAMPLE], bits=bits)


def load_points(part: Part, folder: Path) -> list[Point]:
    """The points that `train_part` left, the cheapest first."""
    stored = load_tensors(folder / "points.pt")["points"]
    return sorted((Point(part, *each) for each in stored), key=lambda point: point.ebops)


def load_history(folder: Path) -> list[dict[str, float]]:
    """A row for each epoch of a part."""
    return list(load_tensors(folder / "points.pt")["history"])


def load_net(point: Point, folder: Path, start: nn.Module, x: Tensor, settings: Training) -> nn.Module:
    """The quantised network of a point; `x` are a few inputs, whose values do not matter."""
    net = untrained(point.part, copy.deepcopy(start), x, bits=point.bits, settings=settings)
    net.load_state_dict(load_tensors(folder / "points.pt")["states"][point.key])
    return net.eval()


def cheapest(points: Sequence[Point], *, at_least: float) -> Point | None:
    """The cheapest point of at least this validation quality."""
    good = [point for point in points if point.validation >= at_least]
    return min(good, key=lambda point: point.ebops) if good else None


def best_within(points: Sequence[Point], budget: float) -> Point | None:
    """The point of the best validation quality among those that cost no more than the budget."""
    there = [point for point in points if point.ebops <= budget]
    return max(there, key=lambda point: (point.validation, -point.ebops)) if there else None


def find(points: Sequence[Point], name: str) -> Point:
    """The point of a name.

    Raises:
        InputError: There is none; the message names the nearest.
    """
    names = [point.name for point in points]
    if name not in names:
        raise InputError(f"the run has no model {name!r}: {nearest(name, names)}")
    return points[names.index(name)]


class Trained(NamedTuple):
    """All that the trainings of a run left."""

    folder: Path
    study: Study
    settings: Training
    task: Task
    floats: dict[int, tuple[nn.Module, float]]
    """Network and validation quality for each seed."""
    points: list[Point]
    scale: Scale
    vectors: Tensor
    """Some test inputs for simulations."""

    def net(self, point: Point) -> nn.Module:
        """The quantised network of a point."""
        start, _ = self.floats[point.part.seed]
        return load_net(point, self.folder / point.part.name, start, self.vectors, self.settings)

    def integers(self, point: Point) -> IntegerModel:
        """The integer model of a point."""
        return to_integer(self.net(point))

    def chosen(self, method: Method, seed: int, *, within: float) -> Point | None:
        """The cheapest point of a method whose validation quality is near that in floating point."""
        mine = [point for point in self.points if (point.part.method, point.part.seed) == (method, seed)]
        return cheapest(mine, at_least=self.floats[seed][1] - within)
