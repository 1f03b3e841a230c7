"""Calorimeter regions: the published layout, refusals, and crossings of the stand-in."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from femtobarn.datasets import calo_regions
from femtobarn.errors import InputError
from femtobarn.simulate import trigger_crossings


def _regions(count: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 1024, (count, 18, 14))


def test_the_published_layout_is_read(tmp_path: Path) -> None:
    path = tmp_path / "zb.h5"
    with h5py.File(path, "w") as file:
        file["CaloRegions"] = _regions(6).astype(np.float32)
        file["AcceptanceFlag"] = np.array([1, 0, 1, 0, 1, 1])
    found = calo_regions.open_regions(path).read(["regions", "accepted"], 0, 6)
    np.testing.assert_array_equal(found["regions"], _regions(6))
    assert found["accepted"].tolist() == [True, False, True, False, True, True]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path, pileup = tmp_path / "a.h5", np.linspace(20, 60, 5, dtype=np.float32)
    calo_regions.write_regions(path, _regions(5), pileup=pileup)
    source = calo_regions.open_regions(path)
    assert source.columns == ("regions", "pileup")
    np.testing.assert_array_equal(source.read(["pileup"], 0, 5)["pileup"], pileup)


@pytest.mark.parametrize(
    ("regions", "words"),
    [
        (np.zeros((3, 14, 18), int), r"expected \(event, 18, 14\) regions, got \(3, 14, 18\)"),
        (np.full((1, 18, 14), 1024), "whole counts from 0 to 1023"),
        (np.full((1, 18, 14), -1), "whole counts from 0 to 1023"),
    ],
)
def test_what_is_no_region_is_refused(tmp_path: Path, regions: np.ndarray, words: str) -> None:
    if regions.shape[1:] == (18, 14):
        with pytest.raises(InputError, match=words):
            calo_regions.write_regions(tmp_path / "x.h5", regions)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["CaloRegions"] = regions
    with pytest.raises(InputError, match=words):
        calo_regions.open_regions(tmp_path / "x.h5")
    with h5py.File(tmp_path / "y.h5", "w") as file:
        file["Regions"] = regions
    with pytest.raises(InputError, match="CaloRegions"):
        calo_regions.open_regions(tmp_path / "y.h5")


def test_a_misspelt_column_is_not_left_out_without_a_word(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["CaloRegions"], file["AcceptanceFlags"], file["Run"] = _regions(2), [1, 0], [7, 7]
    with pytest.raises(InputError, match="expected AcceptanceFlag or no such column, got 'AcceptanceFlags'"):
        calo_regions.open_regions(tmp_path / "x.h5")
    with h5py.File(tmp_path / "x.h5", "r+") as file:
        del file["AcceptanceFlags"]
    assert calo_regions.open_regions(tmp_path / "x.h5").columns == ("regions",)


def test_crossings_of_the_stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("pythia8mc")
    monkeypatch.setenv("FEMTOBARN_CACHE", str(tmp_path))
    monkeypatch.setattr(trigger_crossings, "_POOL", 60)
    total, read = {}, {}
    for sample, mean in (("zero bias", 0.0), ("zero bias", 10.0), ("top pairs", 10.0)):
        source = calo_regions.stand_in(sample, 30, seed=1, pileup=(mean, mean), workers=1)
        columns = read[sample, mean] = source.read(["regions", "pileup"], 0, 30)
        assert set(columns["pileup"].tolist()) == {mean}
        total[sample, mean] = float(columns["regions"].sum(axis=(1, 2)).mean())
    assert total["zero bias", 10.0] > 4 * total["zero bias", 0.0], "eleven collisions instead of one"
    assert total["top pairs", 10.0] > 1.5 * total["zero bias", 10.0]
    again = calo_regions.stand_in("zero bias", 30, seed=1, pileup=(10.0, 10.0), workers=1)
    np.testing.assert_array_equal(
        again.read(["regions"], 0, 30)["regions"], read["zero bias", 10.0]["regions"]
    )


def test_unknown_samples_are_refused() -> None:
    with pytest.raises(InputError, match="zero bias, dijets, top pairs, SUEP: got 'tops'"):
        calo_regions.stand_in("tops", 10, seed=1)
    with pytest.raises(InputError, match="a range of pile-up"):
        calo_regions.stand_in("SUEP", 10, seed=1, pileup=(60.0, 20.0))
