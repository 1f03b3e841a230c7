"""Electron showers of a run: LCD files or Geant4, cut in three."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from femtobarn.datasets import clic
from femtobarn.datasets.clic import Showers
from femtobarn.errors import InputError
from femtobarn.runs import Provenance
from femtobarn.simulate.clic_stack import PDG
from femtobarn.study import Split, check_shares, cut


@dataclass(frozen=True)
class Data:
    """Which showers a run works on."""

    files: tuple[Path, ...] = ()
    """Files in the published LCD layout, or folders of them; only electrons are used. Without any, Geant4 simulates."""
    showers: int = 2000
    """Maximum number of showers."""
    sample: int = 1
    """Index of the simulated sample; each index gives independent showers, so that settings tuned on one sample can be
    tested on another."""
    energy: tuple[float, float] = (5.0, 50.0)
    """Range of the simulated energies in GeV."""
    spectrum: Literal["flat", "log"] = "log"
    """Spectrum of the simulated energies: uniform in energy (flat) or in its logarithm (log)."""
    angle: float = 30.0
    """Maximum angle of the simulated electrons to the normal, in degrees; ignored by layouts for normal incidence."""
    least: float = 0.1
    """Minimum ratio of ECAL sum (file units) to electron energy (GeV); showers below it are dropped."""
    validation: float = 0.1
    """Fraction of the showers in the validation sample, which chooses the best checkpoint."""
    test: float = 0.3
    """Fraction of the showers in the test sample."""

    def __post_init__(self) -> None:
        check_shares(self.validation, self.test)
        if self.showers < 20 or self.sample < 1:
            raise InputError(
                f"at least 20 showers and sample 1 are needed: got {self.showers}, {self.sample}"
            )


def load_split(
    data: Data, *, inclined: bool, seed: int, workers: int, progress: bool = True
) -> Split[Showers]:
    """The electrons of a run.

    Args:
        data: Which.
        inclined: At any angle, or along the normal alone.
        seed: Of the simulation and of the split.
        workers: Processes that simulate.
        progress: Show a bar.

    Raises:
        InputError: A file cannot be read, or there are too few electrons.
    """
    if data.files:
        paths = [path for given in data.files for path in clic.expanded(given)]
        name = clic.NAME if all("Escan" in str(path) for path in paths) else "own showers"
        showers, provenance = clic.read_showers(paths), Provenance.of_files(name, paths)
        rows = np.flatnonzero(showers.columns["pdg"] == PDG["e-"])
        showers = showers.take(np.random.default_rng(seed).permutation(rows)[: data.showers])
    else:
        simulation = seed + 1_000_003 * (data.sample - 1)
        made: dict[str, Any] = {"energy": data.energy, "spectrum": data.spectrum, "seed": simulation}
        angle = data.angle if inclined else 0.0
        showers = clic.stand_in("e-", data.showers, **made, angle=angle, workers=workers, progress=progress)
        settings = {"showers": data.showers, "angle": angle} | made | {"energy": list(data.energy)}
        provenance = Provenance("stand-in", clic.NAME, "Geant4, CLIC-like stack", generator=settings)
    total = showers.layers()[0].sum(axis=1)
    showers = showers.take(np.flatnonzero(total > data.least * showers.columns["energy"]))
    shares = {"validation": data.validation, "test": data.test}
    return cut(showers, provenance, **shares, seed=[seed, 7], least=2, what="electrons")
