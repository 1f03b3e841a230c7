"""Recordings of events as an HDF5 file: all events one after the other, and where each recording begins.

Data sets ``t_us x y p`` with a row for each event, ``offsets`` (recordings + 1) and, where known, ``label`` (a whole
number from 0 on for each recording, -1 where it is unknown). Times count from the start of their recording.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int

from femtobarn.data.atomic import write_whole
from femtobarn.data.events import Binning, Events, check_events, event_counts
from femtobarn.data.hdf5 import opened_hdf5
from femtobarn.data.hdf5_output import new_hdf5
from femtobarn.data.source import Arrays, check_columns
from femtobarn.errors import InputError

_EVENTS = ("t_us", "x", "y", "p")
_PIECE = 1_000_000  # events in memory at once


class EventFile:
    """Source of counts in bins of time, a row for each recording, whose events may be more than fit into memory.

    Args:
        path: The file.
        binning: Of the events.

    Attributes:
        columns: What `read` knows: counts and, where the file has it, label.
        label: Of each recording, -1 where it is unknown.

    Raises:
        InputError: No such file, another layout, or offsets that do not fit the events.
    """

    def __init__(self, path: Path, binning: Binning) -> None:
        binning.check()
        self.path, self.binning = path, binning
        with opened_hdf5(path) as file:
            lengths = {file.shape(name) for name in _EVENTS}
            self._offsets = file.read("offsets")
            label = file.read("label") if "label" in file else None
        if self._offsets.dtype.kind not in "iu" or self._offsets.ndim != 1 or len(lengths) != 1:
            raise InputError(
                f"{path}: expected t_us, x, y, p of one length and whole offsets, got {sorted(lengths)}"
            )
        ((events, *more),) = lengths
        steps = np.diff(self._offsets.astype(np.int64))
        ends = self._offsets[[0, -1]].tolist() if len(self._offsets) > 1 else []
        if more or ends != [0, events] or (steps < 0).any():
            raise InputError(
                f"{path}: expected offsets that rise from 0 to the {events} events, got {ends or 'none'}"
            )
        self.columns: tuple[str, ...] = ("counts",) if label is None else ("counts", "label")
        self.label = np.full(len(self), -1) if label is None else label.astype(np.int64)
        whole = label is None or (label.dtype.kind in "iu" and label.min(initial=0) >= -1)
        if self.label.shape != (len(self),) or not whole:
            raise InputError(f"{path}: expected a whole label from -1 on for each of {len(self)} recordings")

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def where(self, row: int) -> str:
        """File and recording, counted from 0."""
        return f"{self.path}, recording {row}"

    def read(self, columns: Sequence[str], start: int, stop: int) -> Arrays:
        """Counts (recording, step, 2, row, column) and labels.

        Raises:
            InputError: Events out of order or with other polarities than 0 and 1, or a recording without an event
                in the bins.
        """
        check_columns(columns, self.columns, str(self.path))
        found: Arrays = {}
        stop = min(stop, len(self))
        if "counts" in columns:
            counts = [self._counts(row) for row in range(start, stop)]
            found["counts"] = np.stack(counts) if counts else np.zeros((0, *self.binning.shape), np.uint16)
        if "label" in columns:
            found["label"] = self.label[start:stop]
        return found

    def _counts(self, row: int) -> np.ndarray:
        counts = event_counts(self._pieces(row), self.binning)
        if not counts.any():
            raise InputError(f"{self.where(row)}: no event within the bins, {self.binning}")
        return counts

    def _pieces(self, row: int) -> Iterator[Events]:
        first, last = self._offsets[row : row + 2].tolist()
        after = 0
        with opened_hdf5(self.path) as file:
            for start in range(first, last, _PIECE):
                events = Events(*(file.read(name, start, min(start + _PIECE, last)) for name in _EVENTS))
                check_events(events, self.where(row), after=after)
                after = int(events.t[-1])
                yield events


def write_events(
    path: Path, recordings: Sequence[Events], label: Int[np.ndarray, " recording"] | None = None
) -> None:
    """Write recordings in this layout.

    Raises:
        InputError: A recording is no stream of events, or the file cannot be written.
    """
    for row, each in enumerate(recordings):
        check_events(each, f"{path}, recording {row}")
    columns = [np.concatenate(column) for column in zip(*recordings, strict=True)]

    def write(unfinished: Path) -> None:
        with new_hdf5(unfinished) as file:
            for name, column, kind in zip(_EVENTS, columns, ("u4", "u2", "u2", "u1"), strict=True):
                file[name] = column.astype(kind)
            file["offsets"] = np.cumsum([0, *(len(each.t) for each in recordings)])
            if label is not None:
                file["label"] = label

    write_whole(path, write)
