import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from _networks import needs
from torch import nn

import femtobarn.hardware.export as verilog_export
from femtobarn.errors import InputError, VerificationError
from femtobarn.hardware.export import quantities
from femtobarn.hardware.integer_model import IntegerModel
from femtobarn.hardware.network_export import Exported, export_network
from femtobarn.hardware.verilog import VerilogSources, verilog
from femtobarn.nn.quantised import Quantiser, calibrate, quantise, to_integer

icarus = needs("iverilog", "iverilog")


def network(*, fraction: float = 4.0) -> tuple[nn.Module, np.ndarray]:
    """A calibrated network of two layers, and events it was calibrated on."""
    torch.manual_seed(0)
    x = torch.randn(300, 6)
    layers = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 2))
    net = quantise(layers, x, fraction=fraction, weight_fraction=fraction)
    calibrate(net, x)
    return net.eval(), x.double().numpy()


def exported(folder: Path, net: nn.Module, x: np.ndarray, **options: object) -> Exported:
    settings = {"to": "verilog", "name": "small", "vectors": x[:100], "test": x, "calls": 0} | options
    return export_network(net, to_integer(net), folder, optimise=False, synthesis=False, **settings)  # type: ignore[arg-type]


@icarus
def test_verilog_with_everything_beside_it(tmp_path: Path) -> None:
    net, x = network()
    done = exported(tmp_path / "new" / "folder", net, x, pipeline=2, calls=5)
    assert done.verified
    assert (done.vectors, done.mismatches, done.events) == (100, 0, 300)
    assert done.verilog is not None
    assert done.verilog.ebops == done.ebops
    assert done.latency is not None
    assert 0 < done.latency.median < 1e5
    names = {path.name for path in done.folder.iterdir()}
    assert names >= {"femtobarn.v", "testbench.v", "inputs.hex", "expected.hex", "ports.json"}
    assert names >= {"model.npz", "network.onnx", "report.json"}
    assert done.summary() == f"{done.folder}: small as verilog, 0 mismatches in 100 events"
    stored = json.loads((done.folder / "report.json").read_text())
    table = quantities(stored)
    assert table["EBOPs"] == done.ebops
    assert table["mismatches"] == 0
    assert table["clock cycles"] == done.verilog.latency > 0
    assert "LUT (yosys)" not in table, "what was not checked is not in the table"


def test_onnx_is_compared_with_the_integers(tmp_path: Path) -> None:
    net, x = network()
    done = exported(tmp_path, net, x, to="onnx")
    assert done.verified
    stored = np.load(tmp_path / "vectors.npz")
    session = onnxruntime.InferenceSession(tmp_path / "network.onnx")
    (answer,) = session.run(None, {"event": stored["inputs"].astype(np.float32)})
    np.testing.assert_array_equal(answer, stored["expected"])
    model = IntegerModel.load(tmp_path / "model.npz")
    np.testing.assert_array_equal(model(x[:100]), stored["expected"])


def test_onnx_of_wide_sums_is_written_in_float64(tmp_path: Path) -> None:
    """In float32 these sums would be rounded, and the numbers differ."""
    net, x = network(fraction=18.0)
    assert exported(tmp_path, net, x, to="onnx").verified
    session = onnxruntime.InferenceSession(tmp_path / "network.onnx")
    assert session.get_inputs()[0].type == "tensor(double)"


def test_a_convolution_with_sums_too_wide_for_float32_is_not_called_right(tmp_path: Path) -> None:
    torch.manual_seed(0)
    x = torch.randn(50, 1, 4, 4)
    net = quantise(nn.Sequential(nn.Conv2d(1, 2, 3)), x, fraction=18.0, weight_fraction=18.0)
    calibrate(net, x)
    inputs = x.double().numpy()
    done = exported(tmp_path / "onnx", net.eval(), inputs, to="onnx", vectors=inputs, test=inputs)
    assert done.mismatches
    with pytest.raises(VerificationError, match="differ from the integer model: do not use it"):
        done.summary()


def test_a_network_in_floating_point_becomes_onnx_only(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net, x = nn.Sequential(nn.Linear(6, 5), nn.LeakyReLU(), nn.Linear(5, 2)), np.random.default_rng(0)
    events = x.normal(size=(50, 6))
    done = export_network(net, None, tmp_path, to="onnx", name="plain", vectors=events, calls=5)
    assert done.verified
    assert done.ebops is None
    assert not (tmp_path / "model.npz").exists()
    with pytest.raises(InputError, match="plain computes in floating point: only onnx"):
        export_network(net, None, tmp_path, to="verilog", name="plain", vectors=events)


@icarus
@pytest.mark.parametrize("target", ["verilog", "onnx"])
def test_wrong_answers_are_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    """A flipped bit of the Verilog, and a network that is not the one the integers are of."""

    def wrong(*args: object, **settings: object) -> VerilogSources:
        sources = verilog(*args, **settings)  # type: ignore[arg-type]
        return dataclasses.replace(sources, text=sources.text.replace("assign out = ", "assign out = 1 ^ "))

    net, x = network()
    integers = to_integer(net)
    monkeypatch.setattr(verilog_export, "verilog", wrong)
    with torch.no_grad():
        net.get_submodule("2").weights.bias += 1.0  # type: ignore[operator, union-attr]
    settings = {"name": "small", "vectors": x[:50], "calls": 5, "optimise": False, "synthesis": False}
    done = export_network(net, integers, tmp_path, to=target, **settings)  # type: ignore[arg-type]
    assert done.mismatches == (50 if target == "verilog" else 100)
    assert not done.verified
    with pytest.raises(VerificationError, match="of 50 events differ"):
        done.summary()
    if target == "verilog":  # the ONNX file, which differs too, is not left beside it
        assert not (tmp_path / "network.onnx").exists()
        assert any("output numbers of the ONNX file differ" in note for note in done.notes)


@icarus
def test_events_beyond_the_calibrated_range_are_counted_and_still_exact(tmp_path: Path) -> None:
    net, x = network()
    near = exported(tmp_path / "near", net, x)
    far = exported(tmp_path / "far", net, x, vectors=20 * x[:100], test=20 * x)
    assert sum(near.overflows.values()) == 0
    assert sum(far.overflows.values()) > 300
    assert far.verified, "the hardware wraps as the integer model does"


@icarus
def test_a_network_whose_bits_are_all_gone_is_written_and_verified(tmp_path: Path) -> None:
    net, x = network()
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, Quantiser):
                module.fraction.fill_(-20)
    calibrate(net, torch.from_numpy(x).float())
    done = exported(tmp_path, net, x)
    assert done.verified
    assert done.verilog is not None
    assert (done.verilog.adders, done.verilog.estimated_luts) == (0, 0)


def test_without_programs_and_packages_the_notes_say_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, x = network()
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    done = exported(tmp_path, net, x, calls=5)
    assert done.mismatches is None
    assert done.latency is None
    assert not done.verified
    said = done.summary()
    assert "not checked" in said
    assert "apt install iverilog" in said
    assert "pip install 'femtobarn[hardware]'" in said


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"to": "verilg"}, "did you mean verilog"),
        ({"vectors": np.zeros((1, 6))}, "at least two test vectors, got 1"),
        ({"vectors": np.full((5, 6), np.nan)}, "holds NaN or infinity"),
        ({"vectors": np.zeros((5, 7)), "test": None}, r"events of shape \(6,\): got \(7,\)"),
    ],
)
def test_what_cannot_be_exported_is_told(tmp_path: Path, options: dict[str, object], message: str) -> None:
    net, x = network()
    with pytest.raises(InputError, match=message):
        exported(tmp_path, net, x, **options)
