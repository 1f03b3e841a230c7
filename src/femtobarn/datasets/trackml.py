"""The TrackML challenge: hits, cells, particles and truth of events with a pile-up of 200, as CSV files.

`open_event` reads one event of either phase, `hits_of` gives its hits, `write_trackml` writes hits in the same files,
`particles_of` turns its list of particles into the input of `femtobarn.simulate.tracker`, which makes such events.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from femtobarn.data.atomic import write_whole
from femtobarn.data.csv import CsvFile
from femtobarn.data.source import Arrays, check_optional
from femtobarn.errors import InputError
from femtobarn.physics.tracks.hits import Cells, Hits, TrueParticles, Truth
from femtobarn.simulate.particles import Particles
from femtobarn.simulate.tracker.geometry import detectors, module_row

NAME = "trackml"
SUMMARY = "Tracker hits of collisions with pile-up 200 and their truth (TrackML; stand-in: simulated)"
RECORD = (
    "Kaggle competition trackml-particle-identification (accuracy phase)",
    "Zenodo 10.5281/zenodo.4730157 (throughput phase, with particle_type)",
)
#: Columns of each file; those in brackets only in the throughput phase.
FILES: dict[str, tuple[str, ...]] = {
    "hits": ("hit_id", "x", "y", "z", "volume_id", "layer_id", "module_id"),
    "cells": ("hit_id", "ch0", "ch1", "value"),
    "particles": ("particle_id", "(particle_type)", "vx", "vy", "vz", "px", "py", "pz", "q", "nhits"),
    "truth": ("hit_id", "particle_id", "tx", "ty", "tz", "tpx", "tpy", "tpz", "weight"),
}
_WHOLE = [
    "hit_id",
    "volume_id",
    "layer_id",
    "module_id",
    "ch0",
    "ch1",
    "particle_id",
    "particle_type",
    "q",
    "nhits",
]
_MASSES = {
    11: 0.000511,
    13: 0.10566,
    211: 0.13957,
    321: 0.49368,
    2212: 0.93827,
}  # GeV (Particle Data Group 2024)


class Event(NamedTuple):
    """The columns of an event's files as they stand; None for a file that is not there."""

    name: str
    hits: Arrays
    cells: Arrays | None
    particles: Arrays | None
    truth: Arrays | None


def event_names(folder: str | Path) -> list[str]:
    """Names of the events in a folder, such as ``event000001000``, in order.

    Raises:
        InputError: No such folder, or no event in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: expected a folder with files such as event000001000-hits.csv")
    names = {file.name.split("-hits.csv")[0] for file in folder.glob("event*-hits.csv*")}
    if not names:
        raise InputError(f"{folder}: expected files such as event000001000-hits.csv or .csv.gz, found none")
    return sorted(names)


def open_event(folder: str | Path, name: str) -> Event:
    """All files of one event; those of cells, particles and truth may be missing.

    Raises:
        InputError: No file of hits, files that are not as published, hits that are there twice, numbers that are not
            finite, or files that do not belong together.
    """
    tables = {kind: _found(Path(folder), name, kind) for kind in FILES}
    hits = tables["hits"]
    if hits is None:
        raise InputError(f"{Path(folder) / name}-hits.csv: no such file, nor with .gz at the end")
    place = f"{Path(folder) / name}-hits"
    _check_unique(hits["hit_id"], f"{place}: hit_id")
    row = module_row(hits["volume_id"], hits["layer_id"], hits["module_id"])
    if (row < 0).any():
        wrong = int(np.flatnonzero(row < 0)[0])
        numbers = [int(hits[key][wrong]) for key in ("volume_id", "layer_id", "module_id")]
        raise InputError(
            f"{place}: hit {hits['hit_id'][wrong]} is on module {numbers}, which TrackML does not have"
        )
    return Event(name, hits, tables["cells"], tables["particles"], tables["truth"])


def read_table(path: str | Path, kind: str) -> Arrays:
    """The columns of one file, by their names in the challenge; whole numbers are int64.

    Args:
        path: The file, packed or not.
        kind: One of `FILES`.

    Raises:
        InputError: No such file, a column that is missing or misspelt, or numbers that are not finite.
    """
    path = Path(path)
    file = CsvFile(path, names=lambda fields: tuple(f"column {i}" for i in range(fields)), whole=_WHOLE)
    needed = [column for column in FILES[kind] if not column.startswith("(")]
    if missing := set(needed) - set(file.columns):
        raise InputError(
            f"{path}: expected columns {', '.join(needed)}; {', '.join(sorted(missing))} missing"
        )
    known = [column.strip("()") for column in FILES[kind]]
    wanted = [column for column in known if column in file.columns]
    others = [column for column in file.columns if column not in known]
    check_optional([column for column in known if column not in wanted], others, str(path))
    table = file.read(wanted, 0, len(file))
    for column, values in table.items():
        if not np.isfinite(values).all():
            row = int(np.flatnonzero(~np.isfinite(values))[0])
            raise InputError(f"{file.where(row)}: {column} is {values[row]}, expected a finite number")
    return {column: np.ascontiguousarray(values) for column, values in table.items()}


def hits_of(event: Event) -> Hits:
    """The hits of an event, in the order of the file, with cells and truth where their files are there.

    Truth needs the file of particles too.

    Raises:
        InputError: Truth or cells of other hits, or truth of particles that are not listed.
    """
    number, count = event.hits["hit_id"], len(event.hits["hit_id"])
    position = np.stack([event.hits[axis] for axis in "xyz"], axis=1)
    volume, layer, module = (event.hits[key] for key in ("volume_id", "layer_id", "module_id"))
    hits = Hits(np.array([0, count]), position, volume, layer, module, number)
    if event.cells is not None:
        hits = hits._replace(cells=_cells(event.cells, number, f"{event.name}-cells: hit_id"))
    if event.truth is None or event.particles is None:
        return hits
    particles = _true_particles(event.particles)
    _check_unique(particles.barcode, f"{event.name}-particles: particle_id")
    rows = _rows(event.truth["hit_id"], number, f"{event.name}-truth: hit_id")
    if len(rows) != count or len(np.unique(rows)) != count:
        raise InputError(f"{event.name}-truth: expected each of {count} hits once, got {len(rows)} rows")
    truth = {name: column[np.argsort(rows)] for name, column in event.truth.items()}
    made = np.full(count, -1)
    signal = truth["particle_id"] != 0
    made[signal] = _rows(truth["particle_id"][signal], particles.barcode, f"{event.name}-truth: particle_id")
    return hits._replace(
        truth=Truth(
            made,
            np.stack([truth[f"t{axis}"] for axis in "xyz"], axis=1),
            np.stack([truth[f"tp{axis}"] for axis in "xyz"], axis=1),
            truth["weight"],
        ),
        particles=particles,
    )


def particles_of(
    event_particles: Arrays, *, with_hits: bool = True
) -> tuple[Particles, Int[np.ndarray, "particle"]]:
    """Listed particles as the input of `femtobarn.simulate.tracker.tracker`, and their identifiers.

    Where there is no ``particle_type`` all count as pions.

    Args:
        event_particles: `Event.particles`.
        with_hits: Only those that have hits. The others have none for reasons that a simulation does not know.
    """
    true = _true_particles(event_particles)
    kept = (true.hits > 0) | (not with_hits)
    code = np.where(true.pdg == 0, 211 * true.charge, true.pdg)[kept]
    mass = np.array([_MASSES.get(abs(int(each)), _MASSES[211]) for each in code])
    momentum, count = true.momentum[kept], len(code)
    energy = np.sqrt((momentum**2).sum(axis=1) + mass**2)
    particles = Particles(
        np.array([0, count]),
        code,
        true.charge[kept].astype(np.float64),
        np.column_stack((energy, momentum)),
        np.column_stack((np.zeros(count), true.vertex[kept])),
    )
    return particles, true.barcode[kept]


def write_trackml(hits: Hits, folder: str | Path, *, first: int = 0) -> list[str]:
    """Write each event as the challenge's files, and ``detectors.csv``; gives the names of the events.

    Args:
        hits: With cells and truth or without.
        folder: Made if need be.
        first: Number of the first event.

    Raises:
        InputError: A file cannot be written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for index in range(hits.events):
        event, name = hits.event(index), f"event{first + index:09d}"
        for kind, columns in _columns(event).items():
            _write(folder / f"{name}-{kind}.csv", columns)
        names.append(name)
    _write(folder / "detectors.csv", detectors())
    return names


def describe() -> str:
    """The data set in plain text: where it is, its files, their columns."""
    lines = [
        SUMMARY,
        "",
        *(f"published: {record}" for record in RECORD),
        "",
        "lengths in mm, momenta in GeV",
        "",
    ]
    lines += [f"eventNNNNNNNNN-{kind}.csv[.gz]: {', '.join(columns)}" for kind, columns in FILES.items()]
    return "\n".join(lines)


def _found(folder: Path, name: str, kind: str) -> Arrays | None:
    paths = [path for end in (".csv", ".csv.gz") if (path := folder / f"{name}-{kind}{end}").exists()]
    return read_table(paths[0], kind) if paths else None


def _cells(table: Arrays, number: Int[np.ndarray, "hit"], place: str) -> Cells:
    rows = _rows(table["hit_id"], number, place)
    order = np.argsort(rows, kind="stable")
    channel = np.stack((table["ch0"], table["ch1"]), axis=1)[order]
    return Cells(np.searchsorted(rows[order], np.arange(len(number) + 1)), channel, table["value"][order])


def _true_particles(table: Arrays) -> TrueParticles:
    count = len(table["particle_id"])
    return TrueParticles(
        np.array([0, count]),
        table["particle_id"],
        table.get("particle_type", np.zeros(count, np.int64)),
        table["q"],
        np.stack([table[f"v{axis}"] for axis in "xyz"], axis=1),
        np.stack([table[f"p{axis}"] for axis in "xyz"], axis=1),
        table["nhits"],
    )


def _rows(asked: Int[np.ndarray, "n"], among: Int[np.ndarray, "m"], place: str) -> Int[np.ndarray, "n"]:
    """Where each asked number stands among the others."""
    order = np.argsort(among, kind="stable")
    row = order[np.minimum(np.searchsorted(among, asked, sorter=order), len(among) - 1)]
    if (unknown := among[row] != asked).any():
        raise InputError(f"{place} {asked[unknown][0]} is in no other file; do the files belong together?")
    return row


def _check_unique(numbers: Int[np.ndarray, "n"], place: str) -> None:
    values, count = np.unique(numbers, return_counts=True)
    if (count > 1).any():
        raise InputError(f"{place} {values[count > 1][0]} is there {count.max()} times, expected once")


def _columns(event: Hits) -> dict[str, Arrays]:
    """The columns of each file of one event."""
    columns: tuple[np.ndarray, ...] = event.number, *event.position.T, event.volume, event.layer, event.module
    tables = {"hits": dict(zip(FILES["hits"], columns, strict=True))}
    if event.cells is not None:
        of_cell = np.repeat(event.number, np.diff(event.cells.offset))
        columns = (of_cell, *event.cells.channel.T, event.cells.value)
        tables["cells"] = dict(zip(FILES["cells"], columns, strict=True))
    if event.truth is not None and event.particles is not None:
        true, known = event.truth, event.particles
        names = [name.strip("()") for name in FILES["particles"]]
        columns = (known.barcode, known.pdg, *known.vertex.T, *known.momentum.T, known.charge, known.hits)
        tables["particles"] = dict(zip(names, columns, strict=True))
        barcode = np.append(known.barcode, 0)[true.particle]
        columns = (event.number, barcode, *true.position.T, *true.momentum.T, true.weight)
        tables["truth"] = dict(zip(FILES["truth"], columns, strict=True))
    return tables


def _write(path: Path, columns: Arrays) -> None:
    """A CSV file with a header; six digits as the challenge has them, all of a whole number."""
    formats = ["%d" if column.dtype.kind == "i" else "%.6g" for column in columns.values()]
    line = ",".join(formats) + "\n"
    rows: Sequence[tuple[float, ...]] = list(
        zip(*(column.tolist() for column in columns.values()), strict=True)
    )
    text = ",".join(columns) + "\n" + "".join(line % row for row in rows)
    write_whole(path, lambda part: part.write_text(text, encoding="ascii"))
