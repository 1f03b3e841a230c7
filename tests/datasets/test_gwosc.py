"""Strain files of GWOSC: the real ones, gaps, flags, and files that contradict themselves."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from femtobarn.datasets import gwosc
from femtobarn.datasets.gwosc import EVENTS, good, published_pairs, read_strain, stretches, write_strain
from femtobarn.errors import InputError

RATE = 64


def _file(path: Path, **changes: object) -> Path:
    strain = np.random.default_rng(1).normal(scale=1e-21, size=8 * RATE)
    given = {"detector": "H1", "start": 1126259446, "rate": RATE} | changes
    write_strain(path, given.pop("strain", strain), **given)  # type: ignore[arg-type]
    return path


def test_what_is_written_is_read(tmp_path: Path) -> None:
    strain = np.random.default_rng(2).normal(scale=1e-21, size=8 * RATE)
    found = read_strain(_file(tmp_path / "h.hdf5", strain=strain))
    np.testing.assert_array_equal(found.strain, strain)
    assert (found.detector, found.start, found.rate, found.duration) == ("H1", 1126259446.0, 64.0, 8.0)
    assert good(found).all()


def test_times_keep_their_seconds() -> None:
    """In float32 a GPS time would be wrong by a minute."""
    assert isinstance(EVENTS["GW150914"], float)
    assert EVENTS["GW150914"] - 1126259446 == pytest.approx(16.44)


def test_gaps_and_flags_are_cut_out(tmp_path: Path) -> None:
    strain = np.full(8 * RATE, 1e-21)
    strain[2 * RATE : 3 * RATE + 5] = np.nan
    quality = np.full(8, 127)
    quality[6] = 127 - 32  # BURST_CAT2 is not passed
    found = read_strain(_file(tmp_path / "h.hdf5", strain=strain, quality=quality))
    kept = stretches(good(found, flags=("DATA", "BURST_CAT2")))
    assert [(each.start, each.stop) for each in kept] == [
        (0, 2 * RATE),
        (3 * RATE + 5, 6 * RATE),
        (7 * RATE, 8 * RATE),
    ]
    assert len(stretches(good(found), least=2 * RATE)) == 2
    with pytest.raises(InputError, match="no flag 'BURST_CAT9'"):
        good(found, flags=("BURST_CAT9",))


def _changed(path: Path, change: str) -> None:
    with h5py.File(path, "r+") as file:
        if change == "shorter":
            strain, attributes = file["strain/Strain"][:-9], dict(file["strain/Strain"].attrs)
            del file["strain/Strain"]
            file["strain/Strain"] = strain
            file["strain/Strain"].attrs.update(attributes)
        elif change == "later":
            file["strain/Strain"].attrs["Xstart"] = 5
        elif change == "still":
            file["strain/Strain"].attrs["Xspacing"] = 0.0
        elif change == "nameless":
            del file["quality/simple/DQShortnames"]
            file["quality/simple/DQShortnames"] = np.array(["A", "B"], "S")
        elif change == "infinite":
            file["strain/Strain"][7] = np.inf
        elif change == "elsewhere":
            del file["meta/Detector"]
            file["meta/Detector"] = "Hanford, Washington"
        elif change == "whole numbers":
            attributes = dict(file["strain/Strain"].attrs)
            del file["strain/Strain"]
            file["strain/Strain"] = np.zeros(8 * RATE, np.int64)
            file["strain/Strain"].attrs.update(attributes)
        else:
            del file["quality/simple/DQmask"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("shorter", "8 s of strain at 64 Hz"),
        ("later", "begins at GPS 1126259446 s, its strain at 5 s"),
        ("still", "Xspacing"),
        ("nameless", "DATA among them"),
        ("infinite", "infinite"),
        ("elsewhere", "such as H1"),
        ("whole numbers", "real numbers"),
        ("without a mask", "DQmask"),
    ],
)
def test_files_that_contradict_themselves(tmp_path: Path, change: str, said: str) -> None:
    path = _file(tmp_path / "h.hdf5")
    _changed(path, change)
    with pytest.raises(InputError, match=said) as told:
        read_strain(path)
    assert str(path) in str(told.value)


def test_a_file_that_is_cut_short_is_told_by_its_name(tmp_path: Path) -> None:
    path = _file(tmp_path / "h.hdf5")
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(InputError, match=r"h\.hdf5: .*cut short"):
        read_strain(path)


def test_only_whole_seconds_are_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="whole seconds"):
        _file(tmp_path / "h.hdf5", strain=np.zeros(RATE + 1))
    with pytest.raises(InputError, match="a mask for each of 8 s"):
        _file(tmp_path / "h.hdf5", quality=np.ones(3, int))


def test_the_published_files(real_data: Path) -> None:
    pairs = published_pairs(real_data / gwosc.NAME)
    assert list(pairs) == list(EVENTS)
    for event, files in pairs.items():
        for file, name in zip(files, ("H1", "L1"), strict=True):
            assert (file.detector, file.rate, file.duration) == (name, 4096.0, 32.0)
            assert file.start < EVENTS[event] < file.start + 32
            assert good(file, flags=file.flags).all()
            assert 1e-20 < file.strain.std() < 1e-17
