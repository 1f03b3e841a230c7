"""Top pairs with a pile-up of 200 through the parametrised detector: events per second on one and on two cores.

Timed is `detect` alone, from particles to tracks, towers and energy flow, and `candidates` in a row of its own. The
collisions are made before (Pythia, 14 TeV, kept in the cache) and so is their overlay. With two processes each has
its own events; the rate counts what both finish while both are at work. Beside the rate of the clock stands that of
the processor, events per CPU second summed over the processes: it is what the clock shows where nothing else runs.

Run `python benchmarks/detector.py`. It prints a table and writes results/detector.json in a few minutes, most of
which goes into the collisions the first time.
"""

import argparse
import os
import time
from statistics import median
from typing import Any

import numpy as np

from _common import machine, one_thread, store
from femtobarn.parts import fresh_processes
from femtobarn.simulate.collisions.pileup import overlay
from femtobarn.simulate.collisions.processes import minimum_bias, top_pairs
from femtobarn.simulate.collisions.sample import collisions
from femtobarn.simulate.detector import CMS_PHASE2, candidates, detect
from femtobarn.simulate.particles import Particles

PILEUP, BATCH, POOL, TOPS, ENERGY = 200, 10, 2000, 200, 14_000.0


def events(seed: int) -> Particles:
    """A batch of top pairs with their pile-up."""
    tops = collisions(top_pairs(), TOPS, seed=1, energy=ENERGY)
    pool = collisions(minimum_bias(), POOL, seed=2, energy=ENERGY)
    rows = tops.offset[seed * BATCH % TOPS], tops.offset[seed * BATCH % TOPS + BATCH]
    part = tops.offset[seed * BATCH % TOPS :][: BATCH + 1] - rows[0]
    batch = Particles(part, *(column[slice(*rows)] for column in tops[1:]))
    return overlay(batch, pool, mean=PILEUP, generator=np.random.default_rng(seed))[0]


def work(seed: int, batches: int) -> list[tuple[float, float, float]]:
    """Begin and end (s since the epoch) and CPU seconds of each batch; the first, which loads the code, is left out."""
    one_thread()
    particles, generator = events(seed), np.random.default_rng(seed)
    spans = []
    for _ in range(batches + 1):
        begin, used = time.time(), time.process_time()
        detect(particles, card=CMS_PHASE2, generator=generator)
        spans.append((begin, time.time(), time.process_time() - used))
    return spans[1:]


def together(processes: int, batches: int) -> tuple[float, float]:
    """Events per second of so many processes at once, by the clock and by the processor."""
    with fresh_processes(processes) as pool:
        futures = [pool.submit(work, seed, batches) for seed in range(processes)]
        spans = [future.result() for future in futures]
    begin, end = max(span[0][0] for span in spans), min(span[-1][1] for span in spans)
    # A batch that only partly lies in the time common to all counts by that part.
    shares = [max(min(e, end) - max(b, begin), 0.0) / (e - b) for span in spans for b, e, _ in span]
    cpu = sum(BATCH / median(used for *_, used in span) for span in spans)
    return BATCH * sum(shares) / (end - begin), cpu


def contents() -> dict[str, float]:
    """Mean numbers per event, and the time that `candidates` adds to `detect`."""
    particles, generator = events(0), np.random.default_rng(0)
    detected = detect(particles, card=CMS_PHASE2, generator=generator)
    parts: dict[str, Any] = {
        "particles in": particles.pdg,
        "tracks": detected.tracks.truth,
        "ECAL towers above threshold": np.flatnonzero(detected.ecal.measured),
        "HCAL towers above threshold": np.flatnonzero(detected.hcal.measured),
        "photons": detected.photons.truth,
        "neutral hadrons": detected.neutral_hadrons.truth,
    }
    found = {name: round(len(part) / BATCH, 1) for name, part in parts.items()}
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        candidates(detected)
        seconds.append((time.perf_counter() - start) / BATCH)
    return found | {"ms for candidates": round(1000 * median(seconds), 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often one and two processes take turns")
    parser.add_argument("--batches", type=int, default=15, help=f"batches of {BATCH} events in each round")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    about = machine(["numpy", "numba", "scipy", "pythia8mc"])
    per_event = contents()
    rates: dict[int, list[tuple[float, float]]] = {1: [], 2: []}
    for _ in range(options.rounds):
        for processes, found in rates.items():
            found.append(together(processes, options.batches))
    result = {
        "machine": about,
        "pile-up": PILEUP,
        "events in a batch": BATCH,
        "rounds": options.rounds,
        "load after": round(os.getloadavg()[0], 2),
        "per event": per_event,
        "events per second": {
            f"{processes} process{'es' * (processes > 1)}": {
                "clock": round(median(clock for clock, _ in found), 1),
                "processor": round(median(cpu for _, cpu in found), 1),
                "all, clock": [round(clock, 1) for clock, _ in found],
                "all, processor": [round(cpu, 1) for _, cpu in found],
            }
            for processes, found in rates.items()
        },
    }
    print(result["per event"])
    print(result["events per second"])
    print(store("detector", result))


if __name__ == "__main__":
    main()
