from fractions import Fraction
from math import floor

import numpy as np
import pytest
from _networks import worked_out
from hypothesis import given
from hypothesis import strategies as st

from femtobarn.errors import InputError
from femtobarn.hardware.circuit import Circuit, Signal, bits, range_of

NUMBERS = st.integers(-(2**20), 2**20)
SMALL = st.integers(-4, 4)


def run(circuit: Circuit, signal: Signal, *inputs: int) -> Fraction:
    circuit.outputs = [signal]
    return worked_out(circuit, list(inputs))[0]


@given(low=NUMBERS, high=NUMBERS)
def test_bits_hold_the_range_and_one_less_does_not(low: int, high: int) -> None:
    low, high = sorted((low, high))
    width, signed = bits(low, high), low < 0
    ends = range_of(width, signed)
    assert ends[0] <= low <= high <= ends[1]
    smaller = range_of(width - 1, signed)
    assert width == 0 or not smaller[0] <= low <= high <= smaller[1]


@given(x=st.integers(-32, 31), y=st.integers(0, 15), ex=SMALL, ey=SMALL, sign=st.sampled_from([1, -1]))
def test_sums(x: int, y: int, ex: int, ey: int, sign: int) -> None:
    circuit = Circuit()
    a, b = circuit.input(-32, 31, ex), circuit.input(0, 15, ey)
    expected = x * Fraction(2) ** ex + sign * y * Fraction(2) ** ey
    assert run(circuit, circuit.add(a, b, sign=sign), x, y) == expected


@given(
    x=st.integers(-32, 31),
    c=SMALL,
    d=SMALL,
    e=SMALL,
    f=SMALL,
    signs=st.tuples(*[st.sampled_from([1, -1])] * 2),
)
def test_two_offsets_make_one_adder(x: int, c: int, d: int, e: int, f: int, signs: tuple[int, int]) -> None:
    circuit = Circuit()
    once = circuit.offset(circuit.input(-32, 31, -1), c, e, sign=signs[0])
    twice = circuit.offset(once, d, f, sign=signs[1])
    first = c * Fraction(2) ** e + signs[0] * Fraction(x, 2)
    assert run(circuit, twice, x) == d * Fraction(2) ** f + signs[1] * first
    assert circuit.nodes[twice.node].level <= 1


@given(x=st.integers(-64, 63), bias=st.integers(-9, 9), exponent=st.integers(-1, 5), relu=st.booleans())
def test_rounding_goes_to_the_nearest_and_up_at_halves(x: int, bias: int, exponent: int, relu: bool) -> None:
    circuit = Circuit()
    signal = circuit.offset(circuit.input(-64, 63, 0), bias, 0)
    signal = circuit.round(circuit.relu(signal) if relu else signal, exponent)
    exact = Fraction(max(0, x + bias) if relu else x + bias) / Fraction(2) ** exponent
    rounded = exact if exponent < 0 else Fraction(floor(exact + Fraction(1, 2)))
    assert run(circuit, signal, x) == rounded * Fraction(2) ** exponent
    assert circuit.nodes[signal.node].level <= 1  # bias and half in one adder


@given(x=st.integers(-64, 63), width=st.integers(1, 9), signed=st.booleans(), exponent=st.integers(0, 3))
def test_wrapping_drops_the_high_bits(x: int, width: int, signed: bool, exponent: int) -> None:
    circuit = Circuit()
    wrapped = circuit.wrap(circuit.input(-64, 63, exponent), width=width, signed=signed)
    low, high = range_of(width, signed)
    value = run(circuit, wrapped, x)
    assert low <= value <= high
    assert (value - x * 2**exponent) % 2**width == 0


@given(
    x=st.integers(-64, 63),
    ends=st.tuples(st.integers(-20, 20), st.integers(-20, 20)),
    exponent=st.integers(0, 3),
)
def test_clipping_stops_at_the_ends(x: int, ends: tuple[int, int], exponent: int) -> None:
    circuit = Circuit()
    low, high = sorted(ends)
    clipped = circuit.clip(circuit.input(-64, 63, exponent), low, high)
    assert run(circuit, clipped, x) == np.clip(x * 2**exponent, low, high)


@given(
    x=st.lists(st.integers(-8, 7), min_size=1, max_size=6), exponents=st.lists(st.integers(0, 3), min_size=6)
)
def test_largest_and_total(x: list[int], exponents: list[int]) -> None:
    values = [n * 2**e for n, e in zip(x, exponents, strict=False)]
    for method, expected in (("largest", max(values)), ("total", sum(values))):
        circuit = Circuit()
        signals = [circuit.input(-8, 7, e) for _, e in zip(x, exponents, strict=False)]
        assert run(circuit, getattr(circuit, method)(signals), *x) == expected


def test_what_cannot_act_is_left_out() -> None:
    circuit = Circuit()
    a = circuit.input(0, 7, 0)
    assert circuit.relu(a) == a
    assert circuit.wrap(a, width=3, signed=False) == a
    assert circuit.clip(a, -1, 9) == a
    assert circuit.offset(a, 0, 0) == a
    assert circuit.add(a, circuit.constant(0)) == a
    assert circuit.relu(circuit.offset(a, -7, 0)) == circuit.constant(0)
    assert len(circuit.nodes) == 3


def test_the_same_operation_is_built_once() -> None:
    circuit = Circuit()
    a, b = circuit.input(0, 7, 0), circuit.input(0, 7, 0)
    assert circuit.add(a, b) == circuit.add(b, a)
    assert circuit.add(a, Signal(b.node, 2)).node == circuit.add(Signal(a.node, 1), Signal(b.node, 3)).node


def test_bits_that_are_wrapped_away_are_not_needed() -> None:
    circuit = Circuit()
    a, b = circuit.input(0, 255, 0), circuit.input(0, 255, 0)
    total = circuit.add(a, b)
    circuit.outputs = [circuit.wrap(total, width=3, signed=False)]
    assert circuit.needed_bits() == {a.node: 3, b.node: 3, total.node: 3, circuit.outputs[0].node: 3}


def test_a_sum_that_cannot_be_checked_is_refused() -> None:
    circuit = Circuit()
    wide = circuit.input(0, 2**62, 0)
    with pytest.raises(InputError, match="at most 63 bits, got one of 64 bits"):
        circuit.add(wide, wide, sign=-1)
