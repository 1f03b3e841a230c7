"""The distilled student end to end: its bits trained by the loss that distilled it, written as Verilog, simulated."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from femtobarn import recipe as recipes
from femtobarn.cli import execute
from femtobarn.errors import InputError
from femtobarn.hardware.integer_model import IntegerModel
from femtobarn.nn.quantised import exact_ebops
from femtobarn.runs import Run
from femtobarn.systems.jet_distillation import designs, model, recipe, sample, study
from femtobarn.systems.jet_distillation.quantised import BitTagger, TrainedBits

SYSTEM = recipes.all_systems()["jet-distillation"]
TINY = recipe.PRESETS["tiny"]
HGQ = replace(
    TINY,
    quantiser="hgq",
    study=replace(TINY.study, teachers=("lorentznet",), students=("mlp",), boost=0.0, few=0),
    evaluation=replace(TINY.evaluation, boosted_jets=50, speeds=(0.0,), bootstraps=2, calls=0),
    hgq=replace(TINY.hgq, betas=(1e-5, 1e-2), train=replace(TINY.hgq.train, epochs=8)),
)
icarus = pytest.mark.skipif(shutil.which("iverilog") is None, reason="needs Icarus Verilog")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = recipes.start(SYSTEM, HGQ, preset="tiny", root=tmp_path_factory.mktemp("runs"))
    recipes.carry_out(SYSTEM, run, progress=False)
    return run


@pytest.fixture(scope="module")
def jets_to_test() -> sample.Sample:
    return sample.load_split(HGQ.data, seed=HGQ.seed, workers=1, progress=False).test


def _students(run: Run) -> list[study.Trained]:
    return [study.load_part(folder) for folder in sorted(run.folder.glob("work/chip-*beta*"))]


def test_results_before_and_after(finished: Run) -> None:
    methods = {
        r.labels["method"]
        for r in finished.results()
        if r.name == "AUC" and r.labels["network"] == "MLP for hardware"
    }
    assert methods >= {"labels", "distilled from LorentzNet"}
    assert methods >= {
        "labels, trained bits (beta 1e-05)",
        "distilled from LorentzNet, trained bits (beta 0.01)",
    }
    table: dict[str, set[str]] = {}
    for result in finished.results():
        if result.name == designs.NAME:
            table.setdefault(result.labels["student"], set()).add(result.labels["quantity"])
    assert len(table) == 4
    for quantities in table.values():
        assert quantities >= {"AUC", "accuracy", "EBOPs", "LUT (estimate)", "numbers off their range"}
    assert "hardware" in {figure.name for figure in finished.figures()}


def test_trainings_start_from_the_student_in_floating_point(
    finished: Run, jets_to_test: sample.Sample
) -> None:
    """With many bits and without training the logits are those of the float student."""
    trained = study.load_part(finished.folder / "work" / "chip-distilled-lorentznet-seed1")
    assert isinstance(trained.model, model.MlpTagger)
    rows = torch.from_numpy(designs.rows(jets_to_test, trained.model.particles)).float()
    bits = BitTagger(trained.model, rows, fraction=16, weight_fraction=16).eval()
    columns = study.table(jets_to_test)
    jets = columns["momentum"], columns["mass"], columns["mask"]
    torch.testing.assert_close(bits(*jets), trained.model(*jets), rtol=1e-2, atol=1e-2)


def test_a_higher_price_buys_a_cheaper_student(finished: Run) -> None:
    for method in ("labels", "distilled"):
        mine = [each for each in _students(finished) if each.part.method == method]
        dear, cheap = (exact_ebops(t.model.exact.net) for t in sorted(mine, key=lambda t: t.part.beta))  # type: ignore[union-attr, arg-type]
        assert cheap < 0.8 * dear


@icarus
def test_the_verilog_in_the_run_is_the_network(finished: Run, jets_to_test: sample.Sample) -> None:
    reports = {path.parent.name: path for path in finished.folder.glob("verilog/*/report.json")}
    assert len(reports) == 4
    for name, path in reports.items():
        report = json.loads(path.read_text())
        assert (report["mismatches"], report["vectors"]) == (0, 100)
        trained = study.load_part(finished.folder / "work" / name)
        stored = IntegerModel.load(path.parent / "model.npz")
        answer = stored(designs.rows(jets_to_test, HGQ.study.chip.particles))
        np.testing.assert_array_equal(answer.astype(np.float32), study.logits(trained.model, jets_to_test))


@icarus
def test_export_of_bits_and_of_a_network_in_floating_point(
    finished: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(finished.folder)
    assert execute(["export", folder, "--to", "verilog", "-o", str(tmp_path / "v")]) == 0
    assert "0 mismatches in 100 events" in capsys.readouterr().out
    page = (tmp_path / "v" / "export.html").read_text()
    assert "bit for bit" in page
    assert "MLP for hardware" in page
    name = "mlp-labels-seed1"
    assert execute(["export", folder, "--model", name, "-o", str(tmp_path / "o")]) == 0
    assert "mlp-labels-seed1 as onnx, 0 mismatches" in capsys.readouterr().out
    assert "the same numbers" in (tmp_path / "o" / "export.html").read_text()
    for other, words in ((name, "only onnx is possible"), ("lorentznet-teacher-seed1", "is no MLP")):
        arguments = ["export", folder, "--to", "verilog", "--model", other, "-o", str(tmp_path / "no")]
        assert execute(arguments) == 2
        assert words in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
@pytest.mark.parametrize("beta", ["1e-05", "0.01"])
def test_export_as_an_hls4ml_project(
    finished: Run, beta: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """At the high price a layer loses all its weights, and what follows is constant."""
    pytest.importorskip("hls4ml")
    arguments = ["--to", "hls4ml", "--model", f"chip-labels-seed1-beta{beta}", "-o", str(tmp_path)]
    assert execute(["export", str(finished.folder), *arguments]) == 0
    assert "0 mismatches" in capsys.readouterr().out


def test_without_a_quantiser_nothing_changes() -> None:
    assert TINY.whole_study() == TINY.study
    assert HGQ.whole_study().students == ("mlp", "chip")
    with pytest.raises(InputError, match="betas above 0"):
        TrainedBits(betas=(0.0,))
