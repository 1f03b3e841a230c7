"""The system end to end, through the functions and commands a user calls."""

import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import comb
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from child_process import started
from femtobarn import recipe as recipes
from femtobarn.cli import execute
from femtobarn.datasets import hgcal
from femtobarn.engine import Training
from femtobarn.errors import InputError
from femtobarn.losses import EmdNet, emd
from femtobarn.nn.wafer_autoencoder import (
    BITS,
    Autoencoder,
    BestChoice,
    Decoder,
    Encoder,
    RestDecoder,
    normalise,
    transmitted_sum,
)
from femtobarn.physics import wafer, wafer_formats
from femtobarn.runs import Run
from femtobarn.simulate.toy_wafers import toy_wafers
from femtobarn.study import write_predictions
from femtobarn.systems.emd_compression import judge, recipe, study, training
from femtobarn.systems.emd_compression.objectives import LOSSES, CompressionLoss, Term, mean_emd, parse, title
from femtobarn.systems.emd_compression.sample import Data, Wafers, load_split

SYSTEM = recipes.all_systems()["emd-compression"]
TINY = recipe.PRESETS["tiny"]


@pytest.fixture(scope="module")
def finished(tiny_run: Callable[[str], Run]) -> Run:
    return tiny_run(SYSTEM.name)


def _numbers(run: Run) -> list[tuple[str, dict[str, str], float]]:
    return [(r.name, r.labels, r.value) for r in run.results()]


def _csv(path: Path, charge: np.ndarray) -> Path:
    """Wafers in the published layout with a header."""
    columns = [f"CALQ_{i}" for i in range(48)] + ["tc_eta", "tc_phi", "SimEnergyTotal"]
    rows = np.column_stack((charge, np.full(len(charge), 2.1), np.zeros(len(charge)), np.ones(len(charge))))
    np.savetxt(path, rows, delimiter=",", header=",".join(columns), comments="", fmt="%g")
    return path


def users_file(folder: Path) -> Path:
    """A file that a user might have, for the tests of every system."""
    return _csv(folder / "wafers.csv", toy_wafers(100, generator=np.random.default_rng(5))["charge"])


def test_tiny_ends_with_results_figures_and_a_report(finished: Run) -> None:
    assert finished.status == "done"
    means = {r.labels["method"]: r for r in finished.results() if r.name == "mean EMD"}
    assert {"exact EMD", "MSE", "best choice", "super trigger cells", "repeater"} <= set(means)
    for result in means.values():
        assert result.data == "stand-in"
        assert result.n > 300
        assert 0 < result.value < 4
        assert result.error is not None
        assert 0 < result.error < 0.5
    assert means["repeater"].value < means["best choice"].value < means["super trigger cells"].value
    decoded = [means[method].value for method in wafer_formats.BEST_CHOICE[1:]]
    assert means["repeater"].value < min(decoded)
    assert max(decoded) < means["best choice"].value, "a decoder knows what is left of the sum"
    assert means["best choice, trained decoder"].value < means["best choice, rest spread evenly"].value
    assert means["repeater"].value < means["pyramid code"].value < min(decoded)
    assert {f.name for f in finished.figures()} >= {
        "frontier",
        "wafers",
        "emd-occupancy",
        "emd-sum",
        "core",
        "training",
    }
    page = (finished.folder / "report.html").read_text()
    assert "exact EMD" in page


def test_numbers_of_a_fixed_seed_are_remembered(finished: Run) -> None:
    """A change in a shared part that moves the system is to be seen, and explained in its commit."""
    stored = json.loads((Path(__file__).parent / "emd_compression_tiny.json").read_text())
    values = {r.labels["method"]: r.value for r in finished.results() if r.name == "mean EMD"}
    assert values == pytest.approx(stored, rel=2e-2)


def test_no_shower_stands_on_both_sides() -> None:
    charge = toy_wafers(1000, generator=np.random.default_rng(0))
    split = load_split(Data(engine="analytic", wafers=1000), seed=1, workers=1, progress=False)
    groups = [set(part.group.tolist()) for part in (split.train, split.validation, split.test)]
    assert sum(map(len, groups)) == len(set.union(*groups))
    assert sum(len(part) for part in (split.train, split.validation, split.test)) <= len(charge["charge"])


def test_merits_of_a_perfect_copy_and_of_a_scaled_one() -> None:
    q = toy_wafers(200, generator=np.random.default_rng(3))["charge"]
    sample = Wafers(q, np.full(200, 2.0, np.float32), np.full(200, 9.0, np.float32), np.arange(200))
    for scale in (1.0, 0.5):
        arrived = (scale * q).astype(np.float32)
        outcome = judge.Outcome(
            {"method": "x", "e-links": ""}, None, 0.0, arrived, judge.exact_emd(q, arrived)
        )
        merits = judge.merits(judge.per_wafer(outcome, sample))
        assert merits["mean EMD"] == pytest.approx(0, abs=1e-9)
        assert merits["width ratio"] == pytest.approx(1)
        assert merits["core response"] == pytest.approx(scale)
        assert merits["squared difference"] == pytest.approx((1 - scale) ** 2 / scale)


def test_predict_writes_codes_charges_and_emd(finished: Run, tmp_path: Path) -> None:
    charge = toy_wafers(700, generator=np.random.default_rng(5))["charge"]
    charge = charge[charge.sum(axis=1) > 0]
    files = [_csv(tmp_path / "a.csv", charge[:300]), _csv(tmp_path / "b.csv", charge[300:])]
    output = tmp_path / "out.h5"
    recipe.predict(finished, files, output, progress=False)
    with h5py.File(output) as file:
        codes, decoded, distance, total = (file[n][:] for n in ("codes", "decoded", "emd", "sum"))
        assert list(np.unique(file["file"][:])) == [0, 1]
        name = file.attrs["model"]
    assert codes.shape == (len(charge), 16)
    assert codes.dtype == np.uint16
    cost = torch.from_numpy(wafer.distances().copy())
    expected = emd(torch.from_numpy(charge).double(), torch.from_numpy(decoded).double(), cost)
    np.testing.assert_allclose(distance, expected, atol=1e-4)
    np.testing.assert_allclose(decoded.sum(1), total, rtol=1e-4)
    trained = training.MODELS.load(finished.folder / "work" / name)
    bits = trained.model.encoder.bits
    np.testing.assert_array_equal(
        codes * 2.0 ** (1 - bits), trained.model.encoder(torch.from_numpy(charge)).detach()
    )
    before = output.read_bytes()
    recipe.predict(finished, files, output, progress=False)
    assert output.read_bytes() == before, "the same call gives the same file"
    assert {p.name for p in tmp_path.iterdir()} == {"a.csv", "b.csv", "out.h5"}


def test_predict_in_chunks_gives_the_same(finished: Run, tmp_path: Path) -> None:
    charge = toy_wafers(300, generator=np.random.default_rng(6))["charge"]
    path = _csv(tmp_path / "a.csv", charge[charge.sum(axis=1) > 0])
    trained = training.MODELS.load(next(finished.folder.glob("work/emd-5*")))
    for chunk in (64, 1000):
        write_predictions(
            [path],
            tmp_path / f"{chunk}.h5",
            hgcal.open_wafers,
            partial(recipe.predicted, trained.model),
            model=trained.part.name,
            rows=chunk,
            progress=False,
        )
    with h5py.File(tmp_path / "64.h5") as a, h5py.File(tmp_path / "1000.h5") as b:
        for name in a:
            np.testing.assert_allclose(a[name][:], b[name][:], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda p: p.write_bytes(p.read_bytes()[:200]), "damaged"),
        (lambda p: p.unlink(), "no trained model|no checkpoint"),
        (lambda p: torch.save({"other": torch.ones(3)}, p), "does not hold a model of this system"),
    ],
    ids=["truncated", "missing", "foreign"],
)
def test_bad_checkpoint_is_one_line(
    finished: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], damage, words: str
) -> None:
    copy = tmp_path / "run"
    shutil.copytree(finished.folder, copy)
    for folder in (
        *copy.glob("work/mse-*"),
        *copy.glob("work/*-best-choice-*"),
        *copy.glob("work/*-pyramid-*"),
    ):
        shutil.rmtree(folder)
    (model,) = copy.glob("work/*/model.pt")
    damage(model)
    path = _csv(tmp_path / "a.csv", np.ones((3, 48)))
    assert execute(["predict", str(copy), str(path), "-o", str(tmp_path / "o.h5")]) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert len(error) == 1
    assert re.search(words, error[0])
    assert not (tmp_path / "o.h5").exists()


def test_predict_names_the_models_it_has(
    finished: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _csv(tmp_path / "a.csv", np.ones((3, 48)))
    assert execute(["predict", str(finished.folder), str(path), "--model", "emd-5links-publishd-seed1"]) == 2
    assert "did you mean emd-5links-published-seed1?" in capsys.readouterr().err


def test_like_repeats_a_run(finished: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "run",
        "emd-compression",
        "--like",
        str(finished.folder),
        "--out",
        str(tmp_path),
        "--train.epochs",
        "1",
        "--study.losses",
        "mse",
    ]
    assert execute(arguments) == 0
    assert "mean EMD" in capsys.readouterr().out
    (folder,) = (tmp_path / "emd-compression").iterdir()
    assert Run.open(folder).settings["train"]["epochs"] == 1
    assert Run.open(folder).settings["data"] == finished.settings["data"]


def _headerless(folder: Path, charge: np.ndarray) -> None:
    """Files exactly as published: no header, CALQ in fields 0 to 47, tc_eta and tc_phi in 55 and 56."""
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    for index, rows in enumerate(np.array_split(charge, 3)):
        table = np.zeros((len(rows), 57))
        table[:, :48] = rows
        table[:, 55], table[:, 56] = (
            generator.uniform(1.6, 2.9, len(rows)),
            generator.uniform(-3, 3, len(rows)),
        )
        np.savetxt(folder / f"{index}.csv", table, delimiter=",", fmt="%.6g")


def test_paper_preset_starts_on_the_published_files(tmp_path: Path) -> None:
    charge = toy_wafers(900, generator=np.random.default_rng(8))["charge"]
    folder = tmp_path / hgcal.TTBAR / "nElinks_5"
    _headerless(folder, charge)
    paper = recipe.PRESETS["paper"]
    assert paper.data.path is not None
    assert folder.parts[-2:] == paper.data.path.parts
    config = replace(
        paper,
        data=replace(paper.data, path=folder),
        study=study.Study(
            losses=("telescope",),
            other_losses=(),
            links=(5,),
            seeds=(1,),
            large_decoder=False,
            best_choice_decoder=False,
            pyramid_decoder=False,
        ),
        train=replace(paper.train, epochs=1),
        workers=1,
    )
    run = recipes.start(SYSTEM, config, preset="paper", root=tmp_path / "runs")
    results = recipes.carry_out(SYSTEM, run, progress=False)
    assert {result.data for result in results} == {"real"}
    assert run.data is not None
    assert run.data.name == hgcal.TTBAR
    assert len(run.data.files) == 3
    kept = charge[charge.sum(axis=1) >= config.data.minimum]
    split = load_split(config.data, seed=config.seed, workers=1, progress=False)
    np.testing.assert_array_equal(split.test.charge, kept[: int(0.2 * len(kept))])
    page = (run.folder / "report.html").read_text()
    assert "1.390 ± 0.036" in page, "the published number of the same data stands beside ours"
    assert "1.21" not in page.split("Settings")[0], "that of the electron sample does not"


_SETTINGS = [
    "--study.losses", "emd", "--train.epochs", "12", "--data.wafers", "1500", "--train.batch", "100",
]  # fmt: skip


def _command(out: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "femtobarn", "run", "emd-compression", *more, "--out", str(out)]


def _wait_for_epochs(out: Path, process: subprocess.Popen[bytes], epochs: int) -> Path:
    while True:
        assert process.poll() is None, "the run ended before it was stopped"
        logs = list(out.rglob("log.csv"))
        if logs and len(logs[0].read_text().splitlines()) > epochs:
            return logs[0].parents[2]
        time.sleep(0.005)


@pytest.mark.slow
def test_a_run_stopped_by_ctrl_c_goes_on_to_the_same_numbers(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    whole = tmp_path / "whole"
    subprocess.run(_command(whole, "tiny", *_SETTINGS), check=True, env=environment, capture_output=True)
    out = tmp_path / "stopped"
    with started(_command(out, "tiny", *_SETTINGS), env=environment, stderr=subprocess.PIPE) as process:
        folder = _wait_for_epochs(out, process, 3)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 130
    assert Run.open(folder).status == "interrupted"
    subprocess.run(_command(out, "--resume", str(folder)), check=True, env=environment, capture_output=True)
    (reference,) = (whole / "emd-compression").iterdir()
    assert _numbers(Run.open(folder)) == _numbers(Run.open(reference))


@pytest.mark.slow
def test_two_runs_started_at_once_do_not_meet(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    settings = ["--train.epochs", "1", "--study.losses", "mse"]
    processes = [subprocess.Popen(_command(tmp_path, "tiny", *settings), env=environment) for _ in range(2)]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    one, two = (Run.open(folder) for folder in (tmp_path / "emd-compression").iterdir())
    assert one.folder != two.folder
    assert _numbers(one) == _numbers(two)


ORDERING = replace(
    recipe.PRESETS["demo"],
    data=Data(engine="analytic", wafers=20_000),
    study=study.Study(other_losses=("sinkhorn", "learned"), large_decoder=False),
    train=Training(epochs=12, lr=8e-3, batch=100),
)


@pytest.fixture(scope="module")
def ordering(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str, int], float]:
    """Mean test EMD of every training of a study with three seeds on the analytic stand-in."""
    config = ORDERING
    run = recipes.start(SYSTEM, config, preset="demo", root=tmp_path_factory.mktemp("ordering"))
    recipes.carry_out(SYSTEM, run, progress=False)
    split = load_split(config.data, seed=config.seed, workers=1, progress=False)
    values = {}
    for part in config.study.parts():
        trained = training.MODELS.load(run.folder / "work" / part.name)
        outcome = judge.learned_outcome(trained, split.test)
        values[part.labels["method"], part.labels["e-links"], part.seed] = float(np.nanmean(outcome.emd))
    return values


def _mean(values: dict[tuple[str, str, int], float], method: str, links: str) -> tuple[float, float]:
    each = np.array([v for (m, n, _), v in values.items() if (m, n) == (method, links)])
    assert len(each) == 3
    return float(each.mean()), float(each.std(ddof=1) / np.sqrt(len(each)))


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_exact_emd_trains_better_than_mse(ordering: dict[tuple[str, str, int], float]) -> None:
    for links in ("2", "3", "4", "5"):
        assert _mean(ordering, "exact EMD", links)[0] < 0.9 * _mean(ordering, "MSE", links)[0]


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_pyramid_code_arrives_better_than_all_best_choice_and_these_than_trained_encoders(
    ordering: dict[tuple[str, str, int], float],
) -> None:
    """As long as this holds no page may claim that a trained encoder gains over best choice."""
    split = load_split(ORDERING.data, seed=ORDERING.seed, workers=1, progress=False)
    fixed = judge.conventional_outcomes(split.test, ORDERING.study.links)
    for links in ("2", "3", "4", "5"):
        best = {o.labels["method"]: float(np.nanmean(o.emd)) for o in fixed if o.labels["e-links"] == links}
        decoder, error = _mean(ordering, "best choice, trained decoder", links)
        best["best choice, trained decoder"] = decoder
        assert decoder < best["best choice, rest spread evenly"] - 2 * error
        ours, spread = _mean(ordering, "exact EMD", links)
        lowest = min(best[method] for method in wafer_formats.BEST_CHOICE)
        assert ours > lowest + 2 * np.hypot(error, spread)
        assert best["pyramid code"] < 0.95 * lowest
        pyramid, spread = _mean(ordering, "pyramid code, trained decoder", links)
        assert pyramid < best["pyramid code"] - 2 * spread


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_learned_emd_trains_no_better_and_sinkhorn_as_well(
    ordering: dict[tuple[str, str, int], float],
) -> None:
    exact, error = _mean(ordering, "exact EMD", "5")
    learned, learned_error = _mean(ordering, "learned EMD", "5")
    assert learned > exact - 2 * np.hypot(error, learned_error)
    assert abs(_mean(ordering, "Sinkhorn", "5")[0] / exact - 1) < 0.1


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_more_bits_never_hurt(ordering: dict[tuple[str, str, int], float]) -> None:
    values = [_mean(ordering, "exact EMD", links) for links in ("2", "3", "4", "5")]
    for (fewer, e), (more, f) in itertools.pairwise(values):
        assert more < fewer + 2 * np.hypot(e, f)
    assert values[-1][0] < values[0][0]


@pytest.mark.slow
def test_five_bit_weights_cost_less_than_a_quarter(tmp_path: Path) -> None:
    split = load_split(Data(engine="analytic", wafers=20_000), seed=1, workers=1, progress=False)
    part = study.Part("emd", 5, "published", 1)
    means = []
    for quantised in (True, False):
        config = study.Config(study=study.Study(quantised=quantised))
        trained = training.train_one(config, split, tmp_path / str(quantised), part, lambda *_: None)
        outcome = judge.learned_outcome(trained, split.test)
        means.append(float(np.nanmean(outcome.emd)))
    assert 1.0 < means[0] / means[1] < 1.25


@pytest.fixture
def batch() -> dict[str, Tensor]:
    charge = torch.from_numpy(toy_wafers(64, generator=np.random.default_rng(0))["charge"])
    charge = charge[charge.sum(dim=1) > 0]
    rows = len(charge)
    return {
        "charge": charge,
        "eta": torch.full((rows,), 2.0),
        "layer": torch.full((rows,), 9.0),
        "row": torch.arange(rows),
    }


class Echo(nn.Module):
    """An autoencoder that changes nothing, but for one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, charge: Tensor, eta: Tensor, layer: Tensor) -> Tensor:
        return normalise(charge) * self.scale


def test_a_mixture_is_read_term_by_term() -> None:
    assert parse("emd") == [Term("emd", 1.0)]
    assert parse("emd+0.5*mse + 1e-3*telescope") == [
        Term("emd", 1.0),
        Term("mse", 0.5),
        Term("telescope", 1e-3),
    ]
    assert title("emd+0.5*mse") == "exact EMD + 0.5 MSE"


@pytest.mark.parametrize("bad", ["", "emd-mse", "0.5*", "emd+*mse", "two*emd"])
def test_a_bad_mixture_is_refused(bad: str) -> None:
    with pytest.raises(InputError, match=r"a loss is a name|there is no loss"):
        parse(bad)


@pytest.mark.parametrize("name", sorted(set(LOSSES) - {"learned"}))
def test_a_perfect_copy_costs_nothing(name: str, batch: dict[str, Tensor]) -> None:
    loss = CompressionLoss(name, wafers=len(batch["row"]))
    assert float(loss(Echo(), batch).detach()) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_every_loss_trains_every_weight(name: str, batch: dict[str, Tensor]) -> None:
    torch.manual_seed(0)
    net = EmdNet(generator=torch.Generator().manual_seed(0)).eval() if name == "learned" else None
    loss, model = CompressionLoss(name, wafers=len(batch["row"]), net=net), Autoencoder(Encoder(), Decoder())
    value = loss(model, batch)
    value.backward()
    assert torch.isfinite(value)
    for weight_name, weight in model.named_parameters():
        assert weight.grad is not None, weight_name
        assert weight.grad.isfinite().all(), weight_name
    if net is not None:
        assert all(weight.grad is None for weight in net.parameters()), "the learned EMD is frozen"


def test_a_mixture_is_the_weighted_sum_of_its_terms(batch: dict[str, Tensor]) -> None:
    torch.manual_seed(0)
    model, rows = Autoencoder(Encoder(), Decoder()), len(batch["row"])
    each = [CompressionLoss(name, wafers=rows)(model, batch).item() for name in ("emd", "mse")]
    both = CompressionLoss("emd+0.5*mse", wafers=rows)(model, batch).item()
    assert both == pytest.approx(each[0] + 0.5 * each[1], rel=1e-5)


def test_kept_potentials_change_nothing_but_the_time(batch: dict[str, Tensor]) -> None:
    torch.manual_seed(0)
    model, loss = Autoencoder(Encoder(), Decoder()), CompressionLoss("emd", wafers=len(batch["row"]))
    cold = loss(model, batch)
    assert loss.potentials.abs().sum() > 0
    assert loss(model, batch).item() == pytest.approx(cold.item(), rel=1e-6)
    cost = torch.from_numpy(wafer.distances().copy())
    image = model(batch["charge"], batch["eta"], batch["layer"])
    assert cold.item() == pytest.approx(emd(batch["charge"], image, cost).mean().item(), rel=1e-5)
    assert mean_emd(model, batch).item() == pytest.approx(cold.item(), rel=1e-5)


def test_the_learned_loss_needs_its_network() -> None:
    with pytest.raises(ValueError, match="trained network"):
        CompressionLoss("learned", wafers=10)


@pytest.fixture(scope="module")
def charge() -> torch.Tensor:
    return torch.from_numpy(toy_wafers(2000, generator=np.random.default_rng(0))["charge"])


def test_best_choice_fits_the_frame_and_one_more_cell_would_not(charge: torch.Tensor) -> None:
    for links, cells in wafer_formats.CELLS_SENT.items():
        assert wafer_formats.best_choice(charge.numpy(), cells=cells).bits.max() <= 32 * links
        assert wafer_formats.best_choice(charge.numpy(), cells=cells + 1).bits.max() > 32 * links
        assert wafer_formats.HEADER_BITS + 16 * BITS[links] <= 32 * links


def test_the_rest_of_the_sum_is_spread_evenly(charge: torch.Tensor) -> None:
    q = charge.numpy()
    kept, bits = wafer_formats.best_choice(q, cells=6)
    arrived, same_bits = wafer_formats.best_choice_spread(q, cells=6)
    np.testing.assert_array_equal(bits, same_bits)
    np.testing.assert_array_equal(arrived[kept > 0], kept[kept > 0])
    total = transmitted_sum(charge.sum(1)).numpy()
    np.testing.assert_array_equal(wafer_formats.transmitted_sum(q), total)
    np.testing.assert_allclose(arrived.sum(1), np.maximum(total, kept.sum(1)), rtol=1e-5)
    rest = np.where(kept > 0, np.nan, arrived)
    full = (kept > 0).sum(1) == 6  # no cell is sent empty
    np.testing.assert_allclose(np.nanmin(rest[full], 1), np.nanmax(rest[full], 1))


def test_logarithmic_shares_fill_the_frame(charge: torch.Tensor) -> None:
    q = charge.numpy()
    for links, (cells, bits, step) in wafer_formats.LOGARITHMIC.items():
        arrived, sent = wafer_formats.logarithmic_choice(q, cells=cells, bits=bits, step=step)
        more = wafer_formats.logarithmic_choice(q, cells=cells + 1, bits=bits, step=step)
        assert sent.max() <= 32 * links < more.bits.max()
        assert comb(48, cells) <= 2 ** (sent[0] - wafer_formats.HEADER_BITS - bits * cells)
        total = wafer_formats.transmitted_sum(q)
        largest, order = -np.sort(-q, axis=1)[:, :cells], np.argsort(-q, axis=1, kind="stable")[:, :cells]
        share = np.take_along_axis(arrived, order, axis=1) / total[:, None]
        levels = -np.log2(share) / step
        np.testing.assert_allclose(levels, np.rint(levels), atol=1e-3)
        assert len(np.unique(np.rint(levels))) <= 2**bits
        inside = (largest / total[:, None] <= 1) & (np.rint(levels) < 2**bits - 1)
        assert inside.mean() > 0.5
        error = np.log2(np.take_along_axis(arrived, order, axis=1)[inside] / largest[inside])
        assert np.abs(error).max() < 0.5 * step + 1e-4


def test_best_choice_before_a_decoder_is_that_of_the_chip(charge: torch.Tensor) -> None:
    for cells in wafer_formats.CELLS_SENT.values():
        model = Autoencoder(BestChoice(cells), RestDecoder())
        shares, _ = model.encoder.encode(charge)
        kept, _ = wafer_formats.best_choice(charge.numpy(), cells=cells)
        np.testing.assert_array_equal(shares * (charge.sum(1) / normalise(charge).sum(1))[:, None], kept)
        eta = torch.full((len(charge),), 2.0)
        image = model(charge, eta, 4.5 * eta).detach().numpy()
        spread, _ = wafer_formats.best_choice_spread(charge.numpy(), cells=cells)
        whole = (kept > 0).sum(1) == cells
        unit = image.sum(1, keepdims=True)
        np.testing.assert_allclose(
            (image / unit)[whole], (spread / spread.sum(1, keepdims=True))[whole], atol=1e-6
        )


def test_best_choice_keeps_the_largest(charge: torch.Tensor) -> None:
    q = charge.numpy()
    kept = wafer_formats.best_choice(q, cells=5).charge
    assert np.all((kept > 0).sum(1) <= 5)
    smallest_kept = np.where(kept > 0, q, np.inf).min(1)
    largest_lost = np.where(kept > 0, 0, q).max(1)
    assert np.all(largest_lost <= smallest_kept)
    assert np.all((kept <= q) & (kept > q * (1 - 1 / 8)) | (kept == 0))


@pytest.mark.parametrize("size", [4, 16])
def test_super_trigger_cells_keep_the_sum_of_each_group(charge: torch.Tensor, size: int) -> None:
    q = charge.numpy()
    sent = wafer_formats.super_trigger_cells(q, size=size).charge
    groups = {4: wafer_formats.GROUPS_OF_4, 16: wafer_formats.GROUPS_OF_16}[size]
    assert sorted(groups.ravel()) == list(range(48))
    before, after = q[:, groups].sum(2), sent[:, groups].sum(2)
    assert np.all((after <= before) & (after >= before * (1 - 1 / 16) - 1))
    assert np.all((sent[:, groups] > 0).sum(2) <= 1)


def test_threshold_pays_for_each_cell(charge: torch.Tensor) -> None:
    q = charge.numpy()
    sent = wafer_formats.threshold(q, counts=50)
    number = (q > 50).sum(1)
    np.testing.assert_array_equal((sent.charge > 0).sum(1), number)
    np.testing.assert_array_equal(sent.bits, 12 + np.minimum(6 * number, 48) + 7 * number)


@given(charge=st.integers(0, 2**22), exponent=st.integers(3, 5), mantissa=st.integers(2, 5))
def test_float_format_is_representable_and_near(charge: int, exponent: int, mantissa: int) -> None:
    q = np.array([float(charge)])
    sent = wafer_formats.float_format(q, exponent=exponent, mantissa=mantissa)
    codes = {
        m * 2 ** max(e - 1, 0) + (2**mantissa * 2 ** (e - 1) if e else 0)
        for e in range(2**exponent)
        for m in range(2**mantissa)
    }
    assert sent[0] in codes
    assert sent[0] == max(c for c in codes if c <= charge)
