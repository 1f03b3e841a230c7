"""Set-VAE, CLIP-VAE and the autoencoder of a trigger: losses, blindness to signals, what the run finds."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

import jetclass_files
from femtobarn.cli import execute
from femtobarn.datasets import jetclass
from femtobarn.datasets.jetclass import Jets
from femtobarn.errors import InputError
from femtobarn.evaluation.signals_together import mean_area
from femtobarn.losses import kl_standard_normal
from femtobarn.nn import SetVae
from femtobarn.nn.quantised import BitTrue
from femtobarn.nn.set_vae_loss import CLIP_VAE, SET_VAE, WarmUp, set_vae_scores
from femtobarn.runs import Result, Run
from femtobarn.systems.set_vae import data, judge, recipe, study, trigger
from femtobarn.systems.set_vae.data import Data
from femtobarn.systems.set_vae.study import MODELS, Part, Study

TINY = recipe.PRESETS["tiny"]
TinyRun = Callable[[str], Run]


def users_file(folder: Path) -> Path:
    """Jets in the published layout."""
    path = folder / "jets.root"
    jetclass_files.write(path, "Hbb", 12)
    return path


@pytest.fixture
def finished(tiny_run: TinyRun) -> Run:
    return tiny_run("set-vae")


def _jets(count: int = 40) -> Jets:
    pytest.importorskip("pythia8mc")
    return Jets.of(jetclass.stand_in("QCD", count, seed=1, particles=20, workers=1))


def _network(seed: int = 1) -> SetVae:
    torch.manual_seed(seed)
    return SetVae(width=8, hidden=16, layers=2, latent=4)


def _named(run: Run, name: str, **labels: str) -> list[Result]:
    return [r for r in run.results() if r.name == name and labels.items() <= r.labels.items()]


# Losses


def test_set_and_clip_are_one_loss_if_all_jets_feel_the_divergence() -> None:
    """Acceptance 5, first half."""
    batch = study.table(_jets()).columns
    network = _network().eval()
    clip = CLIP_VAE._replace(angle=SET_VAE.angle, beta=SET_VAE.beta, kept=1.0)
    torch.testing.assert_close(clip.value(network, batch), SET_VAE.value(network, batch))
    assert CLIP_VAE.value(network, batch) != CLIP_VAE._replace(kept=1.0).value(network, batch)


def test_the_divergence_of_badly_reconstructed_jets_has_no_gradient() -> None:
    """Acceptance 5, second half, through the network: the divergence of one of four jets changes nothing."""
    batch = study.table(_jets(8)).columns
    network, loss = _network().eval(), CLIP_VAE._replace(kept=0.75)
    errors = torch.from_numpy(set_vae_scores(network, batch, loss)["error"])
    worst = errors.topk(2).indices
    heads = [*network.mean.parameters(), *network.log_variance.parameters()]

    def gradient(rows: torch.Tensor, kept: float) -> list[torch.Tensor]:
        some = {name: column[rows] for name, column in batch.items()}
        quiet, loud = (loss._replace(kept=kept, beta=beta).value(network, some) for beta in (0.0, 1.0))
        return list(torch.autograd.grad(loud - quiet, heads, allow_unused=True))

    rest = torch.tensor([row for row in range(8) if row not in worst])
    for all_of_them, best in zip(gradient(torch.arange(8), 0.75), gradient(rest, 1.0), strict=True):
        torch.testing.assert_close(all_of_them, best, atol=1e-6, rtol=1e-4)


def test_the_divergence_is_that_of_torch() -> None:
    """Acceptance 4."""
    mean, log_variance = torch.randn(2, 5, 16)
    normal = torch.distributions.Normal(mean, (log_variance / 2).exp())
    prior = torch.distributions.Normal(torch.zeros(16), torch.ones(16))
    expected = torch.distributions.kl_divergence(normal, prior).mean(dim=1)
    torch.testing.assert_close(kl_standard_normal(mean, log_variance).mean(dim=1), expected)


def test_latent_noise_rises_with_the_steps() -> None:
    batch, network = study.table(_jets()).columns, _network().eval()
    warm = WarmUp(SET_VAE, steps=4)
    torch.manual_seed(1)
    first = warm(network, batch)
    torch.testing.assert_close(first, SET_VAE.value(network, batch))  # no noise in the first step
    late = [warm(network, batch) for _ in range(5)]
    assert late[-1] != first
    assert int(warm.step) == 6


def test_scores_do_not_depend_on_padding_or_on_other_jets() -> None:
    jets, network = _jets(), _network().eval()
    whole, alone = (
        set_vae_scores(network, study.table(each).columns, SET_VAE) for each in (jets, jets.take(slice(7, 8)))
    )
    for name, values in whole.items():
        np.testing.assert_allclose(alone[name], values[7:8], rtol=1e-5)
    assert (whole["error"] >= whole["error without veto"] - 1e-7).all()


# Blindness


def test_no_signal_is_read_before_the_evaluation(tmp_path: Path) -> None:
    """Acceptance 8: loading works with the signals' files missing; what is missing is told by the evaluation."""
    for folder, seed in (("train_100M", 1), ("val_5M", 2), ("test_20M", 3)):
        (tmp_path / folder).mkdir()
        jetclass_files.write(tmp_path / folder / "ZJetsToNuNu_000.root", "QCD", 60, seed=seed)
    settings = Data(folder=tmp_path, jets=200, signals=("Hbb",), signal_jets=30, particles=128)
    samples = data.load(settings, replace(TINY.trigger, events=0), seed=1, workers=1, progress=False)
    assert samples.provenance.kind == "real"
    assert samples.sizes == {"train": 60, "validation": 20, "test": 60}
    assert samples.dijets() is None
    with pytest.raises(InputError, match=r"HToBB_\*\.root"):
        samples.signals()
    jetclass_files.write(tmp_path / "test_20M" / "HToBB_000.root", "Hbb", 40)
    assert {name: len(jets) for name, jets in samples.signals().items()} == {"Hbb": 30}


def test_the_same_signal_files_are_not_opened_by_a_training(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a signal was asked for")

    samples = data.load(TINY.data, replace(TINY.trigger, events=0), seed=1, workers=1, progress=False)
    monkeypatch.setattr(data.Samples, "signals", refuse)
    monkeypatch.setattr(jetclass, "stand_in", refuse)
    trained = study.train_one(
        TINY.study, TINY.trigger, samples, tmp_path, Part(study.CLIP, 1), lambda *_: None
    )
    assert trained.history


def test_paper_is_the_published_network_on_the_published_folders() -> None:
    paper = recipe.PRESETS["paper"]
    network = study.build(Part(study.CLIP, 1), paper.study, {})
    assert sum(weight.numel() for weight in network.parameters()) == 205_155
    assert not network.encoder[0].norm.first_batch
    assert network.encoder[0].norm.momentum == 0.01
    assert (CLIP_VAE.kept, CLIP_VAE.angle, CLIP_VAE.beta) == (0.70, 0.05, 0.08)
    assert (SET_VAE.kept, SET_VAE.angle, SET_VAE.beta) == (1.0, 0.15, 1e-3)


# The run


def test_every_score_stands_beside_those_without_a_network(finished: Run) -> None:
    found = {(r.labels["score"], r.labels["model"]) for r in _named(finished, "AUC")}
    assert found >= {
        ("multiplicity", ""), ("jet mass", ""), ("small tau21", ""), ("t", ""), ("leptons above 5 %", ""),
        ("PCA residual (10)", ""), ("isolation forest", ""),
        ("supervised trees (Tbl)", "supervised"), ("error", "Set-VAE"),
        ("KL", "CLIP-VAE"), ("KL", "Set-VAE"), ("KL, two-sided", "CLIP-VAE"), ("error", "Set-VAE without species"),
    }  # fmt: skip
    gains = _named(finished, "gain in mean AUC over signals")
    assert {(r.labels["model"], r.labels["over"]) for r in gains} >= {("CLIP-VAE", "KL, Set-VAE")}
    assert all(r.error is not None and r.error > 0 for r in gains)
    veto = _named(finished, "change of AUC without the species veto")
    assert {(r.labels["without"], r.labels["signal"]) for r in veto} == {
        (how, signal) for how in ("trained", "scored") for signal in ("Hbb", "Tbl")
    }
    rates = [r for r in finished.results() if r.name.startswith("rate of dijets")]
    assert {r.unit for r in rates} == {"Hz"}
    assert all(r.value > 0 for r in rates)
    weights = {r.labels["network"]: r.value for r in _named(finished, "weights")}
    assert weights["published size, whole"] == 205_155
    assert {r.labels["batch"] for r in _named(finished, "latency ratio")} == {"1", "256"}


def test_the_circuit_of_the_trigger_is_its_integers_and_its_verilog(finished: Run) -> None:
    samples = data.load(TINY.data, TINY.trigger, seed=1, workers=1, progress=False)
    assert samples.level1 is not None
    objects = samples.level1.test.objects
    name = "trigger-vae-trained-bits-1e-05-seed1"
    model = MODELS.load(finished.folder / "work" / name).model
    assert isinstance(model, BitTrue)
    scaled = trigger.TriggerVae(model.scale).scaled(torch.from_numpy(objects)).double()
    exact = model.net.double().eval()(scaled).detach().numpy()
    np.testing.assert_array_equal(model.integers(scaled.numpy()), exact)
    if shutil.which("iverilog") is not None:
        report = json.loads((finished.folder / "verilog" / name / "report.json").read_text())
        assert (report["mismatches"], report["vectors"]) == (0, 20)
    assert _named(finished, "level 1: rate at 40 % of zero bias", model="trigger VAE")[0].unit == "kHz"


def test_predict_gives_every_score_of_a_model(finished: Run, tmp_path: Path) -> None:
    file, output = users_file(tmp_path), tmp_path / "scores.h5"
    assert execute(["predict", str(finished.folder), str(file), "-o", str(output)]) == 0
    with h5py.File(output) as found:
        assert found.attrs["model"] == "clip-vae-seed1"
        assert set(found) == {"file", "row", "error", "error_without_veto", "KL"}
        assert np.isfinite(found["KL"][:]).all()
        assert (found["KL"][:] >= 0).all()


def test_unfit_settings_are_refused() -> None:
    for make, words in (
        (lambda: Data(jets=10), "200 jets of QCD"),
        (lambda: Study(models=()), "expected a model"),
        (lambda: Study(width=7), "even width"),
        (lambda: judge.Evaluation(fractions=()), r"shares in \(0, 1\)"),
        (lambda: trigger.Trigger(events=10), "200 events"),
        (lambda: trigger.Trigger(betas=(0.0,)), "prices above 0"),
        (lambda: replace(TINY, data=replace(TINY.data, folder=Path("JetClass"))), "set trigger.events to 0"),
    ):
        with pytest.raises(InputError, match=words):
            make()


# Acceptance 6, on the stand-in


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_clip_makes_the_divergence_a_score(tmp_path: Path) -> None:
    """CLIP-VAE(KL) finds more than Set-VAE(KL); leptonic jets stand out most, and less without the veto."""
    pytest.importorskip("pythia8mc")
    signals = ("Hbb", "Wqq", "Tbqq", "Tbl")
    settings = Data(jets=4000, signals=signals, signal_jets=200, particles=32)
    samples = data.load(settings, replace(TINY.trigger, events=0), seed=5, workers=2, progress=False)
    short = Study(seeds=(1,), train=replace(Study().train, epochs=12))
    jets = {data.QCD: samples.qcd.test, **samples.signals()}
    found = {}
    for model in study.LOSSES:
        trained = study.train_one(short, TINY.trigger, samples, tmp_path, Part(model, 1), lambda *_: None)
        for each in judge.network_scores(trained, jets, samples.qcd.validation):
            found[each.labels["score"], model] = each
    background = data.QCD
    area = {
        (key, signal): mean_area(
            np.concatenate([each.scores[background], each.scores[signal]]),
            np.split(np.arange(len(jets[background]) + len(jets[signal])), [len(jets[background])]),
        )
        for key, each in found.items()
        for signal in signals
    }
    clip, plain = (np.mean([area[("KL", model), s] for s in signals]) for model in (study.CLIP, study.SET))
    assert clip > plain + 0.05
    of_error = {s: area[("error", study.SET), s] for s in signals}
    assert max(of_error, key=of_error.__getitem__) == "Tbl"
    assert of_error["Tbl"] > area[("error", study.BLIND), "Tbl"]
