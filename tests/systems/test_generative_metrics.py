"""The system end to end, and what its distortions do to jets."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from femtobarn import metrics
from femtobarn import recipe as recipes
from femtobarn.datasets.jetnet import write_jets
from femtobarn.errors import InputError
from femtobarn.evaluation.jet_scores import jet_sample
from femtobarn.evaluation.results import NULL, SCORE, SIGNIFICANCE
from femtobarn.physics.jets import relative_mass
from femtobarn.runs import Run
from femtobarn.simulate.toy_jets import toy_jets
from femtobarn.systems.generative_metrics import recipe, study
from femtobarn.systems.generative_metrics.distortions import DISTORTIONS, TAIL, Jets, distort
from femtobarn.systems.generative_metrics.sample import Data, load_halves
from femtobarn.systems.generative_metrics.study import REPEATED, TRUTH, Study, distorted

SYSTEM = recipes.all_systems()["generative-metrics"]
TINY = recipe.PRESETS["tiny"]
STORED = Path(__file__).parent / "generative_metrics_tiny.json"


@pytest.fixture(scope="module")
def finished(tiny_run: Callable[[str], Run]) -> Run:
    return tiny_run(SYSTEM.name)


@pytest.fixture(scope="module")
def jets() -> Jets:
    return Jets(*toy_jets("g", 8000, generator=np.random.default_rng(1)))


def numbers(run: Run, name: str = SCORE) -> dict[str, float]:
    return {f"{r.labels['metric']}, {r.labels['sample']}": r.value for r in run.results() if r.name == name}


def users_file(folder: Path) -> Path:
    """A file that a user might have, for the tests of every system."""
    particles, mask = toy_jets("g", 1500, generator=np.random.default_rng(2))
    jet = np.column_stack((np.full(1500, 1e3), np.zeros(1500), np.ones(1500), mask.sum(axis=1)))
    write_jets(folder / "jets.hdf5", particles.astype(np.float32), mask, jet)
    return folder / "jets.hdf5"


def test_tiny_ends_with_scores_significances_and_a_report(finished: Run) -> None:
    assert finished.status == "done"
    found, far = numbers(finished), numbers(finished, SIGNIFICANCE)
    for metric in ("FPD", "KPD", "W1-M", "W1-P", "W1-EFP", "precision"):
        for sample in (TRUTH, REPEATED, "mass shifted", "pT scaled", NULL):
            assert f"{metric}, {sample}" in found
    assert far["FPD, pT scaled"] > 5
    assert far["KPD, pT scaled"] > 5
    assert far["W1-M, mass shifted"] > 3
    assert {"significance", "jets/mass", "particles/pt-rel"} <= {f.name for f in finished.figures()}
    assert "pT scaled" in (finished.folder / "report.html").read_text()


def test_numbers_of_a_fixed_seed_are_remembered(finished: Run) -> None:
    """A change in a shared part that moves the system is to be seen, and explained in its commit."""
    stored = json.loads(STORED.read_text())
    found = {name: value for name, value in numbers(finished).items() if name in stored}
    assert found == pytest.approx(stored, rel=1e-3)


def test_a_resumed_run_scores_only_what_is_missing(
    finished: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = numbers(finished)
    run = Run.open(shutil.copytree(finished.folder, tmp_path / "run"))
    scored: list[str] = []
    original = study.score

    def counted(halves: object, name: str, *rest: object, **options: object) -> object:
        scored.append(name)
        return original(halves, name, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(recipe, "score", counted)
    (run.work("scores/pT-scaled") / "done.json").unlink()
    recipes.carry_out(SYSTEM, run, progress=False)
    assert scored == ["pT scaled"]
    assert numbers(run) == before


def test_predict_scores_a_users_file(finished: Run, jets: Jets, tmp_path: Path) -> None:
    jet = np.column_stack((np.full(1500, 1e3), np.zeros(1500), np.ones(1500), jets.mask[:1500].sum(axis=1)))
    low = jets.particles[:1500] * np.float32([1, 1, 0.85])
    write_jets(tmp_path / "good.hdf5", jets.particles[:1500].astype(np.float32), jets.mask[:1500], jet)
    write_jets(tmp_path / "low.hdf5", low.astype(np.float32), jets.mask[:1500], jet)
    files = [tmp_path / "good.hdf5", tmp_path / "low.hdf5"]
    output = recipe.predict(finished, files, tmp_path / "scores.h5", progress=False)
    with h5py.File(output) as file:
        fpd = np.flatnonzero(file["metric"][:] == b"FPD")
        assert file["file"][:][fpd].tolist() == [0, 1]
        significance = file["significance"][:][fpd]
    assert abs(significance[0]) < 5 < significance[1]
    with pytest.raises(InputError, match="no models"):
        recipe.predict(finished, files, output, model="x", progress=False)


def test_published_files_are_read_and_called_real(jets: Jets, tmp_path: Path) -> None:
    n = 3000
    jet = np.column_stack((np.full(n, 1e3), np.zeros(n), np.ones(n), jets.mask[:n].sum(axis=1)))
    write_jets(tmp_path / "g.hdf5", jets.particles[:n].astype(np.float32), jets.mask[:n], jet)
    data = replace(recipe.PRESETS["paper"].data, files=(tmp_path / "g.hdf5",))
    halves = load_halves(data, seed=1, workers=1, progress=False)
    assert (len(halves.reference.mask), len(halves.other.mask)) == (1500, 1500)
    assert halves.provenance.kind == "real"
    write_jets(tmp_path / "few.hdf5", jets.particles[:9].astype(np.float32), jets.mask[:9], jet[:9])
    with pytest.raises(InputError, match="at least 2000 jets"):
        load_halves(Data(files=(tmp_path / "few.hdf5",)), seed=1, workers=1, progress=False)


def test_a_renamed_file_is_not_compared_with_the_paper(jets: Jets, tmp_path: Path) -> None:
    """Only the published bytes make a published sample; a name does not."""
    n = 3000
    jet = np.column_stack((np.full(n, 1e3), np.zeros(n), np.ones(n), jets.mask[:n].sum(axis=1)))
    write_jets(tmp_path / "g.hdf5", jets.particles[:n].astype(np.float32), jets.mask[:n], jet)
    data = Data(files=(tmp_path / "g.hdf5",))
    assert load_halves(data, seed=1, workers=1, progress=False).provenance.name == "own jets"


def test_the_halves_have_no_jet_in_common() -> None:
    halves = load_halves(Data(engine="toy", count=4000), seed=1, workers=1, progress=False)
    rows = [{row.tobytes() for row in half.particles} for half in (halves.reference, halves.other)]
    assert not rows[0] & rows[1]


def test_the_control_repeats_jets_and_changes_nothing_else() -> None:
    halves = load_halves(Data(engine="toy", count=4000), seed=1, workers=1, progress=False)
    known = {row.tobytes() for row in halves.other.particles}
    found = [row.tobytes() for row in distorted(halves, REPEATED, Study(), seed=1).particles]
    assert set(found) <= known
    assert len(set(found)) == pytest.approx((1 - np.exp(-1)) * len(known), rel=0.05)


@pytest.mark.parametrize("name", DISTORTIONS)
def test_every_distortion_keeps_number_and_padding(name: str, jets: Jets) -> None:
    found = distort(jets, name, generator=np.random.default_rng(2))
    again = distort(jets, name, generator=np.random.default_rng(2))
    assert found.particles.shape == jets.particles.shape
    assert found.particles.dtype == jets.particles.dtype
    assert not found.particles[~found.mask].any()
    assert (found.particles[..., 2] >= 0).all()
    np.testing.assert_array_equal(found.particles, again.particles)
    assert not np.array_equal(found.particles, jets.particles)


def test_masses_are_distorted_as_asked(jets: Jets) -> None:
    mass = relative_mass(*jets)
    found: dict[str, np.ndarray] = {
        name: relative_mass(*distort(jets, name, generator=np.random.default_rng(3)))
        for name in ("mass smeared", "mass shifted", "mass without tail")
    }
    assert found["mass shifted"].mean() / mass.mean() == pytest.approx(1.1, abs=0.02)
    assert found["mass smeared"].mean() / mass.mean() == pytest.approx(1, abs=0.03)
    wanted = mass * np.random.default_rng(4).normal(1.0, 0.25, len(mass))
    reachable = wanted[wanted < mass.max()]  # there are no jets of larger masses to draw
    assert found["mass smeared"].std() == pytest.approx(reachable.std(), rel=0.05)
    assert mass.max() > 0.17 > found["mass without tail"].max()


def test_reweighted_jets_are_whole_jets_of_the_sample(jets: Jets) -> None:
    known = {row.tobytes() for row in jets.particles}
    for name in ("mass smeared", "mass shifted", "mass without tail"):
        found = distort(jets, name, generator=np.random.default_rng(4))
        assert {row.tobytes() for row in found.particles} <= known


@pytest.mark.parametrize(
    ("name", "touched", "mean", "width"),
    [("eta smeared", [0], 1, 0.25), ("pT smeared", [2], 1, 0.25), ("pT scaled", [2], 0.9, 0.1)],
)
def test_particles_are_scaled_as_asked(
    name: str, touched: list[int], mean: float, width: float, jets: Jets
) -> None:
    found = distort(jets, name, generator=np.random.default_rng(5))
    for feature in range(3):
        before, after = (sample.particles[jets.mask][:, feature] for sample in (jets, found))
        if feature in touched:
            factor = after[before != 0] / before[before != 0]
            assert factor.mean() == pytest.approx(mean, abs=0.005)
            assert factor.std() == pytest.approx(width, abs=0.005)
        else:
            np.testing.assert_array_equal(before, after)


def test_published_numbers_are_of_all_distortions() -> None:
    assert {number.labels["sample"] for number in recipe.PUBLISHED} == {TRUTH, *DISTORTIONS}


def test_the_tail_begins_where_it_is_said_to(jets: Jets) -> None:
    cut = distort(jets, "mass without tail", generator=np.random.default_rng(1), tail=0.1)
    assert 0.09 < relative_mass(*cut).max() < 0.1
    with pytest.raises(InputError, match=r"below 0.001: nothing would be left"):
        distort(jets.take(np.arange(5)), "mass without tail", generator=np.random.default_rng(1), tail=0.001)


def test_wrong_names_are_told(jets: Jets) -> None:
    with pytest.raises(InputError, match="did you mean pT scaled"):
        distort(jets, "pT scald", generator=np.random.default_rng(0))
    with pytest.raises(InputError, match="did you mean eta smeared"):
        Study(distortions=("eta smeare",))


@pytest.mark.slow
def test_groups_of_the_published_significances() -> None:
    """What FPD sees more of, and what a classifier does not see; the README says where the order differs."""
    halves = load_halves(Data(), seed=1, workers=2, progress=False)
    real = jet_sample(*halves.reference)
    settings = recipe.PRESETS["demo"].study
    samples = {name: distorted(halves, name, settings, seed=1) for name in (TRUTH, REPEATED, *DISTORTIONS)}
    fpd = {name: metrics.fpd(real.efp, sample.efp).significance for name, sample in samples.items()}
    large = ("pT scaled", "mass shifted", "mass smeared", "all features smeared")
    small = ("eta smeared", "mass without tail")
    assert min(fpd[name] for name in large) > max(fpd[name] for name in small)
    assert min(fpd[name] for name in small) > fpd["pT smeared"] > fpd[REPEATED]
    assert abs(fpd[TRUTH]) < 3
    assert abs(fpd[REPEATED]) < 3
    published = distorted(halves, "mass without tail", replace(settings, tail=TAIL), seed=1)
    assert metrics.fpd(real.efp, published.efp).significance > max(fpd.values()), "14 % of the jets are cut"
    for name in ("mass shifted", "mass smeared"):
        auc = metrics.classifier_test(
            real.efp, samples[name].efp, schedule=metrics.Schedule(epochs=60), null_trainings=0
        )
        assert fpd[name] > 20
        assert auc.value < 0.60
