"""Compiled functions where nothing can be written: read-only installations, users without a home."""

import functools
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import femtobarn
from femtobarn.compiled import njit
from femtobarn.data.cache import cache_folder

ROOT = Path(femtobarn.__file__).parent
_NO_PLACE = """
import importlib, sys
from numba.core import caching
caching.CacheImpl._locator_classes = []  # what is left where no place can be written
for name in sys.argv[1:]:
    importlib.import_module(name)
from femtobarn.compiled import njit
print(njit(cache=True)(lambda x: x + 1)(1))
"""


def _compiled_modules() -> list[str]:
    paths = [path for path in ROOT.rglob("*.py") if "import njit" in path.read_text(encoding="utf-8")]
    return [".".join(path.relative_to(ROOT.parent).with_suffix("").parts) for path in paths]


def test_every_module_goes_through_the_one_compiler() -> None:
    assert len(_compiled_modules()) > 5
    for path in ROOT.rglob("*.py"):
        if path.name != "compiled.py":
            text = path.read_text(encoding="utf-8")
            assert "numba import njit" not in text, path
            assert "numba.njit" not in text, path


def test_every_module_imports_and_computes_where_nothing_can_be_cached() -> None:
    command = [sys.executable, "-c", _NO_PLACE, *_compiled_modules()]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "2\n"


def _twice(x: int) -> int:
    return 2 * x


def test_what_is_compiled_is_the_function_and_not_a_wrapper_of_it() -> None:
    @functools.wraps(_twice)
    def checked(*arguments: Any) -> int:
        raise TypeError(f"numba cannot compile this: {arguments}")

    assert njit(checked)(2) == 4
    assert njit(cache=True)(checked)(2) == 4


def test_without_a_home_nothing_is_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Path, "home", nowhere)
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    assert njit(cache=True)(_twice)(2) == 4
    assert njit(_twice)(2) == 4
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.delenv("FEMTOBARN_CACHE")
    assert cache_folder().parent == tmp_path
    assert cache_folder().stat().st_mode & 0o077 == 0


def test_where_there_is_a_place_it_is_used(tmp_path: Path) -> None:
    script = "from femtobarn.compiled import njit\nf = njit(cache=True)(lambda x: x + 1)\nassert f(1) == 2\n"
    (tmp_path / "script.py").write_text(script)
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    subprocess.run([sys.executable, str(tmp_path / "script.py")], check=True, env=environment)
    assert list((tmp_path / "cache").rglob("*.nbi"))
