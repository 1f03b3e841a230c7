"""Bulk work on a Dask cluster: the same result as at home, also when a worker dies on the way."""

import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from femtobarn.errors import InputError
from femtobarn.parts import cluster_workers
from femtobarn.simulate.chunks import Chunks, run_chunks

HERE = Path(__file__).parent


@dataclasses.dataclass(frozen=True)
class Settings:
    folder: str
    scale: float = 1.0


def slow_noise(settings: Settings, items: range, seed: np.random.SeedSequence) -> dict[str, np.ndarray]:
    """Random numbers; the worker that first takes item 4 tells its number and waits to be killed."""
    told = Path(settings.folder) / "victim"
    if settings.folder and 4 in items and not told.exists():
        unfinished = told.with_name("unfinished")
        unfinished.write_text(str(os.getpid()))
        unfinished.rename(told)
        time.sleep(60)
    return {"x": settings.scale * np.random.default_rng(seed).normal(size=len(items))}


def refuse(x: int) -> int:
    raise InputError(f"x must not be {x}")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[str]:
    """A scheduler and two workers, each a process of its own."""
    file = tmp_path / "scheduler.json"
    environment = os.environ | {"PYTHONPATH": str(HERE)}
    common = [sys.executable, "-m", "dask"]
    quiet = {"env": environment, "cwd": tmp_path, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    scheduler = ["scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", str(file)]
    worker = ["worker", "--nthreads", "1", "--no-dashboard", "--no-nanny", "--scheduler-file", str(file)]
    processes = [subprocess.Popen([*common, *words], **quiet) for words in (scheduler, worker, worker)]  # type: ignore[call-overload]
    while not file.exists():
        assert processes[0].poll() is None
        time.sleep(0.05)
    yield str(file)
    for process in reversed(processes):
        process.kill()
        process.wait()


def chunks(folder: str = "") -> Chunks:
    return Chunks(slow_noise, Settings(folder), 12, 2, 1, (1,))


def test_a_killed_worker_changes_nothing(
    tmp_path: Path, cluster: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEMTOBARN_CACHE", str(tmp_path / "here"))
    expected = [each["x"] for each in run_chunks(chunks(), workers=1)]
    killer = threading.Thread(target=kill_first, args=(tmp_path / "victim",))
    killer.start()
    found = [each["x"] for each in run_chunks(chunks(str(tmp_path)), scheduler=cluster)]
    killer.join()
    assert (tmp_path / "victim").exists(), "nobody was killed"
    np.testing.assert_array_equal(found, expected)


def kill_first(told: Path) -> None:
    while not told.exists():
        time.sleep(0.02)
    os.kill(int(told.read_text()), signal.SIGKILL)


def test_an_error_on_the_cluster_is_raised_here(cluster: str) -> None:
    with cluster_workers(cluster) as pool, pytest.raises(InputError, match="must not be 3"):
        pool.submit(refuse, 3).result(timeout=30)


def test_no_scheduler_is_told_in_one_line(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match="no Dask scheduler answers at"),
        cluster_workers("tcp://127.0.0.1:9"),
    ):
        pass
    with (
        pytest.raises(InputError, match="no such scheduler file"),
        cluster_workers(str(tmp_path / "none.json")),
    ):
        pass
