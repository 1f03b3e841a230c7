"""Metrics of generated samples beside the recipes of the package JetNet 0.2.5, re-typed from their definitions.

Timed, on one thread and in turns, on two samples of 50 000 rows of 36 heavy-tailed features of the same law (much
like energy flow polynomials) and of 50 000 jets of up to 30 particles. Beside the times stand the values, whose truth
is 0 for FPD and KPD.

Run `python benchmarks/metrics.py`. It prints a table and writes results/metrics.json in about four minutes.
"""

import argparse
import time
import tracemalloc
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
from scipy.linalg import sqrtm
from scipy.optimize import curve_fit
from scipy.stats import iqr, wasserstein_distance
from threadpoolctl import threadpool_limits

from _common import machine, one_thread, ratio, store, take_turns
from femtobarn.metrics import coverage_mmd, fpd, fpd_jetnet, kpd, kpd_jetnet, prdc, w1m, w1p

ROWS, FEATURES = 50_000, 36
Case = Callable[[], object]


def features(n: int, *, seed: int, columns: int = FEATURES) -> np.ndarray:
    mixing = np.random.default_rng(0).normal(size=(6, columns)) / np.sqrt(6)
    g = np.random.default_rng(seed)
    return np.exp(0.6 * g.normal(size=(n, 6)) @ mixing + 0.1 * g.normal(size=(n, columns)))


def jets(n: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    g = np.random.default_rng(seed)
    mask = np.arange(30) < g.integers(10, 31, size=(n, 1))
    x = g.normal(size=(n, 30, 3)) * (0.1, 0.1, 0.05)
    x[..., 2] = np.abs(x[..., 2])
    return np.where(mask[..., None], x, 0), mask


def recipe_fpd(real: np.ndarray, generated: np.ndarray) -> tuple[float, float]:
    """200 pairs of batches with replacement, covariances, matrix square roots, a bounded fit."""
    largest = np.abs(real).max(axis=0)
    x, y = real / largest, generated / largest
    sizes = (1 / np.linspace(1 / 20_000, 1 / 50_000, 10)).astype("int32")
    draw = np.random.default_rng(42)
    points = []
    for size in sizes:
        values = []
        for _ in range(20):
            a, b = x[draw.choice(len(x), size=size)], y[draw.choice(len(y), size=size)]
            s, t = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
            shift = a.mean(axis=0) - b.mean(axis=0)
            values.append(shift @ shift + np.trace(s) + np.trace(t) - 2 * np.trace(sqrtm(s @ t)).real)
        points.append(np.mean(values))
    line, error = curve_fit(lambda x, a, b: a + b * x, 1 / sizes, points, bounds=([0, 0], [np.inf, np.inf]))
    return float(line[0]), float(np.sqrt(error[0, 0]))


def recipe_kpd(real: np.ndarray, generated: np.ndarray) -> tuple[float, float]:
    """Ten batches of 5000 with replacement, each with its three kernel matrices in memory."""
    largest = np.abs(real).max(axis=0)
    x, y = real / largest, generated / largest
    values, n = [], 5000
    for i in range(10):
        draw = np.random.default_rng(42 + 1000 * i)
        a, b = x[draw.choice(len(x), size=n)], y[draw.choice(len(y), size=n)]
        aa, bb, ab = ((p @ q.T / x.shape[1] + 1.0) ** 4 for p, q in ((a, a), (b, b), (a, b)))
        within = (aa.sum() - np.trace(aa) + bb.sum() - np.trace(bb)) / (n * (n - 1))
        values.append(within - 2 * ab.mean())
    return float(np.median(values)), float(iqr(values, rng=(16.275, 83.725)) / 2)


def recipe_w1p(real: tuple[np.ndarray, np.ndarray], generated: tuple[np.ndarray, np.ndarray]) -> list[float]:
    """Five pairs of batches of 50 000 jets with replacement, each sorted anew for each feature."""
    draw = np.random.default_rng(0)
    values = []
    for _ in range(5):
        rows = [draw.choice(len(sample[0]), size=50_000) for sample in (real, generated)]
        a, b = (sample[0][r][sample[1][r]] for sample, r in zip((real, generated), rows, strict=True))
        values.append([wasserstein_distance(a[:, k], b[:, k]) for k in range(3)])
    return np.mean(values, axis=0).tolist()


def measured(rounds: int) -> dict[str, Any]:
    x, y = features(ROWS, seed=1), features(ROWS, seed=2)
    cases: dict[str, Case] = {
        "FPD, corrected, with error and null": lambda: fpd(x, y),
        "FPD, recipe of JetNet": lambda: recipe_fpd(x, y),
        "FPD, fpd_jetnet": lambda: fpd_jetnet(x, y),
        "KPD, all pairs, with error, null and p-value": lambda: kpd(x, y),
        "KPD, recipe of JetNet": lambda: recipe_kpd(x, y),
        "KPD, kpd_jetnet": lambda: kpd_jetnet(x, y),
    }
    a, b = jets(ROWS, seed=1), jets(ROWS, seed=2)
    cases |= {
        "W1-P": lambda: w1p(a, b, null=False),
        "W1-P, with null": lambda: w1p(a, b),
        "W1-P, recipe of JetNet": lambda: recipe_w1p(a, b),
        "W1-M, with null": lambda: w1m(a, b),
        "coverage and MMD, 10 x 100 x 100": lambda: coverage_mmd(a, b, null=False),
    }
    seconds = take_turns(cases, rounds=rounds)
    peers = {
        "FPD": ("FPD, recipe of JetNet", "FPD, corrected, with error and null"),
        "FPD, same estimator": ("FPD, recipe of JetNet", "FPD, fpd_jetnet"),
        "KPD": ("KPD, recipe of JetNet", "KPD, all pairs, with error, null and p-value"),
        "KPD, same estimator": ("KPD, recipe of JetNet", "KPD, kpd_jetnet"),
        "W1-P": ("W1-P, recipe of JetNet", "W1-P"),
    }
    return {
        "seconds": {
            name: {"median": median(times), "fastest": min(times)} for name, times in seconds.items()
        },
        "times faster than the recipe": {name: ratio(seconds, *pair) for name, pair in peers.items()},
        "values": {
            "FPD": fpd(x, y)[:2],
            "FPD, recipe of JetNet": fpd_jetnet(x, y)[:2],
            "KPD": kpd(x, y)[:2],
            "KPD, recipe of JetNet": kpd_jetnet(x, y)[:2],
        },
    }


def large(rows: int) -> dict[str, Any]:
    """Once each: neighbours of many rows, FPD of many features."""
    x, y = features(rows, seed=1), features(rows, seed=2)
    prdc(x[:100], y[:100], null=False)  # compiles
    tracemalloc.start()
    start = time.perf_counter()
    found = prdc(x, y, null=False)
    spent = time.perf_counter() - start
    peak = tracemalloc.get_traced_memory()[1]  # of NumPy's arrays too
    tracemalloc.stop()
    wide = [features(ROWS, seed=seed, columns=362) for seed in (1, 2)]
    start = time.perf_counter()
    corrected = fpd(*wide)
    return {
        "PRDC": {
            "rows": rows,
            "seconds": spent,
            "peak MiB": peak / 2**20,
            "MiB of all distances": 8 * rows**2 / 2**20,
            "coverage": found.coverage.value,
        },
        "FPD of 362 features": {"seconds": time.perf_counter() - start, "value": corrected[:2]},
    }


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--neighbour-rows", type=int, default=20_000)
    options = arguments.parse_args()
    one_thread()
    where = machine(("femtobarn", "numpy", "scipy", "numba", "torch"))
    with threadpool_limits(1):
        result = {"machine": where, "rounds": options.rounds, "rows": ROWS, "features": FEATURES}
        result |= measured(options.rounds) | large(options.neighbour_rows)
    for name, times in result["seconds"].items():
        print(f"{name:46s}{times['median']:9.3f} s")
    for name, factor in result["times faster than the recipe"].items():
        print(f"{name:46s}{factor:9.1f} times faster than the recipe")
    for name in ("values", "PRDC", "FPD of 362 features"):
        print(name, result[name])
    print("stored:", store("metrics", result))


if __name__ == "__main__":
    main()
