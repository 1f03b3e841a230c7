"""Shared test set-up: shape checks at every call, one hypothesis profile, where the real samples are."""

import os
from pathlib import Path

import hypothesis
import pytest
from jaxtyping import install_import_hook

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


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests never read or fill the user's cache of simulated events; one cache serves the test run."""
    monkeypatch.setenv("FEMTOBARN_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
