"""JetNet's layout, read lazily, and all that can be wrong with such files."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from femtobarn import datasets
from femtobarn.data.kind import UNSAID, kinds_of
from femtobarn.data.source import Source, stream
from femtobarn.datasets import jetnet
from femtobarn.errors import InputError
from femtobarn.physics.jets import relative_mass
from femtobarn.simulate.toy_jets import toy_jets

N = 40
EVERYTHING = ("particles", "mask", "jet", "file")


def made_up(particles: int = 30, *, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    g = np.random.default_rng(seed)
    x, mask = toy_jets("q", N, generator=g, particles=particles)
    jet = np.column_stack(
        (g.uniform(800, 1600, N), g.normal(0, 1, N), g.uniform(20, 200, N), mask.sum(axis=1))
    )
    return x, mask, jet.astype(np.float32)


def published(path: Path, particles: int = 30, *, seed: int = 1) -> Path:
    """A file as on Zenodo: two data sets of reals, nothing else."""
    x, mask, jet = made_up(particles, seed=seed)
    with h5py.File(path, "w") as file:
        file["particle_features"] = np.concatenate((x, mask[..., None]), axis=2)
        file["jet_features"] = jet
    return path


@pytest.mark.parametrize("particles", [30, 150])
def test_published_files_are_read_piece_by_piece(tmp_path: Path, particles: int) -> None:
    source = jetnet.open_jets(published(tmp_path / "q.hdf5", particles))
    assert isinstance(source, Source)
    assert len(source) == N
    parts = list(stream(source, EVERYTHING, rows=7))
    found = {name: np.concatenate([part[name] for part in parts]) for name in EVERYTHING}
    x, mask, jet = made_up(particles)
    np.testing.assert_array_equal(found["particles"], x)
    np.testing.assert_array_equal(found["mask"], mask)
    np.testing.assert_array_equal(found["jet"], jet)
    assert (found["particles"].dtype, found["mask"].dtype) == (np.float32, bool)
    assert source.read(("mask",), N - 2, N + 9)["mask"].shape == (2, particles)


def test_only_what_is_asked_for_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = jetnet.open_jets(published(tmp_path / "q.hdf5"))
    asked: list[object] = []
    original = h5py.Dataset.__getitem__
    monkeypatch.setattr(
        h5py.Dataset, "__getitem__", lambda self, key: (asked.append(key), original(self, key))[1]
    )
    source.read(("particles",), 3, 9)
    assert asked == [slice(3, 9), slice(3, 9)]


def test_several_files_and_fewer_particles(tmp_path: Path) -> None:
    paths = [published(tmp_path / "g.hdf5", 30, seed=1), published(tmp_path / "q150.hdf5", 150, seed=2)]
    found = jetnet.open_jets(paths, particles=12).read(EVERYTHING, N - 5, N + 5)
    np.testing.assert_array_equal(found["file"], [0] * 5 + [1] * 5)
    np.testing.assert_array_equal(found["particles"][5:], made_up(150, seed=2)[0][:5, :12])
    np.testing.assert_array_equal(found["jet"][:, 3], found["mask"].sum(axis=1))
    with pytest.raises(InputError, match=r"different numbers of particles: g.hdf5 30, q150.hdf5 150"):
        jetnet.open_jets(paths)
    with pytest.raises(InputError, match="expected 1 to 30 particles to be asked for, got 31"):
        jetnet.open_jets(paths, particles=31)


def test_a_folder_is_read_in_the_order_of_the_library(tmp_path: Path) -> None:
    for i, name in enumerate(("t", "g", "z")):
        published(tmp_path / f"{name}.hdf5", seed=i)
    found = jetnet.open_jets(tmp_path).read(("particles",), 0, 3 * N)["particles"]
    np.testing.assert_array_equal(found, np.concatenate([made_up(seed=i)[0] for i in (1, 0, 2)]))


def test_written_files_have_the_published_layout(tmp_path: Path) -> None:
    x, mask, jet = made_up()
    garbage = np.where(mask[..., None], x, 7.0)
    jetnet.write_jets(tmp_path / "x.hdf5", garbage, mask, jet)
    with h5py.File(tmp_path / "x.hdf5") as file:
        assert set(file) == {"particle_features", "jet_features"}
        assert file["particle_features"].shape == (N, 30, 4)
        np.testing.assert_array_equal(file["particle_features"][..., :3], x)
        np.testing.assert_array_equal(file["particle_features"][..., 3], mask)
    np.testing.assert_array_equal(jetnet.open_jets(tmp_path / "x.hdf5").read(("jet",), 0, N)["jet"], jet)
    with pytest.raises(InputError, match="jet 3: expected at least one particle"):
        jetnet.write_jets(tmp_path / "y.hdf5", x, mask & (np.arange(N) != 3)[:, None], jet)


def spoiled(change: Callable[[np.ndarray, np.ndarray], object]) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        with h5py.File(path, "r+") as file:
            particles, jet = file["particle_features"][:], file["jet_features"][:]
            change(particles, jet)
            file["particle_features"][:], file["jet_features"][:] = particles, jet

    return spoil


FAULTS = {
    "row 4: eta_rel is nan": spoiled(lambda x, _: x[4, 2].__setitem__(0, np.nan)),
    "row 5: mass is inf": spoiled(lambda _, jet: jet[5].__setitem__(2, np.inf)),
    "row 6: expected zeros where the mask is 0": spoiled(lambda x, _: x[6, 0].__setitem__(3, 0)),
    "row 7: expected pt_rel above 0 where the mask is 1": spoiled(lambda x, _: x[7, 0].__setitem__(2, 0)),
    "row 8: expected at least one particle": spoiled(lambda x, _: x[8].__setitem__(slice(None), 0)),
    "row 0: expected a mask of 0 or 1; 40 of the 40": spoiled(lambda x, _: x[..., 3].__isub__(0.5)),
    "row 0: expected a mask of 0 or 1; 4": spoiled(lambda x, _: x.__setitem__(..., x[..., ::-1].copy())),
    "row 9: expected a jet of pT above 0": spoiled(lambda _, jet: jet[9].__setitem__(0, -1)),
}


@pytest.mark.parametrize("message", FAULTS)
def test_wrong_numbers_are_told_with_their_row(tmp_path: Path, message: str) -> None:
    path = published(tmp_path / "q.hdf5")
    FAULTS[message](path)
    with pytest.raises(InputError, match=message) as told:
        jetnet.open_jets(path).read(("mask",), 0, N)
    assert str(path) in str(told.value)
    assert "\n" not in str(told.value)


def test_wrong_files_are_told(tmp_path: Path) -> None:
    path = published(tmp_path / "q.hdf5")
    x, _, jet = made_up()
    layouts = {
        r"got \(jet, 30, 3\)": {"particle_features": x, "jet_features": jet},
        r"and \(jet, 5\)": {"particle_features": np.zeros((N, 30, 4)), "jet_features": np.zeros((N, 5))},
        r"got \(jet, 4\) and \(jet, 30, 4\)": {
            "particle_features": jet,
            "jet_features": np.zeros((N, 30, 4)),
        },
        "no column 'particle_features'": {"particles": x, "jet_features": jet},
        "equal length": {"particle_features": np.zeros((N, 30, 4)), "jet_features": jet[1:]},
    }
    for message, arrays in layouts.items():
        with h5py.File(tmp_path / "x.hdf5", "w") as file:
            for name, array in arrays.items():
                file[name] = array
        with pytest.raises(InputError, match=message):
            jetnet.open_jets(tmp_path / "x.hdf5")
    (tmp_path / "cut.hdf5").write_bytes(path.read_bytes()[:5000])
    with pytest.raises(InputError, match="cut short"):
        jetnet.open_jets(tmp_path / "cut.hdf5")
    with pytest.raises(InputError, match="no such file"):
        jetnet.open_jets(tmp_path / "none.hdf5")
    with pytest.raises(InputError, match="at least one file"):
        jetnet.open_jets([])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no file"):
        jetnet.open_jets(tmp_path / "empty")


def test_split_of_the_library() -> None:
    order = np.random.default_rng(42).permutation(1000)
    train, valid, test = jetnet.library_split(1000)
    np.testing.assert_array_equal(np.concatenate((train, valid, test)), order)
    assert (len(train), len(valid), len(test)) == (700, 150, 150)
    assert [len(part) for part in jetnet.library_split(177_252, fractions=(0.7, 0.3))] == [124_076, 53_176]
    assert [len(part) for part in jetnet.library_split(10, fractions=(0.5, 0.2))] == [5, 2]
    assert sum(map(len, jetnet.library_split(1000, fractions=(0.7, 0.2, 0.1)))) == 1000
    with pytest.raises(InputError, match="at most 1"):
        jetnet.library_split(10, fractions=(0.7, 0.7))


def test_checksums(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = published(tmp_path / "g.hdf5")
    with pytest.raises(
        InputError, match="expected the published file with md5 4f537329da897a22a59762c9fd8b74da"
    ):
        jetnet.check_md5(path)
    monkeypatch.setitem(jetnet.MD5, "g.hdf5", hashlib.md5(path.read_bytes()).hexdigest())
    jetnet.check_md5(path)
    with pytest.raises(InputError, match="no published checksum"):
        jetnet.check_md5(tmp_path / "g150.hdf5")
    assert all(len(md5) == 32 for md5 in jetnet.MD5.values())


def test_stand_in_has_the_columns_of_the_files(tmp_path: Path) -> None:
    pytest.importorskip("pythia8mc")
    thirty, all_of_them = (jetnet.stand_in("w", 60, seed=2, particles=n, workers=1) for n in (30, 150))
    found = thirty.read(("particles", "mask", "jet"), 0, 60)
    x, mask, jet = found["particles"], found["mask"], found["jet"]
    np.testing.assert_array_equal(x, all_of_them.read(("particles",), 0, 60)["particles"][:, :30])
    assert np.all(np.diff(x[..., 2], axis=1) <= 0)
    assert np.abs(x[..., 1]).max() < 1.2
    np.testing.assert_array_equal(jet[:, 3], mask.sum(axis=1))
    assert np.all((jet[:, 0] > 800) & (jet[:, 0] < 1600))
    share = x[..., 2].sum(axis=1)
    assert 0.9 < np.median(share) < 1.02
    whole = all_of_them.read(("particles", "mask"), 0, 60)
    mass = relative_mass(whole["particles"], whole["mask"]) * jet[:, 0]
    assert np.median(mass / jet[:, 2]) == pytest.approx(1, abs=0.1)  # less what is below 1 GeV, and masses
    jetnet.write_jets(tmp_path / "w.hdf5", x, mask, jet)
    again = jetnet.open_jets(tmp_path / "w.hdf5").read(("particles",), 0, 60)["particles"]
    np.testing.assert_array_equal(again, x)


def test_stand_in_refuses_what_it_has_not() -> None:
    with pytest.raises(InputError, match="no class of jets 'b'"):
        jetnet.stand_in("b", 3, seed=1)
    with pytest.raises(InputError, match="expected 1 to 150 particles"):
        jetnet.stand_in("g", 3, seed=1, particles=151)


def test_description() -> None:
    text = datasets.describe("jetnet")
    for word in ("6975118", "particle_features", "177252", "CC-BY 4.0"):
        assert word in text
    assert jetnet.SUMMARY in datasets.summaries()
    assert sum(jetnet.PUBLISHED_JETS.values()) == 880_000


def test_the_hardest_particles_are_those_of_any_order(tmp_path: Path) -> None:
    particles, mask = toy_jets("g", 200, generator=np.random.default_rng(5), particles=30)
    jet = np.column_stack((np.full((200, 1), 1e3), np.zeros((200, 1)), np.ones((200, 1)), mask.sum(axis=1)))
    order = np.argsort(np.random.default_rng(6).random(mask.shape), axis=1)
    mixed = np.take_along_axis(particles, order[..., None], axis=1), np.take_along_axis(mask, order, axis=1)
    jetnet.write_jets(tmp_path / "sorted.hdf5", particles, mask, jet)
    jetnet.write_jets(tmp_path / "mixed.hdf5", *mixed, jet)
    for number in (1, 8):
        found = [
            jetnet.open_jets(tmp_path / f"{name}.hdf5", particles=number).read(("particles", "mask"), 0, 200)
            for name in ("sorted", "mixed")
        ]
        for name in ("particles", "mask"):
            np.testing.assert_array_equal(found[0][name], found[1][name])


@pytest.mark.parametrize("kind", ["real", "stand-in", "generated", None])
def test_a_file_says_what_its_jets_are(tmp_path: Path, kind: Any) -> None:
    particles, mask = toy_jets("g", 5, generator=np.random.default_rng(5))
    jetnet.write_jets(tmp_path / "a.hdf5", particles, mask, np.ones((5, 4)), kind=kind)
    assert kinds_of([tmp_path / "a.hdf5"]) == {kind or UNSAID}
