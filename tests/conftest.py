"""Shared test set-up: threads, shape checks, hypothesis; what all processes of a test run have in common."""

import fcntl
import functools
import os
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from jaxtyping import install_import_hook

from browser import Browser, chromium

# Before torch, numpy or numba are imported: as many processes as cores, each with one thread, are the fastest,
# and a sum over several threads would round differently on another machine.
for _library in ("OMP", "MKL", "OPENBLAS", "NUMBA"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")

# Checks the shapes and types in every signature of the package, in the test run only.
install_import_hook("femtobarn", "_typecheck.check")

hypothesis.settings.register_profile(
    "femtobarn",
    deadline=None,
    derandomize=True,
    max_examples=30,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("femtobarn")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the real samples, or a skip that says how to get at them."""
    folder = os.environ.get("FEMTOBARN_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("real samples not found: set FEMTOBARN_DATA to their folder")
    return Path(folder)


@pytest.fixture(scope="session")
def common_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder that all processes of this test run have in common."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session", autouse=True)
def _own_cache(common_folder: Path) -> Iterator[None]:
    """Tests never read or fill the user's cache of simulated events; one cache serves the test run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEMTOBARN_CACHE", str(common_folder / "cache"))
        yield


@pytest.fixture(autouse=True)
def _no_figure_stays_open() -> Iterator[None]:
    """Figures of pyplot are of the whole process; the next test counts its own."""
    yield
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")


@pytest.fixture(scope="session")
def tiny_run(common_folder: Path) -> Callable[[str], Any]:
    """``tiny_run(name)``: finished `Run` of the preset `tiny` of a system, the same one for every test process.

    It is to be looked at; a test that changes a run makes a copy of its folder.
    """
    from femtobarn import recipe
    from femtobarn.runs import Run

    @functools.cache
    def finished(name: str) -> Run:
        root = common_folder / "tiny" / name
        root.mkdir(parents=True, exist_ok=True)
        with (root / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # a second process waits for the run of the first
            for folder in root.glob(f"{name}/*"):
                if (run := Run.open(folder)).status == "done":
                    return run
            system = recipe.find_system(name)
            settings = recipe.preset(system.recipe(), "tiny")
            run = recipe.start(system, settings, preset="tiny", root=root)
            recipe.carry_out(system, run, progress=False)
        return run

    return finished


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser window; each test process has its own."""
    with chromium(tmp_path_factory.mktemp("browser")) as window:
        yield window


def pytest_addoption(parser: pytest.Parser) -> None:
    text = "run the files, and the tests of each file, in the random order of this seed"
    parser.addoption("--shuffle", type=int, metavar="SEED", help=text)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if (seed := config.getoption("shuffle")) is not None:
        draw = random.Random(seed)  # the same order in every process
        files = sorted({item.path for item in items})
        place = dict(zip(files, draw.sample(range(len(files)), len(files)), strict=True))
        draw.shuffle(items)
        items.sort(key=lambda item: place[item.path])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Test processes under ``-n auto``: one a core, at most four, each of which may need 2 GB."""
    return min(len(os.sched_getaffinity(0)), 4)
