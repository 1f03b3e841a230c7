"""Rain of MRMS: the public sample, packing, unknown pixels, coarser grids, files of another layout."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from femtobarn.datasets import mrms
from femtobarn.errors import InputError


def rain(frames: int = 4, rows: int = 6, columns: int = 8) -> mrms.Rain:
    rate = np.random.default_rng(1).integers(0, 300, (frames, rows, columns)).astype(np.float32) / 10
    return mrms.Rain(
        rate, 2.0 * np.arange(frames), 30 - 0.02 * np.arange(rows), 0.02 * np.arange(columns) - 80
    )


@pytest.fixture
def written(tmp_path: Path) -> Path:
    mrms.write_rain(tmp_path / "rain.nc", rain())
    return tmp_path / "rain.nc"


def test_the_public_sample(real_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEMTOBARN_DATA", str(real_data))
    path = mrms.published_file()
    assert path is not None
    found = mrms.read_rain(path, coarse=2)
    assert found.rate.shape == (36, 512, 512)
    assert found.step == 2
    assert found.pitch == pytest.approx(0.02)
    assert np.isfinite(found.rate).all()
    assert (found.rate >= 10).mean() == pytest.approx(0.0078, abs=1e-4)
    assert found.rate.max() < 151.1


def test_written_rain_is_read_again(written: Path) -> None:
    found = mrms.read_rain(written)
    np.testing.assert_allclose(found.rate, rain().rate, atol=1e-5)
    for ours, theirs in zip(found[1:], rain()[1:], strict=True):
        np.testing.assert_allclose(ours, theirs)


def test_a_coarser_grid_has_the_means(written: Path) -> None:
    found, fine = mrms.read_rain(written, coarse=2), rain()
    assert found.pitch == pytest.approx(2 * fine.pitch)
    assert found.rate[1, 2, 3] == pytest.approx(fine.rate[1, 4:6, 6:8].mean())
    assert found.latitude[0] == pytest.approx(fine.latitude[:2].mean())


def test_no_radar_no_rain(tmp_path: Path) -> None:
    """The fill value, NaN, and what MRMS writes for missing (-1) and for no coverage (-3) are unknown, not dry."""
    whole = rain()
    whole.rate[0, 0, :3] = np.nan, 0, 0.5
    mrms.write_rain(tmp_path / "packed.nc", whole)
    assert np.isnan(mrms.read_rain(tmp_path / "packed.nc").rate[0, 0, :3]).tolist() == [True, False, False]
    assert np.isnan(mrms.read_rain(tmp_path / "packed.nc", coarse=2).rate[0, 0, :2]).tolist() == [True, False]
    with h5py.File(tmp_path / "packed.nc", "r+") as file:
        del file["precip_rate"]
        raw = whole.rate.copy()
        raw[0, 1, :3] = -1, -3, 0.25
        file["precip_rate"] = raw
    found = mrms.read_rain(tmp_path / "packed.nc").rate
    assert np.isnan(found[0, :2, :3]).tolist() == [[True, False, False], [True, True, False]]


def test_hours_and_seconds_are_minutes(written: Path) -> None:
    for unit, factor in (("hours", 60), ("seconds", 1 / 60)):
        with h5py.File(written, "r+") as file:
            file["time"].attrs["units"] = f"{unit} since 2019-06-10 00:00:00"
        np.testing.assert_allclose(mrms.read_rain(written).minutes, rain().minutes * factor)


Change = Callable[[h5py.File], None]


def _set(name: str, values: np.ndarray) -> Change:
    def change(file: h5py.File) -> None:
        about = dict(file[name].attrs)
        del file[name]
        file[name] = values
        file[name].attrs.update(about)

    return change


def _attribute(name: str, key: str, value: object) -> Change:
    return lambda file: file[name].attrs.update({key: value})


FAULTS: list[tuple[str, Change]] = [
    ("evenly spaced", _set("latitude", np.array([30, 29.98, 29.9, 29.8, 29.7, 29.6]))),
    ("evenly spaced", _set("time", np.array([0, 2, 4, 10]))),
    ("evenly spaced", _set("time", np.zeros(4))),
    ("as many degrees", _set("longitude", 0.05 * np.arange(8))),
    ("expected precip_rate", _set("latitude", 0.02 * np.arange(5))),
    ("expected precip_rate", _set("precip_rate", np.zeros((4, 6)))),
    ("mm/h", _attribute("precip_rate", "units", "dBZ")),
    ("minutes since", _attribute("time", "units", "days")),
    ("scale_factor", _attribute("precip_rate", "scale_factor", "large")),
]


@pytest.mark.parametrize(
    ("said", "change"), FAULTS, ids=[f"{i} {said}" for i, (said, _) in enumerate(FAULTS)]
)
def test_another_layout_is_one_line(said: str, change: Change, written: Path) -> None:
    with h5py.File(written, "r+") as file:
        change(file)
    with pytest.raises(InputError, match=said) as error:
        mrms.read_rain(written)
    assert str(written) in str(error.value)


def test_a_truncated_file_is_one_line(written: Path) -> None:
    written.write_bytes(written.read_bytes()[:-600])
    with pytest.raises(InputError, match="not a readable HDF5 file"):
        mrms.read_rain(written)


def test_too_coarse(written: Path) -> None:
    with pytest.raises(InputError, match="room for two pixels"):
        mrms.read_rain(written, coarse=4)


def test_the_stand_in_is_on_a_grid_of_its_own() -> None:
    made = mrms.stand_in(3, (40, 60), seed=1)
    assert made.rate.shape == (3, 40, 60)
    assert made.pitch == pytest.approx(0.02)
    np.testing.assert_array_equal(made.rate, mrms.stand_in(3, (40, 60), seed=1).rate)
    assert not np.array_equal(made.rate, mrms.stand_in(3, (40, 60), seed=2).rate)
    assert "rain rate" in mrms.describe()
