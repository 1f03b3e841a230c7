"""What graphs of hits cost: pairs within a radius, an interaction network on millions of edges, whole chains.

- Pairs of 100 000 points on a curved surface in 8 and 12 dimensions within 0.1, CPU seconds.
- Scores of ten million edges by an interaction network: CPU seconds and the peak of the memory, in one piece and in
  pieces of a million; and the memory of a training step on a million edges with and without checkpoints.

One core. Run `python benchmarks/tracking.py`. It prints a table and writes results/tracking.json in some minutes.
"""

import argparse
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from _common import machine, one_thread, store
from femtobarn.evaluation.stages import Cost, costs
from femtobarn.nn import InteractionNetwork
from femtobarn.physics.neighbours import radius_pairs

HITS, WIDTH, ROUNDS = 100_000, 32, 4


def points(dimensions: int) -> np.ndarray:
    """A surface of three dimensions, bent into the unit sphere of so many."""
    draw = np.random.default_rng(dimensions)
    inner = draw.uniform(-1, 1, (HITS, 3))
    bent = np.sin(inner @ draw.normal(size=(3, dimensions)) * 2 + draw.uniform(0, 6, dimensions))
    return bent / np.linalg.norm(bent, axis=1, keepdims=True)


def scored(edges: int, piece: int, *, train: bool = False, checkpointed: bool = True) -> Cost:
    """A graph with ten edges a node through a network, and back if it is trained."""
    torch.manual_seed(1)
    network = InteractionNetwork(
        8, 9, width=WIDTH, rounds=ROUNDS, piece=piece, checkpointed=checkpointed
    ).train(train)
    nodes = edges // 10
    found: dict[str, Cost] = {}
    with costs(found, "network"), torch.set_grad_enabled(train):
        edge = torch.randint(nodes, (edges, 2))
        odds = network(torch.randn(nodes, 8), edge, torch.randn(edges, 9))
        if train:
            F.binary_cross_entropy_with_logits(odds, torch.ones(edges)).backward()
    return found["network"]


def main() -> None:
    """Measure, print and store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--edges", type=int, default=10_000_000, help="of the largest graph")
    edges = parser.parse_args().edges
    one_thread()
    about = machine(["numpy", "scipy", "torch"])
    found: dict[str, Any] = {"pairs": {}, "network": {}}
    for dimensions in (8, 12):
        spent: dict[str, Cost] = {}
        with costs(spent, "pairs"):
            pair = radius_pairs(points(dimensions), 0.1)
        found["pairs"][str(dimensions)] = {
            "pairs": len(pair),
            "CPU seconds": round(spent["pairs"].seconds, 2),
        }
    cases = {
        f"{edges} edges, pieces of a million": (edges, 1_000_000, {}),
        f"{edges} edges, one piece": (edges, edges, {}),
        f"{edges // 10} edges, a step of training": (edges // 10, edges, {"train": True}),
        f"{edges // 10} edges, a step without checkpoints": (
            edges // 10,
            edges,
            {"train": True, "checkpointed": False},
        ),
    }
    for name, (count, piece, options) in cases.items():
        seconds, megabytes = scored(count, piece, **options)
        found["network"][name] = {"CPU seconds": round(seconds, 1), "peak GB": round(megabytes / 1e3, 2)}
        print(f"{name}: {found['network'][name]}", flush=True)
    print(store("tracking", {"machine": about, **found}))


if __name__ == "__main__":
    main()
