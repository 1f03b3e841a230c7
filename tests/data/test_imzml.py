"""imzML: what pyimzml writes comes back exactly, peaks are found, and faults are one line."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from femtobarn.data.imzml import Cube, otsu, read_imzml
from femtobarn.errors import InputError

MZ = np.array([150.0, 300.1234, 300.2, 720.5])
ALL = Cube(tissue="all")


def write(
    path: Path,
    cube: np.ndarray,
    mz: np.ndarray = MZ,
    *,
    mode: str = "continuous",
    places: Sequence[tuple[int, int]] | None = None,
) -> Path:
    """Spectra of a cube (image, row, column), in 64 and 32 bits."""
    writer = pytest.importorskip("pyimzml.ImzMLWriter")
    shape = cube.shape[1:]
    places = places or [(row, column) for row in range(shape[0]) for column in range(shape[1])]
    with writer.ImzMLWriter(str(path), mode=mode, mz_dtype=np.float64, intensity_dtype=np.float32) as file:
        for row, column in places:
            spectrum = cube[:, row, column]
            some = slice(None) if mode == "continuous" else spectrum > 0
            file.addSpectrum(mz[some], spectrum[some], (column + 1, row + 1, 1))
    return path


def cube(rows: int = 5, columns: int = 7, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).exponential(10, (len(MZ), rows, columns)).astype(np.float32)


@pytest.mark.parametrize("mode", ["continuous", "processed"])
def test_a_round_trip_is_exact_and_equal_to_the_library(mode: str, tmp_path: Path) -> None:
    given_cube = cube()
    given_cube[:, 2, 3] = 0
    given_cube[0, 2, 3] = 1.5
    path = write(tmp_path / "tissue.imzML", given_cube, mode=mode)
    found = read_imzml(path, ALL, mz=MZ.tolist())
    np.testing.assert_array_equal(found.counts, given_cube)
    assert found.inside.all()
    assert found.name == ["150.0000", "300.1234", "300.2000", "720.5000"]
    reader = pytest.importorskip("pyimzml.ImzMLParser")
    with reader.ImzMLParser(str(path), parse_lib="ElementTree") as parser:
        for place, mz in enumerate(MZ):
            np.testing.assert_allclose(reader.getionimage(parser, mz, mz * 1e-5), found.counts[place])


@given(seed=st.integers(0, 100))
def test_the_order_of_the_spectra_does_not_matter(
    seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("imzml")
    order = [(int(i) // 4, int(i) % 4) for i in np.random.default_rng(seed).permutation(12)]
    given_cube = cube(3, 4, seed)
    found = read_imzml(write(folder / "a.imzML", given_cube, places=order), ALL, mz=MZ.tolist())
    np.testing.assert_array_equal(found.counts, given_cube)


def test_a_window_sums_or_takes_the_largest(tmp_path: Path) -> None:
    path = write(tmp_path / "a.imzML", cube(), mode="processed")
    wide = Cube(ppm=500, tissue="all")
    both = read_imzml(path, wide, mz=[300.16])
    np.testing.assert_allclose(both.counts[0], cube()[1] + cube()[2], rtol=1e-6)
    largest = read_imzml(path, Cube(ppm=500, inside="max", tissue="all"), mz=[300.16])
    np.testing.assert_array_equal(largest.counts[0], np.maximum(cube()[1], cube()[2]))
    assert not read_imzml(path, ALL, mz=[500.0]).counts.any()


def test_a_spectrum_of_twice_the_ions_is_the_same_per_tic(tmp_path: Path) -> None:
    brighter = cube()
    brighter[:, 1] *= 2
    one = read_imzml(write(tmp_path / "a.imzML", brighter), Cube(per="TIC", tissue="all"), mz=MZ.tolist())
    np.testing.assert_allclose(
        one.counts / one.counts.sum(axis=0), brighter / brighter.sum(axis=0), rtol=1e-5
    )
    np.testing.assert_allclose(one.counts.sum(axis=0), brighter.sum(axis=0).mean(), rtol=1e-5)


def test_peaks_are_found_above_noise(tmp_path: Path) -> None:
    draw = np.random.default_rng(1)
    noise = np.arange(100.0, 900.0, 0.37)
    mz = np.sort(np.concatenate((noise, MZ)))
    spectra = draw.exponential(0.1, (len(mz), 4, 5)).astype(np.float32)
    for peak in MZ:
        spectra[np.flatnonzero(mz == peak)] += 20
    found = read_imzml(write(tmp_path / "a.imzML", spectra, mz), Cube(signal_to_noise=20, tissue="all"))
    np.testing.assert_allclose([float(name) for name in found.name], MZ, rtol=1e-5)


def test_the_tissue_is_where_there_are_ions_and_holes_are_outside(tmp_path: Path) -> None:
    tissue = cube(8, 8) + 20
    tissue[:, :, :3] *= 0.01
    places = [(row, column) for row in range(8) for column in range(8) if (row, column) != (0, 7)]
    found = read_imzml(write(tmp_path / "a.imzML", tissue, places=places), mz=MZ.tolist())
    assert not found.inside[:, :3].any()
    assert not found.inside[0, 7]
    assert found.inside.sum() == 39


def test_otsu_parts_two_groups() -> None:
    draw = np.random.default_rng(1)
    low, high = draw.normal(1, 0.1, 500), draw.normal(3, 0.3, 200)
    assert low.max() < otsu(np.concatenate((low, high))) < high.min() + 0.1


def test_faults_are_one_line_each(tmp_path: Path) -> None:
    path = write(tmp_path / "a.imzML", cube(), mode="processed")
    binary = path.with_suffix(".ibd")
    content = binary.read_bytes()
    binary.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"cut short|damaged"):
        read_imzml(path, ALL, mz=MZ.tolist())
    binary.unlink()
    with pytest.raises(InputError, match=r"a\.ibd: no such file.*beside it"):
        read_imzml(path)
    twice = write(tmp_path / "b.imzML", cube(1, 2), places=[(0, 0), (0, 0)])
    with pytest.raises(InputError, match="one spectrum for each pixel"):
        read_imzml(twice)
    text = tmp_path / "c.imzML"
    text.write_text("Dear reader")
    text.with_suffix(".ibd").write_bytes(b"")
    with pytest.raises(InputError, match=r"c\.imzML: not a readable imzML"):
        read_imzml(text)
    with pytest.raises(InputError, match="no peak passes"):
        read_imzml(write(tmp_path / "d.imzML", np.zeros((4, 2, 2), np.float32)))
