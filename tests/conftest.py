"""Shared test set-up: one thread a process, shape checks at every call, one hypothesis profile, shared folders."""

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from jaxtyping import install_import_hook

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


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Test processes under ``-n auto``: one a core, at most four, each of which may need 2 GB."""
    return min(len(os.sched_getaffinity(0)), 4)
