"""Rows of jagged branches of a ROOT tree, read in pieces."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from femtobarn.data.source import Arrays, check_columns
from femtobarn.errors import InputError, require


class RootTree:
    """Source of the objects in a tree's branches: an entry (event) holds several, each becomes a row.

    Branches without objects inside count as one object an entry. Column "entry" tells which entry it was.

    Args:
        path: The ROOT file.
        tree: Name of the tree, with or without the directories before it.
        prefix: Of the branches wanted; their names are given without it.
        size: A branch, without prefix, that has one number for each object.

    Raises:
        InputError: No such file, not ROOT or cut short, no such tree or branch, several such trees.
        MissingExtraError: uproot is not installed.
    """

    def __init__(self, path: Path, *, tree: str, prefix: str, size: str) -> None:
        self.path, self._prefix = path, prefix
        require("uproot", extra="root")
        with _Readable(path) as file:
            trees = [key for key in file.keys(cycle=False) if f"/{key}".endswith(f"/{tree}")]
            if len(trees) != 1:
                raise InputError(f"{path}: expected one tree {tree}, found {', '.join(trees) or 'none'}")
            self._tree = trees[0]
            names = list(map(str, file[self._tree].keys()))  # to iterate gives branches
            self._branches = [name.removeprefix(prefix) for name in names if name.startswith(prefix)]
            check_columns([size], self._branches, str(path))
            counts = _counts(file[self._tree][prefix + size].array())
        self._ends = np.cumsum(counts)
        self.columns = (*self._branches, "entry")

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def where(self, row: int) -> str:
        """File and entry."""
        return f"{self.path}, entry {np.searchsorted(self._ends, row, side='right')}"

    def read(self, columns: Sequence[str], start: int, stop: int) -> Arrays:
        """The rows as flat arrays."""
        check_columns(columns, self.columns, str(self.path))
        stop = max(min(stop, len(self)), start)
        first = int(np.searchsorted(self._ends, start, side="right"))
        last = int(np.searchsorted(self._ends, stop, side="left")) + 1
        before = int(self._ends[first - 1]) if first else 0
        rows = slice(start - before, stop - before)
        branches = {name: self._prefix + name for name in columns if name != "entry"}
        with _Readable(self.path) as file:
            tree = file[self._tree]
            read = {
                name: tree[branch].array(entry_start=first, entry_stop=last)
                for name, branch in branches.items()
            }
        found = {name: _flat(array)[rows] for name, array in read.items()}
        if "entry" in columns:
            counts = np.diff(self._ends[first:last], prepend=before)
            found["entry"] = np.repeat(np.arange(first, first + len(counts)), counts)[rows]
        return {name: found[name] for name in columns}


class _Readable:
    """An open ROOT file; whatever uproot stumbles over in it becomes one line."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Any:
        if not self._path.is_file():
            raise InputError(f"{self._path}: no such file")
        uproot = require("uproot", extra="root")
        try:
            self._file = uproot.open(self._path)
        except Exception as error:
            raise self._told(error) from error
        return self._file

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self._file.close()
        if isinstance(error, Exception) and not isinstance(error, InputError):
            raise self._told(error) from error

    def _told(self, error: Exception) -> InputError:
        words = " ".join(str(error).split())[:120]
        return InputError(f"{self._path}: not a readable ROOT file, is it cut short? ({words})")


def _counts(array: Any) -> np.ndarray:
    awkward = require("awkward", extra="root")
    return np.asarray(awkward.num(array)) if array.ndim > 1 else np.ones(len(array), np.int64)


def _flat(array: Any) -> np.ndarray:
    awkward = require("awkward", extra="root")
    return np.asarray(awkward.flatten(array) if array.ndim > 1 else array)
