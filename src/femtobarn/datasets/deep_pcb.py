"""Printed circuit boards with marked defects, each beside a photograph of the same board without any (DeepPCB).

`open_boards` reads the published layout: ``ID_temp.jpg``, ``ID_test.jpg`` and ``ID.txt`` with a line ``x1 y1 x2 y2
type`` for each defect.
"""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int64, UInt8

from femtobarn.data.images import read_image
from femtobarn.data.opening import check_file, reading
from femtobarn.errors import InputError

NAME = "deep_pcb"
SUMMARY = "Printed circuit boards with boxed defects beside a clean template, 640 x 640 grey pixels (DeepPCB)"
RECORD = "https://github.com/tangsanli5201/DeepPCB (MIT), arXiv:1902.06197"
KINDS = ("open", "short", "mousebite", "spur", "copper", "pin-hole")  #: types 1 to 6
FOLDER = "pcb_defects"  #: in FEMTOBARN_DATA
COLUMNS = (
    ("template", "uint8 (y, x), without defects", "ID_temp.jpg"),
    ("image", "uint8 (y, x)", "ID_test.jpg"),
    ("box", "x1 y1 x2 y2 in pixels, the far ends excluded", "ID.txt"),
    ("kind", "index into KINDS", "ID.txt, less 1"),
)


class Board(NamedTuple):
    """A board, its template, and where its defects are."""

    name: str
    template: UInt8[np.ndarray, "y x"]
    image: UInt8[np.ndarray, "y x"]
    box: Int64[np.ndarray, "defect 4"]
    kind: Int64[np.ndarray, "defect"]


def published_folder() -> Path | None:
    """Where FEMTOBARN_DATA holds boards, if it does."""
    folder = Path(os.environ.get("FEMTOBARN_DATA", ""), FOLDER)
    return folder if folder.is_dir() and any(folder.glob("*_test.jpg")) else None


def open_boards(folder: str | Path) -> list[Board]:
    """All boards of a folder, by name.

    Raises:
        InputError: No boards, a file is missing or damaged, sides that differ, or a box beside the image.
    """
    folder = Path(folder)
    if not (names := sorted(path.name.removesuffix("_test.jpg") for path in folder.glob("*_test.jpg"))):
        raise InputError(f"{folder}: expected files such as 00041000_test.jpg, got none")
    return [open_board(folder, name) for name in names]


def open_board(folder: str | Path, name: str) -> Board:
    """One board.

    Raises:
        InputError: As `open_boards`.
    """
    paths = [Path(folder, f"{name}{end}") for end in ("_temp.jpg", "_test.jpg")]
    template, image = (read_image(path) for path in paths)
    if template.shape != image.shape:
        raise InputError(f"{paths[1]}: expected {template.shape} pixels as its template, got {image.shape}")
    box, kind = read_boxes(Path(folder, f"{name}.txt"), image.shape)
    return Board(name, template, image, box, kind)


def read_boxes(
    path: str | Path, shape: tuple[int, ...]
) -> tuple[Int64[np.ndarray, "defect 4"], Int64[np.ndarray, "defect"]]:
    """Boxes and kinds of the defects in an image of this shape.

    Raises:
        InputError: No such file, no line in it, one that is no box in the image with a known type, or a last one
            without an end.
    """
    path = Path(path)
    check_file(path)
    with reading(path, "text"):
        text = path.read_text(encoding="ascii")
    lines = [line.split() for line in text.splitlines() if line.strip()]
    if not lines:
        raise InputError(f"{path}: expected a line for each defect, got none")
    if not text.endswith("\n"):
        raise InputError(
            f"{path}: the last line has no end, so it may be cut short; add one if the file is whole"
        )
    rows = np.zeros((len(lines), 5), np.int64)
    for place, words in enumerate(lines):
        if len(words) != 5 or not all(word.isdecimal() and len(word) < 9 for word in words):
            raise InputError(
                f"{path}, line {place + 1}: expected x1 y1 x2 y2 type, got {' '.join(words)[:60]!r}"
            )
        rows[place] = [int(word) for word in words]
        x1, y1, x2, y2, kind = rows[place].tolist()
        if not (x1 < x2 <= shape[1] and y1 < y2 <= shape[0] and 1 <= kind <= len(KINDS)):
            raise InputError(
                f"{path}, line {place + 1}: expected a box in {shape[1]} x {shape[0]} pixels and a type from 1 to "
                f"{len(KINDS)}, got {' '.join(words)}"
            )
    return rows[:, :4], rows[:, 4] - 1


def aligned_difference(board: Board, *, largest: int = 2) -> Float[np.ndarray, "y x"]:
    """|image - template| on the scale 0 to 1, at the whole shift of at most so many pixels where it is least."""
    template, image = (each.astype(np.float32) / 255 for each in (board.template, board.image))
    shifts = [(a, b) for a in range(-largest, largest + 1) for b in range(-largest, largest + 1)]
    found = [np.abs(image - np.roll(template, shift, (0, 1))) for shift in shifts]
    return min(found, key=lambda each: float(each.mean()))


def patch_labels(
    board: Board, patch: int
) -> tuple[Bool[np.ndarray, "row column"], Bool[np.ndarray, "row column"]]:
    """Patches with the centre of a box, and patches that count: those without one that a box touches do not.

    The boxes are much larger than the defects, so that a patch under the rim of one shows nothing.
    """
    shape = tuple(side // patch for side in board.image.shape)
    defect, touched = np.zeros(shape, bool), np.zeros(shape, bool)
    for x1, y1, x2, y2 in board.box.tolist():
        touched[y1 // patch : -(-y2 // patch), x1 // patch : -(-x2 // patch)] = True
        row, column = (y1 + y2) // 2 // patch, (x1 + x2) // 2 // patch
        if row < shape[0] and column < shape[1]:
            defect[row, column] = True
    return defect, defect | ~touched


def describe() -> str:
    """The data set in plain text: where it is, its layout, its columns."""
    lines = [SUMMARY, "", f"published: {RECORD}", "", f"types 1 to 6: {', '.join(KINDS)}", ""]
    lines += [f"{'column':8} {'from':14} what"]
    return "\n".join(lines + [f"{name:8} {source:14} {what}" for name, what, source in COLUMNS])
