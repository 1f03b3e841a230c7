from itertools import pairwise

import numpy as np
import pytest
from _networks import worked_out
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from femtobarn.errors import InputError
from femtobarn.hardware.adder_graph import multiply, optimised_graph, plain_graph, signed_digits
from femtobarn.hardware.circuit import Circuit

MATRICES = st.tuples(st.integers(1, 6), st.integers(1, 6)).flatmap(
    lambda shape: arrays(np.int64, shape, elements=st.one_of(st.just(0), st.integers(-300, 300)))
)


@given(value=st.integers(-(2**40), 2**40))
def test_signed_digits_give_the_number_and_never_touch(value: int) -> None:
    digits = signed_digits(value)
    assert sum(sign << shift for shift, sign in digits) == value
    shifts = [shift for shift, _ in digits]
    assert all(b - a >= 2 for a, b in pairwise(shifts))


def test_signed_digits_are_the_fewest() -> None:
    """By a search over all sums of up to three powers of two."""
    powers = [sign << shift for shift in range(8) for sign in (1, -1)]
    reached = {0: 0}
    for count in (1, 2, 3):
        for total in [t for t, c in reached.items() if c == count - 1]:
            for power in powers:
                reached.setdefault(total + power, count)
    assert all(len(signed_digits(value)) == reached[value] for value in range(-60, 61) if value in reached)


@given(matrix=MATRICES)
def test_plain_graph_is_the_matrix(matrix: np.ndarray) -> None:
    np.testing.assert_array_equal(plain_graph(matrix).matrix(), matrix)


@given(matrix=MATRICES, exponents=st.lists(st.integers(-5, 5), min_size=6, max_size=6))
def test_optimised_graph_is_the_matrix(matrix: np.ndarray, exponents: list[int]) -> None:
    pytest.importorskip("alkaid")
    ranges = [(-8, 7, exponent) for exponent in exponents[: len(matrix)]]
    graph = optimised_graph(matrix, ranges=ranges, levels=[0] * len(matrix))
    np.testing.assert_array_equal(graph.matrix(), matrix)


def test_optimised_graph_shares_sums() -> None:
    pytest.importorskip("alkaid")
    matrix = np.random.default_rng(0).integers(-31, 32, (24, 24))
    counts = {}
    for optimise in (False, True):
        circuit = Circuit()
        signals = [circuit.input(-32, 31, 0) for _ in matrix]
        circuit.outputs = multiply(circuit, signals, matrix, optimise=optimise)
        counts[optimise] = sum(circuit.nodes[i].kind == "add" for i in circuit.live())
    assert counts[True] < 0.75 * counts[False]


@pytest.mark.parametrize("optimise", [False, True])
@given(matrix=MATRICES, seed=st.integers(0, 1000))
def test_products_are_exact_for_inputs_of_any_scale(optimise: bool, matrix: np.ndarray, seed: int) -> None:
    if optimise:
        pytest.importorskip("alkaid")
    g = np.random.default_rng(seed)
    circuit = Circuit()
    widths, exponents = g.integers(0, 7, len(matrix)), g.integers(-3, 4, len(matrix))
    x = [int(g.integers(0, 1 << w)) for w in widths]
    signals = [circuit.input(0, (1 << int(w)) - 1, int(e)) for w, e in zip(widths, exponents, strict=True)]
    circuit.outputs = multiply(circuit, signals, matrix, optimise=optimise)
    inputs = [n for n, w in zip(x, widths, strict=True) if w]
    expected = (np.array(x) * 2.0**exponents) @ matrix
    assert [float(y) for y in worked_out(circuit, inputs)] == expected.tolist()


def test_weights_too_long_for_the_optimiser_are_refused() -> None:
    pytest.importorskip("alkaid")
    with pytest.raises(InputError, match="24 significant bits, got 33554433"):
        optimised_graph(np.array([[2**25 + 1]]), ranges=[(0, 1, 0)], levels=[0])
    graph = optimised_graph(np.array([[3 * 2**40]]), ranges=[(0, 1, 0)], levels=[0])
    assert graph.matrix() == 3 * 2**40
