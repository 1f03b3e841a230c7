"""The showers of a run: LCD files or Geant4, split by event, and the tasks made of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float64, Int
from torch import Tensor
from torch.utils.data import Dataset

from femtobarn.data.checksums import checksum
from femtobarn.datasets import clic
from femtobarn.datasets.clic import Calibration, Showers
from femtobarn.engine import Batch
from femtobarn.errors import InputError
from femtobarn.physics.calorimeter_cells import ECAL, ECAL_CELLS, HCAL, SAMPLING_WEIGHTS
from femtobarn.runs import Provenance
from femtobarn.simulate.clic_stack import PDG, Species

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
    """Showers of each species, at most."""
    extra: int = 0
    """So many more electrons and photons, for "e-gamma" alone, where methods are close to each other."""
    energy: tuple[float, float] = (5.0, 50.0)
    """Range of the simulated energies, GeV."""
    spectrum: Literal["flat", "log"] = "log"
    """Simulated energies are uniform, or uniform in their logarithm."""
    angle: float = 30.0
    """Largest angle of the simulated particles to the normal, degrees."""
    window: int = 25
    """Cells in x and y of the ECAL that networks and baselines see."""
    validation: float = 0.15
    """Share of the showers by which the best epoch is chosen."""
    test: float = 0.3
    """Share of the showers kept for the results."""
    photon_ratio: float = 0.025
    """Largest ratio of HCAL to ECAL, in file units, of the photons and neutral pions; 0 for no cut."""
    electron_ratio: float = 0.0
    """The same for electrons and charged pions, which makes the pions look like electrons."""

    def __post_init__(self) -> None:
        if not (0 < self.test < 1 and 0 < self.validation < 1 and self.test + self.validation < 1):
            got = f"{self.validation}, {self.test}"
            raise InputError(f"shares in (0, 1) that leave some showers to train on expected: got {got}")
        if self.showers < 20:
            raise InputError(f"at least 20 showers of each species are needed: got {self.showers}")
        if self.extra < 0:
            raise InputError(f"expected 0 or more extra electrons and photons, got {self.extra}")
        if self.window % 2 == 0 or not 3 <= self.window <= ECAL[0]:
            raise InputError(f"expected an odd window from 3 to {ECAL[0]} cells, got {self.window}")
        if min(self.photon_ratio, self.electron_ratio) < 0:
            raise InputError("ratios of HCAL to ECAL of 0 or more expected")


class Split(NamedTuple):
    """Three samples without a common shower, all species in each; a column "extra" marks those of `Data.extra`."""

    train: Showers
    validation: Showers
    test: Showers
    calibration: Calibration
    provenance: Provenance


def load_split(
    data: Data,
    tasks: Sequence[str],
    *,
    seed: int,
    workers: int,
    scheduler: str | None = None,
    progress: bool = True,
) -> Split:
    """The showers of a run, of the species of its tasks; cells are calibrated on the training part.

    Raises:
        InputError: A file cannot be read, or not every species has showers enough.
    """
    needed = [name for name in SPECIES if any(name in TASKS[task][1:] for task in tasks)]
    more = TASKS["e-gamma"][1:] if "e-gamma" in tasks else ()
    counts = {name: data.showers + (data.extra if name in more else 0) for name in needed}
    if data.files:
        showers = _limited(clic.read_showers(data.files), counts, seed)
        prints = {str(path): checksum(path) for given in data.files for path in clic.expanded(given)}
        place = ", ".join(map(str, data.files))
        name = clic.NAME if all("Escan" in path for path in prints) else "own showers"
        provenance = Provenance("real", name, place, prints)
    else:
        parts = [
            clic.stand_in(
                name,
                count,
                seed=seed,
                energy=data.energy,
                spectrum=data.spectrum,
                angle=data.angle,
                workers=workers,
                scheduler=scheduler,
                progress=progress,
            )
            for name, count in counts.items()
        ]
        showers = clic.joined(parts)
        made = {"showers": data.showers, "extra": data.extra, "energy": list(data.energy)}
        made |= {"spectrum": data.spectrum, "seed": seed}
        provenance = Provenance("stand-in", clic.NAME, "Geant4, CLIC-like stack", generator=made)
    rows = [of_species(showers, name)[data.showers :] for name in needed]
    showers.columns["extra"] = np.isin(np.arange(len(showers)), np.concatenate(rows))
    train, validation, test = _parts(showers, data, np.random.default_rng(seed))
    for name in needed:
        code, found = PDG[name], len(of_species(train, name))
        if found < 10:
            raise InputError(
                f"at least 10 showers of {name} (PDG {code}) to train on are needed, got {found}"
            )
    calibration = clic.calibrate(train.take(np.flatnonzero(~train.columns["extra"])))
    return Split(train, validation, test, calibration, provenance)


def of_task(
    showers: Showers, task: str, data: Data
) -> tuple[Int[np.ndarray, "row"], Int[np.ndarray, "row"], float]:
    """Rows of a task's showers, their classes (1: signal), and the share that the cut on HCAL / ECAL keeps."""
    pdg = showers.columns["pdg"]
    signal, background = (PDG[name] for name in TASKS[task][1:])
    mine = (pdg == signal) | (pdg == background)
    rows = np.flatnonzero(mine if task == "e-gamma" else mine & ~showers.columns["extra"])
    largest = data.photon_ratio if task == "gamma-pi0" else data.electron_ratio if task == "e-pi" else 0.0
    kept = rows
    if largest:
        ecal, hcal = (part.sum(axis=1)[rows] for part in showers.layers())
        kept = rows[(hcal < largest * ecal) & (ecal > 0)]
    return kept, (pdg[kept] == signal).astype(np.int64), len(kept) / max(len(rows), 1)


def of_species(showers: Showers, species: str) -> Int[np.ndarray, "row"]:
    """Rows of the showers of one species."""
    return np.flatnonzero(showers.columns["pdg"] == PDG[species])


def hadronic_ratio(showers: Showers) -> Float64[np.ndarray, "shower"]:
    """Sum of the HCAL over that of the ECAL, in file units; infinite for an empty ECAL."""
    ecal, hcal = (part.sum(axis=1) for part in showers.layers())
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(ecal > 0, hcal / ecal, np.inf)


class ShowerTable(Dataset[Batch]):
    """Batches of dense windows, made of sparse cells when they are asked for.

    A batch holds ``ecal`` (the middle `window` x `window` cells) and ``hcal``, in file units; ``sums``, of the
    whole windows, the ECAL's layers weighted; ``direction`` (reco eta, reco phi); and, where known, ``energy`` in
    GeV, ``eta``, ``phi``, and ``label``.
    """

    def __init__(self, showers: Showers, *, window: int, label: np.ndarray | None = None) -> None:
        self.window, self._length = window, len(showers)
        ecal, hcal = showers.layers()
        columns = {
            "sums": np.stack((ecal @ SAMPLING_WEIGHTS, hcal.sum(axis=1)), axis=1),
            "direction": _direction(showers),
        }
        for name in ("energy", "eta", "phi"):
            if name in showers.columns:
                columns[name] = showers.columns[name]
        self.columns = {name: torch.from_numpy(column).float() for name, column in columns.items()}
        if label is not None:
            self.columns["label"] = torch.from_numpy(label)
        self._cropped = _cropped(showers, window)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: Tensor) -> Batch:
        first, cell, value = self._cropped
        rows = index.numpy()
        counts = first[rows + 1] - first[rows]
        before = np.cumsum(counts) - counts
        hits = np.arange(int(counts.sum())) + np.repeat(first[rows] - before, counts)
        crop = self.window**2 * ECAL[2]
        size = crop + int(np.prod(HCAL))
        whole = np.zeros(len(rows) * size, np.float32)
        whole[np.repeat(np.arange(len(rows)) * size, counts) + cell[hits]] = value[hits]
        table = torch.from_numpy(whole.reshape(len(rows), size))
        return {
            "ecal": table[:, :crop].reshape(-1, self.window, self.window, ECAL[2]),
            "hcal": table[:, crop:].reshape(-1, *HCAL),
        } | {name: column[index] for name, column in self.columns.items()}


def _direction(showers: Showers) -> Float64[np.ndarray, "shower 2"]:
    """Pseudorapidity and azimuth of the barycentre, 0 where the file does not have them."""
    nothing = np.zeros(len(showers))
    return np.stack([showers.columns.get(f"reco_{name}", nothing) for name in ("eta", "phi")], axis=1)


def _cropped(showers: Showers, window: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The sparse cells with those of the ECAL outside the window left out and the others renumbered."""
    cell, in_ecal = showers.cell.astype(np.int64), showers.cell < ECAL_CELLS
    edge = (ECAL[0] - window) // 2
    x, y, layer = cell // (ECAL[1] * ECAL[2]) - edge, cell // ECAL[2] % ECAL[1] - edge, cell % ECAL[2]
    inside = (x >= 0) & (x < window) & (y >= 0) & (y < window)
    number = np.where(
        in_ecal, (x * window + y) * ECAL[2] + layer, cell - ECAL_CELLS + window * window * ECAL[2]
    )
    kept = ~in_ecal | inside
    return np.concatenate(([0], np.cumsum(kept)))[showers.first], number[kept], showers.value[kept]


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
