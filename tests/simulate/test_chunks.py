"""Chunks: same sample for any number of processes, interrupted runs go on, no broken files."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from child_process import started
from femtobarn.data.cache import cache_folder
from femtobarn.errors import InputError
from femtobarn.simulate.chunks import Chunks, run_chunks


@dataclasses.dataclass(frozen=True)
class Settings:
    scale: float = 1.0
    log: str = ""
    hang_at: int = -1


def noise(settings: Settings, items: range, seed: np.random.SeedSequence) -> dict[str, np.ndarray]:
    """Random numbers; leaves a line in the log, hangs or fails if told to."""
    if settings.log:
        with Path(settings.log).open("a") as file:
            file.write(f"{items.start}\n")
    if settings.hang_at in items:
        print("hanging", flush=True)
        signal.pause()
    if settings.scale < 0:
        raise InputError(f"expected a scale of 0 or more, got {settings.scale}")
    x = settings.scale * np.random.default_rng(seed).normal(size=len(items))
    return {"x": x, "item": np.array(items)}


def other(settings: Settings, items: range, seed: np.random.SeedSequence) -> dict[str, np.ndarray]:
    return noise(settings, items, seed)


def chunks(settings: Settings, total: int = 10, seed: int = 1) -> Chunks:
    return Chunks(noise, settings, total, 3, seed, (1,))


def joined(settings: Settings, **options: int) -> np.ndarray:
    made = run_chunks(chunks(settings), **options)
    np.testing.assert_array_equal(np.concatenate([chunk["item"] for chunk in made]), np.arange(10))
    return np.concatenate([chunk["x"] for chunk in made])


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEMTOBARN_CACHE", str(tmp_path / "cache"))


def test_sample_does_not_depend_on_the_number_of_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = []
    for workers in (1, 2):
        monkeypatch.setenv("FEMTOBARN_CACHE", str(tmp_path / f"{workers}"))
        samples.append(joined(Settings(), workers=workers))
    np.testing.assert_array_equal(*samples)
    assert len(np.unique(samples[0])) == 10


def test_a_second_run_only_reads(tmp_path: Path) -> None:
    settings = Settings(log=str(tmp_path / "log"))
    first = joined(settings, workers=1)
    np.testing.assert_array_equal(joined(settings, workers=1), first)
    assert (tmp_path / "log").read_text().split() == ["0", "3", "6", "9"]


def test_a_larger_sample_begins_with_the_smaller_one() -> None:
    small = chunks(Settings(), total=6)
    large = chunks(Settings(), total=12)
    assert [small.path(0), small.path(1)] == [large.path(0), large.path(1)]


def test_settings_seed_version_and_function_tell_samples_apart() -> None:
    base = chunks(Settings())
    others = [
        chunks(Settings(scale=2.0)),
        chunks(Settings(), seed=2),
        dataclasses.replace(base, version=(2,)),
        dataclasses.replace(base, function=other),
    ]
    assert len({each.path(0) for each in (base, *others)}) == 5
    assert base.get(0)["x"][0] != others[1].get(0)["x"][0]
    assert base.get(0)["x"][0] != others[3].get(0)["x"][0], "kinds of chunk have random numbers of their own"


def test_a_broken_file_is_made_again() -> None:
    each = chunks(Settings())
    whole = each.get(1)["x"]
    content = each.path(1).read_bytes()
    each.path(1).write_bytes(content[: len(content) // 2])
    assert not each.is_made(1)
    np.testing.assert_array_equal(each.get(1)["x"], whole)


@pytest.mark.parametrize("workers", [1, 2])
def test_the_error_of_a_chunk_is_raised_here(workers: int) -> None:
    with pytest.raises(InputError, match="got -1"):
        run_chunks(chunks(Settings(scale=-1.0)), workers=workers)


def test_no_workers_are_refused() -> None:
    with pytest.raises(InputError, match="at least one worker"):
        run_chunks(chunks(Settings()), workers=0)


_SCRIPT = """
import sys
sys.path[:0] = {folders!r}
from test_chunks import *
run_chunks(chunks(Settings(hang_at=9)), workers={workers})
"""


@pytest.mark.parametrize(("workers", "how"), [(1, signal.SIGKILL), (2, signal.SIGINT)])
def test_a_stopped_run_keeps_what_is_finished_and_leaves_nothing_broken(
    workers: int, how: signal.Signals
) -> None:
    script = _SCRIPT.format(folders=[str(folder) for folder in Path(__file__).parents[:2]], workers=workers)
    stopped = chunks(Settings(hang_at=9))
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with started([sys.executable, "-c", script], **pipes) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"hanging\n"  # the last chunk; the others may still be at work
        while not stopped.is_made(0):  # by a process that may start later
            assert process.poll() is None
            time.sleep(0.01)
        os.killpg(process.pid, how)
        assert process.wait(timeout=120) != 0
    for path in cache_folder().rglob("*.npz"):
        if ".writing-" not in str(path):
            np.load(path).close()
    assert stopped.is_made(0)
    assert not stopped.is_made(3)


def test_no_file_appears_when_its_writer_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def half(path: Path, **_: np.ndarray) -> None:
        path.write_bytes(b"half")
        raise OSError("disk full")

    each = chunks(Settings())
    with monkeypatch.context() as patched:
        patched.setattr(np, "savez", half)
        with pytest.raises(InputError, match="disk full"):
            each.get(0)
    assert not [path for path in cache_folder().rglob("*") if path.is_file()]
    assert len(each.get(0)["x"]) == 3


def test_progress_ends_with_the_rate(capsys: pytest.CaptureFixture[str]) -> None:
    run_chunks(chunks(Settings()), workers=1, progress=True, label="throws")
    assert "10 throws in" in capsys.readouterr().err
    run_chunks(chunks(Settings()), workers=1, progress=True, label="throws")
    assert capsys.readouterr().err == ""
