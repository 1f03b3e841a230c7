from pathlib import Path

import numpy as np
import pytest
from _networks import integer_network, needs
from torch import nn

import femtobarn.hardware.hls4ml as ours
from femtobarn.errors import InputError
from femtobarn.hardware.fixed_point import FixedPoint
from femtobarn.hardware.hls4ml import export_hls4ml, hls4ml_layers
from femtobarn.hardware.integer_model import IntegerModel
from femtobarn.hardware.integer_nodes import Input, Linear, Quantise, Relu

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


def _form(count: int, integer: int, fraction: int, *, signed: bool = False) -> FixedPoint:
    integers, fractions = np.full(count, integer), np.full(count, fraction)
    return FixedPoint(np.full(count, signed), integers, fractions, overflow="SAT")


def _stopping(middle: FixedPoint, *, weights: bool) -> IntegerModel:
    """Quarters that stop at 3/16, the end of the range of `middle`; they are constant without weights."""
    fraction = middle.fraction
    return IntegerModel(
        [
            Input("x", _form(2, 1, 2, signed=True)),
            Linear("first", (0,), np.eye(2, dtype=int) * weights, np.array([9, 3]), np.array([2, 2])),
            Relu("relu", (1,)),
            Quantise("middle", (2,), middle, 2 - fraction),
            Linear("last", (3,), np.array([[-1, -6], [4, 2]]), np.array([16, 0]), fraction + 3),
        ]
    )


@needs("g++", "g++")
@pytest.mark.slow
@pytest.mark.parametrize("weights", [False, True])
def test_an_end_finer_than_its_source_is_kept(weights: bool, tmp_path: Path) -> None:
    """A layer that loses all its weights hands on constants of few fractional bits, which then stop at an end."""
    pytest.importorskip("hls4ml")
    model = _stopping(_form(2, -2, 4), weights=weights)
    x = np.random.default_rng(0).integers(-8, 8, (100, 2)) / 4
    assert export_hls4ml(model, tmp_path, vectors=x).mismatches == 0


def test_an_end_that_hls4ml_would_lose_is_refused() -> None:
    """Without a sign SAT_SYM is the same as SAT, and hls4ml keeps its ends; with one there is no such way."""
    quantiser = hls4ml_layers(_stopping(_form(2, -2, 4), weights=True))[4]
    assert quantiser["SAT"] == "SAT_SYM"
    with pytest.raises(InputError, match="middle: element 0 stops at an end with 4 fractional bits"):
        hls4ml_layers(_stopping(_form(2, -2, 4, signed=True), weights=True))
    assert hls4ml_layers(_stopping(_form(2, 3, 4, signed=True), weights=True))[4]["SAT"] == "SAT"


def test_weights_of_inputs_without_bits_are_left_out() -> None:
    last = hls4ml_layers(_stopping(_form(2, -2, 2), weights=True))[-1]
    assert not last["weight_data"].any()


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
