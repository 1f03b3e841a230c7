"""The environment of a run: package versions, processor, threads, time."""

import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from femtobarn.parts import processors

_PACKAGES = ("numpy", "scipy", "numba", "torch", "pytorch-lightning", "matplotlib")


def now(precision: str = "seconds") -> str:
    """The time in UTC, as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec=precision)


def versions() -> dict[str, str]:
    """Versions of Python, femtobarn and the packages that numbers depend on."""
    found = {"python": platform.python_version()}
    for package in ("femtobarn", *_PACKAGES):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def cpu() -> str:
    """Name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def threads() -> int:
    """Threads that numerical work may use: those set in torch, if it is in use at all."""
    torch = sys.modules.get("torch")
    if torch is not None:
        return int(torch.get_num_threads())
    return processors()
