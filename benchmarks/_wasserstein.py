"""Times the package wasserstein on stored pairs; run by emd.py with a Python that has it (and NumPy 1).

Usage: PYTHON _wasserstein.py PAIRS.npz RESULT.npz
"""

import sys
import time

import numpy as np
import wasserstein


def main(pairs: str, result: str) -> None:
    data = np.load(pairs)
    found = {}
    if "cost" in data:
        solver = wasserstein.EMD(R=1.0, beta=1.0, norm=True)
        start = time.perf_counter()
        found["value"] = [solver(a, b, data["cost"]) for a, b in zip(data["a"], data["b"], strict=True)]
        found["seconds"] = time.perf_counter() - start
    else:
        # All pairs of both lists are computed in C++, without the overhead of a Python call each.
        solver = wasserstein.PairwiseEMD(R=1.0, beta=1.0, norm=True, num_threads=1, print_every=0, verbose=0)
        events = [
            [np.column_stack(event) for event in zip(data[w], data[p], strict=True)]
            for w, p in (("a", "x"), ("b", "y"))
        ]
        start = time.perf_counter()
        solver(*events)
        found["seconds"] = time.perf_counter() - start
        found["value"] = solver.emds()
    np.savez(result, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
