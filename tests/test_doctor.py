"""The verb ``doctor``: what is there, what is not, and nothing breaks over it."""

import importlib.metadata
from pathlib import Path

import pytest

from femtobarn.cli import doctor
from femtobarn.cli.command import execute


def test_an_extra_lacks_what_is_absent_or_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = [
        "numpy>=2",
        'numpy>=99; extra == "new"',
        'no-such-package>=1.2; extra == "new"',
        "scipy>=1; extra == 'small'",
        'femtobarn[small]; extra == "test"',
    ]
    monkeypatch.setattr(importlib.metadata, "requires", lambda _: wanted)
    assert doctor.extras() == {"new": ["numpy>=99", "no-such-package>=1.2"], "small": [], "test": []}


def test_the_page_names_cache_programs_and_data(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "chunk.npz").write_bytes(bytes(2**21))
    monkeypatch.setenv("FEMTOBARN_CACHE", str(tmp_path))
    monkeypatch.setenv("FEMTOBARN_DATA", str(tmp_path / "nowhere"))
    monkeypatch.setenv("PATH", "")
    assert execute(["doctor"]) == 0
    told = capsys.readouterr().out
    assert f"{tmp_path}: 0.00 GiB in 1 files" in told
    assert "nowhere, which is no folder" in told
    assert told.count("not found") == len(doctor.PROGRAMS)
    assert "machine: " in told


def test_an_empty_machine_is_told_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FEMTOBARN_CACHE", str(tmp_path / "none"))
    monkeypatch.delenv("FEMTOBARN_DATA", raising=False)
    monkeypatch.setattr(importlib.metadata, "requires", lambda _: None)
    told = "\n".join(doctor.lines())
    assert "in 0 files" in told
    assert "FEMTOBARN_DATA names the folder" in told
