from pathlib import Path

import h5py
import numpy as np
import pytest

from femtobarn.data.source import stream
from femtobarn.datasets import describe, summaries
from femtobarn.datasets.calochallenge import PUBLISHED_SETS, open_showers, write_pieces, write_showers
from femtobarn.errors import InputError
from femtobarn.physics.voxels import GEOMETRIES, geometry


def _sample(dataset: str, count: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    g = np.random.default_rng(seed)
    showers = g.exponential(5.0, (count, geometry(dataset).voxels)) * (g.random((count, 1)) < 0.9)
    return np.exp(g.uniform(np.log(1e3), np.log(1e6), count)), showers.astype(np.float32)


@pytest.mark.parametrize("dataset", list(GEOMETRIES))
def test_showers_come_back_as_written(tmp_path: Path, dataset: str) -> None:
    energies, showers = _sample(dataset, 7)
    write_showers(tmp_path / "a.hdf5", energies, showers)
    source = open_showers(tmp_path / "a.hdf5", dataset)
    found = source.read(source.columns, 0, len(source))
    np.testing.assert_array_equal(found["showers"], showers)
    np.testing.assert_array_equal(found["energies"], energies.astype(np.float32))


def test_the_layout_is_the_published_one(tmp_path: Path) -> None:
    energies, showers = _sample("1-photons", 5)
    write_showers(tmp_path / "a.hdf5", energies, showers)
    with h5py.File(tmp_path / "a.hdf5") as file:
        assert set(file) == {"incident_energies", "showers"}
        assert file["incident_energies"].shape == (5, 1)
        assert file["showers"].shape == (5, 368)
        assert file["showers"].compression == "gzip"


def test_pieces_and_several_files_make_one_sample(tmp_path: Path) -> None:
    energies, showers = _sample("2", 23)
    pieces = [(energies[i : i + 5], showers[i : i + 5]) for i in range(0, 23, 5)]
    write_pieces(tmp_path / "0.h5", pieces[:2])
    write_pieces(tmp_path / "1.h5", pieces[2:])
    source = open_showers(tmp_path, "2")
    assert len(source) == 23
    read = [part["showers"] for part in stream(source, ("showers",), rows=4)]
    np.testing.assert_array_equal(np.concatenate(read), showers)


def test_a_file_of_double_precision_and_flat_energies_is_read(tmp_path: Path) -> None:
    energies, showers = _sample("1-pions", 3)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["incident_energies"], file["showers"] = energies, showers.astype(np.float64)
    found = open_showers(tmp_path / "a.h5", "1-pions").read(("energies", "showers"), 0, 3)
    assert found["showers"].dtype == found["energies"].dtype == np.float32
    np.testing.assert_array_equal(found["showers"], showers)


def test_the_wrong_data_set_is_named_with_the_one_that_fits(tmp_path: Path) -> None:
    write_showers(tmp_path / "a.hdf5", *_sample("2", 2))
    with pytest.raises(InputError, match=r"40500 voxels \(data set 3\), got \(2, 6480\): that is data set 2"):
        open_showers(tmp_path / "a.hdf5", "3")
    with pytest.raises(InputError, match="did you mean 1-photons"):
        open_showers(tmp_path / "a.hdf5", "1-photon")
    write_showers(tmp_path / "b.hdf5", np.ones(2), np.ones((2, 100)))
    with pytest.raises(InputError, match="no data set of the challenge has so many"):
        open_showers(tmp_path / "b.hdf5", "3")


def test_energies_in_gev_are_suspected(tmp_path: Path) -> None:
    energies, showers = _sample("2", 200)
    write_showers(tmp_path / "gev.hdf5", energies / 1000, showers / 1000)
    with pytest.raises(InputError, match="look like GeV"):
        open_showers(tmp_path / "gev.hdf5", "2")
    found = open_showers(tmp_path / "gev.hdf5", "2", unit="GeV").read(("energies", "showers"), 0, 200)
    np.testing.assert_allclose(found["energies"], energies, rtol=1e-6)
    np.testing.assert_allclose(found["showers"], showers, rtol=1e-6)
    low = open_showers(tmp_path / "gev.hdf5", "2", unit="MeV").read(("energies",), 0, 200)["energies"]
    np.testing.assert_allclose(low, energies / 1000, rtol=1e-6)


def test_published_energies_are_not_taken_for_gev(tmp_path: Path) -> None:
    for name, known in PUBLISHED_SETS.items():
        showers = np.zeros((3, geometry(name).voxels))
        for low in (known.lowest, known.highest):  # also a file of one energy only
            write_showers(tmp_path / "a.hdf5", np.array([low, low, known.highest]), showers)
            assert len(open_showers(tmp_path / "a.hdf5", name)) == 3


@pytest.mark.parametrize("bad", [-1e-3, np.nan, np.inf])
def test_a_bad_voxel_is_found_with_its_place(tmp_path: Path, bad: float) -> None:
    energies, showers = _sample("1-photons", 50)
    showers[33, 5] = bad
    write_showers(tmp_path / "a.hdf5", energies, showers)
    source = open_showers(tmp_path / "a.hdf5", "1-photons")
    assert len(source.read(("showers",), 0, 33)["showers"]) == 33
    with pytest.raises(InputError, match=r"a\.hdf5, row 33: expected energies of 0 or more.* in voxel 5"):
        source.read(("showers",), 20, 50)


@pytest.mark.parametrize("bad", [0.0, -5.0, np.nan])
def test_a_bad_incident_energy_is_refused(tmp_path: Path, bad: float) -> None:
    energies, showers = _sample("1-photons", 5)
    energies[2] = bad
    write_showers(tmp_path / "a.hdf5", energies, showers)
    with pytest.raises(InputError, match="row 2: expected an incident energy above 0"):
        open_showers(tmp_path / "a.hdf5", "1-photons")


def test_a_truncated_file_is_told_in_one_line(tmp_path: Path) -> None:
    write_showers(tmp_path / "a.hdf5", *_sample("2", 300))
    whole = (tmp_path / "a.hdf5").read_bytes()
    (tmp_path / "cut.hdf5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="not a readable HDF5 file, is it cut short"):
        open_showers(tmp_path / "cut.hdf5", "2")
    torn = bytearray(whole)
    torn[len(torn) // 2 : len(torn) // 2 + 2000] = bytes(2000)
    (tmp_path / "torn.hdf5").write_bytes(torn)
    with pytest.raises(InputError, match="is it damaged"):
        open_showers(tmp_path / "torn.hdf5", "2").read(("showers",), 0, 300)


def test_files_that_hold_something_else(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        open_showers(tmp_path / "none.hdf5", "2")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no file that ends in \.h5"):
        open_showers(tmp_path / "empty", "2")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["energy"] = np.ones(3)
    with pytest.raises(InputError, match="no column 'incident_energies'"):
        open_showers(tmp_path / "other.h5", "2")
    with h5py.File(tmp_path / "uneven.h5", "w") as file:
        file["incident_energies"], file["showers"] = np.full((2, 1), 1e4), np.ones((3, 368))
    with pytest.raises(InputError, match=r"of equal length.* got incident_energies 2, showers 3"):
        open_showers(tmp_path / "uneven.h5", "1-photons")
    with pytest.raises(InputError, match="an energy for each row of voxels"):
        write_pieces(tmp_path / "w.h5", [(np.ones(2), np.ones((3, 368)))])
    with pytest.raises(InputError, match="no showers to write"):
        write_pieces(tmp_path / "w.h5", [])


def test_the_description_names_all_four() -> None:
    assert "calochallenge" in summaries()
    text = describe("calochallenge")
    assert all(name in text for name in (*GEOMETRIES, "MeV", "40500", "dataset_3_4.hdf5"))


@pytest.mark.parametrize(
    ("dataset", "mev"),
    [
        ("1-photons", np.full(50, 2.0**16)),
        ("1-photons", np.full(50, 2.0**22)),
        ("1-photons", np.full(50, 2.0**8)),
        ("1-photons", 2.0 ** np.random.default_rng(1).integers(8, 12, 50)),
        ("2", np.full(20, 1e6)),
        ("2", np.linspace(5e5, 1e6, 20)),
        ("2", np.linspace(1e3, 3e4, 20)),
    ],
)
def test_gev_are_told_from_mev_in_any_part_of_the_range(
    tmp_path: Path, dataset: str, mev: np.ndarray
) -> None:
    voxels = np.ones((len(mev), geometry(dataset).voxels))
    write_showers(tmp_path / "mev.hdf5", mev, voxels)
    write_showers(tmp_path / "gev.hdf5", mev / 1e3, voxels / 1e3)
    np.testing.assert_array_equal(
        open_showers(tmp_path / "mev.hdf5", dataset).read(("energies",), 0, 50)["energies"],
        mev.astype(np.float32),
    )
    with pytest.raises(InputError, match="look like GeV, expected MeV"):
        open_showers(tmp_path / "gev.hdf5", dataset)
    found = open_showers(tmp_path / "gev.hdf5", dataset, unit="GeV").read(("energies", "showers"), 0, 50)
    np.testing.assert_allclose(found["energies"], mev, rtol=1e-6)
    np.testing.assert_allclose(found["showers"], 1, rtol=1e-6)


def test_what_fits_both_units_has_to_be_said(tmp_path: Path) -> None:
    write_showers(tmp_path / "a.hdf5", np.full(5, 1000.0), np.ones((5, 6480)))
    with pytest.raises(InputError, match="say which: unit MeV or GeV"):
        open_showers(tmp_path / "a.hdf5", "2")
    for unit, energy in (("MeV", 1e3), ("GeV", 1e6)):
        source = open_showers(tmp_path / "a.hdf5", "2", unit=unit)  # type: ignore[arg-type]
        assert source.read(("energies",), 0, 1)["energies"] == energy
