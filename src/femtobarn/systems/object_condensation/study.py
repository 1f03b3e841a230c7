"""What is trained: networks by condensation, and the settings of CLUE, each without and with pile-up."""

import functools
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from femtobarn.datasets.hgcalml import HitEvents, in_parts
from femtobarn.engine import Descent, MadeTable
from femtobarn.errors import InputError
from femtobarn.evaluation.endcap.baselines import CLASSICAL
from femtobarn.evaluation.endcap.showers import Finder, calibration, found_score, true_labels
from femtobarn.generator_loop import Course, fit_generator
from femtobarn.nn import CondensationNet, Condensing, hit_batch, network_output
from femtobarn.parts import Report
from femtobarn.physics.condense import condense
from femtobarn.study import Models, Trained
from femtobarn.systems.object_condensation.data import DENSE, Samples

NET, TRUTH = "GravNet", "truth clusters"
CLUE_3D, CLUE_LAYERS, DBSCAN, ANTI_KT = CLASSICAL
#: Of each method that has some, the settings of a `Study` that are tried on validation events.
TRIED = {
    NET: ("t_beta", "t_d"),
    CLUE_3D: ("distance", "density", "depth"),
    CLUE_LAYERS: ("distance", "density", "depth"),
    DBSCAN: ("radius", "least"),
    ANTI_KT: ("radius", "least"),
}


@dataclass(frozen=True)
class Net:
    """Sizes, loss and training of a network; the defaults are those of the snapshot of May 2022."""

    width: int = 64
    """Width of the dense layers."""
    blocks: int = 2
    """Blocks of GravNet and messages."""
    neighbours: int = 64
    """Nearest hits that are heard, the hit itself among them."""
    dimensions: int = 6
    """Dimensions of the spaces in which neighbours are sought."""
    propagated: int = 64
    """Features passed on in GravNet."""
    messages: tuple[int, ...] = (64, 64, 32, 32, 16, 16)
    """Widths of the rounds of messages in a block."""
    q_min: float = 0.1
    """Least charge of a hit."""
    energy: float = 1.0
    """Weight of the energy loss."""
    repulsion: tuple[float, float] = (1.0, 1.0)
    """Weights of the repulsion, without and with pile-up."""
    lr: float = 5e-5
    """Largest learning rate."""
    hits: int = 200_000
    """Hits of a step, at most; larger events are cut to what one event has."""
    course: Course = field(default_factory=lambda: Course(epochs=127, batch=10, check=1, ema=0.0))
    dense_epochs: int = 127
    """Passes over the events with pile-up, which are larger, instead of those of the course."""
    dense_parts: int = 1
    """Parts in azimuth, each an event of its own, that events with pile-up are cut into for training."""
    device: str = "cpu"
    """Torch device of the trainings: cpu, cuda."""

    def build(self) -> CondensationNet:
        """The untrained network."""
        names = ("width", "blocks", "neighbours", "dimensions", "propagated", "messages")
        return CondensationNet(**{name: getattr(self, name) for name in names})


@dataclass(frozen=True)
class Study:
    """Which methods are compared, and what they may try."""

    seeds: tuple[int, ...] = (1, 2, 3)
    """Seeds of the initial weights and of the order of events."""
    net: Net = field(default_factory=Net)
    t_beta: tuple[float, ...] = (0.1, 0.3, 0.5, 0.7)
    """Least betas that are tried on the validation events."""
    t_d: tuple[float, ...] = (0.15, 0.3, 0.5, 0.8)
    """Radii of clusters that are tried, in learned lengths."""
    distance: tuple[float, ...] = (11.0, 15.0, 30.0, 45.0)
    """Distances of CLUE that are tried, mm."""
    density: tuple[float, ...] = (0.1, 0.5)
    """Densities of CLUE that are tried, GeV."""
    depth: tuple[float, ...] = (4.0, 8.0)
    """mm that a layer counts for in CLUE that are tried."""
    radius: tuple[float, ...] = (0.005, 0.01, 0.02, 0.04)
    """Radii in pseudorapidity and azimuth of DBSCAN and anti-kT that are tried."""
    least: tuple[float, ...] = (0.1, 0.5, 1.5, 4.0)
    """Energies of a core of DBSCAN and of a jet that are tried, GeV."""
    fitted: int = 60
    """Training events, at most, that the energy of a method's clusters is fitted on."""

    def __post_init__(self) -> None:
        tried = {name for names in TRIED.values() for name in names}
        if not (self.seeds and all(getattr(self, name) for name in tried)) or self.fitted < 1:
            raise InputError("at least one seed, one value to try and one event to fit on are needed")

    def parts(self, samples: Samples) -> list["Part"]:
        """All methods on all kinds of training events; classical ones have one seed."""
        methods = [(name, self.seeds[0]) for name in (TRUTH, *CLASSICAL)]
        methods += [(NET, seed) for seed in self.seeds]
        return [Part(method, trained, seed) for trained in samples.train for method, seed in methods]


class Part(NamedTuple):
    """One method, on one kind of training events."""

    method: str
    trained: str
    seed: int

    @property
    def name(self) -> str:
        """Such as ``gravnet-pile-up-seed1``."""
        return f"{self.method.lower().replace(' ', '-')}-{self.trained.replace(' ', '-')}-seed{self.seed}"

    @property
    def labels(self) -> dict[str, str]:
        """Its place in tables."""
        return {"method": self.method, "tuned on": self.trained}


def build(part: Part, settings: Study, _: Mapping[str, Any]) -> nn.Module | None:
    """The network of a part; None for methods without weights."""
    return settings.net.build() if part.method == NET else None


MODELS = Models(Part, lambda _: Study, build)


def train_one(study: Study, samples: Samples, folder: Path, part: Part, report: Report) -> Trained[Part]:
    """Train and choose on validation events, then fit the energy of the clusters on training events."""
    train, validation = samples.train[part.trained], samples.validation[part.trained]
    model, history = None, list[dict[str, float]]()
    if part.method == NET:
        torch.manual_seed(part.seed)
        model = study.net.build()
        net, course, events = study.net, study.net.course, train
        if part.trained == DENSE:
            course, events = replace(course, epochs=net.dense_epochs), in_parts(train, net.dense_parts)
        trainee = Condensing(
            model, q_min=net.q_min, energy=net.energy, repulsion=net.repulsion[part.trained == DENSE]
        )
        history = fit_generator(
            Descent(trainee, lr=net.lr, clip=1.0, generator=model),
            MadeTable(functools.partial(hit_batch, events, most=net.hits), len(events)),
            lambda network, _: (1 - _chosen(study, NET, network, validation)[1], 0.0),
            course=course,
            seed=part.seed,
            folder=folder / part.name,
            device=net.device,
            report=lambda row: report(int(row["epoch"]), course.epochs, f"1 - F1 {row['distance']:.3f}"),
        )
    kept, score = _chosen(study, part.method, model, validation)
    some = train.take(np.arange(min(study.fitted, len(train))))
    kept["weights"] = torch.from_numpy(calibration(some, finder(part, model, kept)))
    report(1, 1, f"F1 {score:.3f}")
    return Trained(part, model, history, 1 - score, kept)


def finder(part: Part, model: nn.Module | None, kept: Mapping[str, Any]) -> Finder:
    """How the part finds clusters."""
    if part.method == TRUTH:
        return true_labels
    if part.method == NET:
        assert model is not None
        return functools.partial(_labels_of_net, model, kept["t_beta"], kept["t_d"])
    return CLASSICAL[part.method](**{name: kept[name] for name in TRIED[part.method]})


def _chosen(
    study: Study, method: str, model: nn.Module | None, events: HitEvents
) -> tuple[dict[str, Any], float]:
    """The settings of the best F1 score on some events, and the score."""
    every = [events.event(number) for number in range(len(events))]
    if method == TRUTH:
        return {}, found_score(events, [true_labels(event) for event in every])
    outputs = [network_output(model, event) for event in every] if model is not None else []
    best: tuple[float, dict[str, Any]] = (-1.0, {})
    for values in itertools.product(*(getattr(study, name) for name in TRIED[method])):
        kept = dict(zip(TRIED[method], values, strict=True))
        if model is not None:
            labels = [condense(*output, **kept)[0] for output in outputs]
        else:
            labels = list(map(CLASSICAL[method](**kept), every))
        best = max(best, (found_score(events, labels), kept), key=lambda each: each[0])
    return best[1], best[0]


def _labels_of_net(model: nn.Module, t_beta: float, t_d: float, event: HitEvents) -> np.ndarray:
    return condense(*network_output(model, event), t_beta=t_beta, t_d=t_d)[0]
