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

from _common import machine, one_thread, ratio, store, take_turns
from femtobarn.metrics.tracking import TrackingPerformance, selected
from femtobarn.physics.tracks import Hits, attach_overlaps, automaton, doublets, learn_finder, triplets
from femtobarn.simulate.particles import Particles
from femtobarn.simulate.tracker import soft_collisions, tracker
from femtobarn.simulate.tracker.geometry import layers

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
        label = automaton(hits.position, pairs, triples)
        start.append(time.process_time())
        label = attach_overlaps(hits, label)
        start.append(time.process_time())
        for each, spent in zip(seconds.values(), np.diff(start), strict=True):
            each.append(float(spent))
    found = TrackingPerformance().update(hits, label, selected(hits, pt=1.1 * PT))
    parts = {name: round(median(each[1:]), 3) for name, each in seconds.items()}
    return {
        "hits": len(hits.position),
        "doublets": len(pairs),
        "triplets": len(triples.curvature),
        "CPU seconds": parts | {"all": round(sum(parts.values()), 3)},
        "efficiency, majority": round(found.efficiency("majority").value, 4),
        "efficiency, double majority": round(found.efficiency().value, 4),
        "fake rate, all": round(found.fake_rate().value, 4),
        "duplicates": round(found.duplicate_rate(), 4),
    }


def acts_case(particles: Particles) -> Callable[[], float]:
    """ACTS on the same particles: Fatras, geometric digitisation, CSV files; gives its CPU seconds."""
    import acts
    from acts.examples import CsvParticleReader, GenericDetector, RandomNumbers, Sequencer
    from acts.examples.simulation import addDigitization, addFatras

    folder = Path(tempfile.mkdtemp(prefix="acts-"))
    _write_acts(particles, folder)
    detector = GenericDetector()
    geometry = detector.trackingGeometry()
    field = acts.ConstantBField(acts.Vector3(0, 0, 2 * acts.UnitConstants.T))

    def run() -> float:
        start = time.process_time()
        sequencer = Sequencer(events=1, numThreads=1, logLevel=acts.logging.ERROR)
        sequencer.addReader(
            CsvParticleReader(
                level=acts.logging.ERROR,
                inputDir=str(folder),
                inputStem="particles",
                outputParticles="particles_generated_selected",
            )
        )
        numbers = RandomNumbers(seed=1)
        addFatras(
            sequencer,
            geometry,
            field,
            rnd=numbers,
            pMin=0.05 * acts.UnitConstants.GeV,
            outputDirCsv=str(folder),
        )
        addDigitization(
            sequencer,
            geometry,
            field,
            digiConfigFile=folder / "digitisation.json",
            outputDirCsv=str(folder),
            rnd=numbers,
        )
        sequencer.run()
        return time.process_time() - start

    return run


def _write_acts(particles: Particles, folder: Path) -> None:
    """The particles and the description of the channels as ACTS reads them."""
    identifier = ",".join(f"particle_id_{part}" for part in ("pv", "sv", "part", "gen", "subpart"))
    columns = f"{identifier},particle_type,process,vx,vy,vz,vt,px,py,pz,m,q"
    lines = [
        f"1,0,{row + 1},0,0,{pdg},0,{x:g},{y:g},{z:g},0,{px:g},{py:g},{pz:g},0.13957,{q:g}"
        for row, (pdg, q, (_, px, py, pz), (_, x, y, z)) in enumerate(
            zip(particles.pdg, particles.charge, particles.momentum, particles.vertex, strict=True)
        )
    ]
    (folder / "event000000000-particles.csv").write_text(
        "\n".join([columns, *lines]) + "\n", encoding="ascii"
    )
    entries = []
    for volume in sorted({layer.volume for layer in layers()}):
        layer = next(each for each in layers() if each.volume == volume)
        half = max(max(ring.half[:2]) for ring in layer.rings), layer.rings[0].half[2]
        bins = [
            {
                "bins": round(2 * half[axis] / layer.sensor.pitch[axis]),
                "min": -half[axis],
                "max": half[axis],
                "option": "open",
                "type": "equidistant",
                "value": f"bin{'XY'[axis]}",
            }
            for axis in (0, 1)
        ]
        geometric = {
            "indices": [0, 1],
            "digital": False,
            "thickness": layer.sensor.half_thickness,
            "threshold": 0,
            "segmentation": {"binningdata": bins},
            "charge-smearing": {"type": "Gauss", "mean": 0, "stddev": 0.01},
        }
        entries.append({"volume": volume, "value": {"geometric": geometric}})
    header = {"format-version": 0, "value-identifier": "digitization-configuration"}
    text = json.dumps({"acts-geometry-hierarchy-map": header, "entries": entries})
    (folder / "digitisation.json").write_text(text, encoding="ascii")


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
