import re
from dataclasses import replace

import numpy as np
import pytest
from _networks import integer_network, needs, worked_out
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from femtobarn.errors import InputError
from femtobarn.hardware.circuit import Circuit, Signal, range_of
from femtobarn.hardware.fixed_point import FixedPoint
from femtobarn.hardware.integer_model import IntegerModel
from femtobarn.hardware.integer_nodes import Input, Linear, Quantise
from femtobarn.hardware.testbench import simulate
from femtobarn.hardware.verilog import VerilogSources, verilog, verilog_of

icarus = needs("iverilog", "iverilog")


def mismatches(sources: VerilogSources, model: IntegerModel, x: np.ndarray) -> int:
    inputs = model.encode(x)
    answers = simulate(sources, inputs.reshape(len(x), -1))
    return int((answers != model.run_integers(inputs).reshape(len(x), -1)).sum())


def random_circuit(g: np.random.Generator) -> Circuit:
    """Some operations of every kind on each other's results."""
    circuit = Circuit()
    ends = (range_of(int(g.integers(1, 7)), bool(g.integers(2))) for _ in range(4))
    signals = [circuit.input(*each, 0) for each in ends]
    for _ in range(40):
        a, b = (signals[i] for i in g.integers(0, len(signals), 2))
        up = int(g.integers(0, 6))
        if circuit.nodes[a.node].width + a.exponent > 20:
            a = circuit.wrap(a, width=8, signed=True)
        new = [
            lambda a=a, b=b, up=up: circuit.add(Signal(a.node, a.exponent + up), b, sign=1),
            lambda a=a, b=b, up=up: circuit.add(Signal(a.node, a.exponent + up), b, sign=-1),
            lambda a=a, b=b, up=up: circuit.add(a, Signal(b.node, b.exponent + up), sign=-1),
            lambda a=a: circuit.offset(a, int(g.integers(-99, 99)), int(g.integers(0, 3))),
            lambda a=a: circuit.offset(a, int(g.integers(-99, 99)), 0, sign=-1),
            lambda a=a, up=up: circuit.round(a, up),
            lambda a=a: circuit.relu(a),
            lambda a=a: circuit.wrap(a, width=int(g.integers(1, 9)), signed=bool(g.integers(2))),
            lambda a=a: circuit.clip(a, -int(g.integers(0, 40)), int(g.integers(1, 40))),
            lambda a=a, b=b: circuit.larger(a, b),
        ]
        signals.append(new[int(g.integers(len(new)))]())
    circuit.outputs = signals[-6:]
    return circuit


@icarus
@pytest.mark.parametrize("pipeline", [0, 1, 2])
@settings(max_examples=15)
@given(seed=st.integers(0, 2**31))
def test_icarus_works_out_every_operation_as_defined(pipeline: int, seed: int) -> None:
    g = np.random.default_rng(seed)
    circuit = random_circuit(g)
    nodes = [circuit.nodes[signal.node] for signal in circuit.inputs]
    inputs = np.stack([g.integers(node.low, node.high + 1, 50) for node in nodes], axis=1)
    answers = simulate(verilog_of(circuit, pipeline=pipeline), inputs)
    expected = [[int(y) for y in worked_out(circuit, [int(n) for n in row])] for row in inputs]
    np.testing.assert_array_equal(answers, expected)


@icarus
@pytest.mark.parametrize("optimise", [False, True])
@pytest.mark.parametrize("pipeline", [0, 3])
@pytest.mark.parametrize("network", ["dense", "encoder"])
def test_verilog_equals_the_integer_model(
    network: str, pipeline: int, optimise: bool, request: pytest.FixtureRequest
) -> None:
    """Acceptance: no mismatch in 1,000 events, a new one in every clock cycle."""
    if optimise:
        pytest.importorskip("alkaid")
    model, x = request.getfixturevalue(network)
    sources = verilog(model, pipeline=pipeline, optimise=optimise)
    assert len(x) == 1000
    assert mismatches(sources, model, x) == 0
    assert sources.latency == (-(-sources.levels // 3) if pipeline else 0)
    assert model.run_integers(model.encode(x)).std(axis=0).min() > 0


@icarus
@pytest.mark.parametrize("overflow", ["SAT", "SAT_SYM"])
def test_saturating_networks(overflow: str) -> None:
    layers = [nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)]
    model, x = integer_network(nn.Sequential(*layers), (6,), overflow=overflow)
    far = 3 * x[:200]
    assert sum(model.overflows(far).values()) > 0
    assert mismatches(verilog(model, optimise=False), model, far) == 0


class _Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.pool = (
            nn.Conv1d(2, 4, 3, padding=1, groups=2),
            nn.Conv1d(4, 4, 1),
            nn.AvgPool1d(2),
        )

    def forward(self, x):  # type: ignore[no-untyped-def]
        y = self.first(x).relu()
        return self.pool(y + self.second(y))


@icarus
def test_groups_residual_sums_and_mean_pooling() -> None:
    model, x = integer_network(_Residual(), (2, 8))
    assert mismatches(verilog(model, pipeline=4, optimise=False), model, x[:200]) == 0


@icarus
def test_one_wrong_bit_is_detected(dense: tuple[IntegerModel, np.ndarray]) -> None:
    model, x = dense
    sources = verilog(model, optimise=False)
    (sum_of_two,) = re.findall(r"n\d+ = .* \+ .*;", sources.text)[-1:]
    wrong = sources.text.replace(sum_of_two, sum_of_two.replace(" + ", " - "))
    assert mismatches(replace(sources, text=wrong), model, x[:100]) > 0
    flipped = sources.text.replace("assign out = ", "assign out = 1 ^ ")
    assert mismatches(replace(sources, text=flipped), model, x[:100]) == 100


def format_of(*width: int, fraction: int = 0) -> FixedPoint:
    bits = np.array(width)
    return FixedPoint(bits > 0, bits - 1 - fraction, np.full(len(width), fraction))


@icarus
@pytest.mark.parametrize("pipeline", [0, 2])
def test_zero_bits_cost_nothing(pipeline: int) -> None:
    """An input, a weight's row and an output without bits leave no wire; the others are right."""
    weight = np.array([[5, -3, 7], [0, 0, 0], [1, 2, 3]])
    nodes = [
        Input("x", format_of(4, 0, 3)),
        Linear("sum", (0,), weight, np.array([0, 0, 9]), np.array([2, 2, 2])),
        Quantise("out", (1,), format_of(6, 5, 0), np.array([2, 2, 2])),
    ]
    model = IntegerModel(nodes)
    x = np.random.default_rng(0).normal(scale=4, size=(100, 3))
    sources = verilog(model, pipeline=pipeline, optimise=False)
    assert [port.width for port in sources.inputs] == [4, 0, 3]
    assert [port.width for port in sources.outputs][1:] == [0, 0]
    assert mismatches(sources, model, x) == 0


@icarus
@pytest.mark.parametrize("pipeline", [0, 2])
def test_an_encoder_whose_outputs_are_all_pruned(pipeline: int) -> None:
    nodes = [
        Input("x", format_of(4, 4)),
        Linear("sum", (0,), np.zeros((2, 2), int), np.array([0, -3]), np.array([0, 0])),
    ]
    model = IntegerModel(nodes)
    sources = verilog(model, pipeline=pipeline, optimise=False)
    assert (sources.luts, sources.adders, sources.levels) == (0, 0, 0)
    assert mismatches(sources, model, np.ones((3, 2))) == 0


def test_wires_are_as_wide_as_the_numbers() -> None:
    circuit = Circuit()
    a, b = circuit.input(0, 5, 0), circuit.input(-2, 1, 0)
    circuit.outputs = [circuit.add(a, b)]
    text = verilog_of(circuit).text
    assert "wire [2:0] n0 = in[2:0];" in text
    assert "wire [1:0] n1 = in[4:3];" in text
    assert "wire [3:0] n2 = " in text


def test_a_pipeline_of_less_than_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="0 or more: got -1"):
        verilog_of(Circuit(), pipeline=-1)


@pytest.mark.parametrize("name", ["", "2nd", "a b", "../x", "é"])
def test_a_name_that_verilog_would_not_take_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="letters, digits and _"):
        verilog_of(Circuit(), module=name)


def test_too_wide_sums_are_refused() -> None:
    row = Linear("sum", (0,), np.full((1, 2), 2**14), np.array([0]), np.array([0]))
    with pytest.raises(InputError, match="needs 66 bits, at most 63"):
        verilog(IntegerModel([Input("x", format_of(50, 50)), row]))
