"""The convolutional spiking network: first weights, gradients, burn-in, costs, ONNX, and its twins without spikes."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from femtobarn.errors import InputError
from femtobarn.hardware.onnx_export import export_onnx
from femtobarn.nn.frame_cnn import FrameCnn
from femtobarn.nn.lif import Neuron, traces
from femtobarn.nn.spiking_net import FIRST_MEAN, SpikingConv, SpikingNet, inference_cost, start_near_threshold

NEURON = Neuron(membrane=0.85, synapse=0.7)


def _events(count: int = 6) -> Tensor:
    return torch.poisson(torch.full((count, 10, 2, 8, 16), 0.15), torch.Generator().manual_seed(1))


def _net(*, spiking: bool = True, neuron: Neuron = NEURON, burn_in: int = 3) -> SpikingNet:
    torch.manual_seed(1)
    net = SpikingNet((2, 8, 16), 4, channels=(5, 6), neuron=neuron, burn_in=burn_in, spiking=spiking)
    start_near_threshold(net, _events())
    return net


def test_first_potentials_have_the_wanted_mean_and_variance() -> None:
    net, x = _net(), _events()
    with torch.no_grad():
        for layer in net.layers:
            assert isinstance(layer, SpikingConv)
            current = layer.currents(traces(x, NEURON, gain=layer.gain))
            assert float(current.var()) == pytest.approx(1, abs=0.1)
            assert float(current.mean()) == pytest.approx(FIRST_MEAN, abs=0.2)
            x = layer(x)
            assert set(x.unique().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize("spiking", [True, False])
def test_gradients_reach_every_parameter(spiking: bool) -> None:
    net = _net(spiking=spiking)
    net(_events()).square().sum().backward()
    assert all(w.grad is not None and w.grad.any() for w in net.parameters())
    assert torch.isfinite(torch.cat([w.grad.flatten() for w in net.parameters() if w.grad is not None])).all()


def test_the_burn_in_changes_gradients_but_no_output() -> None:
    whole, part = _net(burn_in=0), _net(burn_in=3)
    x = _events()
    torch.testing.assert_close(whole(x), part(x))
    for net in (whole, part):
        net(x).square().sum().backward()
    first = [net.layers[0].conv.weight.grad for net in (whole, part)]
    assert not torch.allclose(*first)
    with torch.no_grad():
        torch.testing.assert_close(whole(x), part(x))


def test_an_event_does_not_depend_on_the_others_of_its_batch() -> None:
    net, x = _net(), _events()
    with torch.no_grad():
        torch.testing.assert_close(net(x)[2:3], net(x[2:3]))
        torch.testing.assert_close(net.rates(x)[[4, 1]], net.rates(x[[4, 1]]))


def test_rates_are_counts_of_spikes_a_step() -> None:
    with torch.no_grad():
        count = _net().rates(_events()) * 7
    torch.testing.assert_close(count, count.round())


def test_costs_are_what_a_loop_over_spikes_counts() -> None:
    net, x = _net(), _events(2)
    found = inference_cost(net, x)
    with torch.no_grad():
        levels = [x, *net.hidden(x)]
    spikes = sum(int(each.sum()) for each in levels[1:]) / 2
    assert found.spikes == pytest.approx(spikes)
    fans = (25 * 5, 25 * 6, 4)
    assert found.synaptic_operations == pytest.approx(
        sum(float(each.sum()) * fan for each, fan in zip(levels, fans, strict=True)) / 2
    )
    assert found.updates == 10 * (5 * 4 * 8 + 6 * 2 * 4 + 4)
    assert inference_cost(net, torch.zeros_like(x)).synaptic_operations < found.synaptic_operations


def test_weights_saved_and_loaded_give_the_same(tmp_path: Path) -> None:
    net, x = _net(), _events()
    torch.save(net.state_dict(), tmp_path / "w.pt")
    other = SpikingNet((2, 8, 16), 4, channels=(5, 6), neuron=NEURON, burn_in=3)
    other.load_state_dict(torch.load(tmp_path / "w.pt"))
    torch.testing.assert_close(net(x), other(x), rtol=0, atol=0)


@pytest.mark.parametrize("reset", ["refractory", "hard"])
def test_onnx_gives_the_same(tmp_path: Path, reset: str) -> None:
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package)
    net = _net(neuron=Neuron(membrane=0.85, synapse=0.7, reset=reset))  # type: ignore[arg-type]
    check = export_onnx(net, _events(), tmp_path / "net.onnx", tolerance=1e-5)
    assert check.mismatches == 0


def test_frames_sum_bins_and_their_order_within_a_frame_does_not_matter() -> None:
    torch.manual_seed(1)
    net, x = FrameCnn(10, frames=5, channels=(4, 4)), _events()
    with torch.no_grad():
        swapped = x[:, [1, 0, *range(2, 10)]]
        torch.testing.assert_close(net(x), net(swapped))
        assert not torch.allclose(net(x), net(x[:, [2, 1, 0, *range(3, 10)]]))
        torch.testing.assert_close(net(x)[3:4], net(x[3:4]))
    net(x).sum().backward()
    assert all(w.grad is not None and w.grad.any() for w in net.parameters())


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match=r"3 layers halve rows and columns: expected more than \(4, 8\)"):
        SpikingNet((2, 4, 8), channels=(4, 4, 4))
    with pytest.raises(InputError, match="a number of frames that divides 10 time bins, got 3"):
        FrameCnn(10, frames=3)
    assert isinstance(FrameCnn(6).layers, nn.Sequential)
