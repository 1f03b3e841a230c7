"""What graphs of hits cost: pairs within a radius, an interaction network on millions of edges, whole chains.

- Pairs of 100 000 points on a curved surface in 3, 8 and 12 dimensions within 0.1 (0.02 in 3), CPU seconds: by the k-d
  tree of `radius_pairs` and by the grid of `grid_pairs`, which give the same pairs.
- Scores of ten million edges by an interaction network: CPU seconds and the peak of the memory, in one piece and in
  pieces of a million; and the memory of a training step on a million edges with and without checkpoints.

One core. Run `python benchmarks/tracking.py`. It prints a table and writes results/tracking.json in some minutes.
"""

import argparse
import time
from statistics import median
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from _common import machine, one_thread, store
from femtobarn.evaluation.stages import Cost, costs
from femtobarn.nn import InteractionNetwork
from femtobarn.physics.neighbours import grid_pairs, radius_pairs

HITS, WIDTH, ROUNDS = 100_000, 32, 4


def points(dimensions: int) -> np.ndarray:
    """A surface of three dimensions, bent into the unit sphere of so many."""
    draw = np.random.default_rng(dimensions)
    inner = draw.uniform(-1, 1, (HITS, 3))
    bent = np.sin(inner @ draw.normal(size=(3, dimensions)) * 2 + draw.uniform(0, 6, dimensions))
    return bent / np.linalg.norm(bent, axis=1, keepdims=True)


def near(place: np.ndarray, radius: float, rounds: int = 3) -> dict[str, float]:
    """Pairs within a radius, and the CPU seconds of each way to find them, which take turns."""
    ways = {"tree": radius_pairs, "grid": grid_pairs}
    spent: dict[str, list[float]] = {name: [] for name in ways}
    made: dict[str, np.ndarray] = {}
    for _ in range(rounds + 1):  # the first compiles and does not count
        for name, way in ways.items():
            start = time.process_time()
            made[name] = way(place, radius)
            spent[name].append(time.process_time() - start)
    np.testing.assert_array_equal(made["tree"], made["grid"])
    return {"pairs": len(made["tree"])} | {
        f"CPU seconds, {name}": round(median(each[1:]), 2) for name, each in spent.items()
    }


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
    for dimensions, radius in ((3, 0.02), (8, 0.1), (12, 0.1)):
        found["pairs"][str(dimensions)] = near(points(dimensions), radius)
        print(f"{dimensions} dimensions: {found['pairs'][str(dimensions)]}", flush=True)
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
