"""Evaluation of calorimeter showers: agreement with a dense computation of the published definition, time, memory.

The features of showers are computed by one pass that skips empty voxels; the peer is the definition written out with
dense NumPy arrays in float64, as is usual. Agreement comes first: largest difference of the features, and of all
separation powers from histograms of the peer's features. Then whole evaluations are run as a user would, in a process
of their own, whose peak memory is read.

Run `python benchmarks/shower_evaluation.py` (`--quick` for small samples). It makes the stand-ins if they are not in
the cache, prints a table and writes results/shower_evaluation.json.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from _common import machine, one_thread, ratio, store, take_turns
from femtobarn.datasets.calochallenge import stand_in, write_showers
from femtobarn.metrics.separation import separation_power
from femtobarn.metrics.shower_features import ShowerMoments, features, features_of, moments
from femtobarn.metrics.shower_histograms import VOXELS, Largest, ShowerHistograms, observables
from femtobarn.physics.voxels import VoxelGeometry, geometry

#: Data set, showers in the reference and in the generated file, goal in seconds for --fast.
EVALUATIONS = (("1-photons", 100_000, 120), ("2", 20_000, 600))
_COMPARED = {"1-photons": 5000, "1-pions": 5000, "2": 1000}
_MEMORY = 4.0  # GB, goal

_RUN = """
import json, resource, sys, time
from pathlib import Path
from femtobarn.evaluation.showers import ShowerEvaluation, evaluate_showers
folder = Path(sys.argv[1])
start = time.perf_counter()
settings = ShowerEvaluation(real="stand-in", workers=1)
run = evaluate_showers(folder / "real.hdf5", [folder / "generated.hdf5"], settings=settings, out=folder, progress=False)
seconds, cpu = time.perf_counter() - start, time.process_time()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
scores = {r.labels["metric"]: [r.value, r.error] for r in run.results()
          if r.name == "score" and r.labels["sample"] == "generated"}
print(json.dumps({"seconds": seconds, "CPU seconds": cpu, "peak GB": peak, "scores": scores,
                  "page MB": (run.folder / "report.html").stat().st_size / 1e6}))
"""


def sample(dataset: str, count: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    found = stand_in(dataset, count, seed=seed).read(("energies", "showers"), 0, count)
    return found["energies"], found["showers"]


def dense(energies: np.ndarray, showers: np.ndarray, voxels: VoxelGeometry) -> ShowerMoments:
    """The published definition with dense arrays: sums of E, E x, E x^2 ... in float64."""
    kept = np.where(showers < voxels.threshold, 0, showers.astype(np.float64))
    table = np.zeros((8, len(kept), len(voxels.layers)))
    for place, span in enumerate(voxels.spans):
        layer = kept[:, span]
        total = layer.sum(axis=1)
        table[0, :, place], table[7, :, place] = total, 1 - (layer > 0).mean(axis=1)
        for centre, width, where in ((1, 3, voxels.x), (2, 4, voxels.y), (5, 6, voxels.radius)):
            mean = (layer * where[span]).sum(axis=1) / (total + 1e-16)
            square = (layer * where[span] ** 2).sum(axis=1) / (total + 1e-16)
            table[centre, :, place] = mean
            table[width, :, place] = np.sqrt(np.clip(square - mean**2, 0, None))
    return ShowerMoments(energies.astype(np.float64), table[0].sum(axis=1), *table)


def agreement(dataset: str) -> dict[str, float]:
    """Largest differences between ours and the dense definition."""
    voxels, count = geometry(dataset), _COMPARED[dataset]
    samples = [sample(dataset, 2 * count, seed=seed) for seed in (1, 2)]
    samples = [(energies[:count], showers[:count]) for energies, showers in samples]
    ours = [moments(*each, voxels) for each in samples]
    theirs = [dense(*each, voxels) for each in samples]
    far = max(
        float(np.abs(features_of(a, voxels) - features_of(b, voxels)).max())
        for a, b in zip(ours, theirs, strict=True)
    )
    histograms = [ShowerHistograms(voxels, Largest.of(ours[0], samples[0][1])) for _ in samples]
    for filled, found, (_, showers) in zip(histograms, ours, samples, strict=True):
        filled.update(found, showers)
    found = histograms[0].separations(histograms[1])
    edges = histograms[0].edges
    values = [observables(each, voxels) for each in theirs]
    for each, (_, showers) in zip(values, samples, strict=True):
        each[VOXELS] = showers.ravel().astype(np.float64)
    differences = []
    for name, estimate in found.items():
        counts = [np.histogram(each[name], edges[name])[0] for each in values]
        differences.append(abs(estimate.value - separation_power(counts[0], counts[1])))
    return {"features": far, "separation powers": max(differences), "histograms": len(found)}


def speed(dataset: str, rounds: int) -> dict[str, Any]:
    """Showers a second of ours and of the dense definition, one thread each."""
    voxels, count = geometry(dataset), _COMPARED[dataset]
    energies, showers = sample(dataset, count, seed=1)
    seconds = take_turns(
        {
            "ours": lambda: features(energies, showers, voxels),
            "dense": lambda: features_of(dense(energies, showers, voxels), voxels),
        },
        rounds=rounds,
    )
    rates = {name: count / median(times) for name, times in seconds.items()}
    return {"showers a second": rates, "ratio": ratio(seconds, "dense", "ours"), "seconds": seconds}


def evaluation(dataset: str, count: int) -> dict[str, Any]:
    """A whole evaluation in its own process, one thread."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, seed in (("real", 1), ("generated", 2)):
            write_showers(folder / f"{file}.hdf5", *sample(dataset, count, seed=seed))
        threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
        done = subprocess.run(
            [sys.executable, "-c", _RUN, name],
            env=os.environ | threads,
            capture_output=True,
            text=True,
            check=True,
        )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a twentieth of the showers, nothing stored")
    quick = parser.parse_args().quick
    one_thread()
    result: dict[str, Any] = {"machine": machine(["numpy", "numba", "h5py"]), "agreement": {}, "features": {}}
    for dataset in _COMPARED:
        result["agreement"][dataset] = agreement(dataset)
        result["features"][dataset] = speed(dataset, 2 if quick else 7)
        print(dataset, result["agreement"][dataset], result["features"][dataset]["showers a second"])
    result["evaluations"] = []
    for dataset, count, goal in EVALUATIONS:
        showers = count // 20 if quick else count
        found = {"dataset": dataset, "showers": showers, "goal seconds": goal, "goal GB": _MEMORY}
        found |= evaluation(dataset, showers)
        result["evaluations"].append(found)
        print(
            f"{dataset}, {showers} + {showers}: {found['seconds']:.0f} s, {found['CPU seconds']:.0f} CPU-s "
            f"(goal {goal}), {found['peak GB']:.2f} GB"
        )
    if not quick:
        print(store("shower_evaluation", result))


if __name__ == "__main__":
    main()
