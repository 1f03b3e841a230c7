"""Exact Earth mover's distance, ours against the peers: same results, then time per pair on one thread.

Run `python benchmarks/emd.py`. It prints tables and writes results/emd.json in about a minute. POT, geomloss
and SciPy are measured in the same process. The package wasserstein 1.1 needs NumPy 1 and therefore an
environment of its own:

    python -m venv /tmp/other && /tmp/other/bin/pip install wasserstein==1.1.0 "numpy<2"
    python benchmarks/emd.py --wasserstein /tmp/other/bin/python
"""

import argparse
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geomloss
import numpy as np
import ot
import torch
from scipy.optimize import linprog

from _common import machine, one_thread, ratio, store, take_turns
from femtobarn.losses import emd, emd_points, emd_potentials
from femtobarn.physics import wafer
from femtobarn.simulate.toy_wafers import toy_wafers

COST, POSITIONS = wafer.distances(), wafer.positions()
BATCH, LOOP, PROGRAMMES = 500, 100, 3  # pairs: in our batch, for the peers, of linear programmes
BLURS = (0.5, 0.05)
Cases = dict[str, Callable[[], object]]


def wafers(n: int, *, seed: int) -> np.ndarray:
    """Shares of charge of wafers that are not empty."""
    charge = toy_wafers(2 * n, generator=np.random.default_rng(seed))["charge"].astype(np.float64)
    return shares(charge[charge.sum(axis=1) > 0][:n])


def decoded(a: np.ndarray, *, seed: int) -> np.ndarray:
    """Like the output of a decoder: smeared, off by 30 % and nowhere zero."""
    g = np.random.default_rng(seed)
    smear = shares(np.exp(-COST / 0.7))
    return shares(a @ smear * np.exp(0.3 * g.normal(size=a.shape)) + 0.002 * g.random(a.shape))


def jets(n: int, particles: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions (eta, phi) and momenta of particles around an axis."""
    g = np.random.default_rng(seed)
    return 0.3 * g.normal(size=(n, particles, 2)), shares(g.exponential(size=(n, particles)))


def shares(a: np.ndarray) -> np.ndarray:
    return a / a.sum(axis=-1, keepdims=True)


def pot(a: np.ndarray, b: np.ndarray, form: str) -> list[float]:
    """A loop of POT, with the problem as it is or made smaller by hand."""
    if form == "48 x 48":
        return [ot.emd2(p, q, COST) for p, q in zip(a, b, strict=True)]
    if form == "cancelled support":
        a, b = cancelled(a, b)
    cells = zip(a, b, a > 0, b > 0, strict=True)
    return [ot.emd2(p[i], q[j], COST[i][:, j]) for p, q, i, j in cells]


def cancelled(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What is left of both sides without what they share, of exactly equal sums."""
    a, b = np.maximum(a - b, 0), np.maximum(b - a, 0)
    return a, b * (a.sum(axis=-1) / b.sum(axis=-1))[:, None]


def highs(a: np.ndarray, b: np.ndarray) -> list[float]:
    """The dual linear programme, largest sum f (a - b)."""
    i, j = np.nonzero(~np.eye(wafer.CELLS, dtype=bool))
    rows = np.eye(wafer.CELLS)[i] - np.eye(wafer.CELLS)[j]
    return [-linprog(q - p, rows, COST[i, j], bounds=(-20, 20)).fun for p, q in zip(a, b, strict=True)]


def sinkhorn(a: np.ndarray, b: np.ndarray, blur: float) -> np.ndarray:
    """Debiased divergence of geomloss, in its fastest form for this size."""
    points = torch.tensor(POSITIONS).expand(len(a), -1, -1).contiguous()
    loss = geomloss.SamplesLoss("sinkhorn", p=1, blur=blur, scaling=0.9, backend="tensorized")
    return loss(torch.from_numpy(a), points, torch.from_numpy(b), points).numpy()


class Wasserstein:
    """The package of that name in another Python; every call times itself."""

    def __init__(self, python: str, folder: Path, **pairs: np.ndarray) -> None:
        self.python, self.pairs, self.result = python, folder / "pairs.npz", folder / "result.npz"
        folder.mkdir(parents=True)
        np.savez(self.pairs, **pairs)

    def __call__(self) -> float:
        """Solve all pairs, keep the values, and return the seconds."""
        script = Path(__file__).with_name("_wasserstein.py")
        command = [self.python, script, self.pairs, self.result]
        subprocess.run(command, check=True, capture_output=True)
        found = np.load(self.result)
        self.value = found["value"]
        return float(found["seconds"])


def histograms(a: np.ndarray, b: np.ndarray, other: str | None, folder: Path, rounds: int) -> dict[str, Any]:
    """All ways to the distance of wafers."""
    p, q, cost = torch.from_numpy(a), torch.from_numpy(b).requires_grad_(), torch.tensor(COST)
    g = torch.Generator().manual_seed(0)
    earlier = {x: q.detach() * torch.exp(x * torch.randn(q.shape, generator=g)) for x in (0.01, 0.05, 0.2)}
    known = {x: emd_potentials(p, output, cost).potential.float() for x, output in earlier.items()}
    few, some = (a[:PROGRAMMES], b[:PROGRAMMES]), (a[:LOOP], b[:LOOP])
    cases: Cases = {
        "ours": lambda: emd_potentials(p, q, cost),
        "ours and backward": lambda: emd(p, q, cost).sum().backward(),
        **{
            f"ours, warm start, changed by {x:.0%}": lambda f=f: emd_potentials(p, q, cost, warm=f)
            for x, f in known.items()
        },
        "ours, two threads": lambda: emd_potentials(p, q, cost, threads=2),
        **{f"POT, {x}": lambda x=x: pot(*some, x) for x in ("48 x 48", "nonzero cells", "cancelled support")},
        "SciPy HiGHS, dual": lambda: highs(*few),
        **{f"geomloss, blur {x}": lambda x=x: sinkhorn(*some, x) for x in BLURS},
    }
    pairs = {name: BATCH if name.startswith("ours") else LOOP for name in cases}
    pairs["SciPy HiGHS, dual"] = PROGRAMMES
    exact = emd(p, q, cost).detach().numpy()
    checks = {name: worst(pot(*some, name.removeprefix("POT, ")), exact) for name in cases if "POT" in name}
    checks |= {"SciPy HiGHS, dual": worst(highs(*few), exact)}
    checks |= {
        f"ours, warm start, changed by {x:.0%}": worst(emd(p, q, cost, warm=f).detach(), exact)
        for x, f in known.items()
    }
    peers = {}
    if other:
        for form, (left, right) in {"nonzero cells": some, "cancelled support": cancelled(*some)}.items():
            name = f"wasserstein, {form}"
            peers[name] = Wasserstein(other, folder / form, a=left, b=right, cost=COST)
            pairs[name] = LOOP
    seconds = take_turns(cases | peers, rounds=rounds)
    checks |= {name: worst(peer.value, exact) for name, peer in peers.items()}
    relative = {f"geomloss, blur {x}": sinkhorn(*some, x) / exact[:LOOP] - 1 for x in BLURS}
    return report(
        {name: [s / pairs[name] for s in times] for name, times in seconds.items()},
        checks,
        {name: {"mean": float(r.mean()), "sigma": float(r.std())} for name, r in relative.items()},
    )


def point_sets(particles: int, batch: int, other: str | None, folder: Path, rounds: int) -> dict[str, Any]:
    """All ways to the distance of jets; POT also has to make the distances, as ours does."""
    (x, a), (y, b) = jets(batch, particles, seed=1), jets(batch, particles, seed=2)
    tensors = [torch.from_numpy(array) for array in (x, y, a, b)]
    leaves = [t.clone().requires_grad_() for t in tensors]
    loop = min(batch, 20)

    def by_pot() -> list[float]:
        rows = zip(a[:loop], b[:loop], x[:loop], y[:loop], strict=True)
        return [ot.emd2(p, q, ot.dist(s, t, metric="euclidean")) for p, q, s, t in rows]

    cases: Cases = {
        "ours": lambda: emd_points(*tensors),
        "ours and backward": lambda: emd_points(*leaves).sum().backward(),
        "ours, two threads": lambda: emd_points(*tensors, threads=2),
        "POT": by_pot,
    }
    pairs = dict.fromkeys(cases, batch) | {"POT": loop}
    exact = emd_points(*tensors).numpy()
    checks = {"POT": worst(by_pot(), exact)}
    if other:
        side = 10 if particles < 100 else 4
        peer = Wasserstein(other, folder, x=x[:side], y=y[:side], a=a[:side], b=b[:side])
        cases["wasserstein"], pairs["wasserstein"] = peer, side * side
    seconds = take_turns(cases, rounds=rounds)
    if other:
        checks["wasserstein"] = worst(np.diagonal(peer.value), exact)
    return report({name: [s / pairs[name] for s in times] for name, times in seconds.items()}, checks, {})


def worst(values: Any, exact: np.ndarray) -> float:
    values = np.asarray(values)
    return float(np.abs(values - exact[: len(values)]).max())


def report(
    seconds: dict[str, list[float]], checks: dict[str, float], accuracy: dict[str, dict[str, float]]
) -> dict[str, Any]:
    """One row per case: microseconds per pair, and the time in units of ours."""
    rows: dict[str, dict[str, Any]] = {}
    for name, times in seconds.items():
        rows[name] = {
            "us per pair": 1e6 * float(np.median(times)),
            "fastest": 1e6 * min(times),
            "ratio to ours": ratio(seconds, name, "ours"),
        }
        if name in checks:
            rows[name]["largest difference"] = checks[name]
        rows[name] |= {f"relative difference, {key}": x for key, x in accuracy.get(name, {}).items()}
    return rows


def show(title: str, rows: dict[str, dict[str, Any]]) -> None:
    print(f"\n{title:40s}{'us per pair':>12s}{'fastest':>10s}{'/ ours':>9s}   difference")
    for name, row in rows.items():
        difference = f"{row['largest difference']:.0e}" if "largest difference" in row else ""
        if "relative difference, mean" in row:
            difference = (
                f"{row['relative difference, mean']:+.1%}, sigma {row['relative difference, sigma']:.1%}"
            )
        numbers = f"{row['us per pair']:12.2f}{row['fastest']:10.2f}{row['ratio to ours']:9.2f}"
        print(f"{name:40s}{numbers}   {difference}")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=9)
    arguments.add_argument(
        "--wasserstein", metavar="PYTHON", help="a Python that has wasserstein and NumPy 1"
    )
    options = arguments.parse_args()
    one_thread()
    where = machine(("femtobarn", "numpy", "numba", "torch", "scipy", "POT", "geomloss"))
    a = wafers(BATCH, seed=1)
    tables: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder, other, rounds = Path(name), options.wasserstein, options.rounds
        others = {"two wafers": wafers(BATCH, seed=2), "a wafer and its decoded image": decoded(a, seed=2)}
        for title, b in others.items():
            tables[title] = histograms(a, b, other, folder / title, rounds)
        for particles, batch in ((30, 200), (150, 20)):
            title = f"two sets of {particles} points"
            tables[title] = point_sets(particles, batch, other, folder / title, rounds)
    for title, rows in tables.items():
        show(title, rows)
    result = {"machine": where, "rounds": options.rounds, "pairs in a batch": BATCH, "tables": tables}
    if not options.wasserstein:
        result["left out"] = {"wasserstein": "1.1.0 needs NumPy 1; see --wasserstein"}
    print("\nstored:", store("emd", result))


if __name__ == "__main__":
    main()
