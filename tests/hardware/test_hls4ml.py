from pathlib import Path

import numpy as np
import pytest
from _networks import integer_network, needs
from torch import nn

import femtobarn.hardware.hls4ml as ours
from femtobarn.errors import InputError
from femtobarn.hardware.hls4ml import export_hls4ml, hls4ml_layers
from femtobarn.hardware.integer_model import IntegerModel

Network = tuple[IntegerModel, np.ndarray]


@pytest.fixture(scope="module")
def small() -> Network:
    return integer_network(nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 2)), (6,))


@needs("g++", "g++")
@pytest.mark.slow
def test_emulation_is_exact_and_a_wrong_bias_is_seen(
    small: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("hls4ml")
    model, x = small
    check = export_hls4ml(model, tmp_path / "right", vectors=x)
    assert (check.vectors, check.mismatches) == (1000, 0)
    assert (tmp_path / "right" / "firmware" / "femtobarn.cpp").exists()

    def wrong(model: IntegerModel) -> list[dict[str, object]]:
        layers = hls4ml_layers(model)
        layers[-1]["bias_data"] += 0.5**4
        return layers

    monkeypatch.setattr(ours, "hls4ml_layers", wrong)
    assert export_hls4ml(model, tmp_path / "wrong", vectors=x).mismatches == 2000


def test_a_project_without_emulation(small: Network, tmp_path: Path) -> None:
    pytest.importorskip("hls4ml")
    check = export_hls4ml(small[0], tmp_path, vectors=small[1], emulate=False)
    assert check.mismatches is None
    assert "not emulated" in check.note
    assert (tmp_path / "firmware" / "femtobarn.cpp").exists()


def test_layers_hold_the_numbers_of_the_network(small: Network) -> None:
    model, x = small
    layers = hls4ml_layers(model)
    names = ["InputLayer", "FixedPointQuantizer", "Dense", "Activation", "FixedPointQuantizer", "Dense"]
    assert [layer["class_name"] for layer in layers] == names
    values = np.ldexp(model.encode(x).astype(float), -model.input.fraction)
    for layer in layers[2:]:
        if layer["class_name"] == "Dense":
            values = values @ layer["weight_data"] + layer["bias_data"]
        elif layer["class_name"] == "Activation":
            values = np.maximum(values, 0)
        else:
            sign, width, integer = (bits[0].astype(float) for bits in layer["mask_kbi"])
            step, span = 2.0 ** (integer - width), 2.0**integer
            values = np.floor(values / step + 0.5) * step
            values = np.where(width > 0, (values + sign * span / 2) % span - sign * span / 2, 0)
    np.testing.assert_array_equal(values, model(x))


def test_a_convolution_is_refused(encoder: Network) -> None:
    with pytest.raises(InputError, match=r"one axis, got \(1, 8, 8\): export the model to Verilog"):
        hls4ml_layers(encoder[0])
