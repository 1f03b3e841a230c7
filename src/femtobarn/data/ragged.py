"""Events of different size in one HDF5 file and in one batch: flat columns, with the rows of each event."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from jaxtyping import Int

from femtobarn.data.atomic import write_whole
from femtobarn.data.hdf5 import opened_hdf5
from femtobarn.data.hdf5_output import new_hdf5
from femtobarn.data.source import check_columns
from femtobarn.errors import InputError

_FORMAT = 1
_OFFSET = "/offset"  # behind the name of a column
_PACKED = 16_384  # rows packed together


class Rows(NamedTuple):
    """A column of some events, one after the other: event i has the rows `offset[i]` to `offset[i + 1]`."""

    offset: Int[np.ndarray, "boundary"]
    value: np.ndarray

    def event(self, index: int) -> np.ndarray:
        """The rows of one event."""
        return self.value[self.offset[index] : self.offset[index + 1]]


def write_ragged(path: Path, events: Iterable[Mapping[str, np.ndarray]]) -> int:
    """Write events one by one as they come, and give their number; the file appears when it is complete.

    Args:
        path: File to write.
        events: For each, arrays by name. The first axis is free, for each name and event; names, further axes and types
            are the same in all events.

    Raises:
        InputError: Events that differ in more than the length of their arrays, or the file cannot be written.
    """
    count = 0

    def write(unfinished: Path) -> None:
        nonlocal count
        ends: dict[str, list[int]] = {}
        with new_hdf5(unfinished, track_order=True) as file:
            file.attrs["format"] = _FORMAT
            for number, event in enumerate(events):
                if number and list(event) != list(ends):
                    raise InputError(
                        f"event {number}: expected columns {', '.join(ends)}, got {', '.join(event)}"
                    )
                for name, value in event.items():
                    _append(file, name, np.asarray(value), ends.setdefault(name, [0]), number)
                count += 1
            for name, boundaries in ends.items():
                file[f"{name}{_OFFSET}"] = np.array(boundaries)

    write_whole(path, write)
    return count


class RaggedFile:
    """Events of a file that `write_ragged` made; read when they are asked for.

    Attributes:
        columns: Their names.
        sizes: Rows of each event, by column.

    Raises:
        InputError: No such file, not of this kind, damaged or of another format.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with opened_hdf5(path) as file:
            found = file.attributes().get("format")
            if found is None or int(found) != _FORMAT:
                raise InputError(f"{path}: expected events of ragged format {_FORMAT}, got {found}")
            self.columns = tuple(file.names())
            self._ends = {name: self._offset(file, name) for name in self.columns}
        self.sizes = {name: np.diff(ends) for name, ends in self._ends.items()}
        if len({len(size) for size in self.sizes.values()}) > 1:
            raise InputError(f"{path}: expected the same number of events in every column; is it damaged?")

    def __len__(self) -> int:
        return len(next(iter(self.sizes.values()), ()))

    def read(self, start: int, stop: int, columns: Sequence[str] | None = None) -> dict[str, Rows]:
        """Columns of the events from `start` up to, not with, `stop`.

        Raises:
            InputError: No such column.
        """
        columns = self.columns if columns is None else columns
        check_columns(columns, self.columns, str(self.path))
        stop = max(min(stop, len(self)), start)
        found = {}
        with opened_hdf5(self.path) as file:
            for name in columns:
                ends = self._ends[name][start : stop + 1]
                value = file.read(f"{name}/value", int(ends[0]), int(ends[-1]))
                found[name] = Rows(ends - ends[0], value)
        return found

    def event(self, index: int, columns: Sequence[str] | None = None) -> dict[str, np.ndarray]:
        """The arrays of one event."""
        return {name: rows.value for name, rows in self.read(index, index + 1, columns).items()}

    def batches(self, column: str, most: int) -> Iterator[range]:
        """Events in their order, as many together as have at most so many rows of a column; a larger one is alone.

        Raises:
            InputError: No such column, or not at least one row.
        """
        check_columns([column], self.columns, str(self.path))
        if most < 1:
            raise InputError(f"expected batches of at least one row, got {most}")
        start, rows = 0, 0
        for index, size in enumerate(self.sizes[column].tolist()):
            if index > start and rows + size > most:
                yield range(start, index)
                start, rows = index, 0
            rows += size
        if start < len(self):
            yield range(start, len(self))

    def _offset(self, file: object, name: str) -> Int[np.ndarray, "boundary"]:
        ends = np.asarray(file.read(f"{name}{_OFFSET}", 0, file.shape(f"{name}{_OFFSET}")[0]))  # type: ignore[attr-defined]
        rows = file.shape(f"{name}/value")[0]  # type: ignore[attr-defined]
        if not (len(ends) and ends[0] == 0 and ends[-1] == rows and (np.diff(ends) >= 0).all()):
            raise InputError(f"{self.path}: the rows of {name} do not belong to its events; is it damaged?")
        return ends


def _append(file: h5py.File, name: str, value: np.ndarray, ends: list[int], event: int) -> None:
    place = f"{name}/value"
    if event == 0:
        if value.ndim == 0 or value.dtype.kind not in "fiub" or "/" in name:
            raise InputError(
                f"{name}: expected an array of numbers with a row for each object, got {value!r}"
            )
        shape = value.shape[1:]
        file.create_dataset(
            place,
            (0, *shape),
            value.dtype,
            maxshape=(None, *shape),
            chunks=(_PACKED, *shape),
            compression="lzf",
        )
    column = file[place]
    if value.shape[1:] != column.shape[1:] or value.dtype != column.dtype:
        raise InputError(
            f"event {event}: expected {name} of {column.dtype} and rows of {column.shape[1:]}, got {value.dtype} "
            f"and {value.shape[1:]}"
        )
    column.resize(ends[-1] + len(value), axis=0)
    column[ends[-1] :] = value
    ends.append(ends[-1] + len(value))
