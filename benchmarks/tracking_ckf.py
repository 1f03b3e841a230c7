"""A combinatorial Kalman filter beside the automaton and the Hough transform, on the same simulated hits.

ACTS (``pip install pyacts``) simulates our particles in its copy of the TrackML detector, without noise and in a field
of 2 T, and finds tracks: seeds of three pixel hits, its Kalman filter along each, then the tracks that share hits
resolved. Our windows are learned from other events of ACTS. Counted are primaries with pT > 0.55 GeV and five hits or
more within |eta| < 4, and those with seven hits within |eta| < 3.

One core, CPU seconds of an event. Run `python benchmarks/tracking_ckf.py`. It prints a table and writes
results/tracking_ckf.json in about a minute.
"""

import argparse
import csv
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from _acts import Simulation, write_particles
from _common import machine, one_thread, store
from femtobarn.metrics.tracking import TrackingPerformance, selected
from femtobarn.physics.tracks import Hits, find_tracks, hough, learn_finder, together, with_overlaps
from femtobarn.physics.tracks.hits import TrueParticles, Truth
from femtobarn.simulate.particles import Particles
from femtobarn.simulate.tracker import soft_collisions

EVENT, PIXELS, PT = "event000000000", (7, 8, 9), 0.5
#: By name: least number of hits, largest |eta|.
COUNTED = {"five hits, |eta| < 4": (5, 4.0), "seven hits, |eta| < 3": (7, 3.0)}


def add_kalman_filter(sequence: Any, simulation: Simulation, folder: Path) -> None:
    """Seeds, filter and resolution of ambiguities behind a simulation, with the numbers of ACTS' full chain."""
    import acts
    from acts.examples import CsvTrackWriter, reconstruction

    mm, unit, level = acts.UnitConstants.mm, acts.UnitConstants, simulation.level
    (folder / "seeding.json").write_text(json.dumps([{"volume": volume} for volume in PIXELS]))
    sequence.addWhiteboardAlias("particles_selected", "particles_simulated")
    finder = reconstruction.SeedFinderConfigArg(
        r=(None, 200 * mm), deltaR=(1 * mm, 300 * mm), collisionRegion=(-30 * mm, 30 * mm), z=(-2000 * mm, 2000 * mm),
        maxSeedsPerSpM=1, sigmaScattering=5, radLengthPerSeed=0.1, minPt=PT * unit.GeV, impactMax=3 * mm,
        cotThetaMax=27.3,
    )  # fmt: skip
    reconstruction.addSeeding(
        sequence, simulation.geometry, simulation.field, geoSelectionConfigFile=folder / "seeding.json",
        seedingAlgorithm=reconstruction.SeedingAlgorithm.GridTriplet, seedFinderConfigArg=finder,
        seedFinderOptionsArg=reconstruction.SeedFinderOptionsArg(bFieldInZ=2 * unit.T, beamPos=(0.0, 0.0)),
        initialSigmas=[1 * mm, 1 * mm, 1 * unit.degree, 1 * unit.degree, 0, 1 * unit.ns],
        initialSigmaQoverPt=0.1 * unit.e / unit.GeV, initialSigmaPtRel=0.1, initialVarInflation=[1.0] * 6,
    )  # fmt: skip
    written = {"writePerformance": False, "writeTrackSummary": False}
    reconstruction.addCKFTracks(
        sequence, simulation.geometry, simulation.field,
        trackSelectorConfig=reconstruction.TrackSelectorConfig(nMeasurementsMin=5),
        ckfConfig=reconstruction.CkfConfig(
            chi2CutOffMeasurement=15.0, chi2CutOffOutlier=25.0, numMeasurementsCutOff=1, seedDeduplication=True,
            stayOnSeed=True,
        ), **written,
    )  # fmt: skip
    resolved = reconstruction.AmbiguityResolutionConfig(
        maximumSharedHits=3, nMeasurementsMin=5, maximumIterations=1_000_000
    )
    reconstruction.addAmbiguityResolution(sequence, resolved, **written)
    # Without these two the writer drops what is soft or short.
    kept = {"ptMin": 0.0, "nMeasurementsMin": 0}
    inputs = {"inputTracks": "tracks", "inputMeasurementParticlesMap": "measurement_particles_map"}
    sequence.addWriter(
        CsvTrackWriter(level=level, outputDir=str(folder), fileName="tracks.csv", **inputs, **kept)
    )


def hits_of(folder: Path, particles: Particles) -> Hits:
    """The measurements of an event, with the particle of each."""
    measured, simulated = (_columns(folder / f"{EVENT}-{kind}.csv") for kind in ("measurements", "hits"))
    names = _columns(folder / f"{EVENT}-measurement-simhit-map.csv")
    first = np.unique(names["measurement_id"].astype(int), return_index=True)[1]  # merged ones have several
    source = names["hit_id"].astype(int)[first]
    number = simulated["particle_id_part"].astype(int)[source] - 1
    known = (number < len(particles.pdg)) & (simulated["particle_id_gen"].astype(int)[source] == 0)
    particle = np.where(known, number, -1)
    place = measured["geometry_id"].astype(np.uint64)
    column = lambda table, words: np.stack([table[word].astype(float) for word in words], axis=1)  # noqa: E731
    truth = Truth(
        particle, column(simulated, ("tx", "ty", "tz"))[source], column(simulated, ("tpx", "tpy", "tpz"))[source],
        np.zeros(len(source)),
    )  # fmt: skip
    count = len(particles.pdg)
    everyone = TrueParticles(
        np.array([0, count]), np.arange(1, count + 1), particles.pdg, particles.charge.astype(int),
        particles.vertex[:, 1:], particles.momentum[:, 1:], np.bincount(particle[particle >= 0], minlength=count),
    )  # fmt: skip
    return Hits(
        np.array([0, len(place)]), column(measured, ("global_x", "global_y", "global_z")),
        (place >> np.uint64(56)).astype(int), ((place >> np.uint64(36)) & np.uint64(0xFFF)).astype(int),
        ((place >> np.uint64(8)) & np.uint64(0xFFFFF)).astype(int), np.arange(len(place)), None, truth, everyone,
    )  # fmt: skip


def filtered_tracks(folder: Path, hits: int) -> np.ndarray:
    """Track of each measurement; one that two tracks share goes to the longer."""
    rows = [
        [int(each) for each in row.strip("[]").split(",") if each]
        for row in _columns(folder / f"{EVENT}-tracks.csv")["Measurements_ID"]
    ]
    label = np.full(hits, -1)
    for number, row in enumerate(sorted(rows, key=len)):
        label[row] = number
    return label


def _columns(path: Path) -> dict[str, np.ndarray]:
    with path.open(encoding="latin-1", newline="") as file:  # `local_key` is no text
        head, *rows = csv.reader(file)
    return dict(zip(head, np.array(rows, dtype=object).reshape(len(rows), len(head)).T, strict=True))


def simulated(simulation: Simulation, pileup: float, seed: int, *, search: bool) -> tuple[Hits, Path, float]:
    """One event of ACTS, with its tracks if asked for, and the CPU seconds of all of it."""
    folder = Path(tempfile.mkdtemp(prefix="acts-"))
    particles = soft_collisions(1, pileup=pileup, generator=np.random.default_rng(seed))
    write_particles(particles, folder)
    sequence = simulation.sequence(folder, seed=seed)
    if search:
        add_kalman_filter(sequence, simulation, folder)
    start = time.process_time()
    sequence.run()
    return hits_of(folder, particles), folder, time.process_time() - start


def judged(hits: Hits, label: np.ndarray) -> dict[str, float]:
    """Efficiencies, fakes and duplicates."""
    found: dict[str, float] = {}
    for name, (least, eta) in COUNTED.items():
        wanted = selected(hits, pt=1.1 * PT, eta=eta, least_hits=least)
        each = TrackingPerformance().update(hits, label, wanted)
        found |= {
            f"double majority, {name}": round(each.efficiency().value, 4),
            f"majority, {name}": round(each.efficiency("majority").value, 4),
        }
    return found | {
        "fake rate": round(each.fake_rate().value, 4),
        "duplicates": round(each.duplicate_rate(), 4),
    }


def main() -> None:
    """Simulate, search, print and store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pileup", type=float, default=100, help="mean number of further collisions")
    parser.add_argument("--training", type=int, default=3, help="events from which windows are learned")
    options = parser.parse_args()
    one_thread()
    about, simulation = machine(["numpy", "numba", "pyacts"]), Simulation()
    learned = together(
        [simulated(simulation, options.pileup, 10 + i, search=False)[0] for i in range(options.training)]
    )
    finder = learn_finder(learned, selected(learned, pt=PT, least_hits=3))
    _, _, alone = simulated(simulation, options.pileup, 1, search=False)
    hits, folder, both = simulated(simulation, options.pileup, 1, search=True)
    ways: dict[str, Callable[[], np.ndarray]] = {
        "automaton": lambda: find_tracks(hits, finder),
        "Hough transform": lambda: with_overlaps(hits, hough(hits, pt=PT)),
    }
    found = {
        "Kalman filter (ACTS)": {"CPU seconds": round(both - alone, 2)}
        | judged(hits, filtered_tracks(folder, len(hits.number)))
    }
    for name, find in ways.items():
        find()  # compiled
        start = time.process_time()
        label = find()
        found[name] = {"CPU seconds": round(time.process_time() - start, 2)} | judged(hits, label)
    for name, row in found.items():
        print(name, json.dumps(row))
    particles = int(selected(hits, pt=1.1 * PT).sum())
    print(
        store(
            "tracking_ckf",
            {"machine": about, "hits": len(hits.number), "particles": particles, "found": found},
        )
    )


if __name__ == "__main__":
    main()
