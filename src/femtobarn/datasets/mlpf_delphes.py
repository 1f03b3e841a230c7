"""Top pairs and jets at a pile-up of 200 in Delphes: the sample of machine-learned particle flow (arXiv:2101.08578).

The files are pickles; they are read without running anything in them (`femtobarn.data.array_pickle`).
"""

import bz2
import pickle
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Float32

from femtobarn.data.array_pickle import read_array_pickle
from femtobarn.data.cache import write_whole
from femtobarn.data.opening import check_file, check_memory, given_files, reading
from femtobarn.errors import InputError, nearest
from femtobarn.physics.particle_flow import (
    CLASSES,
    NONE,
    PARTICLE_COLUMNS,
    TOWER_COLUMNS,
    TRACK_COLUMNS,
    FlowEvents,
    check_elements,
    joined,
)

NAME = "mlpf_delphes"
SUMMARY = "Particle flow at pile-up 200 in Delphes: tracks, towers and the particles they stand for"
RECORD = "https://doi.org/10.5281/zenodo.4559324 (top pairs and QCD; 4452283 holds the top pairs alone)"
#: Key, what it is; lists with one array (rows, columns) an event.
COLUMNS = {
    "X": "elements: tracks and towers, 12 columns",
    "ygen": "the true particle of each element, 7 columns; zeros for none",
    "ycand": "the particle that Delphes' own particle flow makes of it, 7 columns",
    "ygen_remaining": "true particles without an element, 7 columns",
}
_WIDTH = {"X": 12} | dict.fromkeys(("ygen", "ycand", "ygen_remaining"), len(PARTICLE_COLUMNS))
_PIECE = 1 << 20  # bytes unpacked at a time
_PACKED = b"BZh"


def read_events(files: str | Path | list[Path]) -> FlowEvents:
    """Events of files or of a folder of files, one after the other.

    Raises:
        InputError: What is wrong with a file: damaged, more in it than arrays, unknown elements or particles, units.
    """
    return joined([_read(path) for path in given_files(files, ".bz2", ".pkl")])


def write_events(path: Path, events: FlowEvents) -> None:
    """Write events in the published format."""
    content: dict[str, list[np.ndarray]] = {
        key: np.split(getattr(events, name).astype(np.float64), getattr(events, offset)[1:-1])
        for key, name, offset in (
            ("X", "element", "offset"),
            ("ygen", "target", "offset"),
            ("ycand", "candidate", "offset"),
            ("ygen_remaining", "remaining", "remaining_offset"),
        )
    }
    packed = bz2.compress(pickle.dumps(content))
    write_whole(path, lambda unfinished: unfinished.write_bytes(packed))


def describe() -> str:
    """The data set in plain text: where it is published, what a file holds."""
    lines = [
        SUMMARY,
        "",
        f"record: {RECORD}",
        "format: .pkl.bz2, a dictionary of lists, one array an event",
        "",
    ]
    lines += [f"{key:15} {what}" for key, what in COLUMNS.items()]
    lines += ["", f"tower (type 1): {', '.join(filter(None, TOWER_COLUMNS))}"]
    lines += [f"track (type 2): {', '.join(TRACK_COLUMNS)}", f"particle: {', '.join(PARTICLE_COLUMNS)}"]
    lines += [f"class: {', '.join(f'{code} {name}' for code, name in enumerate(CLASSES))}", "unit: GeV"]
    return "\n".join(lines)


def _read(path: Path) -> FlowEvents:
    check_file(path)
    with reading(path, "bzip2"), path.open("rb") as file:
        content = read_array_pickle(_unpacked(file, path), path)
    if not isinstance(content, dict) or set(_WIDTH) - set(content):
        found = list(content) if isinstance(content, dict) else [type(content).__name__]
        missing = next(iter(set(_WIDTH) - set(found)))
        raise InputError(f"{path}: no {missing!r} in it: {nearest(missing, map(str, found))}")
    lists = {key: _arrays(content[key], width, f"{path}: {key}") for key, width in _WIDTH.items()}
    sizes = {key: [len(each) for each in arrays] for key, arrays in lists.items()}
    for key in ("ygen", "ycand"):
        if sizes[key] != sizes["X"]:
            raise InputError(f"{path}: {key} and X differ in their events or elements: is the file cut?")
    if len(sizes["ygen_remaining"]) != len(sizes["X"]):
        raise InputError(
            f"{path}: ygen_remaining has {len(sizes['ygen_remaining'])} events, X {len(sizes['X'])}"
        )
    element, target, candidate, remaining = (_rows(lists[key], width) for key, width in _WIDTH.items())
    check_elements(element, np.concatenate((target, candidate, remaining)), str(path))
    target[target[:, 0] == NONE], candidate[candidate[:, 0] == NONE] = 0.0, 0.0
    boundaries = [
        np.concatenate(([0], np.cumsum(sizes[key]))).astype(np.int64) for key in ("X", "ygen_remaining")
    ]
    return FlowEvents(boundaries[0], element, target, candidate, boundaries[1], remaining)


def _unpacked(file: Any, path: Path) -> bytes:
    """The pickle, unpacked if it is packed; a file that unpacks to more than fits into memory is refused."""
    packed = file.read(len(_PACKED)) == _PACKED
    file.seek(0)
    stream, found = (bz2.BZ2File(file) if packed else file), bytearray()
    while piece := stream.read(_PIECE):
        found += piece
        check_memory(4 * len(found), str(path))
    return bytes(found)


def _arrays(value: Any, width: int, place: str) -> list[Float[np.ndarray, "row column"]]:
    if not isinstance(value, list):
        raise InputError(f"{place}: expected a list with an array for each event, got {type(value).__name__}")
    for number, array in enumerate(value):
        if not isinstance(array, np.ndarray) or array.ndim != 2 or (array.shape[1] != width and array.size):
            got = array.shape if isinstance(array, np.ndarray) else type(array).__name__
            raise InputError(f"{place}, event {number}: expected an array (rows, {width}), got {got}")
    return value


def _rows(arrays: list[np.ndarray], width: int) -> Float32[np.ndarray, "row column"]:
    with np.errstate(over="ignore"):  # what becomes infinite is refused later
        rows = [array.reshape(-1, width).astype(np.float32) for array in arrays]
    return np.concatenate([np.zeros((0, width), np.float32), *rows])
