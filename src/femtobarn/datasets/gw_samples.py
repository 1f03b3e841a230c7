"""Whitened strain of H1 and L1 in events of 8 s, in the layout of arXiv:2107.12698: noise, and injected signals."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

import h5py
import numpy as np
from jaxtyping import Float, Float32

from femtobarn.data.atomic import write_whole
from femtobarn.data.hdf5 import opened_hdf5
from femtobarn.data.opening import as_float32
from femtobarn.data.source import Arrays, check_columns, stream
from femtobarn.errors import InputError

NAME = "gw_samples"
SUMMARY = "whitened strain of H1 and L1 in events of 8 s: noise and injections (stand-in: femtobarn.simulate.strain)"
RECORD = (
    "layout of github.com/timothygebhard/ggwd, used by arXiv:2107.12698; the authors' files are not public"
)
#: Name, unit, what it is, in the file.
COLUMNS = (
    (
        "strain",
        "",
        "(event, detector, sample): whitened strain of H1 and L1 at 2048 Hz",
        "h1_strain, l1_strain",
    ),
)
Group = Literal["noise_samples", "injection_samples"]
SAMPLES, RATE = 16384, 2048  #: of an event in each detector, and a second
EVENT_TIME = 5.5  #: s after the begin of an event, of the merger
_STRAINS = ("h1_strain", "l1_strain")


class _Events:
    """Source of one group of a file."""

    columns = ("strain",)

    def __init__(self, path: Path, group: str) -> None:
        self.path, self._names = path, [f"{group}/{name}" for name in _STRAINS]
        with opened_hdf5(path) as file:
            shapes = [file.shape(name) for name in self._names]
        if shapes[0] != shapes[1] or len(shapes[0]) != 2:
            raise InputError(
                f"{path}: expected H1 and L1 of one shape (event, sample) in {group}, got {shapes}"
            )
        self._rows = shapes[0][0]

    def __len__(self) -> int:
        return self._rows

    def where(self, row: int) -> str:
        """File and row, counted from 0."""
        return f"{self.path}, row {row}"

    def read(self, columns: Sequence[str], start: int, stop: int) -> Arrays:
        """The rows; refused if one is not finite."""
        check_columns(columns, self.columns, str(self.path))
        with opened_hdf5(self.path) as file:
            both = np.stack([as_float32(file.read(name, start, stop)) for name in self._names], axis=1)
        wrong = ~np.isfinite(both).all(axis=(1, 2))
        if wrong.any():
            raise InputError(f"{self.where(start + int(np.argmax(wrong)))}: the strain is not finite")
        return {"strain": both}


def open_samples(path: str | Path, group: str) -> _Events:
    """Events of one group of a file, which may be larger than memory.

    Args:
        path: HDF5.
        group: noise_samples or injection_samples.

    Raises:
        InputError: No such file, another layout, or another group.
    """
    if group not in get_args(Group):
        raise InputError(f"expected the group {' or '.join(get_args(Group))}, got {group!r}")
    return _Events(Path(path), group)


def read_samples(
    path: str | Path, group: str, *, start: int, stop: int
) -> Float32[np.ndarray, "event 2 sample"]:
    """A part of the samples of all events of a group; no more of the file is in memory at once than 500 events.

    Raises:
        InputError: As `open_samples`, or events that are shorter.
    """
    pieces = [
        piece["strain"][:, :, start:stop]
        for piece in stream(open_samples(path, group), _Events.columns, rows=500)
    ]
    found = np.concatenate(pieces) if pieces else np.zeros((0, 2, stop - start), np.float32)
    if found.shape[2] != stop - start:
        raise InputError(
            f"{path}: expected events of {stop} samples or more in {group}, got {start + found.shape[2]}"
        )
    return found


def write_samples(path: str | Path, **groups: Float[np.ndarray, "_ 2 sample"]) -> None:
    """Write groups of events (``noise_samples=...``) in the published layout.

    Raises:
        InputError: The file cannot be written.
    """

    def write(unfinished: Path) -> None:
        with h5py.File(unfinished, "w") as file:
            for group, strain in groups.items():
                for place, name in enumerate(_STRAINS):
                    file[f"{group}/{name}"] = strain[:, place].astype(np.float32)

    try:
        write_whole(Path(path), write)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error


def describe() -> str:
    """The data set in plain text: where it is, its layout, its columns with their units."""
    lines = [SUMMARY, "", f"published: {RECORD}", "", f"groups: {', '.join(get_args(Group))}", ""]
    lines += [f"{'column':8} {'from':24} what"]
    lines += [f"{name:8} {source:24} {what}" for name, _, what, source in COLUMNS]
    return "\n".join(lines)
