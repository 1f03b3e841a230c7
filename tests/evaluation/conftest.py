"""Files of jets that several tests read."""

from pathlib import Path

import pytest

from femtobarn.evaluation import figures
from jet_files import write_toy_jets


@pytest.fixture(scope="session")
def jet_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Real jets, others like them, and some with too little pT."""
    folder = tmp_path_factory.mktemp("jets")
    return {
        "real": write_toy_jets(folder / "real.hdf5", seed=1),
        "good": write_toy_jets(folder / "good.hdf5", seed=2, count=1000),
        "bad": write_toy_jets(folder / "bad.hdf5", seed=3, scale=0.85),
    }


@pytest.fixture
def numbers_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A comparison of jets without its figures, which take most of its time."""
    for name in ("draw_jets", "draw_significances"):
        monkeypatch.setattr(figures, name, lambda *_, **__: None)
