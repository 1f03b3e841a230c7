"""Objects of each event in a ROOT tree as flat arrays: NanoAOD, Delphes, podio."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from femtobarn.data.root import RootTree, branch_names, opened_root, tree_name
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


def read_collection(path: str | Path, *, tree: str, prefix: str, columns: Sequence[str]) -> Collection:
    """All objects of a collection, whole in memory; events without one stay, so that collections fit together.

    Args:
        path: The ROOT file.
        tree: Name of the tree.
        prefix: What stands before the names of the columns, such as ``PFCands_``.
        columns: Branches to read, without the prefix.

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
    return Collection(np.searchsorted(entry, np.arange(source.entries + 1)), found)


def finite(
    momentum: Float[np.ndarray, "object component"], place: str
) -> Float[np.ndarray, "object component"]:
    """Momenta that were calculated from what a file has; `place` says where that is.

    Raises:
        InputError: One is too large for a number, as where a pseudorapidity is.
    """
    if not np.isfinite(momentum).all():
        row = int(np.argwhere(~np.isfinite(momentum))[0][0])
        raise InputError(f"{place}: the momentum of object {row} is {momentum[row]}, expected finite numbers")
    return momentum


def branches(path: str | Path, *, tree: str) -> frozenset[str]:
    """Names of all branches, by which the versions of a format can be told apart.

    Raises:
        InputError: The file is missing, cut short or not ROOT, or has no such tree.
        MissingExtraError: uproot is not installed.
    """
    with opened_root(Path(path)) as file:
        return frozenset(branch_names(file[tree_name(Path(path), file, tree)]))
