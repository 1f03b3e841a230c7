"""Calorimeter regions of a level-1 trigger: 18 x 14 sums of transverse energy per event, as CICADA takes them.

`open_regions` reads HDF5 files in the layout of arXiv:2310.06047, `stand_in` makes crossings of Pythia collisions
with pile-up in the parametrised detector. The published zero-bias sample of CMS is not public.
"""

from pathlib import Path
from typing import Literal, get_args

import numpy as np
from jaxtyping import Bool, Float, Int

from femtobarn.data.hdf5 import Hdf5File, write_hdf5
from femtobarn.data.source import Arrays, InMemory, check_optional
from femtobarn.errors import InputError
from femtobarn.simulate.collisions.dark import suep
from femtobarn.simulate.collisions.processes import dijets, top_pairs
from femtobarn.simulate.collisions.sample import collisions
from femtobarn.simulate.detector.regions import LARGEST_REGION, REGIONS, trigger_regions
from femtobarn.simulate.trigger_crossings import (
    Hard,
    TriggerCrossings,
    detected_crossings,
    many_crossings,
    one_soft,
)

NAME = "calo_regions"
SUMMARY = (
    "Level-1 calorimeter regions, 18 x 14 sums of transverse energy (CICADA; stand-in: Pythia and pile-up)"
)
RECORD = "layout of github.com/AdrianAlan/L1CaloTriggerAD; the samples of the paper are not public"
#: Our name, unit, what it is, in the file.
COLUMNS = (
    ("regions", "0.5 GeV", "transverse energy of 18 (phi) x 14 (eta) regions, 0 to 1023", "CaloRegions"),
    (
        "accepted",
        "",
        "true if a generator jet has pT > 30 GeV in |eta| < 2.4",
        "AcceptanceFlag, if it is there",
    ),
    ("pileup", "", "mean number of collisions of the crossing", "PileUp, in files of the stand-in"),
)
FILE_NAMES = {"regions": "CaloRegions", "accepted": "AcceptanceFlag", "pileup": "PileUp"}

Sample = Literal["zero bias", "dijets", "top pairs", "SUEP"]
_VERSION = 2  # raise it when the same settings give other regions
_SUEP_MASS, _DIJETS = 400.0, (100.0, 7000.0)  # GeV


def open_regions(path: str | Path) -> InMemory:
    """Regions of a file, with whatever else of `COLUMNS` it has.

    Raises:
        InputError: No such file, another layout, a column of nearly the name of one of them, or counts outside 0 to
            1023.
    """
    file = Hdf5File(Path(path), known=[*FILE_NAMES.values()])
    if "CaloRegions" not in file.columns:
        raise InputError(f"{path}: expected a data set CaloRegions, got {', '.join(file.names)}")
    known = set(FILE_NAMES.values())
    lacking, others = sorted(known.difference(file.names)), [name for name in file.names if name not in known]
    check_optional(lacking, others, str(path))
    for name in FILE_NAMES.values():
        if name != "CaloRegions" and file.shapes.get(name, ()) != ():
            raise InputError(f"{path}: expected one number a crossing in {name}, got {file.shapes[name]}")
    read = file.read(file.columns, 0, len(file))
    columns = {ours: read[theirs] for ours, theirs in FILE_NAMES.items() if theirs in read}
    columns["regions"] = _checked(columns["regions"], str(path))
    if "accepted" in columns:
        columns["accepted"] = columns["accepted"].astype(bool)
    return InMemory(columns)


def write_regions(
    path: str | Path,
    regions: Int[np.ndarray, "event 18 14"],
    *,
    accepted: Bool[np.ndarray, "event"] | None = None,
    pileup: Float[np.ndarray, "event"] | None = None,
) -> None:
    """Write regions in the published layout; pile-up is a column of our own.

    Raises:
        InputError: Counts outside 0 to 1023, columns of different length, or the file cannot be written.
    """
    columns = {"CaloRegions": _checked(regions, "regions"), "AcceptanceFlag": accepted, "PileUp": pileup}
    write_hdf5(Path(path), {name: c for name, c in columns.items() if c is not None}, {})


def crowded(
    regions: Float[np.ndarray, "event 18 14"], count: int, *, generator: np.random.Generator
) -> Float[np.ndarray, "count 18 14"]:
    """Sums of two crossings, the regions of each in random order: energy where a crossing does not have it."""
    pairs = regions[generator.integers(len(regions), size=(count, 2))].reshape(count, 2, -1)
    mixed = generator.permuted(pairs, axis=2).sum(axis=1).reshape(count, *regions.shape[1:])
    return np.minimum(mixed, float(LARGEST_REGION)).astype(regions.dtype)


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
    """TriggerCrossings of one kind with pile-up, in the parametrised detector of CMS; the cache keeps them.

    Args:
        sample: "zero bias" is a crossing of soft collisions alone; in the others one collision is a hard one: QCD
            dijets above 100 GeV, top pairs, or a scalar of 400 GeV that decays to a SUEP.
        count: TriggerCrossings.
        seed: Of the sample.
        pileup: Range of the mean number of collisions, uniform; stored as the column "pileup".
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
        crossing_chunk, settings, count, seed=seed, version_of=_VERSION, workers=workers, scheduler=scheduler,
        progress=progress,
    )  # fmt: skip
    return InMemory(table)


def crossing_chunk(settings: TriggerCrossings, items: range, seed: np.random.SeedSequence) -> Arrays:
    """One chunk of the stand-in."""
    hard, see = _HARD[settings.sample], lambda event, _: trigger_regions(event)
    regions, pileup = detected_crossings(settings, len(items), seed, hard=hard, see=see)
    return {"regions": regions.astype(np.uint16), "pileup": pileup}


def describe() -> str:
    """The data set in plain text: where it is, its layout, its columns with their units."""
    lines = [SUMMARY, "", f"published: {RECORD}", "", f"{'column':8} {'unit':8} {'from':32} what"]
    lines += [f"{name:8} {unit:8} {source:32} {what}" for name, unit, what, source in COLUMNS]
    return "\n".join(line.rstrip() for line in lines)


_HARD: dict[str, Hard] = {
    "zero bias": one_soft,
    "dijets": lambda s, n, seed: collisions(dijets(_DIJETS), n, seed=seed, energy=s.energy, workers=1),
    "top pairs": lambda s, n, seed: collisions(top_pairs(), n, seed=seed, energy=s.energy, workers=1),
    "SUEP": lambda s, n, seed: suep(_SUEP_MASS, n, seed=seed, energy=s.energy, workers=1),
}


def _checked(regions: np.ndarray, where: str) -> np.ndarray:
    if regions.ndim != 3 or regions.shape[1:] != REGIONS:
        raise InputError(
            f"{where}: expected (event, {REGIONS[0]}, {REGIONS[1]}) regions, got {regions.shape}"
        )
    whole = regions.astype(np.int64, copy=False)
    if not np.array_equal(whole, regions) or (
        len(whole) and not 0 <= whole.min() <= whole.max() <= LARGEST_REGION
    ):
        raise InputError(f"{where}: expected whole counts from 0 to {LARGEST_REGION}")
    return whole.astype(np.uint16)
