"""Hits per second of the simulated tracker, and seconds of track finding, on events with a pile-up of 200.

Timed are `tracker`, from particles to hits with cells and truth, and each stage of `find_tracks` with windows for
pT > 0.5 GeV, on one core, in CPU seconds. The particles come from `soft_collisions`. Where ACTS is installed
(``pip install pyacts``) it simulates and digitises the same particles in turns with ours; its writing of CSV files, the
only way to its hits, is part of its time.

Run `python benchmarks/tracker.py`. It prints a table and writes results/tracker.json in about a minute.
"""

import argparse
import importlib.util
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from _acts import Simulation, write_particles
from _common import machine, one_thread, ratio, store, take_turns
from femtobarn.evaluation.tracks.results import edge_counts
from femtobarn.metrics.tracking import TrackingPerformance, selected
from femtobarn.physics.tracks import Hits, automaton, doublets, learn_finder, triplets, with_overlaps
from femtobarn.simulate.particles import Particles
from femtobarn.simulate.tracker import soft_collisions, tracker

PILEUP, TRAINING, PT = 200, 3, 0.5


def cpu(work: Callable[[], object]) -> float:
    """CPU seconds of a call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def stages(hits: Hits, training: Hits, rounds: int) -> dict[str, Any]:
    """Seconds and results of each stage of track finding."""
    finder = learn_finder(training, selected(training, pt=PT, least_hits=3))
    seconds: dict[str, list[float]] = {"doublets": [], "triplets": [], "automaton": [], "overlaps": []}
    for _ in range(rounds + 1):
        start = [time.process_time()]
        pairs = doublets(hits, finder.layers)
        start.append(time.process_time())
        triples = triplets(hits, pairs, finder.triples)
        start.append(time.process_time())
        label = automaton(hits.position, pairs, triples, least_hits=4)
        start.append(time.process_time())
        label = with_overlaps(hits, label)
        start.append(time.process_time())
        for each, spent in zip(seconds.values(), np.diff(start), strict=True):
            each.append(float(spent))
    found = TrackingPerformance().update(hits, label, selected(hits, pt=1.1 * PT))
    segments = edge_counts(hits, pairs, selected(hits, pt=PT))
    parts = {name: round(median(each[1:]), 3) for name, each in seconds.items()}
    return {
        "hits": len(hits.position),
        "doublets": len(pairs),
        "segments kept by the doublets": round(segments["kept"] / segments["segments"], 4),
        "triplets": len(triples.curvature),
        "CPU seconds": parts | {"all": round(sum(parts.values()), 3)},
        "efficiency, majority": round(found.efficiency("majority").value, 4),
        "efficiency, double majority": round(found.efficiency().value, 4),
        "fake rate, all": round(found.fake_rate().value, 4),
        "duplicates": round(found.duplicate_rate(), 4),
    }


def acts_case(particles: Particles) -> Callable[[], float]:
    """ACTS on the same particles; gives its CPU seconds."""
    folder, simulation = Path(tempfile.mkdtemp(prefix="acts-")), Simulation()
    write_particles(particles, folder)

    def run() -> float:
        start = time.process_time()
        simulation.sequence(folder).run()
        return time.process_time() - start

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    one_thread()
    about = machine(["numpy", "numba", "scipy", "pyacts"])
    particles = soft_collisions(1, pileup=PILEUP, generator=np.random.default_rng(1))
    training = tracker(
        soft_collisions(TRAINING, pileup=PILEUP, generator=np.random.default_rng(2)),
        generator=np.random.default_rng(3),
    )
    hits = tracker(particles, generator=np.random.default_rng(4))
    cases: dict[str, Callable[[], object]] = {
        "ours": lambda: cpu(lambda: tracker(particles, generator=np.random.default_rng(4)))
    }
    if importlib.util.find_spec("acts"):
        cases["ACTS"] = acts_case(particles)
    else:
        print("pyacts is not installed: no comparison with ACTS")
    seconds = take_turns(cases, rounds=options.rounds)
    result: dict[str, Any] = {
        "machine": about,
        "pile-up": PILEUP,
        "particles": len(particles.pdg),
        "hits": len(hits.position),
        "CPU seconds": {name: round(median(each), 3) for name, each in seconds.items()},
        "hits per CPU second": round(len(hits.position) / median(seconds["ours"])),
        "track finding": stages(hits, training, options.rounds),
    }
    if "ACTS" in seconds:
        result["ACTS over ours"] = round(ratio(seconds, "ACTS", "ours"), 2)
    print(json.dumps({key: value for key, value in result.items() if key != "machine"}, indent=2))
    print(store("tracker", result))


if __name__ == "__main__":
    main()
