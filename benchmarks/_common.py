"""What the benchmarks share: fair turns, medians, and a stored result that says where it was measured."""

import datetime
import importlib.metadata
import json
import os
import platform
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from typing import Any

import torch

RESULTS = Path(__file__).parent / "results"


def one_thread() -> None:
    """Keep torch to one thread; the peers measured here use one by themselves."""
    torch.set_num_threads(1)


def take_turns(cases: dict[str, Callable[[], object]], *, rounds: int) -> dict[str, list[float]]:
    """Seconds of every case in every round, after a first round that does not count.

    The cases take turns, so that a busy machine slows them alike. A case that returns a `float` has measured
    itself, as one in another process has to.
    """
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for turn in range(rounds + 1):
        for name, case in cases.items():
            start = time.perf_counter()
            itself = case()
            elapsed = time.perf_counter() - start
            if turn > 0:
                seconds[name].append(itself if isinstance(itself, float) else elapsed)
    return seconds


def ratio(seconds: dict[str, list[float]], peer: str, ours: str) -> float:
    """Median over the rounds of the ratio within one round."""
    return median(p / o for p, o in zip(seconds[peer], seconds[ours], strict=True))


def machine(packages: Iterable[str]) -> dict[str, Any]:
    """Processor, cores, load, versions, date."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in packages},
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }


def store(name: str, result: dict[str, Any]) -> Path:
    """Write a result to `results/NAME.json`."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return path


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
