"""Times the package wasserstein on stored pairs; run by emd.py with a Python that has it (and NumPy 1).

Usage: PYTHON _wasserstein.py PAIRS.npz RESULT.npz
"""

import sys
import time

import numpy as np
import wasserstein


def histograms(a: np.ndarray, b: np.ndarray, cost: np.ndarray) -> tuple[list[float], float]:
    """Values and seconds: one call per pair, with the empty cells of either side left out."""
    solver = wasserstein.EMD(R=1.0, beta=1.0, norm=True)
    start = time.perf_counter()
    values = []
    for p, q in zip(a, b, strict=True):
        i, j = p > 0, q > 0
        values.append(solver(p[i], q[j], cost[i][:, j]) * p.sum())
    return values, time.perf_counter() - start


def points(x: np.ndarray, y: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, float]:
    """Values and seconds: all pairs of both lists, in one call."""
    solver = wasserstein.PairwiseEMD(R=1.0, beta=1.0, norm=True, num_threads=1, print_every=0, verbose=0)
    lists = [[np.column_stack(event) for event in zip(w, p, strict=True)] for w, p in ((a, x), (b, y))]
    start = time.perf_counter()
    solver(*lists)
    return solver.emds(), time.perf_counter() - start


def main(pairs: str, result: str) -> None:
    data = dict(np.load(pairs))
    value, seconds = (histograms if "cost" in data else points)(**data)
    np.savez(result, value=value, seconds=seconds)


if __name__ == "__main__":
    main(*sys.argv[1:])
