"""Names of folders and modules never reach a shell."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from _networks import needs

from femtobarn.errors import InputError
from femtobarn.hardware.export import export_verilog
from femtobarn.hardware.hls4ml import export_hls4ml
from femtobarn.hardware.integer_model import IntegerModel
from femtobarn.hardware.synthesis import synthesise
from femtobarn.hardware.verilog import verilog

Network = tuple[IntegerModel, np.ndarray]
NAMES = [
    "a b",
    'a"b',
    "a'b",
    "a;touch pwned;b",
    "$(touch pwned)",
    "`touch pwned`",
    "a&touch pwned&",
    "-o x",
    "ä",
]


@needs("iverilog", "iverilog")
@pytest.mark.parametrize("name", NAMES)
def test_any_folder_holds_a_verified_module(
    dense: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    model, x = dense
    folder = tmp_path / name
    report = export_verilog(model, folder, vectors=x[:20], optimise=False, synthesis=False)
    assert report.mismatches == 0
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert not list(tmp_path.rglob("pwned"))


@pytest.mark.parametrize("name", NAMES[:5])
def test_any_folder_holds_an_hls4ml_project(
    dense: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    pytest.importorskip("hls4ml")
    monkeypatch.chdir(tmp_path)
    model, x = dense
    export_hls4ml(model, tmp_path / name, vectors=x[:5], emulate=False)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert not list(tmp_path.rglob("pwned"))


@pytest.mark.parametrize("name", [*NAMES, "m; shell touch pwned", "m -top other", "", "1m"])
def test_only_an_identifier_names_a_module(dense: Network, tmp_path: Path, name: str) -> None:
    model, x = dense
    with pytest.raises(InputError, match="as the name of a module"):
        verilog(model, module=name)
    with pytest.raises(InputError, match="as the name of a module"):
        export_verilog(model, tmp_path, vectors=x[:5], module=name)
    sources = verilog(model)
    with pytest.raises(InputError, match="as the name of a module"):
        synthesise(dataclasses.replace(sources, module=name))
