"""Spatial losses: baselines in real rain, what each loss is good at, faults of files, showers as a second example."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from femtobarn import recipe as recipes
from femtobarn.cli import execute
from femtobarn.datasets import mrms
from femtobarn.errors import InputError
from femtobarn.evaluation.maps.nowcasting import Issues, nowcasts
from femtobarn.losses import spatial_score
from femtobarn.metrics import spatial_scores, spatial_sums
from femtobarn.nn import event_probabilities
from femtobarn.runs import Run
from femtobarn.systems.spatial_losses import data, judge, recipe, study
from femtobarn.systems.spatial_losses.data import MOTION, PERSISTENCE, Data
from femtobarn.systems.spatial_losses.study import BOTH, MODELS, Part, Study

TinyRun = Callable[[str], Run]

#: FSS of half-widths 0, 2, 4, 8 and CSI on the whole domain, at issue times 12, 20 and 28 minutes, from a computation
#: before this code: persistence, and block motion with blocks of 128 pixels 12 minutes apart.
TABLE = {
    10: ((0.395, 0.749, 0.841, 0.898, 0.246), (0.543, 0.827, 0.880, 0.917, 0.373)),
    20: ((0.171, 0.462, 0.635, 0.773, 0.094), (0.329, 0.626, 0.740, 0.833, 0.197)),
    40: ((0.092, 0.232, 0.354, 0.555, 0.048), (0.134, 0.340, 0.506, 0.682, 0.072)),
}


def users_file(folder: Path) -> Path:
    """Rain at 0.01 degrees, as the public sample has it."""
    path = folder / "rain.nc"
    mrms.write_rain(path, mrms.stand_in(9, (96, 112), seed=5, pitch=0.01))
    return path


@pytest.fixture
def finished(tiny_run: TinyRun) -> Run:
    return tiny_run("spatial-losses")


@pytest.fixture
def real(real_data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FEMTOBARN_DATA", str(real_data))
    path = mrms.published_file()
    if path is None:
        pytest.skip("the public rain is not there")
    return path


def scores(forecast: np.ndarray, target: np.ndarray) -> list[float]:
    found = spatial_scores(spatial_sums(forecast, target, radii=(0, 2, 4, 8)))
    return [found[name] for name in ("FSS 0", "FSS 2", "FSS 4", "FSS 8", "CSI")]


def test_persistence_and_motion_in_the_real_rain(real: Path) -> None:
    """Persistence to the digits of the table. Motion is at least as good, and better where the table's is coarse."""
    rain = mrms.read_rain(real, coarse=2)
    issues = Issues(rain, lags=(12, 6, 0), leads=tuple(TABLE), place="the sample")
    rows = [list(issues.times).index(frame) for frame in (6, 10, 14)]
    guess = np.concatenate([issues.read(("guess",), row, row + 1)["guess"] for row in rows])
    frames = issues.times[rows]
    for i, (lead, (persistence, motion)) in enumerate(TABLE.items()):
        target = (rain.rate[frames + lead // 2] >= 10).astype(float)
        last = (rain.rate[frames] >= 10).astype(float)
        np.testing.assert_allclose(scores(last, target), persistence, atol=1e-3)
        found = scores((guess[:, i] >= 10).astype(float), target)
        assert all(ours > theirs - 0.01 for ours, theirs in zip(found, motion, strict=True)), (
            f"{lead}: {found}"
        )
        assert found[3] == pytest.approx(motion[3], abs=0.01)


def test_the_strips_of_the_real_rain(real: Path) -> None:
    problem = data.load_maps(replace(Data(), every=12), seed=1)
    assert problem.provenance.name == mrms.NAME
    assert str(real) in problem.provenance.files
    assert [each.target.shape[2:] for each in (problem.train, problem.validation, problem.test)] == [
        (512, 256), (512, 64), (512, 128),
    ]  # fmt: skip
    assert problem.pitch == pytest.approx(0.02)


def test_every_table_has_persistence_and_motion(finished: Run) -> None:
    by_name: dict[str, set[str]] = {}
    for result in finished.results():
        if "lead" in result.labels:
            by_name.setdefault(result.name, set()).update(result.labels.values())
    for name in (
        "FSS, 1 px",
        "FSS, 9 px",
        "CSI",
        "CSI at threshold",
        "bias",
        "Brier score",
        "Brier skill",
        "sharpness",
        "calibration error",
    ):
        assert by_name[name] >= {PERSISTENCE, MOTION, f"{MOTION}, blurred", "U-net, brier"}, name
    for name in ("gain in FSS, 9 px", "gain in CSI"):
        assert by_name[name] >= {PERSISTENCE, MOTION, f"{MOTION}, blurred", f"U-net, brier, {BOTH}"}, name
    leads = {result.labels["lead"] for result in finished.results() if result.name == "FSS, 9 px"}
    assert leads == {"10 min", "20 min"}


def test_calibration_is_shown_before_and_after(finished: Run) -> None:
    found = {(r.name, *r.labels.values()): r.value for r in finished.results()}
    for loss in ("brier", "FSS 5 px"):
        key = (f"U-net, {loss}", BOTH, "10 min")
        assert ("calibration error", *key) in found
        assert ("Brier skill, calibrated", *key) in found
    assert {figure.name for figure in finished.figures()} >= {
        "reliability-10-min",
        "scales-20-min",
        "maps",
        "training",
    }


def test_predictions_are_those_of_the_model_on_the_users_rain(finished: Run, tmp_path: Path) -> None:
    path, output = users_file(tmp_path), tmp_path / "found.h5"
    assert execute(["predict", str(finished.folder), str(path), "-o", str(output)]) == 0
    best = MODELS.choose(finished, among=lambda part: 2 * part.loss.startswith("fss") + (part.inputs == BOTH))
    assert best.part.loss == "fss_neigh2"
    rain = mrms.read_rain(path, coarse=2)
    settings = recipe.PRESETS["tiny"].data
    known = Issues(rain, lags=settings.lags, leads=settings.leads, place="a test").read(
        ("past", "guess"), 0, 3
    )
    with h5py.File(output) as file:
        assert file["minutes"][:].tolist() == [12, 14, 16]
        assert file.attrs["leads"].tolist() == ["10 min", "20 min"]
        told = event_probabilities(best.model, known["past"], known["guess"])
        np.testing.assert_allclose(file["probability"][:], told, rtol=1e-5)


FAULTS: list[tuple[str, Callable[[Path], None]]] = [
    (
        "the grid of the training",
        lambda path: mrms.write_rain(path, mrms.stand_in(9, (64, 64), seed=1, pitch=0.03)),
    ),
    ("frames or more", lambda path: mrms.write_rain(path, mrms.stand_in(4, (96, 96), seed=1, pitch=0.01))),
    (
        "meet 12, 6, 0 minutes",
        lambda path: mrms.write_rain(path, mrms.stand_in(9, (96, 96), seed=1, pitch=0.01, step=5)),
    ),
    ("HDF5", lambda path: path.write_bytes(path.read_bytes()[:3000]) and None),
]


@pytest.mark.parametrize(("said", "change"), FAULTS, ids=[said for said, _ in FAULTS])
def test_a_file_with_a_fault_is_one_line(
    said: str,
    change: Callable[[Path], None],
    finished: Run,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path, output = users_file(tmp_path), tmp_path / "found.h5"
    change(path)
    assert execute(["predict", str(finished.folder), str(path), "-o", str(output)]) == 2
    (line,) = [each for each in capsys.readouterr().err.splitlines() if each.startswith("femtobarn:")]
    assert said in line
    assert "rain.nc" in line
    assert not output.exists()


def test_unknown_rain_changes_no_loss(tmp_path: Path) -> None:
    """Outside the radars the target counts in no tile and no score, whatever is stored there."""
    rain = mrms.stand_in(20, (64, 160), seed=3)
    rain.rate[:, :, ::7] = np.nan
    mrms.write_rain(tmp_path / "rain.nc", rain)
    settings = replace(
        recipe.PRESETS["tiny"].data, files=(tmp_path / "rain.nc",), coarse=1, threshold=2.0, every=3
    )
    problem = data.load_maps(settings, seed=1)
    assert problem.provenance.kind == "real"
    columns = np.arange(160)[-problem.test.known.shape[-1] :]
    assert not problem.test.known[..., columns % 7 == 0].any()
    assert problem.test.known[0, 0][:, columns % 7 > 0].all()
    part = Part("fss_neigh2", BOTH, 1, 1)
    small = Study(channels=(4,), tile=16)
    score = spatial_score(part.loss)
    batch = study.tiles(small, problem.train, score, count=8, seed=1)[torch.arange(8)]
    model = study.build(part, small, {"past": 3, "leads": 2, "threshold": 2.0})
    lesson = study.lesson(score)
    told = lesson(model.eval(), batch)
    batch["target"] = torch.where(batch["known"], batch["target"], torch.tensor(float("nan")))
    assert torch.equal(told, lesson(model, batch))
    assert torch.isfinite(told)


def test_a_spectral_loss_is_taught_the_filtered_target() -> None:
    problem = data.load_maps(recipe.PRESETS["tiny"].data, seed=1)
    settings = Study(tile=32)
    score = spatial_score("brier_0.0800d_infd", pitch=problem.pitch, window=settings.window)
    assert score.filter.shortest == pytest.approx(8 * problem.pitch)  # type: ignore[union-attr]
    assert score.filter.window == "none"  # type: ignore[union-attr]
    made = study.tiles(settings, problem.train, score, count=16, seed=1)[torch.arange(16)]["target"]
    assert ((made > 0.01) & (made < 0.99)).any()
    assert made.min() >= 0
    assert made.max() <= 1


def test_the_second_seed_takes_the_rate_of_the_first(tmp_path: Path) -> None:
    problem = data.load_maps(recipe.PRESETS["tiny"].data, seed=1)
    settings = replace(recipe.PRESETS["tiny"].study, rates=(1e-5, 3e-2), tiles=16, checks=16, channels=(4,))
    first, second = Part("brier_neigh0", BOTH, 1, 1), Part("brier_neigh0", BOTH, 2, 1)
    assert list(MODELS.needs(second)) == [first]
    assert list(MODELS.needs(first)) == []
    one = study.train_one(settings, problem, tmp_path, first, lambda *_: None)
    MODELS.save(one, settings, tmp_path / first.name)
    assert one.kept["rate"] == 3e-2
    assert study.train_one(settings, problem, tmp_path, second, lambda *_: None).kept["rate"] == 3e-2


def test_showers_are_judged_and_predicted_alike(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same losses on cells: a run in seconds, and probabilities for tracks and towers of a user."""
    system = recipes.find_system("spatial-losses")
    config = replace(
        recipe.PRESETS["tiny"],
        data=replace(recipe.PRESETS["showers"].data, showers=80, test=0.3, validation=0.3),
        study=replace(recipe.PRESETS["tiny"].study, inputs=(BOTH,)),
    )
    run = recipes.start(system, config, preset="tiny", root=tmp_path / "runs")
    results = recipes.carry_out(system, run, progress=False)
    methods = {r.labels["method"] for r in results if r.name == "FSS, 9 px"}
    assert methods == {"mean footprint", "mean footprint, blurred", "U-net, brier", "U-net, FSS 5 px"}
    made = data.footprints(5, generator=np.random.default_rng(7))
    with h5py.File(tmp_path / "tracks.h5", "w") as file:
        file["track"], file["towers"] = made.track, made.towers
    command = ["predict", str(run.folder), str(tmp_path / "tracks.h5"), "-o", str(tmp_path / "cells.h5")]
    assert execute(command) == 0, capsys.readouterr().err
    with h5py.File(tmp_path / "cells.h5") as file:
        told = file["probability"][:]
    assert told.shape == (5, 1, 64, 64)
    touched = (made.shower >= data.THRESHOLD)[:, None]
    assert told[touched].mean() > 5 * told[~touched].mean()


@pytest.mark.slow
def test_a_loss_is_best_at_what_it_is(real: Path, tmp_path: Path) -> None:
    """20 minutes ahead: FSS-training beats Brier in FSS, CSI-training both in soft CSI, by .03 over two seeds."""
    del real
    problem = data.load_maps(Data(), seed=1)
    settings = replace(recipe.PRESETS["demo"].study, rates=(1e-2,))
    target, known = problem.test.target[:, 1], problem.test.known[:, 1]
    losses, names = ("brier_neigh0", "fss_neigh4", "csi_neigh0"), ("FSS 4", "CSI")
    found = np.empty((2, 3, 2))
    for seed, place in np.ndindex(2, 3):
        part = Part(losses[place], BOTH, seed + 1, seed + 1)
        model = study.train_one(settings, problem, tmp_path, part, lambda *_: None).model
        told = event_probabilities(model, problem.test.past, problem.test.guess)[:, 1]
        scores = spatial_scores(spatial_sums(told, target, known, radii=(4,)))
        found[seed, place] = [scores[name] for name in names]
    (brier, fss, csi) = np.moveaxis(found, 1, 0)
    assert (fss - brier)[:, 0].mean() > 0.03
    assert (fss > brier)[:, 0].all()
    assert (csi - np.maximum(brier, fss))[:, 1].mean() > 0.03


def test_the_published_network_starts_on_a_file_of_rain(tmp_path: Path) -> None:
    mrms.write_rain(tmp_path / "rain.nc", mrms.stand_in(12, (128, 512), seed=2, pitch=0.01))
    paper = recipe.PRESETS["paper"]
    settings = replace(paper.data, files=(tmp_path / "rain.nc",), leads=(4, 10), gap=8, threshold=1.0)
    problem = data.load_maps(settings, seed=1)
    few = replace(
        paper.study, tile=64, tiles=8, checks=4, train=replace(paper.study.train, epochs=1, batch=4)
    )
    one = study.train_one(few, problem, tmp_path / "work", Part("fss_neigh4", BOTH, 1, 1), lambda *_: None)
    assert len(one.history) == 1
    assert one.model.network.last.in_channels == 16


def test_settings_that_cannot_be() -> None:
    with pytest.raises(InputError, match="two lags that end with 0"):
        Data(lags=(12, 6))
    with pytest.raises(InputError, match="leads above 0"):
        Data(leads=(0,))
    with pytest.raises(InputError, match="expected a name such as"):
        Study(losses=("fss",))
    with pytest.raises(InputError, match="not a loss"):
        Study(losses=("bias_neigh0",))
    with pytest.raises(InputError, match="expected a loss"):
        Study(rates=())
    with pytest.raises(InputError, match="half-widths"):
        judge.Evaluation(radii=())
    with pytest.raises(InputError, match="join them in time"):
        data.load_maps(Data(files=(Path("one.nc"), Path("two.nc"))), seed=1)


def test_nothing_after_the_time_of_issue_is_known() -> None:
    """Another future leaves what the networks see as it is."""
    rain = mrms.stand_in(16, (64, 96), seed=4)
    about = {"lags": (12, 6, 0), "leads": (10,), "place": "a test"}
    one = nowcasts(Issues(rain, **about), threshold=5)  # type: ignore[arg-type]
    rain.rate[7:] = 99
    other = nowcasts(Issues(rain, **about), threshold=5)  # type: ignore[arg-type]
    np.testing.assert_array_equal(one.past[:1], other.past[:1])
    np.testing.assert_array_equal(one.guess[:1], other.guess[:1])
    assert other.target[0].all()
