import dataclasses
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from _networks import needs

import femtobarn.hardware.export as export
from femtobarn.errors import InputError, MissingExtraError
from femtobarn.hardware.cost import effective_bit_operations
from femtobarn.hardware.export import VerilogReport, export_verilog
from femtobarn.hardware.integer_model import IntegerModel
from femtobarn.hardware.testbench import MissingToolError, from_words, simulate, to_words
from femtobarn.hardware.verilog import Port, VerilogSources, verilog

Network = tuple[IntegerModel, np.ndarray]


def exported(network: Network, folder: Path, **settings: object) -> VerilogReport:
    model, x = network
    return export_verilog(model, folder, vectors=x[:50], optimise=False, synthesis=False, **settings)  # type: ignore[arg-type]


@needs("iverilog", "iverilog")
def test_a_verified_export(dense: Network, tmp_path: Path) -> None:
    model, x = dense
    report = exported(dense, tmp_path / "new", test=x, pipeline=4)
    assert report.mismatches == 0
    assert report.verified
    assert (report.vectors, report.events) == (50, 1000)
    assert report.overflows == model.overflows(x)
    assert report.ebops == effective_bit_operations(model)
    assert report.latency == -(-report.levels // 4)
    assert sorted(report.files) == sorted(path.name for path in (tmp_path / "new").iterdir())
    stored = json.loads((tmp_path / "new" / "report.json").read_text())
    assert stored.pop("verified") is True
    assert VerilogReport(**{k: tuple(v) if isinstance(v, list) else v for k, v in stored.items()}) == report
    np.testing.assert_array_equal(IntegerModel.load(tmp_path / "new" / "model.npz")(x), model(x))


@needs("iverilog", "iverilog")
def test_the_folder_can_be_checked_by_hand(dense: Network, tmp_path: Path) -> None:
    exported(dense, tmp_path, pipeline=4)
    command = (tmp_path / "testbench.v").read_text().splitlines()[:2]
    script = " && ".join(line.removeprefix("// ") for line in command)
    assert subprocess.run(script, shell=True, cwd=tmp_path, check=False, capture_output=True).returncode == 0
    module = tmp_path / "femtobarn.v"
    module.write_text(module.read_text().replace("assign out = ", "assign out = 1 ^ "))
    assert subprocess.run(script, shell=True, cwd=tmp_path, check=False, capture_output=True).returncode != 0


@needs("iverilog", "iverilog")
def test_wrong_verilog_is_not_verified(
    dense: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*args: object, **settings: object) -> VerilogSources:
        sources = verilog(*args, **settings)  # type: ignore[arg-type]
        return dataclasses.replace(sources, text=sources.text.replace("assign out = ", "assign out = 1 ^ "))

    monkeypatch.setattr(export, "verilog", wrong)
    report = exported(dense, tmp_path)
    assert report.mismatches == 50
    assert not report.verified


def test_without_tools_nothing_is_called_verified(
    dense: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    model, x = dense
    report = export_verilog(model, tmp_path, vectors=x[:5], optimise=False)
    assert report.mismatches is None
    assert report.luts is None
    assert not report.verified
    assert report.notes == (
        "the Verilog was not simulated: iverilog is not installed: apt install iverilog (Debian, Ubuntu)",
        "look-up tables were not counted: yosys is not installed: apt install yosys (Debian, Ubuntu)",
    )
    assert (tmp_path / "femtobarn.v").exists()
    with pytest.raises(MissingToolError, match="apt install iverilog"):
        simulate(verilog(model, optimise=False), np.zeros((1, 16), int))


def test_a_slow_yosys_is_told_and_stops_nothing(
    dense: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(_: VerilogSources) -> None:
        raise TimeoutError("yosys took longer than 600 s")

    monkeypatch.setattr(export, "synthesise", slow)
    monkeypatch.setattr(export, "simulate", lambda *_: None)
    report = export_verilog(dense[0], tmp_path, vectors=dense[1][:5], optimise=False)
    assert report.luts is None
    assert report.notes == ("look-up tables were not counted: yosys took longer than 600 s",)


def test_without_the_optimiser(dense: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "alkaid.cmvm", None)
    with pytest.raises(MissingExtraError, match=r"alkaid: pip install 'femtobarn\[hardware\]'"):
        verilog(dense[0])


def test_no_vectors(dense: Network, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least one test vector"):
        export_verilog(dense[0], tmp_path, vectors=np.zeros((0, 16)))


def test_numbers_come_back_from_words() -> None:
    ports = (Port(3, True, 0), Port(0, False, 0), Port(70 - 8, True, 0), Port(5, False, 2))
    g = np.random.default_rng(0)
    columns = [
        g.integers(-4, 4, 20),
        np.zeros(20, int),
        g.integers(-(2**61), 2**61, 20),
        4 * g.integers(0, 32, 20),
    ]
    numbers = np.stack(columns, axis=1)
    words = to_words(numbers, ports)
    assert {len(word) for word in words} == {18}
    np.testing.assert_array_equal(from_words(words, ports), numbers)
    assert to_words(np.array([[5, 2]]), (Port(4, False, 0), Port(4, False, 0))) == ["25"]


@pytest.mark.parametrize("number", [8, -1, 3])
def test_a_number_that_does_not_fit_its_port(number: int) -> None:
    with pytest.raises(InputError, match="expected numbers for Port"):
        to_words(np.array([[number]]), (Port(2, False, 1),))


def test_unknown_bits_are_not_numbers() -> None:
    with pytest.raises(RuntimeError, match="unknown bits: 0x"):
        from_words(["0x"], (Port(8, False, 0),))


def test_an_old_verilator_is_refused(dense: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: "verilator")
    monkeypatch.setattr("femtobarn.hardware.testbench.verilator_version", lambda _: (5, 6))
    with pytest.raises(InputError, match=r"5\.048 or later, got 5\.006: use Icarus"):
        simulate(verilog(dense[0], optimise=False), np.zeros((1, 16), int), simulator="verilator")


def test_an_unknown_simulator(dense: Network) -> None:
    with pytest.raises(InputError, match='"icarus" or "verilator"'):
        simulate(verilog(dense[0], optimise=False), np.zeros((1, 16), int), simulator="spice")
