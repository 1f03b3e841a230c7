"""The system end to end, through the functions and commands a user calls."""

import functools
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from torch import nn

from femtobarn import recipe as recipes
from femtobarn.cli import execute
from femtobarn.datasets import calochallenge
from femtobarn.errors import InputError
from femtobarn.generator_loop import fit_generator
from femtobarn.metrics.estimate import Estimate
from femtobarn.nn.shower_generators import Preprocessing, generate
from femtobarn.physics.voxels import geometry
from femtobarn.runs import Run
from femtobarn.simulate.chunks import Chunks
from femtobarn.study import Trained
from femtobarn.systems.calo_challenge import figures, judge, marginals, pairing, recipe, sample, study
from femtobarn.systems.calo_challenge.networks import Course
from femtobarn.systems.calo_challenge.sample import (
    Data,
    Geant4Sample,
    ShowerTable,
    geant4_split,
    load_split,
)
from toy_showers import sparse_showers

SYSTEM = recipes.all_systems()["calo-challenge"]
TINY = recipe.PRESETS["tiny"]
PHOTONS = geometry("1-photons")
PARTS = {part.model: part for part in TINY.study.parts()}
MODELS, TITLES = tuple(PARTS), tuple(part.title for part in PARTS.values())
DEMO = tuple(part.title for part in recipe.PRESETS["demo"].study.parts() if not part.is_hybrid)


@pytest.fixture(scope="module")
def finished(tiny_run: Callable[[str], Run]) -> Run:
    return tiny_run(SYSTEM.name)


def _toy(count: int, seed: int = 0) -> ShowerTable:
    return ShowerTable(PHOTONS, *sparse_showers(count, seed).values())


def _file(path: Path, energies: np.ndarray) -> Path:
    calochallenge.write_showers(path, energies, np.zeros((len(energies), 368)))
    return path


def users_file(folder: Path) -> Path:
    """A file that a user might have, for the tests of every system."""
    return _file(folder / "energies.hdf5", np.array([300.0, 1e4, 4e6]))


def test_tiny_ends_with_results_figures_and_a_report(finished: Run) -> None:
    assert finished.status == "done"
    for name in ("FPD", "AUC, high-level", "AUC, low-level", "coverage"):
        rows = {r.labels["model"]: r for r in finished.results() if r.name == name}
        assert set(rows) == {*TITLES[:5], "marginals", "training showers"}
        assert all(r.error is not None and r.error >= 0 and r.n == 300 for r in rows.values())
        assert all(r.data == "stand-in" and r.split == "test" for r in rows.values())
        starts = {r.labels["model"] for r in finished.results() if r.name == f"{name}, two starts"}
        assert starts == {*TITLES[5:], "GFLASH as it is", "training showers"}
    times = [r for r in finished.results() if r.name == "time per shower"]
    assert {r.labels["showers at once"] for r in times} == {"1", "10", "300"}
    assert all(r.value > 0 for r in times)
    weights = {
        (r.labels["model"], r.labels["in"]): r.value for r in finished.results() if r.name == "weights"
    }
    assert weights["CaloINN", "generation"] == weights["CaloINN", "training"]
    assert weights["BoloGAN", "generation"] < weights["BoloGAN", "training"], "the critic is not needed later"
    assert weights["CaloVAE+INN", "generation"] < weights["CaloVAE+INN", "training"]
    separations = {r.labels["histogram"] for r in finished.results() if r.name == "separation power"}
    assert {"E_layer", "sparsity_layer", "voxel energy", "E_tot / E_inc"} <= separations
    figures = {f.name for f in finished.figures()}
    assert figures >= {
        "frontier",
        "response",
        "spectra/E",
        "spectra/width-eta",
        "spectra/voxels",
        "mean-showers",
        "learning",
    }
    assert "CaloINN" in (finished.folder / "report.html").read_text()


def test_a_row_is_named_as_published_only_with_the_published_network() -> None:
    titles = {name: [part.title for part in preset.study.parts()] for name, preset in recipe.PRESETS.items()}
    for name, found in titles.items():
        assert len(set(found)) == len(found) // len(recipe.PRESETS[name].study.seeds)
        assert ("CaloDREAM" in found) == name.startswith("paper")
        assert ("CaloDiffusion" in found) == (name.startswith("paper") or name == "tiny")


def test_start_and_pairing_are_told_apart_seed_by_seed(finished: Run) -> None:
    results = [r for r in finished.results() if r.name in ("gain, two starts", "FPD, two starts")]
    fpd = {r.labels["model"]: r for r in results if r.name == "FPD, two starts"}
    gains = {r.labels["gain of"]: r for r in results if r.labels.get("metric") == "FPD"}
    pairs = {
        "GFLASH, unpaired": ("flow from noise", "flow from GFLASH"),
        "GFLASH, paired": ("flow from noise, paired", "flow from GFLASH, paired"),
        "pairs, from noise": ("flow from noise", "flow from noise, paired"),
        "pairs, from GFLASH": ("flow from GFLASH", "flow from GFLASH, paired"),
    }
    assert set(gains) == set(pairs)
    for name, (without, having) in pairs.items():
        assert gains[name].value == pytest.approx(fpd[without].value - fpd[having].value)
        assert gains[name].error == pytest.approx(np.hypot(fpd[without].error, fpd[having].error))


def test_gains_over_several_seeds_carry_the_standard_error() -> None:
    def outcome(title: str, seed: int, value: float) -> judge.Outcome:
        names = ("FPD", "AUC, high-level", "AUC, low-level", "coverage")
        found = {name: Estimate(value, 0.0, 10, 10) for name in names}
        return judge.Outcome(title, seed, Path(), found, {}, {}, {})

    values = dict(zip(study.STARTS.values(), ((5, 6, 7), (4, 4, 4), (1, 3, 2), (0, 0, 0)), strict=True))
    found = [outcome(title, seed, v) for title, each in values.items() for seed, v in enumerate(each)]
    table = {(r.labels["gain of"], r.labels["metric"]): r for r in judge.gains(found, n=10)}
    start = table["GFLASH, unpaired", "FPD"]
    assert (start.value, start.seeds) == (4, (0, 1, 2))
    assert start.error == pytest.approx(np.std([4, 3, 5], ddof=1) / np.sqrt(3))
    assert table["GFLASH, paired", "FPD"].error == 0
    assert table["GFLASH, unpaired", "coverage"].value == -4, "more coverage is better"


def test_the_leaderboard_begins_with_the_smallest_fpd(finished: Run) -> None:
    board = [r for r in finished.results() if r.name == "leaderboard" and r.labels["metric"] == "FPD"]
    assert [r.value for r in board] == sorted(r.value for r in board)
    assert board[0].labels["model"] == "training showers"


def test_the_three_samples_share_no_shower() -> None:
    split = load_split(Data(showers=1000, validation=0.2, test=0.3), seed=3, workers=1, progress=False)
    parts = (split.train, split.validation, split.test)
    rows = [{shower.numpy().tobytes() for shower in part.showers} for part in parts]
    assert split.sizes == {"train": 500, "validation": 200, "test": 300}
    assert len(set.union(*rows)) > 995, "but for empty ones"
    again = load_split(Data(showers=1000, validation=0.2, test=0.3), seed=3, workers=1, progress=False)
    assert torch.equal(split.test.showers, again.test.showers)


@functools.cache
def _starts() -> dict[str, torch.Tensor]:
    return dict(study.with_starts(_toy(300), starts=1, paired=True, seed=1))


@functools.cache
def _learner(name: str, knots: int = 15) -> study.Learner:
    return study.learner(study.Part(name, 3), replace(TINY.study, knots=knots), dict(_starts()), PHOTONS)


@pytest.mark.parametrize("name", MODELS)
def test_generators_need_no_repair_and_follow_the_energies(name: str) -> None:
    generator = _learner(name).generator
    energies = torch.tensor([256.0, 1e4, 4e6, 300.0])
    showers = generate(generator, energies, generator=torch.Generator().manual_seed(0))
    assert showers.shape == (4, 368)
    assert showers.isfinite().all()
    assert ((showers == 0) | (showers >= PHOTONS.threshold)).all()
    assert (showers.sum(dim=1) < 1.5 * energies).all()
    again = generate(generator, energies, generator=torch.Generator().manual_seed(0))
    assert torch.equal(showers, again)
    assert len(generate(generator, energies[:0], generator=torch.Generator())) == 0
    with pytest.raises(InputError, match="above 0 MeV"):
        generate(generator, -energies, generator=torch.Generator())


@pytest.mark.parametrize("name", MODELS)
def test_the_loss_falls_and_every_weight_learns(name: str) -> None:
    part = PARTS[name]
    train = _toy(64).batch
    if part.from_gflash:
        train = study.with_starts(_toy(64), starts=1, paired=part.is_paired, seed=1)
    player = study.learner(part, TINY.study, train, PHOTONS)
    if part.model == "from-noise-paired":
        train = study.with_noise(_toy(64), player.generator.preprocessing, starts=1, seed=1)
    before = {key: weight.clone() for key, weight in player.networks.named_parameters()}
    losses = [player.step(train, generator=torch.Generator().manual_seed(step % 4)) for step in range(24)]
    still = [key for key, weight in player.networks.named_parameters() if torch.equal(weight, before[key])]
    assert not still
    if name == "gan":  # of two players neither loss has to fall, that of the energy split has
        losses = [{"loss": loss["energy split"]} for loss in losses]
    first, last = (sum(float(loss["loss"]) for loss in some) for some in (losses[:4], losses[-4:]))
    assert last < first


def _trained(part: study.Part, generator: nn.Module) -> Trained[study.Part]:
    row, units = {"epoch": 1.0, "distance": 0.1, "error": 0.01, "seconds": 1.0}, generator.preprocessing
    told = {"dataset": "1-photons", "knots": units.knots, "coloured": units.coloured}
    return Trained(part, generator, [row], 0.11, told | {"weights in training": 5})


@pytest.mark.parametrize(
    ("name", "changes"),
    [("diffusion", {"shape": "flat", "width": 16, "depth": 1}), ("inn", {"energy_blocks": 2})],
)
def test_variants_of_the_demo_learn_and_come_back(name: str, changes: dict, tmp_path: Path) -> None:
    """Voxels of the diffusion as one vector; energy split of the flow by a flow of its own."""
    settings = replace(TINY.study, **{name: replace(getattr(TINY.study, name), **changes)})
    part, train = study.Part(name, 1), _toy(64).batch
    player = study.learner(part, settings, train, PHOTONS)
    losses = [
        float(player.step(train, generator=torch.Generator().manual_seed(step % 4))["loss"])
        for step in range(24)
    ]
    assert sum(losses[-4:]) < sum(losses[:4])
    study.MODELS.save(_trained(part, player.generator), settings.of(part), tmp_path)
    one, two = (
        generate(g, train["energies"], generator=torch.Generator().manual_seed(2))
        for g in (player.generator, study.MODELS.load(tmp_path).model)
    )
    assert torch.equal(one, two)


def test_starts_are_paired_with_what_they_resemble() -> None:
    """Shuffled among showers of the same energy, each finds itself again; and with others the sum falls."""
    train, random = _toy(600), torch.Generator().manual_seed(0)
    energies, showers = train.energies, train.showers
    shuffled = torch.randperm(600, generator=random)
    shuffled = shuffled[energies[shuffled].argsort(stable=True)]
    starts = torch.empty_like(showers)
    starts[energies.argsort(stable=True)] = showers[shuffled]
    rows = pairing.alike(energies, showers.log1p(), starts.log1p())
    assert torch.equal(starts[rows], showers)
    others = _toy(600, seed=0).showers.flip(0)
    rows = pairing.alike(torch.rand(600, generator=random), showers.log1p(), others.log1p())
    assert torch.equal(rows.sort().values, torch.arange(600))
    before, after = ((showers.log1p() - x.log1p()).square().sum() for x in (others, others[rows]))
    assert after < before


@pytest.mark.parametrize("start", ["noise", "GFLASH"])
def test_pairs_bring_starts_nearer_and_leave_them_what_they_are(start: str) -> None:
    """Each start is drawn once whether paired or not, and showers stay with their energies."""
    train, units = _toy(300), Preprocessing(PHOTONS)
    units.learn(train.energies, train.showers, generator=torch.Generator().manual_seed(0))
    if start == "noise":
        found = study.with_noise(train, units, starts=2, seed=1)
        begins, ends = found["noise"], units.encode(**train.batch, generator=torch.Generator()).voxels
        assert begins.mean().abs() < 0.02
        assert (begins.std() - 1).abs() < 0.02
    else:
        free, found = (study.with_starts(train, starts=2, paired=paired, seed=1) for paired in (False, True))
        begins, ends = found["start"].log1p(), train.showers.log1p()
        one, two = (x["start"].sum(dim=1).sort().values for x in (free, found))
        assert torch.equal(one, two)
    assert torch.equal(found["energies"], train.energies.repeat(2))
    assert torch.equal(found["showers"], train.showers.repeat(2, 1))
    assert not torch.equal(begins[:300], begins[300:]), "another start each time"
    paired = (begins[:300] - ends).square().sum()
    by_chance = (begins[:300].roll(1, 0) - ends).square().sum()
    assert paired < by_chance


_COURSE = Course(epochs=3, batch=32, ema=0.9, warmup=0.2)


def _fit(
    name: str, folder: Path, *, stop_after: int | None = None
) -> tuple[nn.Module, list[dict[str, float]]]:
    train = _toy(96).batch
    settings = replace(TINY.study, **{name: replace(getattr(TINY.study, name), course=_COURSE)})
    player = study.learner(study.Part(name, 1), settings, train, PHOTONS)

    def report(row: dict[str, float]) -> None:
        if row["epoch"] == stop_after:
            raise KeyboardInterrupt

    distance = study.validation_fpd(train, _toy(200, seed=1), seed=1)
    history = fit_generator(player, train, distance, course=_COURSE, seed=1, folder=folder, report=report)
    return player.generator, history


@pytest.mark.parametrize("name", ["gan", "vae", "dream"])
def test_a_stopped_training_goes_on_to_the_same_weights(name: str, tmp_path: Path) -> None:
    whole, history = _fit(name, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        _fit(name, tmp_path / "stopped", stop_after=1)
    again, rows = _fit(name, tmp_path / "stopped")
    for key in history[0].keys() - {"seconds"}:
        assert [row[key] for row in rows] == [row[key] for row in history]
    for found, expected in zip(again.state_dict().values(), whole.state_dict().values(), strict=True):
        assert torch.equal(found, expected)


def test_a_foreign_checkpoint_is_refused(tmp_path: Path) -> None:
    _fit("dream", tmp_path)
    with pytest.raises(InputError, match="checkpoint of another model"):
        _fit("inn", tmp_path)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("knots", [1, 15])
def test_a_reloaded_generator_makes_the_same_showers(name: str, knots: int, tmp_path: Path) -> None:
    trained = _trained(study.Part(name, 3), _learner(name, knots).generator)
    study.MODELS.save(trained, TINY.study.of(trained.part), tmp_path)
    again, energies = study.MODELS.load(tmp_path), torch.tensor([300.0, 1e5])
    assert replace(again, model=None) == replace(trained, model=None)
    one, two = (
        generate(each.model, energies, generator=torch.Generator().manual_seed(2))
        for each in (trained, again)
    )
    assert torch.equal(one, two)


def test_marginals_are_right_one_by_one_and_know_nothing_of_each_other() -> None:
    random = np.random.default_rng(0)
    energies = torch.from_numpy(np.repeat([1e4, 1e6], 1000))
    common = random.uniform(0.5, 1.5, (2000, 1))
    showers = torch.from_numpy(
        energies.numpy()[:, None] / 368 * common * random.uniform(0.9, 1.1, (2000, 368))
    )
    made = marginals.from_marginals(
        energies, showers, energies, PHOTONS, generator=torch.Generator().manual_seed(1)
    )
    for half in (slice(0, 1000), slice(1000, None)):
        torch.testing.assert_close(made[half].double().mean(0), showers[half].mean(0), rtol=0.05, atol=0)
        response = made[half].sum(1) / energies[half]
        assert float(response.std()) == pytest.approx(
            float((showers[half].sum(1) / energies[half]).std()), rel=0.1
        )
    shares = made[:1000, :8] / made[:1000, :8].sum(dim=1, keepdim=True)
    off = torch.corrcoef(shares.T) - torch.eye(8)
    assert off.abs().max() < 0.3


def test_every_number_of_wanted_showers_is_its_floor() -> None:
    """The same split twice, and a response 10 % too high."""
    settings = judge.Evaluation(showers=200, batches=(1,), neighbours=500, epochs=20)
    real, same = (_toy(1500, seed) for seed in (1, 2))
    wrong = replace(same, showers=1.1 * same.showers)
    floor, parts = judge.measured(real, same, settings=settings, seed=1)
    found, others = judge.measured(real, wrong, settings=settings, seed=1)
    assert abs(floor["FPD"].value) < 4 * floor["FPD"].error
    assert abs(floor["AUC, high-level"].value - 0.5) < 4 * floor["AUC, high-level"].error
    assert abs(floor[judge.RESPONSE].value - 1) < 4 * floor[judge.RESPONSE].error
    assert found[judge.RESPONSE].value == pytest.approx(1.1 * floor[judge.RESPONSE].value, rel=1e-6)
    name = "E_tot / E_inc"
    assert abs(parts[name].value - parts[name].null) < 5 * parts[name].null_error
    assert others[name].value > parts[name].null + 10 * parts[name].null_error


def test_predict_makes_a_shower_for_each_energy(finished: Run, tmp_path: Path) -> None:
    energies = np.random.default_rng(0).uniform(300, 4e6, 50).astype(np.float32)
    files = [_file(tmp_path / "a.hdf5", energies[:30]), _file(tmp_path / "b.hdf5", energies[30:])]
    for name in ("out", "again"):
        recipe.predict(finished, files, tmp_path / f"{name}.hdf5", progress=False)
    with h5py.File(tmp_path / "out.hdf5") as one, h5py.File(tmp_path / "again.hdf5") as two:
        assert set(one) == {"incident_energies", "showers"}
        np.testing.assert_array_equal(one["incident_energies"][:, 0], energies)
        assert one["showers"].shape == (50, 368)
        assert (one["showers"][:].sum(axis=1) > 0).mean() > 0.9
        np.testing.assert_array_equal(one["showers"][:], two["showers"][:])


def test_predict_by_command_names_the_models_it_has(
    finished: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, output = str(_file(tmp_path / "a.hdf5", np.array([1e3, 1e5]))), str(tmp_path / "o.hdf5")
    assert execute(["predict", str(finished.folder), path, "-o", output, "--model", "from-gflash-seed1"]) == 0
    assert execute(["predict", str(finished.folder), path, "-o", output, "--model", "from-gflsh-seed1"]) == 2
    assert "did you mean from-gflash-seed1?" in capsys.readouterr().err


def test_a_file_of_another_data_set_is_refused_in_one_line(
    finished: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "pions.hdf5"
    calochallenge.write_showers(path, np.array([1e3, 1e5]), np.zeros((2, 533)))
    assert execute(["predict", str(finished.folder), str(path), "-o", str(tmp_path / "o.hdf5")]) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert len(error) == 1
    assert "368 voxels" in error[0]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda p: p.write_bytes(p.read_bytes()[:200]), "damaged"),
        (lambda p: p.unlink(), "no trained model"),
        (lambda p: torch.save({"other": torch.ones(3)}, p), "does not hold a model"),
    ],
    ids=["truncated", "missing", "foreign"],
)
def test_bad_checkpoint_is_one_line(
    finished: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], damage, words: str
) -> None:
    copy = tmp_path / "run"
    (copy / "work").mkdir(parents=True)
    shutil.copy(finished.folder / "run.json", copy)
    shutil.copytree(finished.folder / "work" / "inn-seed1", copy / "work" / "inn-seed1")
    damage(copy / "work" / "inn-seed1" / "model.pt")
    path = _file(tmp_path / "a.hdf5", np.array([1e3, 1e5]))
    assert execute(["predict", str(copy), str(path), "-o", str(tmp_path / "o.hdf5")]) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert len(error) == 1
    assert words in error[0]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Data(test=0.6, validation=0.5), "shares in"),
        (lambda: Data(showers=10), "at least 1000 showers"),
        (lambda: Geant4Sample(highest=30), "highest power"),
        (lambda: Data(highest=7), "highest power"),
        (lambda: Course(epochs=0), "epochs must be at least 1"),
        (lambda: Course(ema=1.0), "ema and warmup"),
        (lambda: Course(lr=0.0), "lr and clip"),
        (lambda: judge.Evaluation(batches=()), "batches of at least 1"),
        (lambda: judge.Evaluation(showers=10), "at least 200 showers"),
        (lambda: study.Study(models=()), "at least one model"),
        (lambda: study.Study(knots=0), "at least 1 knot"),
    ],
)
def test_unfit_settings_are_refused(make, words: str) -> None:
    with pytest.raises(InputError, match=words):
        make()


def test_own_files_are_real_data_under_their_own_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = _toy(1200)
    path = tmp_path / "dataset_1_photons_1.hdf5"
    calochallenge.write_showers(path, *batch.arrays)
    data = Data(path=(path,), showers=1000, validation=0.2, test=0.3)
    split = load_split(data, seed=1, workers=1, progress=False)
    assert split.provenance.kind == "real"
    assert split.provenance.name == "own showers"
    assert len(split.train) == 500
    other = tmp_path / "dataset_1_photons_2.hdf5"
    shutil.copy(path, other)
    both = load_split(replace(data, reference=(other,)), seed=1, workers=1, progress=False)
    assert both.provenance.name == "own showers", "names alone do not make a published file"
    known = calochallenge.PUBLISHED_SETS["1-photons"]._replace(showers=len(batch.energies))
    monkeypatch.setitem(calochallenge.PUBLISHED_SETS, "1-photons", known)
    both = load_split(replace(data, reference=(other,)), seed=1, workers=1, progress=False)
    assert both.provenance.name == "CaloChallenge 1-photons"
    assert len(both.test) == 1000


def test_simulated_showers_stay_a_stand_in_beside_own_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The two starts compare on Geant4 while the generators learn from the user's files: two kinds in one run."""
    energies, path = 2.0 ** np.random.default_rng(0).integers(8, 13, 1000), tmp_path / "own.hdf5"
    calochallenge.write_showers(
        path, energies, sample.showers("1-photons", energies, generator=np.random.default_rng(1))
    )
    monkeypatch.setattr(sample, "run_chunks", lambda chunks, **_: [_gflash_chunk(chunks)])
    monkeypatch.setattr(figures, "draw_all", lambda *_: None)  # of the others, which take seconds
    settings = replace(
        TINY,
        data=Data(path=(path,), showers=1000, validation=0.2, test=0.3),
        study=replace(TINY.study, models=("vae",), hybrid=replace(TINY.study.hybrid, target="geant4")),
        evaluation=replace(TINY.evaluation, showers=200, neighbours=50),
    )
    run = recipes.start(SYSTEM, settings, preset="tiny", root=tmp_path / "runs")
    results = recipes.carry_out(SYSTEM, run, progress=False)
    kinds = {(r.name.endswith("two starts"), r.data) for r in results}
    assert kinds == {(True, "stand-in"), (False, "real")}
    drawn = {f.name: f.svg.read_text() for f in run.figures()}
    assert set(drawn) == {"hybrid-learning", "hybrid-response", "hybrid-width"}
    assert all("stand-in" in svg for svg in drawn.values())


def test_geant4_makes_the_showers_of_a_whole_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "run_chunks", lambda chunks, **_: [_gflash_chunk(chunks)])
    config = replace(recipe.PRESETS["geant4"], data=Data(engine="geant4", showers=2000, highest=12))
    data = recipe.load(config, progress=False)
    assert data.provenance.source == "Geant4"
    assert data.provenance.kind == "stand-in"
    assert data.starts is data.main, "the starts are compared on the same showers"
    assert data.main.train.energies.max() == 2**12


def _gflash_chunk(chunks: Chunks) -> dict[str, np.ndarray]:
    """Showers in place of those of Geant4, which take minutes."""
    random = np.random.default_rng(chunks.seed)
    energies = 2.0 ** random.integers(8, 13, chunks.total)
    return {"energies": energies, "showers": sample.showers("1-photons", energies, generator=random)}


@pytest.mark.slow
def test_the_hybrid_runs_on_geant4() -> None:
    made = geant4_split(Data(), Geant4Sample(showers=1000, highest=8), seed=1, workers=2, progress=False)
    assert (made.provenance.kind, made.provenance.source) == ("stand-in", "Geant4")
    assert sum(made.sizes.values()) == 1000
    assert (made.train.energies == 256).all()
    response = made.train.showers.sum(dim=1) / 256
    assert 0.5 < float(response.mean()) < 1.1


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("name", "dataset"), [("dream", "2"), ("inn", "1-pions"), ("diffusion", "1-pions")])
def test_published_sizes_train_on_their_data_sets(name: str, dataset: str) -> None:
    paper = recipe.PRESETS["paper"]
    batch = sparse_showers(8, name=dataset)
    player = study.learner(study.Part(name, 1), paper.study, batch, geometry(dataset))
    losses = player.step(batch, generator=torch.Generator().manual_seed(0))
    assert all(loss.isfinite() for loss in losses.values())


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, tuple[float, float]]]:
    """Value and error of every number of every model of the demo."""
    run = recipes.start(SYSTEM, recipe.PRESETS["demo"], preset="demo", root=tmp_path_factory.mktemp("demo"))
    table: dict[str, dict[str, tuple[float, float]]] = {}
    for result in recipes.carry_out(SYSTEM, run, progress=False):
        if result.error is not None and set(result.labels) == {"model"}:
            table.setdefault(result.name, {})[result.labels["model"]] = (result.value, result.error)
    return table


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("title", DEMO)
@pytest.mark.parametrize("name", ["FPD", "AUC, high-level"])
def test_every_generator_beats_the_marginals(
    demo: dict[str, dict[str, tuple[float, float]]], title: str, name: str
) -> None:
    (value, error), (trivial, its_error) = demo[name][title], demo[name]["marginals"]
    assert trivial - value > 3 * float(np.hypot(error, its_error))


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("title", DEMO)
def test_every_fpd_is_ten_times_below_that_of_the_marginals(
    demo: dict[str, dict[str, tuple[float, float]]], title: str
) -> None:
    """Acceptance of the compact models."""
    assert 10 * demo["FPD"][title][0] < demo["FPD"]["marginals"][0]


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("title", DEMO)
def test_the_mean_response_is_right_within_two_percent(
    demo: dict[str, dict[str, tuple[float, float]]], title: str
) -> None:
    value, error = demo["E_tot / E_inc over that of the test"][title]
    assert abs(value - 1) < 0.02 + 2 * error


def test_estimates_of_layers_are_averaged_with_their_errors() -> None:
    parts = [Estimate(0.1 * k, 0.03, 10, 10, 0.2, 0.04) for k in range(4)]
    found = judge.average(parts)
    assert found.value == pytest.approx(0.15)
    assert found.error == pytest.approx(0.015)
    assert found.null_error == pytest.approx(0.02)
