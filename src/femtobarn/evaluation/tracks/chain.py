"""A chain of stages that leave ever fewer pairs of hits, the last of them with scores."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Int
from torch import nn

from femtobarn.evaluation.stages import Cost, costs
from femtobarn.evaluation.tracks.condensation import track_pairs
from femtobarn.evaluation.tracks.contest import Found
from femtobarn.evaluation.tracks.hit_graphs import (
    Candidates,
    candidates,
    doublet_graph,
    embedding_inputs,
    filtered,
    graph,
    hit_features,
    near_candidates,
    stage_features,
)
from femtobarn.nn import Graph, line_graph, scatter_max
from femtobarn.physics.tracks import Hits, LayerMap, TrackFinder, TripletMap, doublets

SEED = 0.75  #: score above which a triplet is a seed, as published (arXiv:2007.00149)


class Chain(NamedTuple):
    """What a trained chain consists of."""

    method: str
    networks: nn.ModuleDict | Mapping[str, nn.Module]
    finder: TrackFinder
    cuts: Mapping[str, float]

    def pairs(
        self, hits: Hits, *, before: str = "", spent: dict[str, Cost] | None = None
    ) -> dict[str, Candidates]:
        """Pairs that each stage without messages leaves, by its name; none of `before` and later."""
        spent = {} if spent is None else spent
        if self.method == "embedding":
            with costs(spent, "radius graph"), torch.no_grad():
                point = self.networks["embedding"](embedding_inputs(hits)).double().numpy()
                found = {"radius graph": near_candidates(hits, point, self.cuts["embedding"])}
            if before != "filter":
                with costs(spent, "filter"):
                    near = found["radius graph"]
                    score = self.odds("filter", graph(hit_features(hits), near)).sigmoid().numpy()
                    found["filter"] = near.take(score > self.cuts["filter"])
            return found
        with costs(spent, "layer map"):
            pair = doublets(hits, self.finder.layers).astype(np.int64)
            found = {"layer map": candidates(hits, pair)}
        if self.method in ("triplet filter", "condensation"):
            with costs(spent, "triplet filter"):
                found["triplet filter"] = filtered(hits, pair, self.finder.triples)[0]
        return found

    def triplet_graph(self, hits: Hits) -> tuple[Candidates, Graph]:
        """Doublets that the network of pairs leaves, and the graph in which they are the nodes."""
        hit, found = hit_features(hits), self.pairs(hits)["layer map"]
        odds = self.odds("pairs", graph(hit, found))
        kept = np.flatnonzero(odds.sigmoid().numpy() > self.cuts["pairs"])
        found = found.take(kept)
        triple = line_graph(torch.from_numpy(found.pair)).numpy()
        return found, doublet_graph(hits, hit, found, odds.numpy()[kept], triple)

    def find(self, hits: Hits) -> Found:
        """Scored pairs of one event; a pair of the network of triplets has the score of its best triplet."""
        spent: dict[str, Cost] = {}
        if self.method == "triplets":
            with costs(spent, "network of pairs"):
                found, doublet = self.triplet_graph(hits)
            with costs(spent, "network of triplets"):
                score = self.odds("triplets", doublet).sigmoid()
                best = scatter_max(score.repeat(2), doublet.edge.T.flatten(), len(found.pair))
            seed = _triples(found.pair, doublet.edge.numpy())[score.numpy() > SEED]
            return Found(found.pair, best.double().numpy(), {"network of pairs": found.pair}, spent, seed)
        stages = self.pairs(hits, spent=spent)
        found = list(stages.values())[-1]
        left = {name: each.pair for name, each in stages.items()}
        if self.method == "condensation":
            with costs(spent, "network"):
                inputs = graph(stage_features("condensation", hits), found)
                outputs = self.odds("condensation", inputs).numpy()
            row = np.unique(found.pair)
            with costs(spent, "condensation"):
                pair, beta = track_pairs(outputs, np.linalg.norm(hits.position[row], axis=1))
            return Found(row[pair], beta, left, spent)
        with costs(spent, "network"):
            score = self.odds("pairs", graph(hit_features(hits), found)).sigmoid()
        return Found(found.pair, score.double().numpy(), left, spent)

    @torch.no_grad()
    def odds(self, name: str, inputs: Graph) -> torch.Tensor:
        """Log odds of the edges by one of the networks, or what it has of the nodes."""
        found: torch.Tensor = self.networks[name].eval()(*inputs)
        return found


def _triples(
    pair: Int[np.ndarray, "pair 2"], edge: Int[np.ndarray, "triplet 2"]
) -> Int[np.ndarray, "triplet 3"]:
    """The three hits of two pairs that meet."""
    return np.column_stack((pair[edge[:, 0]], pair[edge[:, 1], 1]))


def to_tensors(finder: TrackFinder) -> dict[str, torch.Tensor]:
    """Windows as tensors, to be kept with a chain."""
    return {
        f"{name}_{i}": torch.from_numpy(array)
        for name, maps in finder._asdict().items()
        for i, array in enumerate(maps)
    }


def from_tensors(kept: Mapping[str, torch.Tensor]) -> TrackFinder:
    """The windows that `to_tensors` kept."""
    layers = (kept[f"layers_{i}"].numpy() for i in range(len(LayerMap._fields)))
    triples = (kept[f"triples_{i}"].numpy() for i in range(len(TripletMap._fields)))
    return TrackFinder(LayerMap(*layers), TripletMap(*triples))
