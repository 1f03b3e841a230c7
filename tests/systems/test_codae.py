"""CoDAE: the public sample, the order in which files are opened, what the networks see, and what a run finds."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from femtobarn import recipe as recipes
from femtobarn.cli import execute
from femtobarn.data.source import InMemory
from femtobarn.datasets import dark_showers
from femtobarn.errors import InputError
from femtobarn.metrics import auc
from femtobarn.physics.event_images import occupied
from femtobarn.runs import Run
from femtobarn.systems.codae import data, judge, recipe, study
from femtobarn.systems.codae.data import Data
from femtobarn.systems.codae.study import MODELS, Part, Study

TinyRun = Callable[[str], Run]
SMALL = Study(seeds=(1,), widths=(4, 4, 4, 8), latent=4)


def _images(count: int, share: float, seed: int = 1) -> np.ndarray:
    draw = np.random.default_rng(seed)
    size = (count, *dark_showers.COARSE)
    return (draw.exponential(5.0, size) * (draw.random(size) < share)).astype(np.float32)


def users_file(folder: Path) -> Path:
    """Images in the layout of the public sample."""
    path = folder / "events.npz"
    dark_showers.write_coarse(path, _images(12, 0.02), n_tracks=np.arange(12))
    return path


@pytest.fixture
def finished(tiny_run: TinyRun) -> Run:
    return tiny_run("codae")


def _folder(folder: Path, qcd: int = 60) -> Path:
    """A sample in the published layout: QCD to train on, QCD to test, two signals."""
    for name, count, share, label, code in (
        ("qcd_gensim_101_2", qcd, 0.02, 0, 0), ("qcd_gensim_104_8", qcd, 0.02, 0, 0),
        ("suep_gensim_h300_phi2_dp0p7_dt2_201_7", 20, 0.04, 1, 3), ("svj_2100_34484_8", 24, 0.03, 2, 5),
    ):  # fmt: skip
        image = _images(count, share, seed=count + label + len(name))
        dark_showers.write_coarse(
            folder / f"{name}.npz", image, n_tracks=occupied(image), label=label, code=code
        )
    return folder


def test_files_in_the_published_layout_become_the_samples_they_are(tmp_path: Path) -> None:
    events = data.load(Data(files=(_folder(tmp_path),)), seed=1, workers=1, progress=False)
    assert events.sizes == {"train": 45, "validation": 15, "test": 60}
    assert {name: len(each) for name, each in events.signals().items()} == {
        "SUEP 300 GeV": 20,
        "SVJ 2.1 TeV": 24,
    }
    assert events.provenance.kind == "real"
    masks = events.test.masks
    assert set(np.unique(masks)) == {0.0, 1.0}, "energies are not seen"
    np.testing.assert_array_equal(masks.sum(axis=(1, 2, 3)), occupied(events.test.images))


def test_no_signal_is_opened_before_the_evaluation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, opened = _folder(tmp_path), dark_showers.open_images

    def closed(path: Path) -> object:
        if not path.name.startswith("qcd"):
            raise AssertionError(f"{path} was opened")
        return opened(path)

    monkeypatch.setattr(dark_showers, "open_images", closed)
    events = data.load(Data(files=(folder,)), seed=1, workers=1, progress=False)
    report = lambda *_: None  # noqa: E731
    for kind in ("CoDAE", "Dirichlet"):
        short = replace(recipe.PRESETS["tiny"].study, widths=SMALL.widths)
        study.train_one(short, events, tmp_path / "work", Part(kind, 1), report)
    with pytest.raises(AssertionError, match="was opened"):
        events.signals()


def test_the_mixture_leaves_the_test_samples(tmp_path: Path) -> None:
    settings = Data(files=(_folder(tmp_path),), mixture=0.1)
    events = data.load(settings, seed=1, workers=1, progress=False)
    mixed, signals = events.mixed(), events.signals()
    assert len(mixed) == 2 * round(0.1 * 45), "of SUEP and of semi-visible jets"
    assert sum(map(len, signals.values())) + len(mixed) == 44
    seen = {image.tobytes() for image in mixed.images}
    assert not any(image.tobytes() in seen for each in signals.values() for image in each.images)


def test_the_public_sample_and_its_baselines(real_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts by the files that are there; AUC of occupied pixels as in the comparison published with this system."""
    monkeypatch.setenv("FEMTOBARN_DATA", str(real_data))
    events = data.load(Data(), seed=1, workers=1, progress=False)
    known = dark_showers.find_samples(real_data / dark_showers.NAME)
    assert len(events.train) + len(events.validation) == 1002
    halves = len(known["QCD"])
    assert len(events.test) == {1: 337, 2: 682}[halves]
    assert events.provenance.name == dark_showers.NAME
    if halves == 1:
        expected = (0.784, 0.940, 0.983, 0.996, 0.997, 1.000, 0.836, 0.895, 0.881)
        qcd = judge.pixels(events.test)
        found = [auc(qcd, judge.pixels(each))[0] for each in events.signals().values()]
        np.testing.assert_allclose(found, expected, atol=0.002)


def test_settings_that_cannot_be() -> None:
    with pytest.raises(InputError, match="multiples of 4"):
        Study(widths=(6, 8, 8, 8))
    with pytest.raises(InputError, match="one kind of network"):
        Study(kinds=())
    with pytest.raises(InputError, match="a mixture below"):
        Data(mixture=0.7)


def test_files_without_a_signal_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "qcd_gensim_1_2.npz"
    dark_showers.write_coarse(path, _images(60, 0.02), n_tracks=np.zeros(60, int))
    with pytest.raises(InputError, match="expected a file of a signal"):
        data.load(Data(files=(path,)), seed=1, workers=1, progress=False)


@pytest.mark.parametrize("kind", ["CoDAE", "CoDVAE", "Dirichlet"])
def test_scores_do_not_depend_on_energies_nor_on_the_other_events(kind: str) -> None:
    model = study.build(Part(kind, 1), SMALL, {}).eval()
    one = data.Sample(_images(8, 0.02), np.zeros(8))
    other = data.Sample(7 * one.images, np.zeros(8))
    told, again = (judge.raw_scores(model, each.masks) for each in (one, other))
    alone = judge.raw_scores(model, one.masks[3:4])
    for name, score in told.items():
        np.testing.assert_array_equal(score, again[name], err_msg=name)
        if name != "KL":  # its noise is drawn for all events together
            np.testing.assert_allclose(score[3:4], alone[name], rtol=1e-4, atol=1e-4, err_msg=name)


def test_seeds_decide_the_weights() -> None:
    one, same, other = (study.build(Part("CoDVAE", seed), SMALL, {}).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["mask_encoder.0.0.weight"], other["mask_encoder.0.0.weight"])


def test_every_score_stands_beside_counting(finished: Run) -> None:
    results = finished.results()
    scores = {r.labels["score"] for r in results if r.name == "AUC"}
    assert scores >= {
        "number of tracks", "occupied track pixels", "soft5", "z-sum", "isolation forest", "PCA residual (5)",
        judge.CEILING, "CoDAE BCE", "CoDAE BCE residual", "CoDAE z1", "CoDAE z2, two-sided", "CoDVAE KL",
        "Dirichlet share 3",
    }  # fmt: skip
    gains = {
        r.labels["over"] for r in results if r.name == "gain in AUC" and r.labels["score"] == "CoDAE BCE"
    }
    assert judge.OCCUPANCY in gains
    assert any(r.name == "rank correlation on background" for r in results)
    assert {r.labels["network"] for r in results if r.name == "weights"} >= {"CoDAE", "CoDAE, z alone"}


def test_published_numbers_stand_beside_the_same_events_only(finished: Run) -> None:
    assert finished.kind == "stand-in"
    assert any("published weights" in number.source for number in finished.published())
    assert "0.845" not in (finished.folder / "report.html").read_text().split("Published")[0]


def test_predictions_are_the_scores_of_the_model(finished: Run, tmp_path: Path) -> None:
    path, output = users_file(tmp_path), tmp_path / "found.h5"
    assert execute(["predict", str(finished.folder), str(path), "-o", str(output)]) == 0
    trained = MODELS.choose(finished, among=lambda part: part.kind == "CoDAE")
    source = dark_showers.open_images(path)
    assert isinstance(source, InMemory)
    told = judge.raw_scores(trained.model, data.sample_of(source.read(["image"], 0, 12)).masks)
    with h5py.File(output) as file:
        for name, score in told.items():
            np.testing.assert_allclose(file[name][:], score, rtol=1e-6, err_msg=name)
        assert (file[judge.OCCUPANCY][:] > 0).all()


@pytest.mark.slow
def test_a_small_network_learns_and_is_a_counter(
    real_data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The cross entropy at least halves; SUEP of 300 GeV are found, as counting finds them; the latent counts."""
    monkeypatch.setenv("FEMTOBARN_DATA", str(real_data))
    events = data.load(Data(), seed=1, workers=1, progress=False)
    settings = replace(recipe.PRESETS["demo"].study, seeds=(1,))
    trained = study.train_one(settings, events, tmp_path, Part("CoDAE", 1), lambda *_: None)
    assert trained.history[-1]["train"] < trained.history[0]["train"] / 2
    samples = {judge.QCD: events.test, **events.signals()}
    scored = {each.labels["score"]: each.scores for each in judge.network_scores(trained, events, samples)}
    assert auc(scored["CoDAE BCE"][judge.QCD], scored["CoDAE BCE"]["SUEP 300 GeV"])[0] > 0.93
    assert np.corrcoef(scored["CoDAE BCE"][judge.QCD], judge.pixels(events.test))[0, 1] > 0.8


def test_the_recipe_is_found_by_name() -> None:
    assert recipes.find_system("codae").recipe().PRESETS["paper"].study == Study(), "paper is as published"
