import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from child_process import started
from femtobarn.engine import (
    Batch,
    Fit,
    ShuffledBatches,
    TensorTable,
    Training,
    fit,
    load_tensors,
    save_tensors,
)
from femtobarn.errors import InputError


def _line() -> TensorTable:
    x = torch.linspace(-1, 1, 200)[:, None]
    return TensorTable({"x": x, "y": 3 * x + 0.5})


def _squares(model: nn.Module, batch: Batch) -> Tensor:
    return (model(batch["x"]) - batch["y"]).square().mean()


def _noisy(model: nn.Module, batch: Batch) -> Tensor:
    return (model(batch["x"]) - batch["y"] + 0.1 * torch.randn(1)).square().mean()


def _train(folder: Path, *, epochs: int = 6, objective=_noisy, **more) -> tuple[nn.Module, Fit]:
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(1, 4), nn.Dropout(0.1), nn.Linear(4, 1))
    settings = Training(epochs=epochs, batch=50, lr=0.05, **more)
    data = _line()
    return model, fit(
        model,
        objective,
        data,
        data,
        settings=settings,
        seed=3,
        folder=folder,
        validate=_squares,
        progress=False,
    )


def test_learns_a_line_and_logs_every_epoch(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, data = nn.Linear(1, 1), _line()
    result = fit(
        model,
        _squares,
        data,
        data,
        settings=Training(epochs=60, batch=20, lr=0.1),
        seed=0,
        folder=tmp_path,
        progress=False,
    )
    assert model.weight.item() == pytest.approx(3, abs=1e-2)
    assert model.bias.item() == pytest.approx(0.5, abs=1e-2)
    assert [row["epoch"] for row in result.history] == list(range(60))
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 61
    assert result.validation == min(row["validation"] for row in result.history)


def test_same_seed_gives_the_same_numbers(tmp_path: Path) -> None:
    assert _train(tmp_path / "a")[1] == _train(tmp_path / "b")[1]


def test_a_model_left_in_evaluation_mode_is_trained_all_the_same(tmp_path: Path) -> None:
    """Its batch norm follows the data; otherwise the statistics would stay those of the start."""
    model = nn.Sequential(nn.BatchNorm1d(1), nn.Linear(1, 1)).eval()
    x = 5 + torch.linspace(-1, 1, 200)[:, None]
    data = TensorTable({"x": x, "y": 3 * x})
    settings = Training(epochs=3, batch=20, lr=0.05)
    fit(model, _squares, data, data, settings=settings, seed=3, folder=tmp_path, progress=False)
    norm = model[0]
    assert isinstance(norm, nn.BatchNorm1d)
    assert float(norm.running_mean) == pytest.approx(5, abs=1)


def test_resumes_to_the_numbers_of_an_unbroken_run(tmp_path: Path) -> None:
    whole_model, whole = _train(tmp_path / "whole", schedule="constant")
    _train(tmp_path / "broken", schedule="constant", epochs=3)
    model, resumed = _train(tmp_path / "broken", schedule="constant")
    assert resumed == whole
    for name, value in whole_model.state_dict().items():
        assert torch.equal(model.state_dict()[name], value)


def test_bfloat16_ends_near_float32_with_weights_of_float32(tmp_path: Path) -> None:
    results = {}
    for precision in ("32-true", "bf16-mixed"):
        model, results[precision] = _train(
            tmp_path / precision, epochs=20, precision=precision, objective=_squares
        )
        assert all(weight.dtype == torch.float32 for weight in model.parameters())
    full, mixed = results["32-true"], results["bf16-mixed"]
    assert full != mixed, "nothing was computed in another precision"
    assert mixed.validation == pytest.approx(full.validation, rel=0.2, abs=0.01)


def test_a_finished_training_is_not_repeated(tmp_path: Path) -> None:
    model, first = _train(tmp_path)
    before = (tmp_path / "log.csv").stat().st_mtime_ns
    again_model, again = _train(tmp_path)
    assert again == first
    assert (tmp_path / "log.csv").stat().st_mtime_ns == before
    assert torch.equal(again_model[0].weight, model[0].weight)


_KILLED = """
import sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
import test_engine
def slow(model, batch):
    time.sleep(0.02)
    return test_engine._noisy(model, batch)
test_engine._train(Path({folder!r}), epochs=6, objective=slow)
"""


def test_killed_in_mid_epoch_it_resumes_to_the_same_numbers(tmp_path: Path) -> None:
    whole = _train(tmp_path / "whole")[1]
    folder = tmp_path / "killed"
    script = _KILLED.format(tests=str(Path(__file__).parent), folder=str(folder))
    log = folder / "log.csv"
    with started([sys.executable, "-c", script], env={**os.environ, "PYTHONWARNINGS": "ignore"}) as process:
        while not (log.exists() and len(log.read_text().splitlines()) > 2):
            assert process.poll() is None, "the training ended before it could be killed"
            time.sleep(0.01)
        time.sleep(0.03)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert _train(folder)[1] == whole


def test_stops_early_and_keeps_the_best_weights(tmp_path: Path) -> None:
    def worse(model: nn.Module, batch: Batch) -> Tensor:
        return -_squares(model, batch)

    model, result = _train(tmp_path, epochs=50, objective=worse, patience=3)
    assert len(result.history) == 4
    assert result.best_epoch == 0
    assert _squares(model, _line().columns).item() == pytest.approx(result.validation)


def test_divergence_is_told_in_one_line(tmp_path: Path) -> None:
    def nan(model: nn.Module, batch: Batch) -> Tensor:
        return _squares(model, batch) * torch.nan

    with pytest.raises(InputError, match="diverged in epoch 0"):
        _train(tmp_path, objective=nan)


def test_batches_of_all_processes_cover_each_sample_once() -> None:
    parts = [
        ShuffledBatches(103, 10, seed=1, steps_done=lambda: 24, rank=lambda rank=rank: rank, world=2)
        for rank in range(2)
    ]
    seen = torch.cat([torch.cat(list(part)) for part in parts])
    assert len(seen) == len(seen.unique()) == 102
    assert len(list(parts[0])) == len(list(parts[1])) == len(parts[0])


class _Code:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch executed",)


def test_loading_a_file_never_runs_code_from_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": _Code()}, tmp_path / "bad.pt")
    with pytest.raises(InputError, match="not a femtobarn checkpoint"):
        load_tensors(tmp_path / "bad.pt")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda _: b"", lambda _: b"hello"])
def test_damaged_checkpoint_is_told_in_one_line(tmp_path: Path, damage) -> None:
    path = tmp_path / "x.pt"
    save_tensors({"a": torch.ones(100)}, path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match="damaged"):
        load_tensors(path)


def test_foreign_checkpoint_is_told_in_one_line(tmp_path: Path) -> None:
    _train(tmp_path)
    torch.manual_seed(1)
    data = _line()
    with pytest.raises(InputError, match="another model"):
        fit(
            nn.Linear(1, 1),
            _squares,
            data,
            data,
            settings=Training(epochs=9),
            seed=0,
            folder=tmp_path,
            progress=False,
        )


_DISTRIBUTED = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
import test_engine
_, result = test_engine._train(Path({folder!r}), epochs=40, objective=test_engine._squares, devices=2, strategy="ddp")
print("validation", result.validation)
"""


@pytest.mark.slow
def test_two_processes_train_one_model(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(_DISTRIBUTED.format(tests=str(Path(__file__).parent), folder=str(tmp_path / "fit")))
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, str(script)], env=environment, capture_output=True, text=True, timeout=120
    )
    values = [float(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("validation")]
    assert values, done.stderr
    assert max(values) < 0.05
    # 200 rows in batches of 50 are two steps for each of the two processes.
    assert len((tmp_path / "fit" / "log.csv").read_text().splitlines()) == 41
    assert load_tensors(tmp_path / "fit" / "last.ckpt")["global_step"] == 80


def _normalised(folder: Path, events: int, batch: int) -> Fit:
    x = torch.linspace(-1, 1, events)[:, None]
    model = nn.Sequential(nn.Linear(1, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    table = TensorTable({"x": x, "y": x})
    settings = Training(epochs=1, batch=batch)
    return fit(model, _squares, table, table, settings=settings, seed=0, folder=folder, progress=False)


@pytest.mark.parametrize("events", [64, 65, 66, 129])
def test_no_batch_is_too_small_to_be_normalised(tmp_path: Path, events: int) -> None:
    assert len(_normalised(tmp_path, events, 32).history) == 1


@pytest.mark.parametrize(("events", "batch"), [(1, 32), (4, 1)])
def test_a_batch_of_one_event_is_told_in_one_line(tmp_path: Path, events: int, batch: int) -> None:
    with pytest.raises(InputError, match="needs two events or more in a batch"):
        _normalised(tmp_path, events, batch)


@pytest.mark.parametrize("batch", [1, 2, 7, 10, 50, 200])
@pytest.mark.parametrize("world", [1, 2, 3])
def test_every_event_is_in_one_batch_and_only_single_ones_make_a_batch_larger(batch: int, world: int) -> None:
    for length in (7, 50, 51, 101, 151):
        parts = [
            ShuffledBatches(
                length, batch, seed=1, steps_done=lambda: 0, rank=lambda rank=rank: rank, world=world
            )
            for rank in range(world)
        ]
        drawn = [list(part) for part in parts]
        seen = torch.cat([each for batches in drawn for each in batches])
        assert len(seen) == len(seen.unique()) == length - length % world
        assert {len(batches) for batches in drawn} == {len(parts[0])}
        for batches in drawn:
            assert all(len(each) == batch for each in batches[:-1])
            assert len(batches[-1]) <= batch + 1
            assert len(batches[-1]) > 1 or len(batches) == 1 or batch == 1


def test_without_events_nothing_is_trained(tmp_path: Path) -> None:
    table, empty = _line(), TensorTable({"x": torch.zeros(0, 1), "y": torch.zeros(0, 1)})
    for train, validation in ((table, empty), (empty, table)):
        with pytest.raises(InputError, match="events to train on and to validate with expected: got"):
            fit(
                nn.Linear(1, 1),
                _squares,
                train,
                validation,
                settings=Training(epochs=1),
                seed=0,
                folder=tmp_path,
                progress=False,
            )


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"epochs": 12}, "holds a training with epochs 6, now 12: choose another folder"),
        ({"epochs": 4}, "with epochs 6, now 4"),
        ({"weight_decay": 0.1}, "with weight_decay 0.0, now 0.1"),
        ({"schedule": "constant"}, "with schedule cosine, now constant"),
    ],
)
def test_a_training_does_not_go_on_under_other_settings(
    tmp_path: Path, changed: dict[str, object], message: str
) -> None:
    _train(tmp_path)
    before = (tmp_path / "last.ckpt").read_bytes()
    with pytest.raises(InputError, match=message):
        _train(tmp_path, **changed)
    assert (tmp_path / "last.ckpt").read_bytes() == before


def test_a_checkpoint_of_another_format_says_who_wrote_it(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    torch.save({"w": torch.ones(1), "femtobarn format": 99, "femtobarn version": "9.9"}, path)
    with pytest.raises(InputError, match=r"has checkpoint format 99, written by femtobarn 9\.9") as caught:
        load_tensors(path)
    assert "\n" not in str(caught.value)
    save_tensors({"w": torch.ones(1)}, path)
    assert set(load_tensors(path)) == {"w"}
    torch.save({"w": torch.ones(1)}, path)  # as before there was a number
    assert set(load_tensors(path)) == {"w"}


def test_there_are_never_more_threads_than_processors(tmp_path: Path) -> None:
    before = torch.get_num_threads()
    try:
        _train(tmp_path, epochs=1, threads=4000)
        assert torch.get_num_threads() <= len(os.sched_getaffinity(0))
    finally:
        torch.set_num_threads(before)
