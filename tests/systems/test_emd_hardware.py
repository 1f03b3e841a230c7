"""The encoder end to end: trained with the exact EMD and its bits at once, written as Verilog, simulated."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import femtobarn.hardware.export as verilog_export
from femtobarn import recipe as recipes
from femtobarn.cli import execute
from femtobarn.errors import InputError
from femtobarn.hardware.integer_model import IntegerModel
from femtobarn.hardware.verilog import verilog
from femtobarn.nn import wafer_autoencoder as model
from femtobarn.nn.quantised import exact_ebops
from femtobarn.parts import Report
from femtobarn.runs import Run
from femtobarn.simulate.toy_wafers import toy_wafers
from femtobarn.study import Trained, Writing
from femtobarn.systems.emd_compression import hardware, recipe
from femtobarn.systems.emd_compression.sample import Data, load_split
from femtobarn.systems.emd_compression.study import Part, TrainedBits
from femtobarn.systems.emd_compression.training import MODELS, train_one

SYSTEM = recipes.all_systems()["emd-compression"]
TINY = recipe.PRESETS["tiny"]
HGQ = replace(
    TINY,
    quantiser="hgq",
    study=replace(TINY.study, losses=("emd",), best_choice_decoder=False),
    train=replace(TINY.train, epochs=4),
    hgq=replace(TINY.hgq, betas=(1e-6, 1e-3)),
    verilog=replace(TINY.verilog, vectors=100),
)
icarus = pytest.mark.skipif(shutil.which("iverilog") is None, reason="needs Icarus Verilog")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = recipes.start(SYSTEM, HGQ, preset="tiny", root=tmp_path_factory.mktemp("runs"))
    recipes.carry_out(SYSTEM, run, progress=False)
    return run


@pytest.fixture(scope="module")
def charge() -> torch.Tensor:
    return torch.from_numpy(toy_wafers(1000, generator=np.random.default_rng(2))["charge"])


def _parts(run: Run) -> list[Trained[Part]]:
    return [MODELS.load(folder) for folder in sorted(run.folder.glob("work/*beta*"))]


def _table(run: Run) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for result in run.results():
        if result.name == hardware.NAME:
            found.setdefault(result.labels["encoder"], {})[result.labels["quantity"]] = result.value
    return found


def test_the_codes_fit_the_frame(finished: Run, charge: torch.Tensor) -> None:
    for trained in _parts(finished):
        codes = trained.model.encoder.integer_codes(charge.long())
        bits = trained.model.encoder.bits
        assert bits == model.BITS[trained.part.links]
        assert 0 <= int(codes.min()) <= int(codes.max()) < 2**bits
        assert torch.equal(codes * 2.0 ** (1 - bits), trained.model.encoder(charge).double())


def test_a_higher_price_buys_a_cheaper_encoder(finished: Run) -> None:
    cheap, dear = (exact_ebops(t.model.encoder.exact.net) for t in sorted(_parts(finished), key=_price)[::-1])
    assert cheap < 0.7 * dear


def _price(trained: Trained[Part]) -> float:
    return trained.part.beta


def test_results_stand_beside_those_of_the_chip(finished: Run) -> None:
    table = _table(finished)
    assert set(table) == {"5 e-links, beta 1e-06", "5 e-links, beta 0.001"}
    for row in table.values():
        assert 0.3 < row["mean EMD [cell]"] < 4
        assert row["EBOPs"] > 0
        assert row["LUT (estimate)"] > 0
    methods = {r.labels["method"] for r in finished.results() if r.name == "ratio of mean EMD"}
    assert "exact EMD, trained bits (beta 1e-06)" in methods
    longer = "exact EMD, trained as long as bits"
    against = {
        r.labels["method"]: r.labels["relative to"]
        for r in finished.results()
        if r.name == "ratio of mean EMD" and "bits" in r.labels["method"]
    }
    assert against.pop(longer) == "exact EMD"
    assert set(against.values()) == {longer}, "bits are compared with the chip's formats trained as long"
    assert "hardware" in {figure.name for figure in finished.figures()}
    plain = {r.labels["method"] for r in finished.results() if r.name == "mean EMD"}
    assert not any("trained bits" in name for name in plain), (
        "the table of methods is that of the chip's formats"
    )


@icarus
def test_the_verilog_in_the_run_gives_every_code(finished: Run) -> None:
    reports = [json.loads(path.read_text()) for path in finished.folder.glob("verilog/*/report.json")]
    assert len(reports) == 2
    for report in reports:
        assert (report["mismatches"], report["vectors"]) == (0, 100)
    split = load_split(HGQ.data, seed=HGQ.seed, workers=1, progress=False)
    for trained in _parts(finished):
        stored = IntegerModel.load(finished.folder / "verilog" / trained.part.name / "model.npz")
        codes = stored.run_integers(stored.encode(hardware.shares(split.test.charge)))
        own = trained.model.encoder.integer_codes(torch.from_numpy(split.test.charge).long())
        np.testing.assert_array_equal(codes, own.numpy())


def test_vectors_are_test_wafers_first() -> None:
    split = load_split(Data(engine="analytic", wafers=1000), seed=1, workers=1, progress=False)
    found = hardware.vectors(split, len(split.test) + 5)
    np.testing.assert_array_equal(found[: len(split.test)], hardware.shares(split.test.charge))
    np.testing.assert_array_equal(found[len(split.test) :], hardware.shares(split.validation.charge[:5]))
    assert len(hardware.vectors(split, 10**6)) == sum(split.sizes.values())


@icarus
def test_export_of_a_run(finished: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "export"
    assert execute(["export", str(finished.folder), "--to", "verilog", "-o", str(out)]) == 0
    assert "-beta" in (said := capsys.readouterr().out)
    assert "0 mismatches in 100 events" in said
    page = (out / "export.html").read_text()
    assert "bit for bit" in page
    assert "48 trigger cells" in page
    assert (out / "network.onnx").is_file()
    assert execute(["export", str(finished.folder), "--to", "onnx", "-o", str(tmp_path / "onnx")]) == 0
    assert "0 mismatches" in capsys.readouterr().out
    assert execute(["export", str(finished.folder), "--to", "hls4ml", "-o", str(tmp_path / "h")]) == 2
    assert "is not exported to hls4ml, only to Verilog" in capsys.readouterr().err


@icarus
def test_a_mismatch_ends_with_exit_code_one(
    finished: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def wrong(*args: object, **settings: object) -> object:
        sources = verilog(*args, **settings)  # type: ignore[arg-type]
        return replace(sources, text=sources.text.replace("assign out = ", "assign out = 1 ^ "))

    monkeypatch.setattr(verilog_export, "verilog", wrong)
    assert execute(["export", str(finished.folder), "--to", "verilog", "-o", str(tmp_path)]) == 1
    error = capsys.readouterr().err.strip()
    assert "\n" not in error
    assert "100 output numbers of 100 events differ from the integer model" in error
    assert "100 mismatches" in (tmp_path / "export.html").read_text()


def test_a_training_of_bits_goes_on_to_the_same_numbers(finished: Run, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    part = next(trained.part for trained in _parts(finished))
    shutil.copytree(finished.folder / "work" / part.start.name, tmp_path / "work" / part.start.name)
    split = load_split(HGQ.data, seed=HGQ.seed, workers=1, progress=False)

    def train(report: Report) -> None:
        trained = train_one(HGQ, split, tmp_path / "work", part, report)
        MODELS.save(trained, HGQ.of(part), tmp_path / "work" / part.name)

    def stop(done: int, *_: object) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(stop)
    assert not (tmp_path / "work" / part.name / "model.pt").exists()
    train(lambda *_: None)
    again, before = (MODELS.load(root / "work" / part.name) for root in (tmp_path, finished.folder))
    for name, weight in again.model.state_dict().items():
        assert torch.equal(weight, before.model.state_dict()[name]), name
    assert again.validation == before.validation


def test_the_chip_s_formats_are_trained_as_long(finished: Run) -> None:
    """The fair control: the same start, as many epochs, and formats that stay."""
    (control,) = (part for part in HGQ.hgq.parts(TINY.study) if not part.beta)
    longer, start = (MODELS.load(finished.folder / "work" / p.name) for p in (control, control.start))
    assert [len(each.history) for each in _parts(finished)] == [len(longer.history)] * 2
    assert longer.model.encoder.bits == start.model.encoder.bits
    assert type(longer.model.encoder) is type(start.model.encoder) is model.Encoder
    assert not torch.equal(longer.model.encoder.dense.weight, start.model.encoder.dense.weight)
    assert longer.validation < start.validation
    assert hardware.chosen([longer, *_parts(finished)], replace(HGQ.hgq, reference=True))[0] is longer


def test_settings_that_make_no_sense_are_told() -> None:
    with pytest.raises(InputError, match="betas above 0"):
        TrainedBits(betas=())
    with pytest.raises(InputError, match="two vectors"):
        Writing(vectors=1)
    with pytest.raises(InputError, match="quantised"):
        replace(HGQ, study=replace(HGQ.study, quantised=False))
    with pytest.raises(InputError, match=r"hgq\.seeds"):
        replace(HGQ.hgq, seeds=(9,)).parts(HGQ.study)
