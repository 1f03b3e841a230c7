"""SUEP in images of whole events: samples, the score fixed beforehand, the published size, stand-in and real events."""

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
from femtobarn.data.sparse_images import SparseImages
from femtobarn.datasets import dark_showers
from femtobarn.errors import InputError
from femtobarn.evaluation.dark_showers import coarse
from femtobarn.losses import inverse_dice
from femtobarn.metrics.classifier_test import auc
from femtobarn.nn.image_autoencoder import network_input
from femtobarn.physics.event_images import COARSE, FINE, occupied
from femtobarn.runs import Run
from femtobarn.simulate.collisions import dark
from femtobarn.simulate.collisions.dark import PAIRS, Shower, thermal_shower
from femtobarn.simulate.dark_images import QCD
from femtobarn.systems.suep import data, recipe, study
from femtobarn.systems.suep.data import OWN, PUBLIC, STAND_IN
from femtobarn.systems.suep.study import MODELS, Part

SYSTEM = recipes.all_systems()["suep"]
TINY = recipe.PRESETS["tiny"]
TinyRun = Callable[[str], Run]


def _image(count: int, shape: tuple[int, ...], seed: int = 5, share: float = 0.02) -> np.ndarray:
    draw = np.random.default_rng(seed)
    image = draw.exponential(5.0, (count, *shape)) * (draw.random((count, *shape)) < share)
    return image.astype(np.float32)


def users_file(folder: Path) -> Path:
    """Coarse images in the layout of the public sample."""
    path = folder / "events.npz"
    dark_showers.write_coarse(path, _image(12, COARSE), n_tracks=np.arange(12))
    return path


def _folder(folder: Path, *, fine: bool = False, count: int = 100) -> Path:
    """QCD and one signal, named as the authors' files."""
    for seed, (name, label, code) in enumerate((("qcd_gensim_1_1", 0, 0), ("suep_gensim_h125_phi2_1", 1, 1))):
        tracks = np.arange(count)
        if fine:
            image = _image(count, FINE, seed, share=0.002)
            dark_showers.write_fine(folder / f"{name}.h5", image, n_tracks=tracks)
        else:
            image = _image(count, COARSE, seed)
            dark_showers.write_coarse(folder / f"{name}.npz", image, n_tracks=tracks, label=label, code=code)
    return folder


@pytest.fixture
def finished(tiny_run: TinyRun) -> Run:
    return tiny_run("suep")


def test_every_score_stands_beside_counting(finished: Run) -> None:
    results = finished.results()
    aucs = {(r.labels["score"], r.labels["energies"]) for r in results if r.name == "AUC"}
    assert aucs >= {
        ("number of tracks", ""), ("occupied track pixels", ""), ("soft5", ""), ("z-sum", ""),
        ("supervised trees (SUEP 1000 GeV)", ""), ("autoencoder", "linear"), ("autoencoder", "log"),
    }  # fmt: skip
    over = {r.labels["over"] for r in results if r.name == "gain in AUC"}
    assert over
    assert not any("supervised" in name or "autoencoder" in name for name in over)
    names = {r.name for r in results}
    assert names >= {
        "paired gain in AUC", "signal at 25 % of background", "rate of QCD", "share with HT > 500 GeV",
        "mean of an event", "latency of one event", "fall of the inverse Dice", "QCD events without overlap",
    }  # fmt: skip
    latency = {r.labels["quantity"] for r in results if r.name == "latency of one event"}
    assert latency == {"median", "99 %"}
    assert {f.name for f in finished.figures()} >= {"roc-SUEP-1000-GeV", "training", "pixels"}


def test_no_signal_is_read_before_the_evaluation(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    (folder / "suep_gensim_h300_phi2_9.npz").write_text("nothing of the kind")
    problems = data.load(replace(TINY.data, path=(folder,)), seed=1, workers=1, progress=False)
    assert problems.provenance.kind == "real"
    assert problems.sizes == {"train": 40, "validation": 10, "test": 50}
    assert all("suep" not in path for path in problems.provenance.files)
    with pytest.raises(InputError, match="suep_gensim_h300"):
        problems.by_name[OWN].signals()


def test_too_few_events_for_a_working_point_are_told_before_the_training(tmp_path: Path) -> None:
    config = replace(TINY, data=replace(TINY.data, path=(_folder(tmp_path),)))
    few = replace(config, evaluation=replace(config.evaluation, fractions=(0.02,)))
    with pytest.raises(InputError, match=r"got 0\.02 of 50: take 500 background events or more"):
        recipe.load(few, progress=False)


def test_the_public_sample_stands_beside_the_stand_in_if_it_is_there(
    real_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEMTOBARN_DATA", str(real_data))
    monkeypatch.setattr(data.dark_showers, "produced", _a_few)
    both = data.load(replace(TINY.data, public=True), seed=1, workers=1, progress=False)
    assert list(both.by_name) == [PUBLIC, STAND_IN]
    split = both.by_name[PUBLIC].split
    assert sum(split.sizes.values()) == 1002 + 337
    assert split.provenance.kind == both.provenance.kind == "real"
    assert both.by_name[STAND_IN].split.provenance.kind == "stand-in"
    monkeypatch.delenv("FEMTOBARN_DATA")
    alone = data.load(replace(TINY.data, public=True), seed=1, workers=1, progress=False)
    assert list(alone.by_name) == [STAND_IN]


def _a_few(sample: str, count: int, **_: object) -> dark_showers.Produced:
    columns = {"image": _image(count, COARSE), "n_tracks": np.arange(count)}
    return dark_showers.Produced(InMemory(columns), count, count, 1.0, 1.0, sample)


def test_the_score_is_the_inverse_dice_of_what_went_in(finished: Run) -> None:
    trained = MODELS.load(finished.folder / "work" / "stand-in-linear-seed1")
    events = SparseImages.of_source(InMemory({"image": _image(6, COARSE)}))
    x = network_input(events.full())
    with torch.no_grad():
        y, z = trained.model.prepared(x), trained.model(x)
    dice = (2 * (y * z).sum((1, 2, 3))) / ((y**2).sum((1, 2, 3)) + (z**2).sum((1, 2, 3)))
    known = (1 / dice.double() - 1).numpy()
    found = study.scores(trained.model, events)
    seen = found["overlap"] > 0
    np.testing.assert_allclose(found["inverse Dice"][seen], known[seen], rtol=1e-2)
    assert seen.any()
    torch.testing.assert_close(inverse_dice(y, y), torch.zeros(len(y)))


def test_batch_normalisation_has_followed_the_batches(finished: Run) -> None:
    for energies in ("linear", "log"):
        model = MODELS.load(finished.folder / "work" / f"stand-in-{energies}-seed1").model
        norms = [layer for layer in model.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
        assert norms
        assert all(layer.running_mean.any() and layer.num_batches_tracked > 0 for layer in norms)


def test_paper_starts_on_files_in_the_published_layout(tmp_path: Path) -> None:
    """Its network and its files; fewer events and epochs."""
    folder = _folder(tmp_path, fine=True, count=32)
    paper = recipe.PRESETS["paper"]
    settings = replace(paper.data, path=(folder,), validation=0.34, test=0.34)
    problems = data.load(settings, seed=1, workers=1, progress=False)
    assert problems.by_name[OWN].split.train.shape == FINE
    quick = replace(paper.study, train=replace(paper.study.train, epochs=1, batch=4))
    part = study.parts(quick, problems.splits)[0]
    few = {part: getattr(problems.splits[OWN], part).take(slice(0, 4)) for part in ("train", "validation")}
    small = {OWN: replace(problems.splits[OWN], **few)}
    trained = study.train_one(quick, small, tmp_path / "work", part, lambda *_: None)
    assert sum(p.numel() for p in trained.model.parameters()) > 3.3e6, "a slope for every pixel"
    assert np.isfinite(study.scores(trained.model, few["train"])["inverse Dice"]).all()
    assert coarse(problems.splits[OWN].test).shape == (10, *COARSE)


def test_fine_and_coarse_settings_are_not_mixed() -> None:
    with pytest.raises(InputError, match="three channels are for coarse images, five for fine ones"):
        replace(recipe.PRESETS["demo"], data=replace(TINY.data, fine=True))
    with pytest.raises(InputError, match="three or five channels"):
        replace(TINY.study, channels=(8, 4))


def test_predict_refuses_images_of_another_size(
    finished: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "turned.npz"
    with np.load(users_file(tmp_path)) as file:
        arrays = dict(file)
    np.savez(path, **(arrays | {"images": arrays["images"].transpose(0, 2, 1, 3)}))
    assert execute(["predict", str(finished.folder), str(path), "-o", str(tmp_path / "o.h5")]) == 2
    assert "expected images of shape" in capsys.readouterr().err


def test_predict_gives_the_score_of_each_event(finished: Run, tmp_path: Path) -> None:
    file, output = users_file(tmp_path), tmp_path / "o.h5"
    assert execute(["predict", str(finished.folder), str(file), "-o", str(output)]) == 0
    with h5py.File(output) as found:
        assert len(found["inverse Dice"]) == len(found["restored energy"]) == 12
        assert np.isfinite(found["inverse Dice"][:]).all()


# The physics


def test_dark_photons_decay_with_the_published_shares() -> None:
    count = 300
    shower = thermal_shower(np.full(count, 200.0), Shower(), generator=np.random.default_rng(1))
    mesons = int(shower[1][-1])
    scalars = dark.Particles(
        np.arange(count + 1), np.full(count, 25), np.zeros(count, np.float32),
        np.tile([200.0, 0, 0, 0], (count, 1)), np.zeros((count, 4)),
    )  # fmt: skip
    decayed = dark.decay_scalars(scalars, Shower(), generator=np.random.default_rng(1))
    code = np.abs(decayed.pdg)
    assert len(code) == 4 * mesons
    for pdg, _, share in PAIRS:
        error = np.sqrt(share * (1 - share) / (2 * mesons))
        assert np.mean(code == pdg) == pytest.approx(share, abs=3 * error)


def test_charged_multiplicity_grows_linearly_with_the_mass() -> None:
    masses = np.array([125.0, 200.0, 300.0, 400.0, 700.0, 1000.0])
    draw = np.random.default_rng(1)
    mean = [np.diff(thermal_shower(np.full(200, m), Shower(), generator=draw)[1]).mean() for m in masses]
    assert np.corrcoef(masses, mean)[0, 1] > 0.99


@pytest.mark.slow
def test_the_stand_in_looks_like_the_public_sample(real_data: Path) -> None:
    """Tracks and sums with a pile-up of 50, the published one, which the calorimeters keep."""
    pytest.importorskip("pythia8mc")
    samples = dark_showers.find_samples(real_data / dark_showers.NAME)
    for name, count in ((QCD, 400), ("SUEP 400 GeV", 100), ("SUEP 1000 GeV", 100)):
        made = dark_showers.stand_in(name, count, seed=3, pileup=(50.0, 50.0), workers=2)
        files = [*samples[name], *(samples[dark_showers.TRAINING] if name == QCD else [])]
        parts = [dark_showers.open_images(path).read(["image", "n_tracks"], 0, 999) for path in files]
        real = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
        ours = made.read(["image", "n_tracks"], 0, count)
        assert ours["n_tracks"].mean() == pytest.approx(real["n_tracks"].mean(), rel=0.2), name
        sums = [each["image"].sum(axis=(1, 2), dtype=np.float64).mean(axis=0) for each in (ours, real)]
        assert sums[0] == pytest.approx(sums[1], rel=0.2), f"{name}: tracker, ECAL, HCAL"
        assert occupied(ours["image"]).mean() == pytest.approx(occupied(real["image"]).mean(), rel=0.2)


@pytest.mark.slow
def test_training_on_real_qcd_lowers_the_loss_and_finds_heavy_suep(real_data: Path, tmp_path: Path) -> None:
    """On a thousand QCD images; the score, the inverse Dice, is fixed beforehand."""
    demo = recipe.PRESETS["demo"]
    settings = replace(demo.data, test=0.25, path=(real_data / dark_showers.NAME,))
    problems = data.load(settings, seed=1, workers=1, progress=False)
    short = replace(demo.study, train=replace(demo.study.train, epochs=10))
    heavy, background = problems.by_name[OWN].signals()["SUEP 1000 GeV"], problems.splits[OWN].test
    for part in (Part(OWN, "linear", 1), Part(OWN, "log", 1)):
        trained = study.train_one(short, problems.splits, tmp_path, part, lambda *_: None)
        assert trained.kept["before"] > 5 * trained.kept["after"], part.name
        scores = (study.scores(trained.model, each)["inverse Dice"] for each in (background, heavy))
        area, error = auc(*scores)
        assert area > 0.5 + 3 * error, part.name
