"""JetNet-like arrays from Pythia and FastJet against what the two need when nobody looks at their events.

    python benchmarks/collisions.py

The bare rate is that of ``Pythia.next()`` in a loop, after its start, and of FastJet's array interface on the
particles of the same collisions, made ready before; no event is read, no jet is taken out. Ours is a whole
chunk: start of Pythia, records, visible particles, jets, matching, cuts, relative coordinates, padding; the
second ratio leaves out the start, which every chunk has for its own seed. Both on one core, in CPU seconds,
taking turns. Results go to `results/collisions.json`.
"""

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import Any
from unittest.mock import patch

import fastjet
import numpy as np

from _common import machine, one_thread, store, take_turns
from femtobarn.datasets import jetnet
from femtobarn.physics.clustering import anti_kt
from femtobarn.simulate.collisions import jets as jets_module
from femtobarn.simulate.collisions.jets import JetSample, MatchedJets, jet_chunk
from femtobarn.simulate.collisions.pileup import overlay
from femtobarn.simulate.collisions.processes import Process, gluons, minimum_bias, quarks, top_pairs
from femtobarn.simulate.collisions.pythia import Records, next_records, start_pythia, visible_particles
from femtobarn.simulate.collisions.sample import CollisionSettings, event_chunk
from femtobarn.simulate.particles import Particles

JETS = jets_module._JETS_PER_CHUNK
EVENTS = {minimum_bias(): 2000, top_pairs(): 600}  # a chunk, and less of one
SHOWN = ("bare collisions/s", "our collisions/s", "ours over bare", "ours over bare, without the start")
SEED = np.random.SeedSequence(1)
SAMPLES = {
    "gluons": JetSample(gluons()),
    "light quarks": JetSample(quarks()),
    "gluons, with underlying event": JetSample(gluons(), mpi=True),
}


def cpu(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def ours(sample: JetSample) -> None:
    chunk = jet_chunk(sample, range(JETS), SEED)
    first = np.concatenate(([0], np.cumsum(chunk["size"])))
    found = MatchedJets(first, *(chunk[name] for name in ("constituent", "momentum", "parton", "pdg")))
    jetnet._relative(found, 30)


def events_of_a_chunk(sample: JetSample) -> int:
    """Collisions that a chunk needs."""
    asked = 0

    def counted(pythia: Any, events: int) -> Records:
        nonlocal asked
        records = next_records(pythia, events)
        asked += len(records.offset) - 1
        return records

    with patch.object(jets_module, "next_records", counted):
        jet_chunk(sample, range(JETS), SEED)
    return asked


def visible_of_a_chunk(sample: JetSample, events: int) -> tuple[np.ndarray, np.ndarray]:
    """Momenta (4, particle) of the visible particles of these collisions, and the boundaries between them."""
    pythia = start_pythia(sample.process, seed=SEED, energy=sample.energy, mpi=sample.mpi)
    parts, missing = [], events
    while missing:
        parts.append(visible_particles(pythia, next_records(pythia, missing), eta=sample.acceptance))
        missing -= len(parts[-1][1]) - 1
    ends = np.cumsum(np.concatenate([[0], *(np.diff(offset) for _, offset in parts)])).astype(np.int32)
    return np.ascontiguousarray(np.concatenate([momentum for momentum, _ in parts]).T), ends


def bare(sample: JetSample, momentum: np.ndarray, ends: np.ndarray) -> float:
    energy, px, py, pz = momentum
    definition = fastjet.JetDefinition(fastjet.antikt_algorithm, sample.radius)
    pythia = start_pythia(sample.process, seed=SEED, energy=sample.energy, mpi=sample.mpi)

    def work() -> None:
        for _ in range(len(ends) - 1):
            pythia.next()
        fastjet._ext.interfacemulti(px, py, pz, energy, ends[:-1], ends[1:], definition)

    return cpu(work)


def start(process: Process, mpi: bool) -> float:
    return cpu(lambda: start_pythia(process, seed=SEED, energy=13_000.0, mpi=mpi))


def bare_events(process: Process, events: int) -> float:
    pythia = start_pythia(process, seed=SEED, energy=13_000.0, mpi=True)
    return cpu(lambda: [pythia.next() for _ in range(events)])


def measure(name: str, cases: dict[str, Callable[[], object]], events: int, rounds: int) -> dict[str, Any]:
    seconds = take_turns(cases, rounds=rounds)
    each = list(zip(*(seconds[case] for case in ("bare", "ours", "start")), strict=True))
    row = {
        "collisions": events,
        "bare collisions/s": events / median(seconds["bare"]),
        "our collisions/s": events / median(seconds["ours"]),
        "start of Pythia, s": median(seconds["start"]),
        "ours over bare": median(bare / ours for bare, ours, _ in each),
        "ours over bare, without the start": median(bare / (ours - start) for bare, ours, start in each),
        "each round": [bare / ours for bare, ours, _ in each],
    }
    print(f"{name:36s}" + "".join(f"{row[column]:14.3f}" for column in SHOWN))
    return row


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--rounds", type=int, default=5)
    rounds = arguments.parse_args().rounds
    one_thread()
    where = machine(("femtobarn", "numpy", "pythia8mc", "fastjet", "awkward"))
    print(f"{'':36s}{'bare /s':>14s}{'ours /s':>14s}{'ratio':>14s}{'without start':>14s}")
    rows = {}
    for name, sample in SAMPLES.items():
        events = events_of_a_chunk(sample)
        visible = visible_of_a_chunk(sample, events)
        cases = {
            "bare": lambda sample=sample, visible=visible: bare(sample, *visible),
            "ours": lambda sample=sample: cpu(lambda: ours(sample)),
            "start": lambda sample=sample: start(sample.process, sample.mpi),
        }
        rows[f"jets: {name}"] = measure(f"jets: {name}", cases, events, rounds)
    for process, events in EVENTS.items():
        settings = CollisionSettings(process, 13_000.0, mpi=True)
        cases = {
            "bare": lambda process=process, events=events: bare_events(process, events),
            "ours": lambda settings=settings, events=events: cpu(
                lambda: event_chunk(settings, range(events), SEED)
            ),
            "start": lambda process=process: start(process, True),
        }
        rows[f"particles: {process.name}"] = measure(f"particles: {process.name}", cases, events, rounds)
    result = {"machine": where, "rounds": rounds, "against bare": rows, "pile-up": pileup(rounds)}
    print("stored:", store("collisions", result))


def pileup(rounds: int) -> dict[str, Any]:
    """Overlay at a mean of 200, and clustering of all its particles."""
    settings = CollisionSettings(minimum_bias(), 14_000.0, mpi=True)
    pool = Particles(**event_chunk(settings, range(1000), SEED))
    events = Particles(**event_chunk(CollisionSettings(top_pairs(), 14_000.0, mpi=True), range(20), SEED))
    generator = np.random.default_rng(1)
    crossings, _ = overlay(events, pool, mean=200, generator=generator)
    seconds = take_turns(
        {
            "overlay": lambda: cpu(lambda: overlay(events, pool, mean=200, generator=generator)),
            "anti-kT 0.4": lambda: cpu(
                lambda: anti_kt(crossings.momentum, crossings.offset, radius=0.4, min_pt=20.0)
            ),
        },
        rounds=rounds,
    )
    rates = {f"{name}, events/s": events.events / median(times) for name, times in seconds.items()}
    print({name: round(rate, 1) for name, rate in rates.items()})
    return {"mean": 200, "particles in an event": len(crossings.pdg) / events.events, **rates}


if __name__ == "__main__":
    main()
