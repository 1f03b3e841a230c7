"""Objects of each event in a ROOT tree as flat arrays: NanoAOD, Delphes, podio."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from femtobarn.data.root import RootTree
from femtobarn.data.source import Arrays
from femtobarn.errors import InputError


class Collection(NamedTuple):
    """One kind of object in many events; those of event i are rows offset[i] to offset[i + 1]."""

    offset: Int[np.ndarray, "boundary"]
    columns: Arrays

    @property
    def event(self) -> Int[np.ndarray, "row"]:
        """The event each object belongs to."""
        return np.repeat(np.arange(len(self.offset) - 1), np.diff(self.offset))

    def stack(self, *names: str) -> np.ndarray:
        """Some columns side by side, as float64."""
        return np.stack([self.columns[name] for name in names], axis=1).astype(np.float64)


def read_collection(
    path: str | Path, *, tree: str, prefix: str, columns: Sequence[str], events: int | None = None
) -> Collection:
    """All objects of a collection, whole in memory.

    Args:
        path: The ROOT file.
        tree: Name of the tree.
        prefix: What stands before the names of the columns, such as ``PFCands_``.
        columns: Branches to read, without the prefix.
        events: Number of events in the file. Without it there are as many as up to the last that has such an
            object.

    Raises:
        InputError: The file is missing, cut short or not ROOT; a branch is missing; a number is not finite.
        MissingExtraError: uproot is not installed.
    """
    source = RootTree(Path(path), tree=tree, prefix=prefix, size=columns[0])
    found = source.read((*columns, "entry"), 0, len(source))
    entry = found.pop("entry").astype(np.int64)
    for name, values in found.items():
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            row = int(np.argwhere(~np.isfinite(values))[0][0])
            raise InputError(
                f"{source.where(row)}: {prefix}{name} is {values[row]}, expected a finite number"
            )
    events = int(entry.max(initial=-1)) + 1 if events is None else events
    return Collection(np.searchsorted(entry, np.arange(events + 1)), found)
