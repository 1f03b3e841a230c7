"""The tiny run of each system, made once for all tests."""

import fcntl
import functools
from collections.abc import Callable
from pathlib import Path

import pytest

from femtobarn import recipe
from femtobarn.runs import Run

TinyRun = Callable[[str], Run]


@pytest.fixture(scope="session")
def tiny_run(common_folder: Path) -> TinyRun:
    """``tiny_run(name)``: finished run of the preset `tiny` of a system, the same one for every test process.

    It is to be looked at; a test that changes a run makes a copy of its folder.
    """

    @functools.cache
    def finished(name: str) -> Run:
        root = common_folder / "tiny" / name
        root.mkdir(parents=True, exist_ok=True)
        with (root / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            made = [run for folder in root.glob(f"{name}/*") if (run := Run.open(folder)).status == "done"]
            return made[0] if made else _carried_out(name, root)

    return finished


def _carried_out(name: str, root: Path) -> Run:
    system = recipe.find_system(name)
    settings = recipe.preset(system.recipe(), "tiny")
    run = recipe.start(system, settings, preset="tiny", root=root)
    recipe.carry_out(system, run, progress=False)
    return run
