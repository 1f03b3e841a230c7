"""Recordings of N-MNIST: the 40-bit format, what is wrong with it, and the stand-in."""

from pathlib import Path

import numpy as np
import pytest

from femtobarn.data.events import Binning, Events
from femtobarn.datasets import n_mnist
from femtobarn.errors import InputError


def _recording(last: int = 310_000) -> Events:
    t = np.array([0, 5, 70_000, 140_000, last])
    return Events(t, np.array([0, 33, 7, 8, 9]), np.array([33, 0, 1, 2, 3]), np.array([0, 1, 1, 0, 1]))


def _same(one: Events, other: Events) -> None:
    for name in one._fields:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    n_mnist.write_recording(tmp_path / "1.bin", _recording())
    assert (tmp_path / "1.bin").stat().st_size == 25
    _same(n_mnist.read_recording(tmp_path / "1.bin"), _recording())


def test_an_overflow_event_is_dropped_and_moves_all_later_times(tmp_path: Path) -> None:
    """Made byte by byte, not by our writer."""
    rows = [
        (3, 4, 0x80, 0, 10),
        (0, 240, 0, 0, 0),
        (5, 6, 0x04, 0xC4, 0xB4),
        (0, 240, 9, 9, 9),
        (7, 8, 0x84, 0xFF, 0),
    ]
    (tmp_path / "1.bin").write_bytes(bytes(np.array(rows, np.uint8).ravel()))
    found = n_mnist.read_recording(tmp_path / "1.bin")
    assert found.t.tolist() == [10, 0x04C4B4 + 8192, 0x04FF00 + 2 * 8192]
    assert found.x.tolist() == [3, 5, 7]
    assert found.p.tolist() == [1, 0, 1]


@pytest.mark.parametrize("last", [2**23 - 1, 2**23, 2**23 + 5 * 8192 + 3])
def test_long_times_survive_the_round_trip(tmp_path: Path, last: int) -> None:
    n_mnist.write_recording(tmp_path / "1.bin", _recording(last))
    _same(n_mnist.read_recording(tmp_path / "1.bin"), _recording(last))


def test_pieces_carry_overflows_on(tmp_path: Path) -> None:
    n_mnist.write_recording(tmp_path / "1.bin", _recording(2**23 + 20_000))
    parts = list(n_mnist.pieces(tmp_path / "1.bin", rows=2))
    assert len(parts) > 2
    _same(Events(*map(np.concatenate, zip(*parts, strict=True))), _recording(2**23 + 20_000))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "events of 5 bytes, got 0 bytes"),
        (bytes(13), "events of 5 bytes, got 13 bytes: is it cut short"),
        (bytes((40, 0, 0, 0, 0)), "event 0 has x = 40, expected 0 to 33"),
        (bytes((1, 1, 0, 0, 9, 1, 1, 0, 0, 8)), "event 1 is out of order, 8 us after 9 us"),
        (bytes((1, 1, 0, 0, 9)), "events up to 290000 us or later, got 9 us: is it cut short"),
    ],
)
def test_a_wrong_file_is_one_line(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "1.bin").write_bytes(content)
    with pytest.raises(InputError, match=words) as error:
        n_mnist.read_recording(tmp_path / "1.bin")
    assert "1.bin" in str(error.value)
    assert "\n" not in str(error.value)


def test_recordings_of_a_folder_come_with_their_digits(tmp_path: Path) -> None:
    for name in ("3/00002.bin", "3/00001.bin", "7/00009.bin", "readme/x.bin"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = n_mnist.list_recordings(tmp_path)
    assert [(path.name, digit) for path, digit in found] == [
        ("00001.bin", 3),
        ("00002.bin", 3),
        ("00009.bin", 7),
    ]
    with pytest.raises(InputError, match="expected folders 0 to 9 with files"):
        n_mnist.list_recordings(tmp_path / "nowhere")


def test_real_recordings_are_read(real_data: Path) -> None:
    folder = real_data / "nmnist_small"
    with np.load(folder / "nmnist_train1K.npz") as file:
        known = {name: file[name] for name in ("t_us", "x", "y", "p", "offsets", "sample")}
    for place in range(10):
        events = n_mnist.read_recording(folder / "raw" / f"{known['sample'][place]}.bin")
        first, last = known["offsets"][place : place + 2]
        for name, column in zip(("t_us", "x", "y", "p"), events, strict=True):
            np.testing.assert_array_equal(column, known[name][first:last])


def test_the_stand_in_is_all_digits_and_the_same_again() -> None:
    pytest.importorskip("sklearn")
    binning = Binning(steps=4, bin=25_000)
    counts, label = n_mnist.stand_in(20, seed=1, binning=binning)
    assert counts.shape == (20, *binning.shape)
    assert sorted(label.tolist()) == sorted([*range(10)] * 2)
    again, _ = n_mnist.stand_in(20, seed=1, binning=binning)
    np.testing.assert_array_equal(counts, again)
    with pytest.raises(InputError, match="images of the digit"):
        n_mnist.stand_in(20_000, seed=1, binning=binning)
