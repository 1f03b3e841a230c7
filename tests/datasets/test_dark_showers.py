"""Images of dark showers: both published layouts, the public sample itself, refusals, and events of the stand-in."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from femtobarn.datasets import dark_showers
from femtobarn.errors import InputError
from femtobarn.physics.event_images import COARSE, FINE, occupied, pooled

#: Events of each file of the public sample (github.com/Luca96/dark-autoencoders, commit d43c9a3).
COUNTS = {
    "qcd_gensim_101_2": 500,
    "qcd_gensim_102_6": 502,
    "qcd_gensim_104_8": 337,
    "suep_gensim_h125_phi2_dp0p7_dt2_101_6": 23,
    "suep_gensim_h200_phi2_dp0p7_dt2_203_5": 33,
    "suep_gensim_h300_phi2_dp0p7_dt2_201_7": 70,
    "suep_gensim_h400_phi2_dp0p7_dt2_103_6": 95,
    "suep_gensim_h700_phi2_dp0p7_dt2_103_3": 175,
    "suep_gensim_h1000_phi2_dp0p7_dt2_103_3": 263,
    "svj_2100_34484_8": 93,
    "svj_3100_16671_0": 98,
    "svj_4100_127785_8": 100,
}


def _image(shape: tuple[int, ...], count: int = 4) -> np.ndarray:
    draw = np.random.default_rng(1)
    image = draw.exponential(20.0, (count, *shape)) * (draw.random((count, *shape)) < 0.005)
    return image.astype(np.float16).astype(np.float32)


def _fine(path: Path, count: int = 4) -> np.ndarray:
    """A file as the authors write it: all their data sets, packed."""
    image = _image(FINE, count)
    with h5py.File(path, "w") as file:
        for name, channel in (("ImageTrk", 0), ("ImageTrk_PUcorr", 0), ("ImageECAL", 1), ("ImageHCAL", 2)):
            file.create_dataset(name, data=image[..., channel].astype(np.float16), compression="gzip")
        file.create_dataset("NTrk_PUcorr", data=np.arange(count, dtype=np.int32)[:, None], compression="gzip")
    return image


def test_hdf5_of_the_authors_is_read_fine_and_coarse(tmp_path: Path) -> None:
    path = tmp_path / "qcd_gensim_1_2.h5"
    image = _fine(path)
    fine, coarse = (dark_showers.open_images(path, fine=fine) for fine in (True, False))
    assert len(fine) == len(coarse) == 4
    np.testing.assert_array_equal(fine.read(["image"], 1, 3)["image"], image[1:3])
    columns = coarse.read(coarse.columns, 0, 4)
    np.testing.assert_allclose(columns["image"], pooled(image))
    assert columns["n_tracks"].tolist() == [0, 1, 2, 3]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "suep_gensim_h300_x.npz"
    image = _image(COARSE)
    dark_showers.write_coarse(path, image, n_tracks=np.arange(4), label=1, code=3)
    source = dark_showers.open_images(path)
    columns = source.read(source.columns, 0, 4)
    np.testing.assert_array_equal(columns["image"], image)
    assert columns["n_tracks"].tolist() == [0, 1, 2, 3]
    assert set(columns["label"].tolist()) == {1}
    assert set(columns["mass"].tolist()) == {300.0}
    fine = _image(FINE)
    dark_showers.write_fine(tmp_path / "a.h5", fine, n_tracks=np.arange(4))
    read = dark_showers.open_images(tmp_path / "a.h5", fine=True).read(["image", "n_tracks"], 0, 4)
    np.testing.assert_array_equal(read["image"], fine)


def test_the_public_sample(real_data: Path) -> None:
    folder = real_data / dark_showers.NAME
    samples = dark_showers.find_samples(folder)
    assert list(samples) == [
        dark_showers.TRAINING, "QCD", *(f"SUEP {m} GeV" for m in (125, 200, 300, 400, 700, 1000)),
        "SVJ 2.1 TeV", "SVJ 3.1 TeV", "SVJ 4.1 TeV",
    ]  # fmt: skip
    for name, paths in samples.items():
        for path in paths:
            source = dark_showers.open_images(path)
            assert len(source) == COUNTS[path.stem]
            columns = source.read(source.columns, 0, len(source))
            (label,), (mass,) = set(columns["label"].tolist()), set(columns["mass"].tolist())
            told = ("QCD", f"SUEP {mass:g} GeV", f"SVJ {mass / 1000:g} TeV")[label]
            assert name in (told, dark_showers.TRAINING)
            # A pixel may hold several tracks.
            assert (columns["n_tracks"] >= 0.6 * occupied(columns["image"])).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a: a.pop("masses"), "masses is missing"),
        (lambda a: a.update(images=a["images"].transpose(0, 2, 1, 3)), r"expected images of shape"),
        (lambda a: a["images"].__setitem__((2, 0, 0, 0), -1), "row 2: expected energies of 0 GeV or more"),
        (lambda a: a["images"].__setitem__((1, 0, 0, 0), np.nan), "row 1: expected energies"),
        (lambda a: a.update(masses=np.full(4, 7.0)), "no sample of label 0 and code of the mass 7"),
    ],
)
def test_what_is_no_sample_is_refused(tmp_path: Path, change, words: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "x.npz"
    dark_showers.write_coarse(path, _image(COARSE), n_tracks=np.arange(4))
    with np.load(path) as file:
        arrays = dict(file)
    change(arrays)
    np.savez(path, **arrays)
    with pytest.raises(InputError, match=words):
        dark_showers.open_images(path)


def test_images_of_another_grid_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        for name in dark_showers.HDF5_CHANNELS:
            file[name] = np.zeros((2, 280, 360), np.float16)
    with pytest.raises(InputError, match=r"ImageTrk_PUcorr of shape \(event, 286, 360\), got \(event, 280"):
        dark_showers.open_images(path)
    with h5py.File(path, "w") as file:
        file["ImageECAL"] = np.zeros((2, *FINE[:2]), np.float16)
    with pytest.raises(InputError, match=r"ImageTrk_PUcorr of shape .*got none"):
        dark_showers.open_images(path)


def test_samples_are_told_by_folder_or_by_name(tmp_path: Path) -> None:
    for place in ("train/qcd_gensim_1_1", "test/qcd_gensim_2_2", "test/svj_2100_1_1", "test/mine"):
        path = tmp_path / f"{place}.npz"
        path.parent.mkdir(exist_ok=True)
        path.touch()
    found = {
        name: [path.stem for path in paths] for name, paths in dark_showers.find_samples(tmp_path).items()
    }
    assert found == {
        "QCD for training": ["qcd_gensim_1_1"],
        "QCD": ["qcd_gensim_2_2"],
        "SVJ 2.1 TeV": ["svj_2100_1_1"],
        "mine": ["mine"],
    }
    with pytest.raises(InputError, match=r"expected files of QCD .* got mine\.npz"):
        dark_showers.find_samples([tmp_path / "test/mine.npz"])


def test_events_of_the_stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("pythia8mc")
    pytest.importorskip("fastjet")
    monkeypatch.setenv("FEMTOBARN_CACHE", str(tmp_path))
    qcd = dark_showers.produced("QCD", 20, seed=1, workers=1)
    columns = qcd.events.read(qcd.events.columns, 0, 20)
    assert (columns["ht"] > dark_showers.HT).all()
    assert columns["weight"].std() > 0, "hard collisions are preferred"
    assert 0.5 * qcd.tried < qcd.passed <= qcd.tried
    assert qcd.share < qcd.passed / qcd.tried, "the collisions that are preferred are those that pass"
    assert 2e4 < qcd.cross_section < 2e5, "pb, of pT-hat above 200 GeV"
    suep = dark_showers.stand_in("SUEP 1000 GeV", 8, seed=1, workers=1).read(["n_tracks", "weight"], 0, 8)
    assert suep["n_tracks"].mean() > 2 * columns["n_tracks"].mean()
    assert set(suep["weight"].tolist()) == {1.0}
    again = dark_showers.stand_in("QCD", 20, seed=1, workers=1)
    np.testing.assert_array_equal(again.read(["image"], 0, 20)["image"], columns["image"])


def test_unknown_samples_are_refused() -> None:
    with pytest.raises(InputError, match="samples are QCD and such as SUEP 125 GeV: got 'WIMP'"):
        dark_showers.stand_in("WIMP", 10, seed=1)
    with pytest.raises(InputError, match="a range of pile-up"):
        dark_showers.stand_in("QCD", 10, seed=1, pileup=(5.0, 2.0))
