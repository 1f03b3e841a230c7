"""Times the package EnergyFlow on stored jets; run by energy_flow.py with a Python that has it (and NumPy 1).

Usage: PYTHON _energyflow.py JETS.npz RESULT.npz
"""

import sys
import time

import energyflow
import numpy as np


def main(jets: str, result: str) -> None:
    data = np.load(jets)
    polynomials = energyflow.EFPSet(("d<=", 4), measure="hadr", beta=1, normed=None, coords="ptyphim")
    events = [
        np.column_stack((x[real][:, 2], x[real][:, :2], np.zeros(real.sum())))
        for x, real in zip(data["particles"], data["mask"], strict=True)
    ]
    start = time.perf_counter()
    value = polynomials.batch_compute(events, n_jobs=1)
    np.savez(result, value=value, seconds=time.perf_counter() - start)


if __name__ == "__main__":
    main(*sys.argv[1:])
