"""What is trained: chains of networks by method, by what is sought and by seed; their sizes and their training."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool
from torch import nn

from femtobarn.engine import Training
from femtobarn.errors import InputError
from femtobarn.evaluation.tracks.chain import Chain, from_tensors
from femtobarn.evaluation.tracks.hit_graphs import HIT, PAIR, TRIPLET
from femtobarn.metrics.tracking import selected
from femtobarn.nn import EdgeNetwork, HitEmbedding, InteractionNetwork, TrackCondenser
from femtobarn.physics.tracks import Hits
from femtobarn.study import Models, Trained

Method = Literal["layer map", "triplet filter", "triplets", "embedding", "condensation"]


class Regime(NamedTuple):
    """Which particles are sought, and how far the collisions are spread along the beam, mm."""

    z: float
    pt: float
    displaced: bool = False

    def learned(self, hits: Hits) -> Bool[np.ndarray, "particle"]:
        """Particles to learn from: with three hits."""
        return selected(hits, pt=self.pt, least_hits=3, primary=not self.displaced)

    def judged(self, hits: Hits) -> Bool[np.ndarray, "particle"]:
        """Particles to judge by: with five hits, pT a tenth above the bound; of displaced ones only these."""
        found = selected(hits, pt=1.1 * self.pt, primary=not self.displaced)
        return found & ~hits.particles.primary if self.displaced and hits.particles else found


#: By their names in tables; 55 mm are those of the throughput phase of the challenge, 5.5 mm of the accuracy phase.
REGIMES = {
    "pT > 0.5 GeV, 55 mm": Regime(55.5, 0.5),
    "pT > 0.5 GeV, 5.5 mm": Regime(5.5, 0.5),
    "pT > 0.25 GeV, 55 mm": Regime(55.5, 0.25),
    "displaced, pT > 0.5 GeV, 55 mm": Regime(55.5, 0.5, displaced=True),
}


@dataclass(frozen=True)
class Study:
    """Which chains are trained."""

    methods: tuple[Method, ...] = ("triplet filter", "layer map", "triplets", "embedding")
    """layer map: pairs within windows of layers, interaction network. triplet filter: the same for pairs in a triplet
    within its windows. condensation: its hits in a learned space. triplets: network of pairs, network of triplets
    (arXiv:2007.00149). embedding: metric learning, radius graph, filter, interaction network (arXiv:2103.06995)."""
    regimes: tuple[str, ...] = tuple(REGIMES)
    """What is sought; all methods are trained for the first, the first method for the others."""
    seeds: tuple[int, ...] = (1, 2, 3)
    """Seeds of the trainings of each network."""
    width: int = 32
    """Features inside the graph networks."""
    rounds: int = 4
    """Rounds of messages; half as many in the network of triplets."""
    shared: bool = False
    """The same weights in all rounds of an interaction network, as published."""
    train: Training = field(default_factory=lambda: Training(epochs=6, batch=1, lr=4e-3))
    """Training of the graph networks; a batch counts sections of events."""
    sections: int = 8
    """In phi, of training events."""
    dimensions: int = 8
    """Dimensions of the embedding, and of the space of condensation."""
    hidden: tuple[int, int] = (3, 128)
    """Layers of the embedding and their width."""
    margin: float = 0.1
    """Distance on the unit sphere that the embedding keeps hits of different tracks apart."""
    near: int = 40_000
    """Near pairs of a section that the embedding learns from in a step."""
    embed: Training = field(default_factory=lambda: Training(epochs=12, batch=1, lr=2e-3))
    """Training of the embedding."""
    condense: Training = field(default_factory=lambda: Training(epochs=40, batch=1, lr=3e-3))
    """Training of the condensation, which takes seven times the passes of the other networks."""
    neighbours: int = 100
    """Neighbours of a hit within the radius of the graph, at most, on average."""
    kept: float = 0.98
    """Share of true pairs of validation events within the radius of the graph, and above the cut of the filter."""
    wrong: int = 4
    """Wrong pairs that the filter is trained with for each true one."""
    cut: float = 0.1
    """Score of a pair below which it is in no triplet, as published."""

    def __post_init__(self) -> None:
        if unknown := set(self.regimes) - set(REGIMES):
            raise InputError(f"regimes among {', '.join(REGIMES)} expected: got {', '.join(unknown)}")
        if not (self.methods and self.regimes and self.seeds and 0 < self.kept < 1 and 0 < self.cut < 1):
            raise InputError("a method, a regime, a seed and shares in (0, 1) are needed")

    def parts(self) -> list["Part"]:
        """All trainings."""
        first, *others = self.regimes
        ways = [(each, first) for each in self.methods] + [(self.methods[0], each) for each in others]
        return [Part(method, regime, seed) for method, regime in ways for seed in self.seeds]


class Part(NamedTuple):
    """One chain."""

    method: str
    sought: str
    seed: int

    @property
    def name(self) -> str:
        """Its folder."""
        words = f"{self.method} {self.sought}".replace(">", "above").replace(",", "").split()
        return "-".join([*words, f"seed{self.seed}"])

    @property
    def labels(self) -> dict[str, str]:
        """Its place in tables."""
        return {"sought": self.sought, "method": f"network, {self.method}"}

    @property
    def regime(self) -> Regime:
        """What is sought."""
        return REGIMES[self.sought]


def build(part: Part, study: Study, _: Mapping[str, Any]) -> nn.ModuleDict:
    """The untrained networks; their weights depend on the seed alone."""
    torch.manual_seed(part.seed)
    width, rounds = study.width, study.rounds
    networks: dict[str, nn.Module] = {}
    if part.method == "triplets":
        networks["pairs"] = EdgeNetwork(HIT, PAIR, width=width, rounds=rounds)
        networks["triplets"] = EdgeNetwork(
            2 * HIT + PAIR + 1, TRIPLET, width=width, rounds=max(1, rounds // 2)
        )
        return nn.ModuleDict(networks)
    if part.method == "embedding":
        layers, hidden = study.hidden
        networks["embedding"] = HitEmbedding(HIT + 2, study.dimensions, layers=layers, width=hidden)
        networks["filter"] = InteractionNetwork(HIT, PAIR, width=width, rounds=0)
    sizes: Any = {"width": width, "rounds": rounds, "shared": study.shared}
    if part.method == "condensation":
        networks["condensation"] = TrackCondenser(HIT + 2, PAIR, dimensions=study.dimensions, **sizes)
        return nn.ModuleDict(networks)
    networks["pairs"] = InteractionNetwork(HIT, PAIR, **sizes)
    return nn.ModuleDict(networks)


MODELS = Models(Part, lambda _: Study, build)


def chain(trained: Trained[Part]) -> Chain:
    """A trained chain, ready to find tracks."""
    kept = trained.kept
    return Chain(trained.part.method, trained.model, from_tensors(kept["windows"]), kept["cuts"])
