"""Integer models against Python's own integers, and their files."""

import json
from fractions import Fraction
from math import floor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from femtobarn.errors import InputError
from femtobarn.hardware.fixed_point import FixedPoint, bit_span, shifted
from femtobarn.hardware.integer_model import IntegerModel
from femtobarn.hardware.integer_nodes import (
    Add,
    Conv,
    Input,
    Linear,
    Node,
    Pool,
    Quantise,
    Relu,
    Shift,
    Value,
    Wires,
)


def fixed(k: object, i: object, f: object, **modes: str) -> FixedPoint:
    return FixedPoint(np.array(k, bool), np.array(i, np.int64), np.array(f, np.int64), **modes)  # type: ignore[arg-type]


def every_kind() -> list[Node]:
    """One node of each kind on an image of two channels of 3 x 4."""
    g = np.random.default_rng(0)
    shape = (2, 3, 4)
    inputs = fixed(np.ones(shape), np.full(shape, 2), np.full(shape, 3))
    narrow = fixed(np.ones(shape), np.ones(shape), np.ones(shape), rounding="RND", overflow="SAT")
    kernel = g.integers(-5, 6, (2, 2, 2, 2))
    conv = Conv(
        "conv", (2,), kernel, g.integers(-9, 9, 2), np.array([4, 5]), (1, 2), ((1, 0), (1, 1)), (1, 1), 1
    )
    return [
        Input("x", inputs),
        Quantise("narrow", (0,), narrow, np.full(shape, 2)),
        Add("twice", (0, 0)),
        conv,
        Relu("relu", (3,)),
        Pool("largest", (4,), "max", (2, 1), (1, 1)),
        Pool("mean", (5,), "mean", (2, 1), (2, 1)),
        Wires("flat", (6,), np.array([3, -1, 1, 0, 5])),
        Shift("shift", (7,), np.array([0, 1, 2, 0, 3])),
        Linear("out", (8,), g.integers(-5, 6, (3, 5)), g.integers(-9, 9, 3), np.array([9, 8, 7])),
    ]


@given(
    k=st.integers(0, 1),
    i=st.integers(-5, 8),
    f=st.integers(-5, 8),
    x=st.floats(-1e6, 1e6) | st.integers(-4000, 4000).map(lambda n: n / 16),
    rounding=st.sampled_from(["RND", "TRN"]),
    overflow=st.sampled_from(["WRAP", "SAT", "SAT_SYM"]),
)
def test_encoding_is_what_rational_numbers_say(
    k: int, i: int, f: int, x: float, rounding: str, overflow: str
) -> None:
    form = fixed([k], [i], [f], rounding=rounding, overflow=overflow)
    n = floor(Fraction(x) * Fraction(2) ** f + (Fraction(1, 2) if rounding == "RND" else 0))
    width = max(k + i + f, 0)
    low = 0 if not (k and width) else -(2 ** (width - 1)) + (overflow == "SAT_SYM")
    high = 2 ** max(width - k, 0) - 1
    if width == 0:
        expected = 0
    elif overflow == "WRAP":
        expected = (n - low) % 2**width + low
    else:
        expected = min(max(n, low), high)
    rounded = form.rounded(np.array([[x]]))
    assert int(form.fitted(rounded)[0, 0]) == expected
    assert bool(form.misfits(rounded)[0, 0]) == (width > 0 and not low <= n <= high)


@given(n=st.integers(-(2**61), 2**61), shift=st.integers(-1, 90), rounding=st.sampled_from(["RND", "TRN"]))
def test_shifts_round_as_rational_numbers_do(n: int, shift: int, rounding: str) -> None:
    exact = floor(Fraction(n) / Fraction(2) ** shift + (Fraction(1, 2) if rounding == "RND" else 0))
    assert int(shifted(np.array([n]), np.array(shift), rounding)[0]) == exact  # type: ignore[arg-type]


@given(n=st.integers(-(2**62), 2**62))
def test_span_is_that_of_the_binary_digits(n: int) -> None:
    assert int(bit_span(np.array(n))) == len(f"{abs(n):b}".strip("0"))


def test_span_of_the_example() -> None:
    assert bit_span(np.array([0b00101100, 0, 1, -8, 255])).tolist() == [4, 0, 1, 1, 8]


def test_every_kind_of_node_is_what_loops_give() -> None:
    nodes = every_kind()
    model = IntegerModel(nodes)
    g = np.random.default_rng(1)
    n = g.integers(-32, 32, (7, 2, 3, 4))
    x, narrow, twice, conv, relu, largest, mean, flat, shift, out = model.trace(n)
    assert np.array_equal(narrow, np.clip((x + 2) // 4, -4, 3))
    assert np.array_equal(twice, 2 * x)
    layer = nodes[3]
    assert isinstance(layer, Conv)
    expected = np.zeros((7, 2, 3, 3), np.int64)
    for o, row, column in np.ndindex(2, 3, 3):
        expected[:, o, row, column] = layer.bias[o]
        for c, a, b in np.ndindex(2, 2, 2):
            r, s = row + a - 1, 2 * column + b - 1
            if 0 <= r < 3 and 0 <= s < 4:
                expected[:, o, row, column] += layer.weight[o, c, a, b] * twice[:, c, r, s]
    assert np.array_equal(conv, expected)
    assert np.array_equal(relu, np.where(conv > 0, conv, 0))
    assert np.array_equal(largest, np.maximum(relu[:, :, :2], relu[:, :, 1:]))
    assert np.array_equal(mean[:, :, 0], largest[:, :, 0] + largest[:, :, 1])
    assert model.values[6].fraction[:, 0, 0].tolist() == [5, 6]
    six = mean.reshape(7, 6)
    assert np.array_equal(flat, np.stack([six[:, 3], 0 * six[:, 0], six[:, 1], six[:, 0], six[:, 5]], axis=1))
    assert np.array_equal(shift, flat * [1, 2, 4, 1, 8])
    last = nodes[-1]
    assert isinstance(last, Linear)
    assert np.array_equal(out, [[sum(map(int, row * v)) for row in last.weight] + last.bias for v in shift])
    for value, seen in zip(model.values, model.trace(n), strict=True):
        assert np.all((value.low <= seen) & (seen <= value.high))


def test_ranges_are_reached() -> None:
    """The range of a sum is exact, not only safe: both ends occur for some input."""
    g = np.random.default_rng(2)
    form = fixed([1, 0], [1, 1], [0, 0])
    row = Linear("sum", (0,), g.integers(-3, 4, (4, 2)), g.integers(-5, 5, 4), np.zeros(4, np.int64))
    model = IntegerModel([Input("x", form), row])
    every = np.array([(a, b) for a in range(-2, 2) for b in range(2)])
    out = model.run_integers(every)
    assert np.array_equal(out.min(axis=0), model.output.low)
    assert np.array_equal(out.max(axis=0), model.output.high)


def test_a_wrapping_quantiser_that_cannot_overflow_has_its_source_s_range() -> None:
    form = fixed([1], [2], [0])
    wide = fixed([1], [5], [1])
    model = IntegerModel([Input("x", form), Quantise("wide", (0,), wide, np.array([-1]))])
    assert (model.output.low.tolist(), model.output.high.tolist()) == ([-8], [6])
    tight = fixed([1], [1], [0])
    model = IntegerModel([Input("x", form), Quantise("tight", (0,), tight, np.array([0]))])
    assert (model.output.low.tolist(), model.output.high.tolist()) == ([-2], [1])
    assert model(np.array([[3.0], [-3.0]])).tolist() == [[-1.0], [1.0]]
    assert model.overflows(np.array([[3.0], [-3.0], [1.0], [9.0]])) == {"x": 1, "tight": 2}


def test_large_sums_are_exact() -> None:
    """Beyond the 53 bits of a float64 the products are made in integers."""
    form = fixed(np.ones(4), np.full(4, 26), np.zeros(4))
    weight = np.array([[2**30 - 1, -(2**29) - 7, 3, 2**31 + 1]])
    model = IntegerModel([Input("x", form), Linear("sum", (0,), weight, np.array([1]), np.array([0]))])
    n = np.random.default_rng(3).integers(-(2**26), 2**26, (50, 4))
    exact = [sum(int(w) * int(v) for w, v in zip(weight[0], row, strict=True)) + 1 for row in n]
    assert model.run_integers(n)[:, 0].tolist() == exact


@pytest.mark.parametrize("bits", [31, 36, 37, 40])
def test_more_than_63_bits_are_refused(bits: int) -> None:
    """26 integer bits and a sign, times a weight of so many bits: 63 are the most."""
    form = fixed([1], [26], [0])
    layer = Linear("sum", (0,), np.array([[2 ** (bits - 1)]]), np.array([0]), np.array([0]))
    if 26 + bits <= 62:
        IntegerModel([Input("x", form), layer])
    else:
        with pytest.raises(InputError, match=rf"sum: needs {27 + bits} bits, at most 63"):
            IntegerModel([Input("x", form), layer])


def test_a_model_is_saved_and_loaded_without_pickle(tmp_path: Path) -> None:
    model = IntegerModel(every_kind())
    path = tmp_path / "model.npz"
    model.save(path)
    with np.load(path, allow_pickle=False) as file:
        assert json.loads(str(file["model"]))["format"] == 1
    again = IntegerModel.load(path)
    x = np.random.default_rng(4).normal(size=(3000, 2, 3, 4))
    assert np.array_equal(again(x), model(x))
    assert [type(node) for node in again.nodes] == [type(node) for node in model.nodes]
    assert again.nodes[3].stride == model.nodes[3].stride  # type: ignore[union-attr]


@pytest.mark.parametrize("damage", ["missing", "text", "cut", "other", "newer"])
def test_a_file_that_is_not_ours_is_named(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "model.npz"
    if damage == "text":
        path.write_text("no model")
    elif damage == "cut":
        IntegerModel(every_kind()).save(path)
        path.write_bytes(path.read_bytes()[:900])
    elif damage == "other":
        np.savez(path, weights=np.zeros(3))
    elif damage == "newer":
        np.savez(path, model=np.array('{"format": 2, "nodes": []}'))
    with pytest.raises(InputError, match=r"model\.npz"):
        IntegerModel.load(path)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_events_that_cannot_be_are_refused(bad: float) -> None:
    model = IntegerModel([Input("x", fixed([1, 1], [2, 2], [3, 3]))])
    with pytest.raises(InputError, match="NaN or infinity"):
        model(np.array([[0.0, bad]]))
    with pytest.raises(InputError, match=r"\(2,\): got \(3,\)"):
        model(np.zeros((4, 3)))
    with pytest.raises(InputError, match="outside the input format"):
        model.run_integers(np.array([[0, 32]]))
    assert model(np.zeros((0, 2))).shape == (0, 2)


def test_nodes_that_do_not_fit_are_named() -> None:
    x = Input("x", fixed([1, 1], [2, 2], [3, 1]))
    with pytest.raises(InputError, match="starts with its Input"):
        IntegerModel([Relu("relu", (0,))])
    with pytest.raises(InputError, match="relu: sources must be earlier"):
        IntegerModel([x, Relu("relu", (1,))])
    with pytest.raises(InputError, match="the shift does not lead"):
        IntegerModel([x, Quantise("q", (0,), fixed([1, 1], [1, 1], [1, 1]), np.array([2, 1]))])
    with pytest.raises(InputError, match="sum: the two summands"):
        IntegerModel([x, Shift("shift", (0,), np.array([1, 2])), Add("sum", (0, 1))])
    wrong = Linear("out", (0,), np.ones((2, 3), np.int64), np.zeros(2, np.int64), np.zeros(2, np.int64))
    with pytest.raises(InputError, match="out:"):
        IntegerModel([x, wrong])
    image = Input("x", fixed(np.ones((1, 2)), np.ones((1, 2)), [[1, 2]]))
    with pytest.raises(InputError, match="pool: one fraction per channel"):
        IntegerModel([image, Pool("pool", (0,), "max", (2,), (2,))])
    with pytest.raises(InputError, match="of 2\\^m elements"):
        IntegerModel(
            [
                Input("x", fixed(np.ones((1, 3)), *2 * [np.ones((1, 3))])),
                Pool("pool", (0,), "mean", (3,), (3,)),
            ]
        )
    with pytest.raises(InputError, match="at most 53 bits"):
        fixed([1], [40], [20])
    with pytest.raises((InputError, TypeError), match="shape"):
        fixed([1, 0], [40], [20])


def test_what_is_always_zero_may_have_any_fraction() -> None:
    left = Value(np.array([3, 4]), np.array([0, -1]), np.array([0, 1]))
    right = Value(np.array([5, 4]), np.array([-2, 0]), np.array([2, 1]))
    assert Add("sum", (0, 1)).value(left, right).fraction.tolist() == [5, 4]
    assert left.common_fraction(axis=0).tolist() == [0, 4]
