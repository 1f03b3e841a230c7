"""Quantisers against stored numbers of HGQ2, closed forms, and the integer arithmetic of the hardware."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from femtobarn.errors import InputError
from femtobarn.nn.quantised import Quantiser, ebops
from femtobarn.nn.quantised.linear import QuantisedLinear
from femtobarn.nn.quantised.rounding import integer_bits, rounded, whole
from femtobarn.nn.quantised.weight_quantiser import WeightQuantiser
from femtobarn.nn.quantised.weights import QuantisedWeights

HGQ2 = json.loads((Path(__file__).parent / "reference" / "hgq2.json").read_text())


def _float32(values: Any) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32)


def _outputs_first(values: Any, like: torch.Tensor) -> torch.Tensor:
    """Keras has the outputs of a layer last."""
    return torch.atleast_2d(_float32(values)).T.reshape(like.shape)


def _as_in(case: dict[str, Any]) -> Quantiser:
    quantiser = Quantiser((len(case["k"]),), rounding=case["rounding"], overflow=case["overflow"])
    with torch.no_grad():
        quantiser.integer.copy_(_float32(case["i"]))
        quantiser.fraction.copy_(_float32(case["f"]))
        quantiser.signed.copy_(_float32(case["k"]).bool())
    return quantiser.train(case["training"])


def _name(case: dict[str, Any]) -> str:
    return f"{case['rounding']}-{case['overflow']}-{'training' if case['training'] else 'inference'}"


@pytest.mark.parametrize("case", HGQ2["quantiser"], ids=_name)
def test_values_and_gradients_are_those_of_hgq2(case: dict[str, Any]) -> None:
    quantiser = _as_in(case)
    x = _float32(case["x"]).requires_grad_()
    q = quantiser(x)
    assert torch.equal(q.detach(), _float32(case["q"]))
    if not case["training"]:
        return  # nobody trains in eval(); there HGQ2 wraps with a gradient, and we pass it straight through
    (q * _float32(case["upstream"])).sum().backward()
    scale = _float32(case["upstream"]).abs().sum(dim=0)
    torch.testing.assert_close(x.grad, _float32(case["gradient"]["x"]), rtol=1e-5, atol=1e-6)
    assert quantiser.fraction.grad is not None
    difference = quantiser.fraction.grad - _float32(case["gradient"]["f"])
    assert (difference.abs() <= 1e-5 * scale * (1 + 2 ** _float32(case["i"]))).all()
    if case["overflow"] != "WRAP":
        difference = quantiser.integer.grad - _float32(case["gradient"]["i"])
        assert (difference.abs() <= 1e-5 * scale * (1 + 2 ** _float32(case["i"]))).all()


def test_followed_ranges_hold_what_hgq2_s_hold() -> None:
    """HGQ2 looks at abs(x) where elements share bits and at x itself where they do not; ours is never wider."""
    for case in HGQ2["quantiser"]:
        if case["training"] and case["overflow"] == "WRAP":
            quantiser = _as_in(case)
            q = quantiser(_float32(case["x"])).detach()
            i, f = whole(quantiser.integer), whole(quantiser.fraction.detach())
            assert ((q >= -(2**i)) & (q <= 2**i - 2**-f)).all()
            assert (quantiser.integer <= _float32(case["i after"]) + 1e-6).all()


def test_outputs_and_ebops_of_a_layer_are_those_of_hgq2() -> None:
    case = HGQ2["dense"]
    layer = QuantisedLinear(
        Quantiser((7,), overflow="SAT_SYM"),
        QuantisedWeights(
            _float32(case["kernel"]).T.contiguous(),
            _float32(case["bias"]),
            kernel_quantiser=WeightQuantiser((5, 7), overflow="SAT_SYM"),
            bias_quantiser=WeightQuantiser((5,), overflow="SAT_SYM"),
        ),
    )
    quantisers = [layer.quantiser, layer.weights.kernel_quantiser, layer.weights.bias_quantiser]
    with torch.no_grad():
        for quantiser, i, f in zip(quantisers, case["i"], case["f"], strict=True):
            assert quantiser is not None
            quantiser.integer.copy_(_outputs_first(i, quantiser.integer))
            quantiser.fraction.copy_(_outputs_first(f, quantiser.integer))
    torch.testing.assert_close(layer(_float32(case["x"])).detach(), _float32(case["y"]), rtol=1e-6, atol=1e-6)
    cost = ebops(layer)
    assert float(cost.detach()) == case["ebops"]
    cost.backward()
    for quantiser, gradients in zip(quantisers, case["gradient"], strict=True):
        for bits, theirs in zip((quantiser.integer, quantiser.fraction), gradients, strict=True):
            torch.testing.assert_close(bits.grad, _outputs_first(theirs, bits))


@given(seed=st.integers(0, 2**31), fraction=st.integers(-6, 12), rounding=st.sampled_from(["RND", "TRN"]))
def test_the_gradient_in_the_bits_is_ln2_times_the_error(seed: int, fraction: int, rounding: str) -> None:
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(5, 3, generator=g, dtype=torch.float64, requires_grad=True)
    f = torch.full((3,), float(fraction), dtype=torch.float64, requires_grad=True)
    upstream = torch.randn(5, 3, generator=g, dtype=torch.float64)
    q = rounded(x, f, rounding=rounding)
    (q * upstream).sum().backward()
    offset = 0.5 if rounding == "RND" else 0.0
    expected = np.floor(x.detach().numpy() * 2.0**fraction + offset) * 2.0**-fraction
    assert np.array_equal(q.detach().numpy(), expected)
    torch.testing.assert_close(x.grad, upstream)
    torch.testing.assert_close(f.grad, (upstream * math.log(2) * (x - q)).sum(dim=0).detach())


def test_powers_of_two_are_exact() -> None:
    """All of fixed point rests on exp2 of whole numbers being exact, in vectors of any length."""
    for dtype in (torch.float32, torch.float64):
        bits = torch.arange(-60, 61, dtype=dtype)
        for part in (bits, bits[:3], bits.repeat(7)):
            exact = np.ldexp(np.ones(len(part)), part.numpy().astype(int))
            assert np.array_equal(torch.exp2(part).double().numpy(), exact)


@given(n=st.integers(-(2**20), 2**20), fraction=st.integers(-10, 20))
def test_integer_bits_are_the_fewest_that_hold_a_number(n: int, fraction: int) -> None:
    q = torch.tensor([n * 2.0**-fraction], dtype=torch.float64)
    i = int(integer_bits(q, torch.tensor([float(fraction)], dtype=torch.float64)))
    assert -(2 ** (i + fraction)) <= n <= 2 ** (i + fraction) - 1
    if n != 0:
        less = i + fraction - 1
        assert less < 0 or not -(2**less) <= n <= 2**less - 1
    else:
        assert i + fraction == 0


@given(seed=st.integers(0, 2**31), overflow=st.sampled_from(["WRAP", "SAT", "SAT_SYM"]))
def test_eval_is_the_fixed_point_of_the_hardware(seed: int, overflow: str) -> None:
    g = torch.Generator().manual_seed(seed)
    quantiser = Quantiser((40,), overflow=overflow).double().eval()
    with torch.no_grad():
        quantiser.fraction.copy_(torch.randint(-3, 9, (40,), generator=g))
        quantiser.integer.copy_(torch.randint(-4, 5, (40,), generator=g))
        quantiser.signed.copy_(torch.rand(40, generator=g) < 0.5)
    x = 20 * torch.randn(30, 40, generator=g, dtype=torch.float64)
    x[0] = 1e12
    form = quantiser.format()
    hardware = np.ldexp(form.fitted(form.rounded(x.numpy())).astype(float), -form.fraction)
    assert np.array_equal(quantiser(x).detach().numpy(), hardware)
    assert np.all(hardware[:, form.width == 0] == 0)


def test_trained_bits_round_half_to_even_and_stay_in_bounds() -> None:
    bits = torch.tensor([0.5, 1.5, 2.5, -0.5, 99.0, -99.0], requires_grad=True)
    assert whole(bits).tolist() == [0, 2, 2, 0, 24, -24]
    whole(bits).sum().backward()
    assert bits.grad is not None
    assert (bits.grad == 1).all()


def test_a_followed_range_sinks_slowly_and_rises_at_once() -> None:
    quantiser = Quantiser((1,), integer=3.0).train()
    for step in range(1, 6):
        quantiser(torch.full((4, 1), 0.4))
        assert float(quantiser.integer) == pytest.approx(3 - 0.01 * step)
    quantiser(torch.full((4, 1), 100.0))
    assert float(quantiser.integer) == 7


def test_elements_that_share_bits_share_the_widest_range() -> None:
    quantiser = Quantiser((2, 3), shared=(1,)).train()
    with torch.no_grad():
        quantiser.integer.fill_(-20)
    quantiser(torch.tensor([[[0.1, 0.2, 7.0], [-3.0, 0.0, 0.1]]]))
    assert quantiser.integer.squeeze().tolist() == [3, 2]
    assert quantiser.bits().shape == (2, 3)


def test_weights_follow_their_own_range_and_zero_costs_nothing() -> None:
    quantiser = WeightQuantiser((4,), fraction=3)
    q = quantiser(nn.Parameter(torch.tensor([0.01, 0.9, -1.0, 5.0])))
    assert q.tolist() == [0, 0.875, -1, 5]
    assert quantiser.bits().tolist() == [0, 3, 3, 6]


def test_saturated_weights_stop_at_the_ends() -> None:
    quantiser = WeightQuantiser((3,), integer=0, fraction=2, overflow="SAT_SYM")
    assert quantiser(torch.tensor([-5.0, 0.3, 5.0])).tolist() == [-0.75, 0.25, 0.75]


def test_a_wrong_shape_is_named() -> None:
    with pytest.raises((InputError, TypeError), match=r"\(3,\)"):
        Quantiser((3,))(torch.zeros(2, 4))
