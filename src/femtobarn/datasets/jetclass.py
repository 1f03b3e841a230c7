"""JetClass: jets of ten origins as lists of particles with their kinds (arXiv:2202.03772).

`open_jets` reads the published ROOT files piece by piece; `stand_in` makes jets with Pythia 8, the parametrised
detector of CMS and FastJet where the files are not at hand. Both give the same columns.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int

from femtobarn.data.opening import given_files
from femtobarn.data.source import Arrays, Concatenated, InMemory, Source
from femtobarn.datasets._jetclass_file import CLASSES as CLASSES
from femtobarn.datasets._jetclass_file import COLUMNS as COLUMNS
from femtobarn.datasets._jetclass_file import SPECIES as SPECIES
from femtobarn.datasets._jetclass_file import TREE, JetClassFile, padded_table
from femtobarn.errors import InputError, check_known
from femtobarn.physics.n_subjettiness import n_subjettiness
from femtobarn.physics.soft_drop import soft_drop
from femtobarn.physics.vectors import cylindrical, delta_phi
from femtobarn.simulate import boosted_jets
from femtobarn.simulate.boosted_jets import DetectedJets, SeenJets, detected_jets
from femtobarn.simulate.collisions.jets import padded
from femtobarn.simulate.collisions.processes import Process, dijets, top_pairs, w_pairs, z_pairs

NAME = "jetclass"
SUMMARY = (
    "Jets of ten origins with the kinds of their particles (JetClass; stand-in from Pythia 8 and detector)"
)
RECORD = "Zenodo 10.5281/zenodo.6619768"
LICENCE = "CC-BY 4.0"
Signal = Literal["Hbb", "Hcc", "Hgg", "H4q", "Hqql", "Zqq", "Wqq", "Tbqq", "Tbl"]  #: all classes but QCD
_PT_HAT = (450.0, 1200.0)
_CODES = {211: 0, -211: 1, 130: 2, 22: 3, 11: 4, -11: 5, 13: 6, -13: 7}


@dataclass(frozen=True)
class Jets:
    """Jets in memory, a row each; the fields are `COLUMNS`."""

    particles: Float[np.ndarray, "jet particle 4"]
    species: Int[np.ndarray, "jet particle"]
    jet: Float[np.ndarray, "jet 5"]
    tau: Float[np.ndarray, "jet 4"]

    def __len__(self) -> int:
        return len(self.jet)

    def take(self, rows: np.ndarray | slice) -> "Jets":
        """These jets."""
        return Jets(*(getattr(self, each.name)[rows] for each in fields(self)))

    def arrays(self) -> Arrays:
        """What autoencoders of sets take: particles, species, and pT and energy of the jet."""
        return {"particles": self.particles, "species": self.species, "jet": self.jet[:, [0, 2]]}

    @classmethod
    def of(cls, source: Source, count: int | None = None) -> "Jets":
        """The first jets of a source, or all."""
        names = [each.name for each in fields(cls)]
        return cls(**source.read(names, 0, len(source) if count is None else count))


def open_jets(files: str | Path | Sequence[str | Path], *, particles: int = 128) -> Source:
    """Jets of one file, of several, or of all in a folder by name, as a source that reads piece by piece.

    Args:
        files: Files in the published layout, or a folder that holds such (.root).
        particles: How many of the hardest particles to give; the others are left out, as in arXiv:2311.17162.

    Raises:
        InputError: What is wrong, with the file.
        MissingExtraError: uproot is not installed.
    """
    return Concatenated([JetClassFile(path, particles=particles) for path in given_files(files, ".root")])


def files_of(folder: Path, jet_class: str) -> list[Path]:
    """Files of a class in one of the published folders, such as ``train_100M``, by name.

    Raises:
        InputError: There are none.
    """
    found = sorted(folder.glob(f"{CLASSES[jet_class]}*.root"))
    if not found:
        raise InputError(f"{folder}: expected files {CLASSES[jet_class]}*.root of JetClass, found none")
    return found


def stand_in(
    jet_class: str,
    count: int,
    *,
    seed: int,
    particles: int = 128,
    workers: int = 2,
    scheduler: str | None = None,
    progress: bool = False,
) -> InMemory:
    """Jets like JetClass's: the same columns, cuts and classes; kept in the cache for the next call.

    JetClass had MadGraph for the hard process, and all decay products of a boson or top within 0.8 of the jet. Here
    Pythia makes both, W and Z come in pairs, and a jet need only be near its boson or top. So **numbers obtained on
    these jets must not be set beside those published for JetClass**.

    Args:
        jet_class: One of `CLASSES`, or "dijets": gluons and quarks in their natural mixture, with the label of QCD.
        count: Number of jets.
        seed: Of the sample.
        particles: How many of the hardest particles to give.
        workers: Processes.
        scheduler: Address of a Dask scheduler whose workers do the work instead.
        progress: Show a bar with the rate.

    Raises:
        InputError: An unknown class, or no jets or particles asked for.
        MissingExtraError: pythia8mc or fastjet is not installed.
    """
    processes = _processes(jet_class)
    if particles < 1:
        raise InputError(f"expected at least one particle of a jet, got {particles}")
    more = {"seed": seed, "workers": workers, "scheduler": scheduler, "progress": progress}
    shares = [-(-(count - i) // len(processes)) for i in range(len(processes))]
    tables = [
        _relative(detected_jets(DetectedJets(process), share, **more), particles)  # type: ignore[arg-type]
        for process, share in zip(processes, shares, strict=True)
        if share > 0 or count < 1
    ]
    table = {name: np.concatenate([each[name] for each in tables]) for name in tables[0]}
    label = [*CLASSES].index(jet_class) if jet_class in CLASSES else 0
    return InMemory(table | {"label": np.full(count, label)})


def sample(
    folder: Path | None,
    jet_class: str,
    count: int,
    *,
    particles: int,
    seed: int,
    workers: int,
    progress: bool,
) -> Jets:
    """The first jets of a class in one of the published folders, or of the stand-in where there is no folder.

    Raises:
        InputError: As `files_of`, `open_jets` and `stand_in`.
    """
    if folder is not None:
        return Jets.of(open_jets(files_of(folder, jet_class), particles=particles), count)
    more: dict[str, Any] = {"seed": seed, "workers": workers, "progress": progress}
    return Jets.of(stand_in(jet_class, count, particles=particles, **more))


def cross_section(jet_class: str, count: int, *, seed: int, workers: int = 2) -> float:
    """Of a stand-in of this size, in pb for one jet within the cuts: what Pythia calculates in leading order."""
    shares = -(-count // len(_processes(jet_class)))
    made = [
        detected_jets(DetectedJets(process), shares, seed=seed, workers=workers)
        for process in _processes(jet_class)
    ]
    return sum(each.cross_section for each in made)


def describe() -> str:
    """The data set in plain text: where it is, its layout, its columns."""
    lines = [
        SUMMARY,
        "",
        f"published: {RECORD}; folders train_100M, val_5M, test_20M with 100,000 jets to a file",
        f"files: {', '.join(f'{name} {start}*.root' for name, start in CLASSES.items())}",
        f"licence: {LICENCE}",
        f"layout: ROOT, tree {TREE}, a jet an entry, lists part_* of its particles; needs the extra root",
        f"species: {', '.join(SPECIES)}",
        "",
        f"{'column':10} {'unit':9} {'from':24} what",
    ]
    lines += [f"{name:10} {unit:9} {source:24} {what}" for name, unit, what, source in COLUMNS]
    return "\n".join(line.rstrip() for line in lines)


def _relative(jets: SeenJets, particles: int) -> Arrays:
    """Columns of the stand-in. All particles enter the jet, its taus and its mass, whatever is listed."""
    sizes = np.diff(jets.first)
    owner = np.repeat(np.arange(len(sizes)), sizes)
    whole, mask = padded(jets.momentum.astype(np.float64), jets.first, particles=int(sizes.max()))
    total = whole.sum(axis=1)
    pt, eta, phi, _ = cylindrical(total).T
    own_pt, own_eta, own_phi, _ = cylindrical(jets.momentum).T
    mirror = np.where(eta < 0, -1.0, 1.0)[owner]
    columns = np.stack(
        (
            mirror * (own_eta - eta[owner]),
            delta_phi(own_phi, phi[owner]),
            own_pt,
            jets.momentum[:, 0],
        ),
        axis=1,
    )
    codes = np.array([_CODES[code] for code in jets.pdg.tolist()], np.int8)
    mass = soft_drop(whole, mask).mass
    return padded_table(columns.astype(np.float32), codes, sizes, particles) | {
        "jet": np.stack((pt, eta, total[:, 0], mass, sizes), axis=1).astype(np.float32),
        "tau": n_subjettiness(whole, mask, axes="one-pass wta kt").astype(np.float32),
    }


def _processes(jet_class: str) -> tuple[Process, ...]:
    makers: dict[str, Callable[[], tuple[Process, ...]]] = {
        "QCD": lambda: (boosted_jets.invisible_z_and_jet(_PT_HAT),),
        "dijets": lambda: (dijets(_PT_HAT),),
        "Hbb": lambda: (boosted_jets.boosted_higgs((5, 5), _PT_HAT),),
        "Hcc": lambda: (boosted_jets.boosted_higgs((4, 4), _PT_HAT),),
        "Hgg": lambda: (boosted_jets.boosted_higgs((21, 21), _PT_HAT),),
        "H4q": lambda: (boosted_jets.boosted_higgs((24, 24), _PT_HAT),),
        "Hqql": lambda: tuple(
            boosted_jets.higgs_to_lepton_and_quarks(_PT_HAT, positive=sign) for sign in (True, False)
        ),
        "Zqq": lambda: (z_pairs(_PT_HAT),),
        "Wqq": lambda: (w_pairs(_PT_HAT),),
        "Tbqq": lambda: (top_pairs(_PT_HAT, hadronic=True),),
        "Tbl": lambda: (boosted_jets.leptonic_tops(_PT_HAT),),
    }
    check_known("class of jets", [jet_class], makers)
    return makers[jet_class]()
