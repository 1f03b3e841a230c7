"""Units with traces: against a loop over steps, the closed form of the traces, and derivatives of the surrogate."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from femtobarn.errors import InputError
from femtobarn.nn.lif import SLOPE, Neuron, Reset, potentials, spikes, trace_response, traces


def _grid() -> Tensor:
    return torch.linspace(-2, 2, 81, dtype=torch.float64).requires_grad_()


def _factor(u: Tensor) -> Tensor:
    return 1 / (SLOPE * u.abs() + 1) ** 2


def test_spikes_are_exactly_zero_or_one() -> None:
    u = torch.tensor([-1.0, -1e-30, 0.0, 1e-30, 5.0], requires_grad=True)
    assert spikes(u).tolist() == [0, 0, 0, 1, 1]
    with torch.no_grad():
        assert spikes(u).tolist() == [0, 0, 0, 1, 1]


def test_first_and_second_derivatives_are_those_of_the_formula() -> None:
    u, weight = _grid(), torch.linspace(1, 2, 81, dtype=torch.float64)
    (first,) = torch.autograd.grad((weight * spikes(u)).sum(), u, create_graph=True)
    torch.testing.assert_close(first, weight * _factor(u), rtol=0, atol=1e-9)
    (second,) = torch.autograd.grad((first**2).sum(), u)
    same = _grid()
    (expected,) = torch.autograd.grad(((weight * _factor(same)) ** 2).sum(), same)
    torch.testing.assert_close(second, expected, rtol=0, atol=1e-9)
    assert second.abs().max() > 1, "a second derivative of zero would agree with nothing"


def test_functional_transforms_see_the_same_derivatives() -> None:
    u = _grid().detach()
    slope = torch.func.grad(lambda x: spikes(x).sum())
    torch.testing.assert_close(slope(u), _factor(u))
    twice = torch.func.grad(lambda x: slope(x).sum())
    expected = torch.func.grad(lambda x: _factor(x).sum())
    torch.testing.assert_close(twice(u), expected(u))
    each = torch.func.vmap(torch.func.grad(spikes))(u)
    torch.testing.assert_close(each, _factor(u))


def test_the_surrogate_is_that_of_snntorch() -> None:
    surrogate = pytest.importorskip("snntorch.surrogate")
    ours, theirs = _grid(), _grid()
    spikes(ours).sum().backward()
    surrogate.fast_sigmoid(slope=SLOPE)(theirs).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad)


def _loop(
    incoming: np.ndarray, weight: np.ndarray, bias: float, neuron: Neuron, gain: float
) -> tuple[np.ndarray, ...]:
    """Potentials and spikes of one layer, step by step as in arXiv:2201.10777."""
    q = p = np.zeros(incoming.shape[1])
    r = s = np.zeros(len(weight))
    potential, fired = [], []
    for now in incoming:
        p = neuron.membrane * p + (1 - neuron.membrane) * q
        q = neuron.synapse * q + (1 - neuron.synapse) * gain * now
        r = neuron.recovery * r - (1 - neuron.recovery) * neuron.refractory * s
        u = weight @ p + bias
        if neuron.reset == "refractory":
            u = u + r
        elif neuron.reset == "hard":
            u = np.where(s > 0, 0, u)
        s = (u > 0).astype(float)
        potential.append(u)
        fired.append(s)
    return np.array(potential), np.array(fired)


@pytest.mark.parametrize("reset", ["refractory", "hard", "none"])
def test_a_layer_is_the_loop_over_steps(reset: Reset) -> None:
    draw = np.random.default_rng(3)
    neuron = Neuron(membrane=0.9, synapse=0.8, reset=reset)
    incoming = draw.poisson(0.4, (40, 6)).astype(float)  # counts, not spikes only
    weight, bias = draw.normal(size=(5, 6)), -0.1
    expected, fired = _loop(incoming, weight, bias, neuron, 10.0)
    trace = traces(torch.from_numpy(incoming)[None], neuron, gain=10.0)
    current = trace @ torch.from_numpy(weight).T + bias
    found = potentials(current, neuron)
    np.testing.assert_allclose(found[0].numpy(), expected, atol=1e-6)
    np.testing.assert_array_equal(spikes(found)[0].numpy(), fired)
    assert 0.05 < fired.mean() < 0.95


def test_without_input_units_spike_by_their_bias_only() -> None:
    neuron = Neuron()
    trace = traces(torch.zeros(2, 12, 4), neuron)
    assert not trace.any()
    assert not spikes(potentials(trace - 0.1, neuron)).any()
    assert spikes(potentials(trace + 0.1, neuron)).any()


def test_the_trace_of_an_impulse_peaks_at_the_analytic_step() -> None:
    neuron = Neuron(membrane=0.95, synapse=0.9)
    response = trace_response(100, neuron, gain=2.0)
    a, b = neuron.membrane, neuron.synapse
    peak = math.log(math.log(b) / math.log(a)) / math.log(a / b)
    assert abs(int(response.argmax()) - peak) < 1
    assert response[0] == 0
    assert float(response.sum()) == pytest.approx(2.0, abs=0.1), "all of an impulse arrives in the end"
    impulse = torch.zeros(1, 100, 1, dtype=torch.float64)
    impulse[0, 7] = 1
    torch.testing.assert_close(traces(impulse, neuron, gain=2.0)[0, 7:, 0], response[:93])


def test_a_later_input_changes_no_earlier_trace() -> None:
    x = torch.rand(2, 20, 3, generator=torch.Generator().manual_seed(1))
    later = x.clone()
    later[:, 12:] += 1
    before, after = (traces(each, Neuron()) for each in (x, later))
    torch.testing.assert_close(before[:, :13], after[:, :13])  # a spike reaches the membrane one step later
    assert (before[:, 13:] != after[:, 13:]).all()


def test_impossible_constants_are_refused() -> None:
    for unfit in ({"membrane": 1.0}, {"synapse": -0.1}, {"synapse": 0.95}):
        with pytest.raises(InputError, match=r"expected shares in \[0, 1\)"):
            Neuron(**unfit)
