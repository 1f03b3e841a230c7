"""Training with trained bits: the time of a step beside HGQ2's, and the front of accuracy against cost.

Run `python benchmarks/quantised.py`. It prints tables and writes results/quantised.json in a few minutes. HGQ2
brings Keras, so it is measured in an environment of its own, in turns with ours:

    python -m venv /tmp/hgq2 && /tmp/hgq2/bin/pip install hgq2==0.2.0 keras torch
    python benchmarks/quantised.py --hgq2 /tmp/hgq2/bin/python

The front is that of a stand-in for jet tagging: 5 classes in 16 features, each a mixture of three Gaussians,
30 % of the events with doubled width. All its features matter equally, the worst case for bits of their own.
"""

import argparse
import copy
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from _common import machine, one_thread, ratio, store, take_turns
from femtobarn.nn.quantised import (
    BetaPoint,
    ParetoSet,
    beta_at,
    calibrate,
    ebops,
    exact_ebops,
    quantise,
    to_integer,
)

BATCH, STEPS = 1024, 40
TRAIN, VALIDATION, TEST = 40_000, 10_000, 50_000
UNIFORM = (5, 4, 3, 2, 1)  # fractional bits
BETAS = (3e-6, 1e-5, 2e-5, 4e-5, 8e-5)
START = {"fraction": 3, "weight_fraction": 4}  # of trained bits
NEAR = (0.003, 0.005, 0.01)  # of the float network's accuracy
SWEEP = (BetaPoint(0, 1e-6), BetaPoint(5, 1e-6, "log"))


class HGQ2:
    """A network in another Python; every call times its own steps."""

    def __init__(self, python: str, overflow: str) -> None:
        script = Path(__file__).with_name("_hgq2.py")
        self.process = subprocess.Popen(
            [python, script, str(BATCH), overflow],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | {"KERAS_BACKEND": "torch", "OMP_NUM_THREADS": "1"},
        )
        assert self.process.stdout is not None
        if self.process.stdout.readline() != "ready\n":
            raise SystemExit(f"HGQ2 does not run: try {python} {script} {BATCH} {overflow}")

    def __call__(self) -> float:
        """Seconds of the steps."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(STEPS, file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline())


def classifier(*widths: int) -> nn.Module:
    sizes = (16, *widths)
    layers = [layer for pair in zip(sizes, widths, strict=False) for layer in (nn.Linear(*pair), nn.ReLU())]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], 5))


def steps(net: nn.Module, *, cost: bool) -> Callable[[], None]:
    """Training steps on one batch: forward, EBOPs, backward, Adam."""
    g = torch.Generator().manual_seed(0)
    x, y = torch.randn(BATCH, 16, generator=g), torch.randint(0, 5, (BATCH,), generator=g)
    optimizer = torch.optim.Adam(net.parameters(), 5e-3)
    net.train()

    def run() -> None:
        for _ in range(STEPS):
            loss = F.cross_entropy(net(x), y)
            if cost:
                loss = loss + 5e-6 * ebops(net)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return run


def step_times(hgq2: str | None, rounds: int) -> dict[str, Any]:
    """Milliseconds per step of 64-32-32-5 with batch 1,024, and the ratio to ours within one round."""
    torch.manual_seed(0)
    float_net, example = classifier(64, 32, 32), torch.randn(BATCH, 16)
    cases: dict[str, Callable[[], object]] = {
        "ours, weights WRAP": steps(quantise(float_net, example), cost=True),
        "ours, weights SAT_SYM": steps(quantise(float_net, example, weight_overflow="SAT_SYM"), cost=True),
        "float network": steps(copy.deepcopy(float_net), cost=False),
    }
    if hgq2:
        cases |= {f"HGQ2, weights {overflow}": HGQ2(hgq2, overflow) for overflow in ("WRAP", "SAT_SYM")}
    seconds = take_turns(cases, rounds=rounds)
    rows: dict[str, Any] = {}
    for name, times in seconds.items():
        ours = f"ours, weights {name.rpartition(' ')[2]}" if "weights" in name else "ours, weights WRAP"
        rows[name] = {
            "ms per step": 1e3 * median(times) / STEPS,
            "fastest": 1e3 * min(times) / STEPS,
            "ratio to ours": ratio(seconds, name, ours),
        }
    return rows


def stand_in(events: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """Features and classes; the centres do not depend on the seed."""
    centres = 0.9 * np.random.default_rng(20).normal(size=(5, 3, 16))
    g = np.random.default_rng(seed)
    label = g.integers(0, 5, events)
    width = np.where(g.random(events) < 0.3, 2.0, 1.0)
    x = centres[label, g.integers(0, 3, events)] + width[:, None] * g.normal(size=(events, 16))
    return torch.tensor(x, dtype=torch.float32), torch.tensor(label)


def accuracy(net: nn.Module, x: Tensor, y: Tensor) -> float:
    with torch.no_grad():
        return float((net(x).argmax(dim=1) == y).double().mean())


def train(
    net: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    epochs: int,
    beta: Callable[[float], float],
    anneal: bool,
    after_epoch: Callable[[int], None] | None = None,
) -> None:
    """Adam from 5e-3; the learning rate goes to zero as a cosine, or stays for a sweep."""
    optimizer = torch.optim.Adam(net.parameters(), 5e-3)
    g, batches = torch.Generator().manual_seed(1), len(x) // BATCH
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * batches)
    for epoch in range(epochs):
        order = torch.randperm(len(x), generator=g)
        net.train()
        for step in range(batches):
            rows = order[step * BATCH : (step + 1) * BATCH]
            loss = F.cross_entropy(net(x[rows]), y[rows])
            weight = beta(epoch + step / batches)
            if weight:
                loss = loss + weight * ebops(net)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if anneal:
                schedule.step()
        if after_epoch is not None:
            net.eval()
            after_epoch(epoch)


def written_out(net: nn.Module, x: Tensor, test: tuple[Tensor, Tensor]) -> dict[str, Any]:
    """Accuracy of the calibrated integer model on the test sample, its exact cost, and events that overflow."""
    calibrate(net, x)
    model, events = to_integer(net), test[0].double().numpy()
    out = model(events)
    with torch.no_grad():
        same = np.array_equal(out, copy.deepcopy(net).double().eval()(test[0].double()).numpy())
    return {
        "accuracy": float((out.argmax(axis=1) == test[1].numpy()).mean()),
        "EBOPs": exact_ebops(net),
        "integers equal the network": bool(same),
        "overflows on test": sum(model.overflows(events).values()),
    }


def fronts(epochs: int) -> dict[str, Any]:
    """32-16-5: uniform bits, trained bits at constant beta, and one sweep; each with the same epochs."""
    data = {
        name: stand_in(n, seed=seed)
        for seed, (name, n) in enumerate({"train": TRAIN, "validation": VALIDATION, "test": TEST}.items())
    }
    (x, y), validation, test = data["train"], data["validation"], data["test"]
    result: dict[str, Any] = {"epochs": epochs, "accuracy error": float(np.sqrt(0.83 * 0.17 / TEST))}

    torch.manual_seed(0)
    start = classifier(32, 16)
    reference = copy.deepcopy(start)
    train(reference, x, y, epochs=epochs, beta=lambda _: 0.0, anneal=True)
    result["float accuracy"] = accuracy(reference, *test)

    result["uniform"] = {}
    for bits in UNIFORM:
        net = quantise(
            start,
            x[:BATCH],
            fraction=bits,
            weight_fraction=bits,
            granularity="tensor",
            weight_granularity="tensor",
            trainable=False,
        )
        train(net, x, y, epochs=epochs, beta=lambda _: 0.0, anneal=True)
        result["uniform"][f"{bits} fractional bits"] = written_out(net, x, test)
    result["trained bits"] = {}
    for beta in BETAS:
        net = quantise(start, x[:BATCH], **START)
        train(net, x, y, epochs=epochs, beta=lambda _, beta=beta: beta, anneal=True)
        result["trained bits"][f"beta {beta:.0e}"] = written_out(net, x, test)

    began = time.perf_counter()
    net, kept = quantise(start, x[:BATCH], **START), ParetoSet()
    points = [*SWEEP, BetaPoint(epochs, 2e-3)]

    def offer(epoch: int) -> None:
        kept.offer(net, quality=accuracy(net, *validation), cost=float(ebops(net).detach()), epoch=epoch)

    train(net, x, y, epochs=epochs, beta=lambda at: beta_at(at, points), anneal=False, after_epoch=offer)
    exact = ParetoSet()
    for checkpoint in kept.checkpoints:
        net.load_state_dict(checkpoint.state)
        calibrate(net, x)
        quality = accuracy(net.eval(), *validation)
        exact.offer(net, quality=quality, cost=exact_ebops(net), epoch=checkpoint.epoch)
    result["sweep"] = {}
    for checkpoint in exact.checkpoints:
        net.load_state_dict(checkpoint.state)
        result["sweep"][f"epoch {checkpoint.epoch}"] = written_out(net, x, test)
    result["seconds of the sweep"] = time.perf_counter() - began
    return result | {"summary": summary(result)}


def summary(result: dict[str, Any]) -> dict[str, Any]:
    """How many trained points a uniform one dominates, the saving at the top, and the extent of the sweep."""
    uniform, trained = ([*result[kind].values()] for kind in ("uniform", "trained bits"))
    worse = [
        any(u["accuracy"] > t["accuracy"] and u["EBOPs"] <= t["EBOPs"] for u in uniform) for t in trained
    ]
    saving = {}
    for near in NEAR:
        cheapest = [
            min(
                (p["EBOPs"] for p in points if p["accuracy"] >= result["float accuracy"] - near), default=None
            )
            for points in (uniform, trained)
        ]
        saving[f"within {near} of the float network"] = {
            "EBOPs, uniform": cheapest[0],
            "EBOPs, trained": cheapest[1],
            "ratio": cheapest[0] / cheapest[1] if all(cheapest) else None,
        }
    cost = [point["EBOPs"] for point in result["sweep"].values()]
    return {
        "trained points dominated": sum(worse),
        **saving,
        "points of the sweep": len(cost),
        "dearest over cheapest": max(cost) / min(cost),
    }


def show(name: str, rows: dict[str, Any]) -> None:
    print(f"\n{name}")
    for label, row in rows.items():
        cells = row.items() if isinstance(row, dict) else [("", row)]
        print(
            f"  {label:<28}",
            *(f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in cells),
            sep="  ",
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hgq2", metavar="PYTHON", help="a Python with hgq2 0.2.0, keras and torch")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--epochs", type=int, default=60)
    options = parser.parse_args()
    one_thread()
    result: dict[str, Any] = {
        "machine": machine(("torch", "numpy")),
        "peer": "hgq2 0.2.0" if options.hgq2 else None,
    }
    result["step, 64-32-32-5, batch 1024"] = step_times(options.hgq2, options.rounds)
    show("step, 64-32-32-5, batch 1024", result["step, 64-32-32-5, batch 1024"])
    result["front"] = fronts(options.epochs)
    for kind in ("uniform", "trained bits", "sweep", "summary"):
        show(kind, result["front"][kind])
    print(f"\nwritten to {store('quantised', result)}")


if __name__ == "__main__":
    main()
