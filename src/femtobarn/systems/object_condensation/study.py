"""What is trained: networks by condensation, and the settings of CLUE, each without and with pile-up."""

import functools
import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from femtobarn.datasets.hgcalml import HitEvents
from femtobarn.engine import Descent
from femtobarn.errors import InputError
from femtobarn.evaluation.endcap_showers import Finder, calibration, found_score, on_face, true_labels
from femtobarn.generator_loop import Course, fit_generator
from femtobarn.losses import condensation_2022, energy_loss, object_weight, payload
from femtobarn.nn import CondensationNet
from femtobarn.parts import Report
from femtobarn.physics.clue_showers import clue_layers, clue_showers
from femtobarn.physics.condense import condense
from femtobarn.simulate.endcap import Endcap
from femtobarn.study import Models, Trained
from femtobarn.systems.object_condensation.data import DENSE, NONE, Samples

NET, CLUE_3D, CLUE_LAYERS, TRUTH = "GravNet", "CLUE 3-D", "CLUE by layers", "truth clusters"
_FILES = {NET: "gravnet", CLUE_3D: "clue-3d", CLUE_LAYERS: "clue-layers", TRUTH: "truth"}
_LAYER_Z = Endcap().z


@dataclass(frozen=True)
class Net:
    """Sizes, loss and training of a network; the defaults are those of the snapshot of May 2022."""

    width: int = 64
    """Of dense layers."""
    blocks: int = 2
    """Blocks of GravNet and messages."""
    neighbours: int = 64
    """Nearest hits that are heard, the hit itself among them."""
    dimensions: int = 6
    """Of the spaces in which they are sought."""
    propagated: int = 64
    """Features passed on in GravNet."""
    messages: tuple[int, ...] = (64, 64, 32, 32, 16, 16)
    """Widths of the rounds of messages in a block."""
    q_min: float = 0.1
    """Least charge of a hit."""
    energy: float = 1.0
    """Weight of the energy loss."""
    lr: float = 5e-5
    """Largest learning rate."""
    hits: int = 200_000
    """Hits of a step, at most; larger events are cut to what one event has."""
    course: Course = field(default_factory=lambda: Course(epochs=127, batch=10, check=1, ema=0.0))
    dense: Course | None = None
    """Course of the training with pile-up, whose events are larger; the same if not given."""

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
    t_beta: tuple[float, ...] = (0.1, 0.3, 0.5)
    """Least betas that are tried on the validation events."""
    t_d: tuple[float, ...] = (0.3, 0.5, 0.8)
    """Radii of clusters that are tried, in learned lengths."""
    distance: tuple[float, ...] = (15.0, 20.0, 30.0)
    """Distances of CLUE that are tried, mm."""
    density: tuple[float, ...] = (0.5, 1.5, 4.0)
    """Densities of CLUE that are tried, GeV."""
    fitted: int = 60
    """Training events, at most, that the energy of a method's clusters is fitted on."""

    def __post_init__(self) -> None:
        if (
            not (self.seeds and self.t_beta and self.t_d and self.distance and self.density)
            or self.fitted < 1
        ):
            raise InputError("at least one seed, one value to try and one event to fit on are needed")

    def parts(self, samples: Samples) -> list["Part"]:
        """All methods on all kinds of training events; classical ones have one seed."""
        methods = [(name, self.seeds[0]) for name in (TRUTH, CLUE_3D, CLUE_LAYERS)]
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
        return f"{_FILES[self.method]}-{self.trained.replace(' ', '-')}-seed{self.seed}"

    @property
    def labels(self) -> dict[str, str]:
        """Its place in tables."""
        return {"method": self.method, "tuned on": self.trained}


def build(part: Part, settings: Study, _: Mapping[str, Any]) -> nn.Module | None:
    """The network of a part; None for methods without weights."""
    return settings.net.build() if part.method == NET else None


MODELS = Models(Part, lambda _: Study, build)


class Condensing(nn.Module):
    """The network with its loss on events that are turned by random angles and mirrored."""

    def __init__(self, network: CondensationNet, events: HitEvents, net: Net) -> None:
        super().__init__()
        self.network, self.events, self.net = network, events, net

    def loss(self, batch: Mapping[str, Tensor], *, generator: torch.Generator) -> Tensor:
        """Condensation of 2022 and energy of some events, of as many as the number of hits allows."""
        events = self.events.take(batch["event"].numpy())
        fit = max(int(np.searchsorted(events.offset, self.net.hits, side="right")) - 1, 1)
        events = events.take(np.arange(fit)) if fit < len(events) else events
        hits, offset = tensors(events)
        turn = (
            2 * math.pi * torch.rand(fit if fit < len(batch["event"]) else len(events), generator=generator)
        )
        hits = _turned(hits, torch.repeat_interleave(turn, torch.diff(offset)))
        owner = torch.from_numpy(events.owner)
        true, deposited = (torch.from_numpy(x).float() for x in (events.energy, events.deposited))
        out, weight = self.network(hits, offset), object_weight(true)
        potential = condensation_2022(
            out.beta, out.x, out.distance, owner, offset=offset, weight=weight, q_min=self.net.q_min
        )
        each = energy_loss(out.factor, _of(deposited, owner), _of(true, owner))
        return potential.sum + self.net.energy * payload(each, out.beta, owner, weight=weight)


def train_one(study: Study, samples: Samples, folder: Path, part: Part, report: Report) -> Trained[Part]:
    """Train and choose on validation events, then fit the energy of the clusters on training events."""
    train, validation = samples.train[part.trained], samples.validation[part.trained]
    model, history = None, list[dict[str, float]]()
    if part.method == NET:
        torch.manual_seed(part.seed)
        model = study.net.build()
        course = (study.net.dense if part.trained == DENSE else None) or study.net.course
        history = fit_generator(
            Descent(Condensing(model, train, study.net), lr=study.net.lr, clip=1.0, generator=model),
            {"event": torch.arange(len(train))},
            lambda network, _: (1 - found_score(validation, _finder(network, 0.3, 0.5)), 0.0),
            course=course,
            seed=part.seed,
            folder=folder / part.name,
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
        assert isinstance(model, CondensationNet)
        return _finder(model, kept["t_beta"], kept["t_d"])
    by = clue_showers if part.method == CLUE_3D else clue_layers
    return functools.partial(_labels_of_clue, by, kept["distance"], kept["density"])


def tensors(events: HitEvents) -> tuple[Tensor, Tensor]:
    """Hits and offsets as the network takes them."""
    return torch.from_numpy(events.hits), torch.from_numpy(events.offset)


def _chosen(
    study: Study, method: str, model: CondensationNet | None, events: HitEvents
) -> tuple[dict[str, Any], float]:
    """The settings of the best F1 score on the validation events, as many tried for each method, and the score."""
    tried: dict[str, tuple[str, str]] = {NET: ("t_beta", "t_d")}
    if method == TRUTH:
        return {}, found_score(events, true_labels)
    names = tried.get(method, ("distance", "density"))
    best: tuple[float, dict[str, Any]] = (-1.0, {})
    for values in itertools.product(*(getattr(study, name) for name in names)):
        kept = dict(zip(names, values, strict=True))
        score = found_score(events, finder(Part(method, NONE, 0), model, kept))
        best = max(best, (score, kept), key=lambda each: each[0])
    return best[1], best[0]


def _labels_of_net(model: CondensationNet, event: HitEvents, *, t_beta: float, t_d: float) -> np.ndarray:
    with torch.no_grad():
        out = model.eval()(*tensors(event))
    return condense(out.beta.numpy(), out.x.numpy(), out.distance.numpy(), t_beta=t_beta, t_d=t_d)[0]


def _finder(model: nn.Module, t_beta: float, t_d: float) -> Finder:
    assert isinstance(model, CondensationNet)
    return functools.partial(_labels_of_net, model, t_beta=t_beta, t_d=t_d)


def _labels_of_clue(by: Any, distance: float, density: float, event: HitEvents) -> np.ndarray:
    layer = np.interp(event.hits[:, 3], _LAYER_Z, np.arange(len(_LAYER_Z)))
    energy = event.hits[:, 0].astype(np.float64)
    return by(on_face(event.hits), layer, energy, distance=distance, density=density)


def _turned(hits: Tensor, angle: Tensor) -> Tensor:
    cos, sin = torch.cos(angle), torch.sin(angle)
    turned = hits.clone()
    turned[:, 1] = cos * hits[:, 1] - sin * hits[:, 2]
    turned[:, 2] = sin * hits[:, 1] + cos * hits[:, 2]
    return turned


def _of(values: Tensor, owner: Tensor) -> Tensor:
    """A number of each hit's object; 1 for hits of none."""
    return torch.cat((values, values.new_ones(1)))[owner]
