"""The LCD layout: written and read, sparse and dense, calibrated; damaged and foreign files."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from femtobarn.data.source import Source
from femtobarn.datasets import clic, describe, summaries
from femtobarn.datasets.clic import Showers, calibrate, open_showers, read_showers, write_showers
from femtobarn.errors import InputError
from femtobarn.physics.calorimeter_cells import ECAL, ECAL_CELLS, FEATURES, HCAL, SAMPLING_WEIGHTS, features

CELLS = ECAL_CELLS + HCAL[0] * HCAL[1] * HCAL[2]


def _showers(count: int, seed: int = 0, hits: int = 40) -> Showers:
    """Random hits."""
    generator = np.random.default_rng(seed)
    cell = np.concatenate(
        [np.sort(generator.choice(CELLS, hits, replace=False)) for _ in range(count)]
    ).astype(np.int32)
    value = generator.exponential(1.0, count * hits).astype(np.float32) + np.float32(0.01)
    columns = {
        "energy": generator.uniform(5, 50, count),
        "pdg": generator.choice((11, 22, 111, -211), count).astype(np.int32),
    }
    columns |= {name: generator.normal(size=count) for name in ("theta", "phi", "eta", "reco_eta", "opening")}
    return Showers(np.arange(count + 1) * hits, cell, value, columns)


def _equal(one: Showers, two: Showers) -> None:
    np.testing.assert_array_equal(one.first, two.first)
    np.testing.assert_array_equal(one.cell, two.cell)
    np.testing.assert_array_equal(one.value, two.value)
    assert set(one.columns) == set(two.columns)
    for name, column in one.columns.items():
        np.testing.assert_allclose(two.columns[name], column, rtol=1e-6)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    showers = _showers(7)
    path = tmp_path / "lcd.h5"
    write_showers(path, showers)
    _equal(read_showers([path]), showers)
    copy = tmp_path / "again" / "lcd.h5"
    write_showers(copy, showers)
    source = open_showers([path, copy])
    assert isinstance(source, Source)
    assert len(source) == 14
    ecal, hcal = showers.dense(np.arange(7))
    piece = source.read(("ecal", "hcal", "energy"), 5, 9)
    np.testing.assert_array_equal(piece["ecal"], ecal[[5, 6, 0, 1]])
    np.testing.assert_array_equal(piece["hcal"], hcal[[5, 6, 0, 1]])
    with h5py.File(path) as file:
        assert file["ECAL"].chunks == (1, *ECAL)
        found = np.stack([file[name][:] for name in FEATURES], axis=1)
    np.testing.assert_allclose(found, features(ecal, hcal), rtol=1e-4, atol=1e-5)
    assert len(read_showers([tmp_path], limit=3)) == 3, "a folder"


def test_sparse_dense_and_layers_agree() -> None:
    showers = _showers(9)
    rows = np.array([8, 0, 0, 3])
    ecal, hcal = showers.dense(rows)
    _equal(clic.sparse({"ecal": ecal, "hcal": hcal}), Showers(*_cells(showers.take(rows)), {}))
    by_layer = showers.layers()
    np.testing.assert_allclose(by_layer[0][rows], ecal.sum(axis=(1, 2), dtype=np.float64), rtol=1e-6)
    np.testing.assert_allclose(by_layer[1][rows], hcal.sum(axis=(1, 2), dtype=np.float64), rtol=1e-6)
    assert len(showers.take(np.arange(0))) == 0
    _equal(clic.joined([showers.take(np.arange(4)), showers.take(np.arange(4, 9))]), showers)


def _cells(showers: Showers) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return showers.first, showers.cell, showers.value


def test_a_calibration_is_found_again() -> None:
    showers = _showers(300, hits=200)
    ecal, hcal = showers.layers()
    energy = 0.07 * (ecal @ SAMPLING_WEIGHTS) + 0.31 * hcal.sum(axis=1)
    found = calibrate(Showers(*_cells(showers), {"energy": energy}))
    assert found == pytest.approx((0.07, 0.31))
    np.testing.assert_allclose(found.energy(showers), energy)
    with pytest.raises(InputError, match="energy"):
        calibrate(Showers(*_cells(showers), {}))
    with pytest.raises(InputError, match="empty"):
        calibrate(
            Showers(
                np.zeros(4, np.int64), *(part[:0] for part in _cells(showers)[1:]), {"energy": np.ones(3)}
            )
        )


def test_the_older_layout_is_read(tmp_path: Path) -> None:
    path = tmp_path / "fixed.h5"
    cells = np.random.default_rng(0).random((4, 25, 25, 25)).astype(np.float32)
    with h5py.File(path, "w") as file:
        file["ECAL"], file["target"] = cells, np.array([[0.0, e] for e in (10, 20, 30, 40)])
    arrays = open_showers([path]).read(("ecal", "hcal", "energy"), 0, 9)
    assert arrays["ecal"].shape == (4, *ECAL)
    np.testing.assert_array_equal(arrays["ecal"][:, 13:38, 13:38], cells)
    assert arrays["ecal"].sum(dtype=np.float64) == pytest.approx(cells.sum(dtype=np.float64))
    assert not arrays["hcal"].any()
    assert arrays["energy"].tolist() == [10, 20, 30, 40]


def test_columns_of_one_number_a_row_are_flat(tmp_path: Path) -> None:
    path = tmp_path / "two.h5"
    with h5py.File(path, "w") as file:
        file["ECAL"], file["HCAL"] = np.zeros((3, *ECAL)), np.zeros((3, *HCAL))
        file["energy"], file["pdgID"] = np.ones((3, 1)), np.full((3, 1), 11)
    assert read_showers([path]).columns["energy"].shape == (3,)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda file: file.pop("ECAL"), "no column 'ECAL'"),
        (lambda file: file.pop("energy"), "no column 'energy'"),
        (lambda file: _replace(file, "ECAL", np.zeros((3, 20, 20, 25))), "expected cells ECAL of shape"),
        (lambda file: _replace(file, "HCAL", np.zeros((3, 11, 11, 30))), "expected cells HCAL of shape"),
        (
            lambda file: file["ECAL"].__setitem__((1, 3, 3, 3), -1.0),
            "shower 1: cell .* holds -1, expected 0 or more",
        ),
        (lambda file: file["HCAL"].__setitem__((2, 0, 0, 5), np.nan), "shower 2: cell 65030 holds nan"),
    ],
    ids=["no cells", "no energy", "window", "depth", "negative", "nan"],
)
def test_faults_are_one_line(tmp_path: Path, change, words: str) -> None:
    path = tmp_path / "bad.h5"
    write_showers(path, _showers(3))
    with h5py.File(path, "a") as file:
        change(file)
    with pytest.raises(InputError, match=words) as error:
        read_showers([path])
    assert "\n" not in str(error.value)


def _replace(file: h5py.File, name: str, cells: np.ndarray) -> None:
    del file[name]
    file[name] = cells


def test_a_file_cut_short_and_no_file(tmp_path: Path) -> None:
    path = tmp_path / "lcd.h5"
    write_showers(path, _showers(3))
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(InputError, match="cut short"):
        read_showers([path])
    with pytest.raises(InputError, match="no such file"):
        read_showers([tmp_path / "other.h5"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no file that ends in"):
        read_showers([tmp_path / "empty"])
    with pytest.raises(InputError, match="at least one file"):
        open_showers([])


def test_the_stand_in_is_calibrated_and_written(tmp_path: Path) -> None:
    pytest.importorskip("calzone", reason="Geant4 comes with the extra showers")
    showers = clic.stand_in(("e-", "pi-"), 30, seed=1, energy=(1.0, 3.0), workers=1)
    assert len(showers) == 60
    electrons = showers.take(np.arange(30))
    found = calibrate(electrons)
    residual = found.energy(electrons) / electrons.columns["energy"] - 1
    assert abs(residual.mean()) < 0.05
    # 18-19 % / sqrt(E) in this sampling (sheet sec. 2.4)
    assert (residual * np.sqrt(electrons.columns["energy"])).std() == pytest.approx(0.19, abs=0.06)
    write_showers(tmp_path / "lcd.h5", showers)
    _equal(read_showers([tmp_path / "lcd.h5"]), showers)


def test_the_data_set_describes_itself() -> None:
    assert "clic" in summaries()
    assert "openingAngle" in describe("clic")
