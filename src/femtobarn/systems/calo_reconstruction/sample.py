"""The showers of a run: LCD files or Geant4, split by event, and the tasks made of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int

from femtobarn.datasets import clic
from femtobarn.datasets.clic import Calibration, Showers
from femtobarn.errors import InputError
from femtobarn.nn.cell_networks import ShowerTable
from femtobarn.physics.calorimeter_cells import ECAL
from femtobarn.runs import Provenance
from femtobarn.simulate.clic_stack import PDG, Species
from femtobarn.study import Split, check_shares

TaskName = Literal["e-pi", "e-gamma", "gamma-pi0"]


class Task(NamedTuple):
    """Two species to tell apart; the first is the signal, class 1."""

    title: str
    signal: Species
    background: Species


TASKS: dict[str, Task] = {
    "e-pi": Task("e⁻ or π⁻", "e-", "pi-"),
    "e-gamma": Task("e⁻ or γ", "e-", "gamma"),
    "gamma-pi0": Task("γ or π⁰", "gamma", "pi0"),
}
SPECIES: tuple[Species, ...] = ("e-", "gamma", "pi0", "pi-")
SPECIES_TITLES: dict[str, str] = {"e-": "e⁻", "gamma": "γ", "pi0": "π⁰", "pi-": "π⁻"}


@dataclass(frozen=True)
class Data:
    """Which showers a run works on."""

    files: tuple[Path, ...] = ()
    """Files in the published LCD layout, or folders of them, all species; none: showers are simulated."""
    showers: int = 2000
    """Maximum number of showers of each species."""
    extra: int = 0
    """Additional electrons and photons for the task "e-gamma", where methods are close to each other."""
    energy: tuple[float, float] = (5.0, 50.0)
    """Range of the simulated energies in GeV."""
    spectrum: Literal["flat", "log"] = "log"
    """Spectrum of the simulated energies: uniform in energy (flat) or in its logarithm (log)."""
    angle: float = 30.0
    """Maximum angle of the simulated particles to the normal, in degrees."""
    window: int = 25
    """Width in x and y of the ECAL window that networks and baselines see, in cells."""
    validation: float = 0.15
    """Fraction of the showers in the validation sample, which chooses the best epoch."""
    test: float = 0.3
    """Fraction of the showers in the test sample."""
    photon_ratio: float = 0.025
    """Maximum HCAL/ECAL ratio, in file units, of photons and neutral pions; 0 for no cut."""
    electron_ratio: float = 0.0
    """Maximum HCAL/ECAL ratio, in file units, of electrons and charged pions (electron-like pions); 0 for no cut."""

    def __post_init__(self) -> None:
        check_shares(self.validation, self.test)
        if self.showers < 20:
            raise InputError(f"at least 20 showers of each species are needed: got {self.showers}")
        if self.extra < 0:
            raise InputError(f"expected 0 or more extra electrons and photons, got {self.extra}")
        if self.window % 2 == 0 or not 3 <= self.window <= ECAL[0]:
            raise InputError(f"expected an odd window from 3 to {ECAL[0]} cells, got {self.window}")
        if min(self.photon_ratio, self.electron_ratio) < 0:
            raise InputError("ratios of HCAL to ECAL of 0 or more expected")


class Selection(NamedTuple):
    """The showers of a task in one sample."""

    showers: Showers
    label: Int[np.ndarray, "shower"]
    """1 for the signal."""
    kept: float
    """Share of them that passes the cut on HCAL / ECAL; the others are left out."""

    @property
    def energy(self) -> Float64[np.ndarray, "shower"]:
        """True energies, GeV."""
        return self.showers.columns["energy"]

    def table(self, window: int) -> ShowerTable:
        """Dense batches with the classes."""
        return ShowerTable(self.showers, window=window, label=self.label)

    def of(self, species: str) -> Bool[np.ndarray, "shower"]:
        """Which showers are of this species."""
        found: np.ndarray = self.showers.columns["pdg"] == PDG[species]
        return found


def load_split(
    data: Data, tasks: Sequence[str], *, seed: int, workers: int, progress: bool = True
) -> Split[Showers]:
    """Showers of the species of the tasks, all species in each sample; a column "extra" marks those of `Data.extra`.

    Raises:
        InputError: A file cannot be read, or not every species has showers enough.
    """
    needed = [name for name in SPECIES if any(name in TASKS[task][1:] for task in tasks)]
    more = TASKS["e-gamma"][1:] if "e-gamma" in tasks else ()
    counts = {name: data.showers + (data.extra if name in more else 0) for name in needed}
    if data.files:
        showers = _limited(clic.read_showers(data.files), counts, seed)
        paths = [path for given in data.files for path in clic.expanded(given)]
        name = clic.NAME if all("Escan" in str(path) for path in paths) else "own showers"
        provenance = Provenance.of_files(name, paths)
    else:
        made: dict[str, Any] = {"energy": data.energy, "spectrum": data.spectrum, "seed": seed}
        parts = [
            clic.stand_in(name, count, **made, angle=data.angle, workers=workers, progress=progress)
            for name, count in counts.items()
        ]
        showers = clic.joined(parts)
        settings = {"showers": data.showers, "extra": data.extra} | made | {"energy": list(data.energy)}
        provenance = Provenance("stand-in", clic.NAME, "Geant4, CLIC-like stack", generator=settings)
    rows = [of_species(showers, name)[data.showers :] for name in needed]
    showers.columns["extra"] = np.isin(np.arange(len(showers)), np.concatenate(rows))
    train, validation, test = _parts(showers, data, np.random.default_rng(seed))
    for name in needed:
        code, found = PDG[name], len(of_species(train, name))
        if found < 10:
            raise InputError(
                f"at least 10 showers of {name} (PDG {code}) to train on are needed, got {found}"
            )
    return Split(train, validation, test, provenance)


def calibration(split: Split[Showers]) -> Calibration:
    """Scale of the cells, from the training showers; those of `Data.extra` do not count."""
    return clic.calibrate(split.train.take(np.flatnonzero(~split.train.columns["extra"])))


def of_task(showers: Showers, task: str, data: Data) -> Selection:
    """The showers of a task that pass its cut."""
    pdg = showers.columns["pdg"]
    mine = np.isin(pdg, [PDG[name] for name in TASKS[task][1:]])
    rows = np.flatnonzero(mine if task == "e-gamma" else mine & ~showers.columns["extra"])
    largest = data.photon_ratio if task == "gamma-pi0" else data.electron_ratio if task == "e-pi" else 0.0
    kept = rows
    if largest:
        kept = rows[hadronic_ratio(showers)[rows] < largest]
    label = (pdg[kept] == PDG[TASKS[task].signal]).astype(np.int64)
    return Selection(showers.take(kept), label, len(kept) / max(len(rows), 1))


def of_species(showers: Showers, species: str) -> Int[np.ndarray, "row"]:
    """Rows of the showers of one species."""
    return np.flatnonzero(showers.columns["pdg"] == PDG[species])


def hadronic_ratio(showers: Showers) -> Float64[np.ndarray, "shower"]:
    """Sum of the HCAL over that of the ECAL, in file units; infinite for an empty ECAL."""
    ecal, hcal = (part.sum(axis=1) for part in showers.layers())
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(ecal > 0, hcal / ecal, np.inf)


def _limited(showers: Showers, counts: dict[Species, int], seed: int) -> Showers:
    """At most so many of each of the species, drawn at random: files may be ordered by energy."""
    generator = np.random.default_rng(seed)
    rows = [generator.permutation(of_species(showers, name))[:count] for name, count in counts.items()]
    return showers.take(np.concatenate(rows))


def _parts(showers: Showers, data: Data, generator: np.random.Generator) -> tuple[Showers, Showers, Showers]:
    """Train, validation, test: the same shares of the extra showers as of the others, drawn one after the other."""
    drawn: list[list[np.ndarray]] = []
    for rows in (np.flatnonzero(~showers.columns["extra"]), np.flatnonzero(showers.columns["extra"])):
        ends = np.round(np.cumsum((data.test, data.validation)) * len(rows)).astype(int)
        drawn.append(np.split(generator.permutation(rows), ends))
    test, validation, train = (
        showers.take(np.sort(np.concatenate(each))) for each in zip(*drawn, strict=True)
    )
    return train, validation, test
