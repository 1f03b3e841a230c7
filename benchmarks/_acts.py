"""ACTS (``pip install pyacts``) on our particles: its copy of the TrackML detector, Fatras, digitisation, files."""

import json
from pathlib import Path
from typing import Any

from femtobarn.simulate.particles import Particles
from femtobarn.simulate.tracker.geometry import layers

DIGITISATION = "digitisation.json"


class Simulation:
    """Detector and field of ACTS, and sequences that simulate one event from a folder."""

    def __init__(self) -> None:
        import acts
        from acts.examples import GenericDetector

        self.level = acts.logging.ERROR
        self.detector = GenericDetector()
        self.geometry = self.detector.trackingGeometry()
        self.field = acts.ConstantBField(acts.Vector3(0, 0, 2 * acts.UnitConstants.T))

    def sequence(self, folder: Path, *, seed: int = 1) -> Any:
        """From the particles of `write_particles` to measurements in files; it is not run yet."""
        import acts
        from acts.examples import CsvParticleReader, RandomNumbers, Sequencer
        from acts.examples.simulation import addDigitization, addFatras

        made = Sequencer(events=1, numThreads=1, logLevel=self.level)
        reader = {"inputStem": "particles", "outputParticles": "particles_generated_selected"}
        made.addReader(CsvParticleReader(level=self.level, inputDir=str(folder), **reader))
        common = {"rnd": RandomNumbers(seed=seed), "outputDirCsv": str(folder)}
        addFatras(made, self.geometry, self.field, pMin=0.05 * acts.UnitConstants.GeV, **common)
        addDigitization(made, self.geometry, self.field, digiConfigFile=folder / DIGITISATION, **common)
        return made


def write_particles(particles: Particles, folder: Path) -> None:
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
    (folder / DIGITISATION).write_text(text, encoding="ascii")
