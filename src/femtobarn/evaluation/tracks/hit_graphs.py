"""Graphs of hits and of doublets, with the features that networks see, and pieces of them to train on."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from femtobarn.data.ragged import RaggedFile
from femtobarn.nn import Graph, joined_graphs
from femtobarn.physics.neighbours import radius_pairs
from femtobarn.physics.tracks import Hits, Triplets, triplets
from femtobarn.physics.tracks.pair_features import PAIR_FEATURES, pair_features, triplet_features
from femtobarn.physics.tracks.triplets import TripletMap
from femtobarn.simulate.tracker.cluster_shapes import SHAPES, cluster_shapes

Pairs = Int[np.ndarray, "pair 2"]
#: Numbers of features of a hit, a pair of hits, a triplet.
HIT, PAIR, TRIPLET = 8, len(PAIR_FEATURES) + 2, 4


def hit_features(hits: Hits) -> Float[np.ndarray, "hit 8"]:
    """Position without azimuth, and what the cells tell without their charge.

    A turn about the beam changes none of them, and charge has another scale in other simulations.
    """
    shape = dict(zip(SHAPES, cluster_shapes(hits).T, strict=True))
    r, z = np.hypot(hits.position[:, 0], hits.position[:, 1]), hits.position[:, 2]
    logs = [np.log(shape[name]) for name in ("cells", "length_u", "length_v")]
    return np.column_stack(
        (r / 1e3, z / 1e3, np.arcsinh(z / np.maximum(r, 1e-3)), *logs, shape["local_eta"], shape["local_phi"])
    )


def stage_features(stage: str, hits: Hits) -> Float[np.ndarray, "hit feature"]:
    """What a stage sees of a hit: all get along without the azimuth, except for coordinates that tracks differ in."""
    return embedding_inputs(hits).numpy() if stage == "condensation" else hit_features(hits)


class Candidates(NamedTuple):
    """Pairs of hits of an event, and what is known of each."""

    pair: Pairs
    feature: Float[np.ndarray, "pair feature"]

    def take(self, rows: Int[np.ndarray, "_"] | Bool[np.ndarray, "pair"]) -> "Candidates":
        """These pairs."""
        return Candidates(self.pair[rows], self.feature[rows])


def candidates(hits: Hits, pair: Pairs, more: Float[np.ndarray, "pair _"] | None = None) -> Candidates:
    """Pairs with their features: geometry, and two numbers more, zeros if there are none."""
    more = np.zeros((len(pair), 2)) if more is None else more
    return Candidates(pair, np.column_stack((pair_features(hits.position, pair), more)))


def filtered(hits: Hits, pair: Pairs, windows: TripletMap) -> tuple[Candidates, Triplets]:
    """Pairs that are in a triplet within its windows, with how many of these they begin and end; and the triplets."""
    found = triplets(hits, pair, windows)
    begun, ended = (np.bincount(found.doublet[:, side], minlength=len(pair)) for side in (0, 1))
    kept = np.flatnonzero(begun + ended)
    row = np.full(len(pair), -1)
    row[kept] = np.arange(len(kept))
    counts = np.log1p(np.column_stack((begun, ended))[kept])
    return candidates(hits, pair[kept], counts), found._replace(doublet=row[found.doublet])


def graph(hit: Float[np.ndarray, "hit feature"], found: Candidates) -> Graph:
    """The hits that are in a pair, and the pairs."""
    row, edge = np.unique(found.pair, return_inverse=True)
    return Graph(_floats(hit[row]), torch.from_numpy(edge.reshape(-1, 2)), _floats(found.feature))


def doublet_graph(
    hits: Hits,
    hit: Float[np.ndarray, "hit 8"],
    found: Candidates,
    odds: Float[np.ndarray, "pair"],
    pairs: Int[np.ndarray, "triplet 2"],
) -> Graph:
    """Doublets as nodes, with the features of their hits and their own log odds; triplets as edges.

    Args:
        hits: Of one event.
        hit: Their features.
        found: The doublets.
        odds: Of the doublets.
        pairs: Rows of two doublets with the middle hit in common.
    """
    node = np.column_stack((hit[found.pair[:, 0]], hit[found.pair[:, 1]], found.feature, odds))
    empty = np.zeros(len(pairs))
    feature = triplet_features(hits.position, found.pair, Triplets(pairs, empty, empty))
    return Graph(_floats(node), torch.from_numpy(pairs).long(), _floats(feature))


def pieces(
    hits: Hits,
    found: Graph,
    place: Int[np.ndarray, "node"],
    truth: Bool[np.ndarray, "edge"],
    sections: int,
    *,
    owner: Int[np.ndarray, "node"] | None = None,
) -> Iterator[dict[str, np.ndarray]]:
    """The graph cut in phi as in arXiv:2007.00149: in each section the edges that lie in it with both ends.

    Args:
        hits: Of the event.
        found: Its graph.
        place: The hit where each node is, or begins.
        truth: What is to be learned of each edge.
        sections: How many.
        owner: What is to be learned of each node, if anything.
    """
    owner = np.full(len(place), -1) if owner is None else owner
    phi = np.arctan2(hits.position[place, 1], hits.position[place, 0])
    section = ((phi + np.pi) / (2 * np.pi) * sections).astype(np.int64) % sections
    node, edge, feature = (each.numpy() for each in found)
    row = np.empty(len(node), np.int64)
    for each in range(sections):
        inside = section == each
        row[inside] = np.arange(inside.sum())
        kept = np.flatnonzero(inside[edge].all(axis=1))
        if len(kept):
            yield {
                "node": node[inside],
                "edge": row[edge[kept]],
                "feature": feature[kept],
                "truth": truth[kept].astype(np.float32),
                "owner": owner[inside],
            }


def joined(file: RaggedFile, index: Int[np.ndarray, "_"]) -> dict[str, Tensor]:
    """Some pieces of a file as one graph; `offset` tells where each begins and ends among the nodes."""
    parts = [{name: torch.from_numpy(x) for name, x in file.event(int(i)).items()} for i in index]
    together = joined_graphs([Graph(each["node"], each["edge"], each["feature"]) for each in parts])
    more = {name: torch.cat([each[name] for each in parts]) for name in ("truth", "owner")}
    sizes = torch.tensor([0, *(len(each["node"]) for each in parts)])
    return {**together._asdict(), **more, "offset": sizes.cumsum(0)}


def embedding_inputs(hits: Hits) -> Float[Tensor, "hit 10"]:
    """Inputs of an embedding: those of the graphs, and the azimuth as a point on a circle, so that it has no seam."""
    r = np.maximum(np.hypot(hits.position[:, 0], hits.position[:, 1]), 1e-3)
    return _floats(np.column_stack((hit_features(hits), hits.position[:, :2] / r[:, None])))


def near_candidates(hits: Hits, point: Float[np.ndarray, "hit dimension"], radius: float) -> Candidates:
    """Pairs of hits within a radius of each other in an embedding, outwards; their distance there is what is known."""
    pair = radius_pairs(point, radius)
    distance = np.linalg.norm(hits.position, axis=1)
    turn = distance[pair[:, 0]] > distance[pair[:, 1]]
    pair = np.where(turn[:, None], pair[:, ::-1], pair)
    apart = np.linalg.norm(point[pair[:, 0]] - point[pair[:, 1]], axis=1)
    return candidates(hits, pair, np.column_stack((apart, apart**2)))


def _floats(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))
