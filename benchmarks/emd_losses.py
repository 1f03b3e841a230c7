"""The Earth mover's distances as training losses, beside POT and geomloss: time and accuracy of each.

Timed, on one thread, are forward and backward of a batch of "near" pairs, a wafer and something like its
reconstruction: a fifth of the way to another wafer, and 2 % of the charge in all cells. Accuracy, against the exact
distance, is over fresh pairs of that kind and over "far" pairs of two wafers.

Run `python benchmarks/emd_losses.py`. It prints a table and writes results/emd_losses.json in about two minutes,
most of which goes into training the learned distance.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import geomloss
import numpy as np
import ot
import torch
from torch import Tensor

from _common import machine, one_thread, ratio, store, take_turns
from femtobarn.losses import (
    EmdNet,
    emd,
    emd_potentials,
    learned_emd,
    sinkhorn,
    sinkhorn_cost,
    sliced_wasserstein,
    train_emd_net,
)
from femtobarn.physics import wafer
from femtobarn.simulate.toy_wafers import toy_wafers

COST, POSITIONS = torch.tensor(wafer.distances()), torch.tensor(wafer.positions())
BATCH, CHECKED = 500, 2000  # pairs: timed, compared with the exact distance

Distance = Callable[[Tensor, Tensor], Tensor]


def distances(net: EmdNet) -> dict[str, Distance]:
    return {
        "exact": partial(emd, cost=COST),
        "exact, POT": pot_exact,
        "Sinkhorn, blur 1.0": partial(sinkhorn, cost=COST, blur=1.0, iterations=20),
        "Sinkhorn, blur 0.5": partial(sinkhorn, cost=COST, blur=0.5, iterations=30),
        "Sinkhorn, blur 0.3": partial(sinkhorn, cost=COST, blur=0.3, iterations=60),
        "Sinkhorn, blur 0.5, geomloss": geomloss_sinkhorn,
        "Sinkhorn cost, blur 0.5": partial(sinkhorn_cost, cost=COST, blur=0.5, iterations=30),
        "Sinkhorn cost, blur 0.3": partial(sinkhorn_cost, cost=COST, blur=0.3, iterations=60),
        "sliced, 8 directions": partial(sliced_wasserstein, positions=POSITIONS),
        "sliced, 32 directions": partial(sliced_wasserstein, positions=POSITIONS, directions=32),
        "learned": partial(learned_emd, net=net),
    }


def pot_exact(a: Tensor, b: Tensor) -> Tensor:
    """POT in a loop over NumPy arrays, with the gradient that its potentials give."""
    p, q = (x.double() / x.double().sum(dim=-1, keepdim=True) for x in (a, b))
    rows = zip(p.detach().numpy(), q.detach().numpy(), strict=True)
    potentials = [ot.emd2(x, y, COST.numpy(), log=True)[1] for x, y in rows]
    u, v = (torch.from_numpy(np.stack([pair[side] for pair in potentials])) for side in ("u", "v"))
    return (p * u).sum(dim=-1) + (q * v).sum(dim=-1)


def geomloss_sinkhorn(a: Tensor, b: Tensor) -> Tensor:
    p, q = (x / x.sum(dim=-1, keepdim=True) for x in (a, b))
    points = POSITIONS.to(a).expand(len(a), -1, -1).contiguous()
    divergence = geomloss.SamplesLoss("sinkhorn", p=1, blur=0.5, scaling=0.9, backend="tensorized")
    return divergence(p, points, q, points)


def wafers(n: int, *, seed: int) -> Tensor:
    """Float32 charges of wafers that are not empty."""
    charge = torch.from_numpy(toy_wafers(2 * n, generator=np.random.default_rng(seed))["charge"])
    return charge[charge.sum(dim=-1) > 0][:n]


def pairs(n: int, *, seed: int) -> dict[str, tuple[Tensor, Tensor]]:
    a, other = (x / x.sum(dim=-1, keepdim=True) for x in wafers(2 * n, seed=seed).split(n))
    return {"far": (a, other), "near": (a, 0.98 * torch.lerp(a, other, 0.2) + 0.02 / wafer.CELLS)}


def train(training_pairs: int) -> tuple[EmdNet, dict[str, float]]:
    """The network, and how well it does on wafers it has not seen."""
    start = time.process_time()
    net, accuracy = train_emd_net(
        wafers(10_000, seed=1), generator=torch.Generator().manual_seed(0), pairs=training_pairs
    )
    spent = time.process_time() - start
    return net, {"training pairs": training_pairs, "CPU seconds": spent} | accuracy._asdict()


def forward_and_backward(distance: Distance, a: Tensor, b: Tensor) -> None:
    distance(a, b.clone().requires_grad_()).sum().backward()


@torch.no_grad()
def quality(distance: Distance, a: Tensor, b: Tensor) -> dict[str, float]:
    """Relative difference from the exact distance."""
    exact, value = emd(a.double(), b.double(), COST), distance(a, b).double()
    relative = value / exact - 1
    return {
        "mean": float(relative.mean()),
        "sigma": float(relative.std()),
        "correlation": float(np.corrcoef(value, exact)[0, 1]),
        "n": len(exact),
    }


def show(rows: dict[str, dict[str, Any]]) -> None:
    columns = [(kind, number) for kind in ("far", "near") for number in ("mean", "sigma", "correlation")]
    titles = "".join(f"{f'{kind} {number[:5]}':>12s}" for kind, number in columns)
    print(f"{'':30s}{'us per pair':>12s}{'/ exact':>9s}{titles}")
    for name, row in rows.items():
        numbers = "".join(f"{row[kind][number]:12.4f}" for kind, number in columns if kind in row)
        print(f"{name:30s}{row['us per pair']:12.1f}{row['ratio to exact']:9.2f}{numbers}")


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--rounds", type=int, default=9)
    arguments.add_argument("--training-pairs", type=int, default=60_000)
    options = arguments.parse_args()
    one_thread()
    where = machine(("femtobarn", "numpy", "numba", "torch", "POT", "geomloss"))
    net, learned = train(options.training_pairs)
    methods = distances(net)

    a, b = pairs(BATCH, seed=2)["near"]
    earlier = b * torch.exp(0.05 * torch.randn(b.shape, generator=torch.Generator().manual_seed(0)))
    warm = emd_potentials(a, earlier, COST).potential
    timed = methods | {"exact, output changed by 5%": partial(emd, cost=COST, warm=warm)}
    cases = {name: partial(forward_and_backward, distance, a, b) for name, distance in timed.items()}
    seconds = take_turns(cases, rounds=options.rounds)

    checked = pairs(CHECKED, seed=4)
    rows: dict[str, dict[str, Any]] = {
        name: {
            "us per pair": 1e6 * median(times) / BATCH,
            "fastest": 1e6 * min(times) / BATCH,
            "ratio to exact": ratio(seconds, name, "exact"),
        }
        for name, times in seconds.items()
    }
    for name, distance in methods.items():
        rows[name] |= {kind: quality(distance, *pair) for kind, pair in checked.items()}
    show(rows)
    print("\nlearned, on wafers not seen:", learned)
    result = {
        "machine": where,
        "rounds": options.rounds,
        "pairs in a batch": BATCH,
        "learned": learned,
        "methods": rows,
    }
    print("stored:", store("emd_losses", result))


if __name__ == "__main__":
    main()
