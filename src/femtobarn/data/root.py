"""Rows of jagged branches of a ROOT tree, read in pieces."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from femtobarn.data.opening import check_file, numbers, reading
from femtobarn.data.source import Arrays, check_columns
from femtobarn.errors import InputError, require

_OPEN: ContextVar[Mapping[Path, Any]] = ContextVar("open ROOT files", default={})  # noqa: B039, never changed


class RootTree:
    """Source of the objects in a tree's branches: an entry (event) holds several, each becomes a row.

    Branches without objects inside count as one object an entry. Column "entry" tells which entry it was.

    Args:
        path: The ROOT file.
        tree: Name of the tree, with or without the directories before it.
        prefix: Of the branches wanted; their names are given without it. Branches within others (``A/A.x``) count
            by their own name (``A.x``).
        size: A branch, without prefix, that has one number for each object.

    Attributes:
        columns: Branches without the prefix, and "entry".
        entries: Number of entries of the tree, those without an object included.

    Raises:
        InputError: No such file, not ROOT or cut short, no such tree or branch, several such trees.
        MissingExtraError: uproot is not installed.
    """

    def __init__(self, path: Path, *, tree: str, prefix: str, size: str) -> None:
        self.path, self._prefix = path, prefix
        with opened_root(path) as file:
            self._tree = tree_name(path, file, tree)
            names = branch_names(file[self._tree])
            check_columns([prefix + size], [*names], str(path))
            self._branch = {
                name.removeprefix(prefix): branch for name, branch in names.items() if name.startswith(prefix)
            }
            counts = _counts(file[self._tree][self._branch[size]].array())
        self._ends, self.entries = np.cumsum(counts), len(counts)
        self.columns = (*self._branch, "entry")

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def where(self, row: int) -> str:
        """File and entry."""
        return f"{self.path}, entry {np.searchsorted(self._ends, row, side='right')}"

    def read(self, columns: Sequence[str], start: int, stop: int) -> Arrays:
        """The rows as flat arrays; of a reference its number.

        Raises:
            InputError: A branch that holds no numbers, or others per entry than `size`.
        """
        full = [self._prefix + name for name in columns if name != "entry"]
        check_columns(full, [self._prefix + name for name in self.columns[:-1]], str(self.path))
        stop = max(min(stop, len(self)), start)
        first = int(np.searchsorted(self._ends, start, side="right"))
        last = int(np.searchsorted(self._ends, stop, side="left")) + 1
        before = int(self._ends[first - 1]) if first else 0
        rows = slice(start - before, stop - before)
        counts = np.diff(self._ends[first:last], prepend=before)
        found = {"entry": np.repeat(np.arange(first, first + len(counts)), counts)[rows]}
        with opened_root(self.path) as file:
            for name in dict.fromkeys(columns):
                if name != "entry":
                    branch = file[self._tree][self._branch[name]]
                    array = branch.array(entry_start=first, entry_stop=last)
                    found[name] = self._flat(name, array, counts, first)[rows]
        return {name: found[name] for name in columns}

    def _flat(self, name: str, array: Any, counts: Int[np.ndarray, " entry"], first: int) -> np.ndarray:
        """Objects of all entries in a row, which must be those that the other branches have."""
        awkward = require("awkward", extra="root")
        if "ref" in awkward.fields(array):  # a TRef: what it refers to has this number
            array = array["ref"]
        found = _counts(array)
        if not np.array_equal(found, counts):
            at = int(np.argmax(found != counts)) if len(found) == len(counts) else 0
            raise InputError(
                f"{self.path}, entry {first + at}: {self._prefix}{name} has another number of objects than the rest"
            )
        flat = np.asarray(awkward.flatten(array) if array.ndim > 1 else array)
        if flat.ndim != 1:
            raise InputError(
                f"{self.path}: expected one number for each object in {self._prefix}{name}, got {flat.shape[1:]}"
            )
        return numbers(flat, f"{self.path}: {self._prefix}{name}")


@contextlib.contextmanager
def opened_root(path: Path) -> Iterator[Any]:
    """Open a ROOT file; whatever uproot stumbles over inside becomes one line about the file.

    Inside, the same file is not opened again: what a tree says of its branches is read once, which takes half a
    second for a tree of 2,000 branches.

    Raises:
        InputError: No such file, not ROOT, or damaged.
        MissingExtraError: uproot is not installed.
    """
    uproot = require("uproot", extra="root")
    if path in _OPEN.get():
        with reading(path, "ROOT"):
            yield _OPEN.get()[path]
        return
    check_file(path)
    with reading(path, "ROOT"), _kept_classes(uproot), uproot.open(path) as file:
        before = _OPEN.set({**_OPEN.get(), path: file})
        try:
            yield file
        finally:
            _OPEN.reset(before)


@contextlib.contextmanager
def _kept_classes(uproot: Any) -> Iterator[None]:
    """Afterwards uproot reads with the same classes as before.

    It makes classes from what a file says of them and keeps these for all files. A damaged file may say that it has
    another version of a branch, and so replace the class by which every other file is read. What a whole file adds
    are few classes, if any, which are made anew when a file needs them.
    """
    classes = uproot.classes
    before = dict(classes)
    versions = {
        name: dict(each.known_versions) for name, each in before.items() if hasattr(each, "known_versions")
    }
    try:
        yield
    finally:
        for name in classes.keys() - before.keys():
            del classes[name]
        classes.update(before)
        for name, known in versions.items():
            for version in before[name].known_versions.keys() - known.keys():
                del before[name].known_versions[version]
            before[name].known_versions.update(known)


def tree_name(path: Path, file: Any, tree: str) -> str:
    """The one tree of this name, with the directories before it.

    Raises:
        InputError: There is none, or there are several.
    """
    found: list[str] = [key for key in file.keys(cycle=False) if f"/{key}".endswith(f"/{tree}")]
    if len(found) != 1:
        raise InputError(f"{path}: expected one tree {tree}, found {', '.join(found) or 'none'}")
    return found[0]


def branch_names(tree: Any) -> dict[str, str]:
    """Names of a tree's branches, and the same with those of the branches they are in."""
    keys = map(str, tree.keys())  # to iterate the tree gives branches
    return {key.rsplit("/", 1)[-1]: key for key in keys}


def _counts(array: Any) -> Int[np.ndarray, " entry"]:
    awkward = require("awkward", extra="root")
    return np.asarray(awkward.num(array)) if array.ndim > 1 else np.ones(len(array), np.int64)
