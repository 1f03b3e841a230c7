"""N-MNIST: handwritten digits as an event camera saw them during three small movements (arXiv:1507.07629).

A recording is a file of 40-bit events in ``Train/<digit>/<number>.bin`` or ``Test/<digit>/<number>.bin``: x and y in a
byte each, then a bit of polarity and 23 bits of time in microseconds. y = 240 marks an overflow: 2^13 us are added to
all later times, and it is no event.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from femtobarn.data.atomic import write_whole
from femtobarn.data.events import Binning, Events, check_events, event_counts
from femtobarn.data.opening import check_file
from femtobarn.datasets import mnist
from femtobarn.errors import InputError
from femtobarn.simulate.saccades import SACCADE, SIDE, saccade_events

NAME = "n_mnist"
SUMMARY = "Handwritten digits seen by an event camera: time, pixel, polarity (stand-in: femtobarn.simulate.saccades)"
RECORD = "N-MNIST, CC BY-SA 4.0, arXiv:1507.07629: Train/<digit>/*.bin and Test/<digit>/*.bin"
COLUMNS = (
    ("t", "us", "since the start of the recording, about 310,000 in all", "23 bits, and overflow events"),
    ("x", "", "column, 0 to 33", "byte 0"),
    ("y", "", "row from the top, 0 to 33", "byte 1"),
    ("p", "", "1 where it became brighter, 0 where darker", "bit 7 of byte 2"),
)
#: Pairs of digits, ab as 10 a + b, that are validated and tested on; all others are trained on (MultiDigitMNIST).
VALIDATION = (3, 7, 10, 22, 27, 34, 39, 40, 48, 52, 58, 61, 64, 71, 93, 99)
TEST = (2, 17, 25, 32, 36, 46, 47, 49, 55, 57, 66, 67, 68, 73, 78, 80, 83, 86, 92, 96)
_BYTES, _OVERFLOW, _WRAP = 5, 240, 2**13
_SHORTEST = 290_000  # us; the last event of every published recording is later
_PIECE = 1_000_000  # events read together


def pieces(path: str | Path, *, rows: int = _PIECE) -> Iterator[Events]:
    """The events of a file of any length, some at a time, without overflow events.

    Raises:
        InputError: No such file, cut short within an event, pixels off the sensor, or out of order.
    """
    path = Path(path)
    check_file(path)
    size = path.stat().st_size
    if not size or size % _BYTES:
        raise InputError(f"{path}: expected events of {_BYTES} bytes, got {size} bytes: is it cut short?")
    late = last = 0
    with path.open("rb") as file:
        while content := file.read(_BYTES * rows):
            events, late = _decoded(np.frombuffer(content, np.uint8).reshape(-1, _BYTES), late)
            check_events(events, str(path), rows=SIDE, columns=SIDE, after=last)
            last = int(events.t[-1]) if len(events.t) else last
            yield events


def read_recording(path: str | Path) -> Events:
    """All events of a recording of three saccades.

    Raises:
        InputError: As `pieces`, or it ends before the third saccade does.
    """
    parts = list(pieces(path))
    events = Events(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    last = int(events.t[-1]) if len(events.t) else 0
    if last < _SHORTEST:
        raise InputError(
            f"{path}: expected events up to {_SHORTEST} us or later, got {last} us: is it cut short?"
        )
    return events


def write_recording(path: str | Path, events: Events) -> None:
    """Write events in the published format, with overflow events where times need more than 23 bits.

    Raises:
        InputError: No stream of events of a sensor of 34 x 34 pixels, or the file cannot be written.
    """
    check_events(events, str(path), rows=SIDE, columns=SIDE)
    t, x, y, p = (column.astype(np.int64) for column in events)
    needed = np.maximum(0, -(-(t - (2**23 - 1)) // _WRAP))  # overflows before each event
    extra = np.diff(needed, prepend=0)
    stamp = t - needed * _WRAP
    whole = np.stack((x, y, (p << 7) | (stamp >> 16), (stamp >> 8) & 255, stamp & 255), axis=1)
    before = np.repeat(np.arange(len(t)), extra)
    marks = np.zeros((len(before), _BYTES), np.int64)
    marks[:, 1] = _OVERFLOW
    content = np.insert(whole, before, marks, axis=0).astype(np.uint8).tobytes()
    write_whole(Path(path), lambda unfinished: unfinished.write_bytes(content))


def list_recordings(folder: str | Path) -> list[tuple[Path, int]]:
    """Files of a folder ``Train`` or ``Test`` and their digits, by digit and number.

    Raises:
        InputError: No folder, or one without ``<digit>/*.bin``.
    """
    folder = Path(folder)
    digits = [path for path in sorted(folder.glob("[0-9]")) if path.is_dir()]
    files = [(file, int(digit.name)) for digit in digits for file in sorted(digit.glob("*.bin"))]
    if not files:
        raise InputError(f"{folder}: expected folders 0 to 9 with files *.bin, found none")
    return files


def stand_in(
    count: int, *, images: Path | None = None, seed: int, binning: Binning
) -> tuple[np.ndarray, np.ndarray]:
    """Counts of simulated recordings (recording, step, polarity, row, column), and their digits, all as often.

    Args:
        count: Recordings.
        images: A file of MNIST; without it the digits of scikit-learn, enlarged.
        seed: Of their choice and of the noise.
        binning: Of the events.

    Raises:
        InputError: The file cannot be read, or a digit has too few images.
    """
    source = mnist.open_images(images) if images else mnist.stand_in()
    columns = source.read(["image", "label"], 0, len(source))
    draw = np.random.default_rng(seed)
    label = np.arange(count) % 10
    rows = np.empty(count, np.int64)
    for digit in range(10):
        there, wanted = np.flatnonzero(columns["label"] == digit), np.flatnonzero(label == digit)
        if len(there) < len(wanted):
            raise InputError(f"expected {len(wanted)} images of the digit {digit}, got {len(there)}")
        rows[wanted] = draw.choice(there, len(wanted), replace=False)
    until = binning.steps * binning.bin
    moves = min(3, -(-until // (SACCADE * 1000)))
    found = [
        event_counts(saccade_events(image, generator=draw, saccades=moves), binning)
        for image in columns["image"][rows] / 255
    ]
    return np.stack(found), label


def describe() -> str:
    """The data set in plain text: where it is, its layout, its columns."""
    lines = [SUMMARY, "", f"published: {RECORD}", "", f"{'column':8} {'unit':5} {'from':30} what"]
    return "\n".join(
        lines + [f"{name:8} {unit:5} {source:30} {what}" for name, unit, what, source in COLUMNS]
    )


def _decoded(content: np.ndarray, late: int) -> tuple[Events, int]:
    """Events of some bytes; `late` is what the overflows so far add to their times."""
    x, y, high, middle, low = content.astype(np.int64).T
    overflow = y == _OVERFLOW
    t = ((high & 127) << 16) + (middle << 8) + low + late + _WRAP * np.cumsum(overflow)
    events = Events(t, x, y, high >> 7).take(~overflow)
    return events, late + _WRAP * int(overflow.sum())
