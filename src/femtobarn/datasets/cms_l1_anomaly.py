"""Level-1 objects that CMS recorded without a bias in 2025, and simulated signals (Zenodo 21787779).

`open_events` reads the published Parquet files in both of their layouts: a folder for each collection as on Zenodo, or
all collections side by side in one file as on Hugging Face. `stand_in` makes such events with Pythia 8, pile-up and the
parametrised detector. Both give the same columns, those of `adc2021` among them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float, Float32

from femtobarn.data.opening import given_files
from femtobarn.data.parquet_lists import Lists, ParquetLists
from femtobarn.data.source import Arrays, Concatenated, InMemory, Source, check_columns
from femtobarn.errors import InputError
from femtobarn.simulate.collisions.dark import suep
from femtobarn.simulate.collisions.processes import Process, top_pairs
from femtobarn.simulate.collisions.sample import collisions
from femtobarn.simulate.detector import Detected
from femtobarn.simulate.level1_objects import KINDS, OBJECTS, Kind, level1_objects
from femtobarn.simulate.particles import Particles
from femtobarn.simulate.trigger_crossings import Hard, TriggerCrossings, detected_crossings, many_crossings

NAME = "cms_l1_anomaly"
SUMMARY = "Level-1 trigger objects of CMS without a bias, 2025, and 20 signals (stand-in: Pythia and pile-up)"
RECORD = "Zenodo 10.5281/zenodo.21787779; mirror huggingface.co/datasets/podagiu/anomaly_detection_cmsl1t"
LICENCE = "CC0 1.0"
#: Our name, unit, what it is, in the file.
COLUMNS = (
    (
        "objects",
        "GeV, rad",
        "pT, eta, phi of 19 objects: missing energy, 4 e/photon, 4 muons, 10 jets",
        "...",
    ),
    ("mask", "", "true where there is an object", ""),
    ("saturated", "", "true if the sum of all energy is at its largest code", "ET: Et"),
    ("accepted", "", "whether any other trigger accepts it (files with all collections)", "L1bit"),
)
Sample = Literal["zero bias", "top pairs", "SUEP", "H to 4 leptons"]

#: Collection, and its branches of pT, eta and phi, in the order of `KINDS`; the missing energy has no eta.
_COLLECTIONS: dict[str, tuple[str, ...]] = {
    "MET": ("Et", "phi"),
    "egammas": ("egIEt", "egIEta", "egIPhi"),
    "muons": ("muonIEt", "muonIEtaAtVtx", "muonIPhiAtVtx"),
    "jets": ("jetIEt", "jetIEta", "jetIPhi"),
}
_TOTAL = ("ET", "Et")
_LARGEST_TOTAL = 4095
_CODE = 0.5  # GeV
_VERSION = 2  # raise it when the same settings give other events
_SUEP_MASS = 400.0  # GeV


class Level1File:
    """Source of the events of Parquet files that belong together.

    Args:
        files: The file of each collection, all with the same events in the same order; or one file under every name.
        prefixed: Whether the branches have the name of their collection before them, ``jets_jetIEt``.

    Raises:
        InputError: A file or a branch is missing, or the files have different numbers of events.
    """

    def __init__(self, files: Mapping[str, Path], *, prefixed: bool) -> None:
        self._prefixed = prefixed
        self._files = {name: ParquetLists(path) for name, path in files.items()}
        lengths = {file.path: len(file) for file in self._files.values()}
        if len(set(lengths.values())) != 1:
            listed = ", ".join(f"{path} {rows}" for path, rows in lengths.items())
            raise InputError(f"expected files of equally many events, got {listed}")
        for name, branches in (*_COLLECTIONS.items(), (_TOTAL[0], _TOTAL[1:])):
            wanted = [self._branch(name, branch) for branch in branches]
            check_columns(wanted, self._files[name].columns, str(self._files[name].path))
        self._bit = prefixed and "L1bit" in self._files["jets"].columns
        self.columns = ("objects", "mask", "saturated") + (("accepted",) if self._bit else ())

    def __len__(self) -> int:
        return len(self._files["jets"])

    def where(self, row: int) -> str:
        """File and row."""
        return f"{self._files['jets'].path}, row {row}"

    def read(self, columns: Sequence[str], start: int, stop: int) -> Arrays:
        """Events `start` to `stop`, objects sorted by pT; saturated ones are kept.

        Raises:
            InputError: Branches of different length, or not one number of a sum.
        """
        check_columns(columns, self.columns, self.where(start))
        parts = [
            self._objects(name, kind, start, stop) for name, kind in zip(_COLLECTIONS, KINDS, strict=True)
        ]
        objects = np.concatenate(parts, axis=1)
        total = self._sum(*_TOTAL, start, stop)
        found: Arrays = {
            "objects": objects,
            "mask": objects[..., 0] > 0,
            "saturated": total >= _LARGEST_TOTAL,
        }
        if "accepted" in columns:
            bit = self._files["jets"].read(["L1bit"], start, stop)["L1bit"]
            found["accepted"] = self._single(bit, "L1bit", start).astype(bool)
        return {name: found[name] for name in columns}

    def _branch(self, collection: str, branch: str) -> str:
        return f"{collection}_{branch}" if self._prefixed else branch

    def _objects(
        self, collection: str, kind: Kind, start: int, stop: int
    ) -> Float32[np.ndarray, "event object 3"]:
        names = [self._branch(collection, branch) for branch in _COLLECTIONS[collection]]
        lists = self._files[collection].read(names, start, stop)
        size = lists[names[0]].size
        if any(not np.array_equal(lists[name].size, size) for name in names):
            raise InputError(
                f"{self._files[collection].path}: expected lists of equal length in {', '.join(names)}"
            )
        codes = [lists[name].value.astype(np.float64) for name in names]
        if len(codes) == 2:  # no eta
            codes.insert(1, np.zeros_like(codes[0]))
        offset = 1 if kind.name == "muon" else 0  # code 0 is no muon
        pt = np.maximum(codes[0] - offset, 0) * _CODE
        phi = codes[2] * 2 * np.pi / kind.phi_steps
        phi = np.where(phi > np.pi, phi - 2 * np.pi, phi)
        rows = np.stack((pt, codes[1] * kind.eta_step, phi), axis=1)
        return _padded(rows, size, kind.most)

    def _sum(self, collection: str, branch: str, start: int, stop: int) -> Float[np.ndarray, "event"]:
        name = self._branch(collection, branch)
        lists = self._files[collection].read([name], start, stop)[name]
        return self._single(lists, name, start).astype(np.float64)

    def _single(self, lists: Lists, name: str, start: int) -> np.ndarray:
        if (lists.size != 1).any():
            row = start + int((lists.size != 1).argmax())
            raise InputError(f"{self.where(row)}: expected one number in {name}")
        return lists.value


def open_events(path: str | Path | Sequence[str | Path]) -> Source:
    """Events of published files, as a source that reads piece by piece.

    Args:
        path: Files with all collections side by side (``train-00000-of-00010.parquet``) or a folder of such; or the
            folder of one split of one sample as on Zenodo, with a folder for each collection (``jets/`` ...).

    Raises:
        InputError: What is wrong, with the file.
        MissingExtraError: pyarrow is not installed.
    """
    names = (*_COLLECTIONS, _TOTAL[0])
    if isinstance(path, str | Path) and (Path(path) / "jets").is_dir():
        folders = {name: given_files(Path(path) / name, ".parquet") for name in names}
        counts = {name: len(files) for name, files in folders.items()}
        if len(set(counts.values())) != 1:
            raise InputError(f"{path}: expected equally many files of each collection, got {counts}")
        rows = zip(*folders.values(), strict=True)
        return Concatenated([Level1File(dict(zip(names, row, strict=True)), prefixed=False) for row in rows])
    files = given_files(path, ".parquet")
    return Concatenated([Level1File(dict.fromkeys(names, file), prefixed=True) for file in files])


@dataclass(frozen=True)
class Events:
    """Level-1 events in memory, a row each; of this data set, its stand-in, or `adc2021`."""

    objects: Float32[np.ndarray, "event 19 3"]
    pileup: Float32[np.ndarray, "event"]
    """Mean number of collisions, NaN where it is not known."""

    def __len__(self) -> int:
        return len(self.objects)

    def take(self, rows: np.ndarray | slice) -> "Events":
        """These events."""
        return Events(self.objects[rows], self.pileup[rows])

    @classmethod
    def of(cls, source: Source, count: int) -> "Events":
        """The first events of a source."""
        names = [name for name in ("objects", "pileup") if name in source.columns]
        columns = source.read(names, 0, count)
        unknown = np.full(len(columns["objects"]), np.nan, np.float32)
        return cls(columns["objects"], columns.get("pileup", unknown))


def stand_in(
    sample: str,
    count: int,
    *,
    seed: int,
    pileup: tuple[float, float] = (20.0, 60.0),
    workers: int = 2,
    scheduler: str | None = None,
    progress: bool = False,
) -> InMemory:
    """Objects of crossings of one kind with pile-up (see `level1_objects`); the cache keeps them.

    Args:
        sample: "zero bias" is a crossing of soft collisions alone; in the others one is a hard one: top pairs, a
            scalar of 400 GeV that decays to a SUEP, or a Higgs boson to four electrons or muons.
        count: TriggerCrossings.
        seed: Of the sample.
        pileup: Range of the mean number of collisions, uniform; it is the column "pileup".
        workers: Processes.
        scheduler: Address of a Dask scheduler whose workers do the work instead.
        progress: Show a bar.

    Raises:
        InputError: No crossings, an unknown sample, or a range that is none.
    """
    if sample not in get_args(Sample):
        raise InputError(f"samples are {', '.join(get_args(Sample))}: got {sample!r}")
    settings = TriggerCrossings(sample, pileup)
    table = many_crossings(
        object_chunk, settings, count, seed=seed, version_of=_VERSION, workers=workers, scheduler=scheduler,
        progress=progress,
    )  # fmt: skip
    return InMemory(table | {"mask": table["objects"][..., 0] > 0, "saturated": np.zeros(count, bool)})


def object_chunk(settings: TriggerCrossings, items: range, seed: np.random.SeedSequence) -> Arrays:
    """One chunk of the stand-in."""
    hard = _HARD[settings.sample]

    def see(event: Detected, generator: np.random.Generator) -> np.ndarray:
        return level1_objects(event, generator=generator)

    objects, pileup = detected_crossings(settings, len(items), seed, hard=hard, see=see)
    return {"objects": objects, "pileup": pileup}


def describe() -> str:
    """The data set in plain text: where it is, its layout, its columns."""
    lines = [
        SUMMARY,
        "",
        f"published: {RECORD}",
        f"licence: {LICENCE}",
        "layout: Parquet, a row an event, lists of integer codes; a folder for each collection, or all in one file",
        f"collections read: {', '.join((*_COLLECTIONS, _TOTAL[0]))}",
        "",
        f"{'column':10} {'unit':9} {'from':7} what",
    ]
    lines += [f"{name:10} {unit:9} {source:7} {what}" for name, unit, what, source in COLUMNS]
    return "\n".join(line.rstrip() for line in lines)


def _padded(
    rows: Float[np.ndarray, "row 3"], size: np.ndarray, count: int
) -> Float32[np.ndarray, "event object 3"]:
    """The hardest objects of each event, zeros behind them; those of no pT count as none."""
    event = np.repeat(np.arange(len(size)), size)
    order = np.lexsort((-rows[:, 0], event))
    rows, event = rows[order], event[order]
    rank = np.arange(len(rows)) - np.searchsorted(event, event)
    kept = (rank < count) & (rows[:, 0] > 0)
    found = np.zeros((len(size), count, 3), np.float32)
    found[event[kept], rank[kept]] = rows[kept]
    return found


def _nothing(count: int) -> Particles:
    """Events without a collision, for zero bias has those of the pile-up alone."""
    none = np.empty(0, np.int64)
    return Particles(np.zeros(count + 1, np.int64), none, none * 1.0, np.empty((0, 4)), np.empty((0, 4)))


def _four_leptons() -> Process:
    lines = (
        "HiggsSM:gg2H = on",
        "25:onMode = off",
        "25:onIfMatch = 23 23",
        "23:onMode = off",
        "23:onIfAny = 11 13",
    )
    return Process("Higgs bosons to four leptons", lines)


_HARD: dict[str, Hard] = {
    "zero bias": lambda _, n, __: _nothing(n),
    "top pairs": lambda s, n, seed: collisions(top_pairs(), n, seed=seed, energy=s.energy, workers=1),
    "SUEP": lambda s, n, seed: suep(_SUEP_MASS, n, seed=seed, energy=s.energy, workers=1),
    "H to 4 leptons": lambda s, n, seed: collisions(
        _four_leptons(), n, seed=seed, energy=s.energy, workers=1
    ),
}
assert sum(kind.most for kind in KINDS) == OBJECTS
