"""The Lorentz group autoencoder end to end: what its page shows, its files, its symmetry, what it is beside."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from femtobarn import recipe as recipes
from femtobarn.cli import execute
from femtobarn.datasets import jetnet
from femtobarn.errors import InputError
from femtobarn.evaluation.jet_autoencoders import errors, inputs
from femtobarn.nn.jet_autoencoders import LorentzAutoencoder
from femtobarn.physics.jets import relative_mass
from femtobarn.runs import Run
from femtobarn.simulate.toy_jets import toy_jets
from femtobarn.systems.lgae import data, judge, recipe, study
from femtobarn.systems.lgae.data import Data

SYSTEM = recipes.all_systems()["lgae"]
TINY = recipe.PRESETS["tiny"]
TinyRun = Callable[[str], Run]


def _file(path: Path, jet_class: str, count: int, *, particles: int = 30) -> Path:
    """Jets in the published layout."""
    draw = np.random.default_rng(7)
    x, mask = toy_jets(jet_class, count, generator=draw, particles=particles)
    x = x.astype(np.float32)
    x[..., 2] = np.where(mask, x[..., 2].clip(min=1e-5), 0)
    pt = draw.uniform(800, 1600, count)
    columns = (pt, np.linspace(-2, 2, count), pt * relative_mass(x, mask), mask.sum(axis=1))
    jetnet.write_jets(path, x, mask, np.column_stack(columns))
    return path


def users_file(folder: Path) -> Path:
    """A file that a user might have."""
    return _file(folder / "jets.hdf5", "g", 40)


@pytest.fixture
def finished(tiny_run: TinyRun) -> Run:
    return tiny_run("lgae")


def _loaded() -> data.Problem:
    return data.load(TINY.data, seed=1, workers=1, progress=False)


def test_every_score_stands_beside_those_it_has_to_beat(finished: Run) -> None:
    aucs = {r.labels["score"] for r in finished.results() if r.name == "AUC"}
    assert aucs >= {
        "LGAE mix", "LGAE min & max", "GNN of particles", "CNN", "PCA, 18 numbers", "hardest 6 particles",
        "mass, larger", "mass, either side", "multiplicity, larger", "tau21, smaller", "tau32, either side",
        "pT dispersion, smaller", "all shapes, Mahalanobis distance", "all shapes, supervised trees (t)",
    }  # fmt: skip
    for name in ("gain in AUC", "gain in AUC at equal mass"):
        gains = [r for r in finished.results() if r.name == name]
        assert gains
        assert all(r.error is not None and r.error > 0 for r in gains)
        assert not any("trees" in r.labels["over"] for r in gains)
    other = {r.labels["by"] for r in finished.results() if r.name == "AUC of other errors"}
    assert other == {"Chamfer distance over pT^2", "matched distance"}
    assert any(r.labels["signal"] == "t + w" for r in finished.results() if r.name == "AUC")


def test_at_equal_mass_the_mass_tells_nothing(finished: Run) -> None:
    rows = [
        r for r in finished.results() if r.name == "AUC at equal mass" and r.labels["score"] == "mass, larger"
    ]
    assert "w, 65 to 105 GeV" in {r.labels["signal"] for r in rows}
    for r in rows:
        assert r.error is not None
        assert abs(r.value - 0.5) < 4 * r.error


def test_lorentz_networks_are_symmetric_before_and_after_training(finished: Run) -> None:
    """Acceptance 2."""
    found = [r for r in finished.results() if r.name == "relative deviation"]
    exact = {
        f"{model}, {weights}, float64"
        for model in ("LGAE mix", "LGAE min & max")
        for weights in ("untrained", "trained")
    }
    assert exact < {r.labels["network"] for r in found}
    for r in found:
        if r.labels["network"] in exact:
            assert r.labels["transformation"] != "boost, rapidity 5" or r.value < 1e-6
            assert r.labels["transformation"] != "rotation" or r.value < 1e-9


def test_compressions_are_compared_at_equal_size(finished: Run) -> None:
    size = {r.labels["model"]: r.value for r in finished.results() if r.labels.get("size") == "numbers"}
    ratios = [r for r in finished.results() if r.name == "mean matched error over that of"]
    assert {r.labels["over"] for r in ratios} >= {"PCA, 18 numbers", "hardest 6 particles"}
    assert all(0 <= size[r.labels["model"]] - size[r.labels["over"]] < 3 for r in ratios)
    assert {r.labels["of"] for r in finished.results() if r.name == "residuals, interquartile range"} == {
        "eta_rel", "phi_rel", "pt_rel", "jet mass", "jet pT", "jet eta", "jet phi",
    }  # fmt: skip


def test_figures(finished: Run) -> None:
    names = {figure.name for figure in finished.figures()}
    assert names == {"jet-mass", "one-jet", "symmetry", "roc-t", "roc-w", "mass-of-unusual-jets", "training"}


def test_no_signal_is_read_before_the_evaluation(tmp_path: Path) -> None:
    """Loading works with signal files that cannot be read."""
    files = tuple(_file(tmp_path / f"{name}.hdf5", name, 120) for name in "gq")
    settings = replace(TINY.data, files=files, signal_files=(tmp_path / "missing.hdf5",))
    problem = data.load(settings, seed=1, workers=1, progress=False)
    assert problem.provenance.kind == "real"
    assert sum(problem.sizes.values()) == 240
    with pytest.raises(InputError, match=r"missing\.hdf5"):
        problem.signals()


def test_paper_reads_files_in_the_published_layout(tmp_path: Path) -> None:
    paper = recipe.PRESETS["paper"]
    for path in (*paper.data.files, *paper.data.signal_files):
        _file(tmp_path / path, path.stem, 100)
    settings = replace(
        paper.data,
        files=tuple(tmp_path / path for path in paper.data.files),
        signal_files=tuple(tmp_path / path for path in paper.data.signal_files),
    )
    problem = data.load(settings, seed=1, workers=1, progress=False)
    assert {name: len(jets) for name, jets in problem.signals().items()} == {"t": 100, "w": 100, "z": 100}
    part = paper.study.parts()[0]
    network = study.build(part, paper.study.of(part.model), {"particles": 30})
    assert isinstance(network, LorentzAutoencoder)
    assert len(network.encoder.levels[0].network) == 7, "six hidden layers"
    some = inputs(network, problem.test.take(slice(4)))
    assert errors(network, some).isfinite().all()


def test_a_smaller_share_is_trained_for_as_many_steps(tmp_path: Path) -> None:
    settings = replace(TINY.study, models=("cnn",), shares=(0.5, 1.0))
    for part in settings.parts():
        found = study.train_one(settings, _loaded(), tmp_path, part, lambda *_: None)
        assert len(found.history) == round(2 / part.share)
        assert ("50 %" in part.labels["model"]) is (part.share == 0.5)


def test_momenta_have_the_mass_and_the_direction_of_the_jet() -> None:
    jets = _loaded().test
    whole = jets.momentum.sum(dim=1).numpy()
    assert jets.momentum[..., 0].amax() == jets.unit.amax()
    np.testing.assert_allclose(
        np.sqrt(whole[:, 0] ** 2 - (whole[:, 1:] ** 2).sum(axis=1)), jets.mass, rtol=1e-5
    )
    np.testing.assert_allclose(
        np.arcsinh(whole[:, 3] / np.hypot(whole[:, 1], whole[:, 2])), jets.eta, atol=0.15
    )


@pytest.mark.parametrize("name", ["mix-seed1", "cnn-seed1"])
def test_predict_gives_scores_and_jets(finished: Run, tmp_path: Path, name: str) -> None:
    output = tmp_path / "out.h5"
    file = str(_file(tmp_path / "jets.hdf5", "g", 30))
    assert execute(["predict", str(finished.folder), file, "-o", str(output), "--model", name]) == 0
    with h5py.File(output) as found:
        columns = {key: found[key][()] for key in found}
    assert (columns["score"] > 0).all()
    assert columns["mass"].shape == (30,)
    assert np.isfinite(columns["latent"]).all()
    if name.startswith("mix"):
        assert columns["latent"].shape == (30, 18)
        assert columns["rebuilt"].shape == (30, 10, 3)
        relative, pt = columns["rebuilt"], columns["rebuilt"][..., 2]
        mass = relative_mass(relative, pt > 0) * h5py.File(file)["jet_features"][:, 0]
        np.testing.assert_allclose(mass, columns["rebuilt_mass"], rtol=1e-4)


@pytest.mark.slow
def test_export(finished: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnxscript")
    assert execute(["export", str(finished.folder), "--model", "mix-seed1", "-o", str(tmp_path / "x")]) == 0
    assert "20 events agree with torch" in capsys.readouterr().out
    assert execute(["export", str(finished.folder), "--to", "verilog", "-o", str(tmp_path / "v")]) == 2
    assert "is exported to onnx, not to verilog" in capsys.readouterr().err


def test_unfit_settings_are_refused() -> None:
    for make, words in (
        (lambda: study.Study(shares=(0.0,)), "one share"),
        (lambda: Data(jets=10), "200 background jets"),
        (lambda: Data(validation=0.7, test=0.4), "shares in"),
        (lambda: judge.Evaluation(fractions=()), "shares in"),
    ):
        with pytest.raises(InputError, match=words):
            make()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mix", "mean"])
def test_trained_networks_lose_a_tenth_of_the_jet_at_most(name: str, tmp_path: Path) -> None:
    """Acceptance 8: the error of test jets is below a tenth of that of nothing, and the symmetry is as before."""
    pytest.importorskip("pythia8mc")
    problem = data.load(Data(jets=3000, validation=0.1, test=0.1), seed=1, workers=1, progress=False)
    part = study.Part(name, 1)
    found = study.train_one(study.Study(), problem, tmp_path, part, lambda *_: None).model
    batch = inputs(found, problem.test)
    assert error_of(found, batch) < error_of(_Nothing(found), batch) / 10
    some = problem.test.take(slice(50))
    rows = judge.symmetry_rows(found, some.momentum / some.unit, some.mask, labels={}, seed=1)
    assert rows[2].labels["transformation"] == "boost, rapidity 5"
    assert rows[2].value < 1e-6


@pytest.mark.slow
def test_a_tenth_of_the_jets_costs_an_lgae_less_than_a_cnn(tmp_path: Path) -> None:
    """Acceptance 9: error of test jets over that with all training jets, for as many steps."""
    pytest.importorskip("pythia8mc")
    problem = data.load(Data(jets=3000, validation=0.1, test=0.2), seed=1, workers=1, progress=False)
    ratio = {}
    for name in ("mix", "cnn"):
        parts = [study.Part(name, 1, share) for share in (0.1, 1.0)]
        models = [study.train_one(study.Study(), problem, tmp_path, p, lambda *_: None).model for p in parts]
        few, every = (error_of(model, inputs(model, problem.test)) for model in models)
        ratio[name] = few / every
    assert ratio["mix"] <= ratio["cnn"]


class _Nothing(LorentzAutoencoder):
    """What gives no particle, judged as the network is."""

    def __init__(self, model: LorentzAutoencoder) -> None:
        super().__init__(aggregation=model.encoder.aggregation, hidden=1)

    def forward(self, momentum: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return torch.zeros_like(momentum)


@torch.no_grad()
def error_of(model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> float:
    return float(study.error(model, batch))
