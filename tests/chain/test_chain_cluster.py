"""A chain on a cluster of which a worker is lost: the same numbers as in one process."""

import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from femtobarn.chain.carry_out import carry_out, start
from femtobarn.chain.settings import PRESETS
from femtobarn.runs import Result

pytest.importorskip("pythia8mc", reason="collisions need Pythia")
pytest.importorskip("fastjet", reason="jets need FastJet")
distributed = pytest.importorskip("distributed", reason="needs the extra cluster")
pytestmark = pytest.mark.slow

SMALL = {"events": 4, "together": 1, "crossings": 40, "signals": 5, "learning": 4, "bootstrap": 10}


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[str]:
    """A scheduler and two workers, each a process of its own, with a cache that is not ours."""
    file, there = tmp_path / "scheduler.json", str(tmp_path / "there")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "FEMTOBARN_CACHE": there}
    common = [sys.executable, "-m", "dask"]
    words = ["scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", str(file)]
    worker = ["worker", "--nthreads", "1", "--no-dashboard", "--no-nanny", "--scheduler-file", str(file)]
    quiet = {"env": environment, "cwd": tmp_path, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    processes = [subprocess.Popen([*common, *each], **quiet) for each in (words, worker, worker)]  # type: ignore[call-overload]
    while not file.exists():
        assert processes[0].poll() is None
        time.sleep(0.05)
    yield str(file)
    for process in reversed(processes):
        process.kill()
        process.wait()


def _kill_one_at_work(file: str, killed: list[int]) -> None:
    with distributed.Client(scheduler_file=file, set_as_default=False) as client:
        end = time.monotonic() + 600
        while time.monotonic() < end:
            if busy := [worker for worker, tasks in client.processing().items() if tasks]:
                number = client.run(os.getpid, workers=busy[:1])[busy[0]]
                os.kill(number, signal.SIGKILL)
                killed.append(number)
                return
            time.sleep(0.05)


def _numbers(rows: list[Result]) -> dict[str, float | None]:
    steady = [r for r in rows if not r.name.startswith(("time", "memory")) and r.value == r.value]
    return {f"{r.name} {sorted(r.labels.items())}": r.value for r in steady}


def test_a_lost_worker_changes_no_number(
    scheduler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEMTOBARN_CACHE", str(tmp_path / "here"))
    chain = dataclasses.replace(PRESETS["tiny"], **SMALL)
    here = carry_out(start(chain, preset="tiny", root=tmp_path / "runs"), progress=False)
    for folder in (tmp_path / "here").glob("femtobarn.chain.*"):
        shutil.rmtree(folder)
    killed = list[int]()
    killer = threading.Thread(target=_kill_one_at_work, args=(scheduler, killed))
    killer.start()
    cluster = dataclasses.replace(chain, scheduler=scheduler)
    there = carry_out(start(cluster, preset="tiny", root=tmp_path / "runs"), progress=False)
    killer.join()
    assert killed, "no worker was at work"
    assert _numbers(there) == _numbers(here)
