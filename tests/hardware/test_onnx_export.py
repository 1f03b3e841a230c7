from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from femtobarn.errors import InputError, VerificationError
from femtobarn.hardware.latency import onnx_latency, onnx_session
from femtobarn.hardware.onnx_export import export_onnx
from femtobarn.nn.quantised import calibrate, quantise, to_integer


def events(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_a_quantised_network_is_exact_in_float64(tmp_path: Path) -> None:
    torch.manual_seed(0)
    x = events(300, 8)
    network = quantise(nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3)), x[:100])
    calibrate(network, x[:100])
    path = tmp_path / "network.onnx"
    check = export_onnx(network.double(), x.double(), path)
    assert (check.events, check.mismatches, check.largest_difference) == (300, 0, 0.0)
    session = onnxruntime.InferenceSession(str(path))
    (y,) = session.run(None, {"event": x[:7].double().numpy()})  # any number of events
    np.testing.assert_array_equal(y, to_integer(network)(x[:7].double().numpy()))


def test_a_convolution_is_exact_in_float32_and_unknown_in_float64(tmp_path: Path) -> None:
    torch.manual_seed(0)
    x = events(100, 1, 6, 6)
    layers = [nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12, 2)]
    network = quantise(nn.Sequential(*layers), x, fraction=4.0, weight_fraction=4.0)
    calibrate(network, x)
    assert export_onnx(network, x, tmp_path / "single.onnx").mismatches == 0
    with pytest.raises(InputError, match="try float32 instead of float64"):
        export_onnx(network.double(), x.double(), tmp_path / "double.onnx")


def test_a_plain_network_and_its_mode_stay_as_they_are(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.Tanh(), nn.Linear(4, 1)).train()
    check = export_onnx(network, events(20, 4), tmp_path / "plain.onnx", tolerance=1e-6)
    assert check.mismatches == 0
    assert network.training


def test_a_difference_is_seen(tmp_path: Path) -> None:
    """A network that forgets: onnxruntime cannot know the second answer."""

    class Drifting(nn.Module):
        calls = 0

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            return x * self.calls

    assert export_onnx(Drifting(), events(20, 4), tmp_path / "drift.onnx", tolerance=1e-6).mismatches == 80


def test_one_event_is_no_example(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least two events, got 1"):
        export_onnx(nn.Linear(2, 1), events(1, 2), tmp_path / "x.onnx")


def test_latency_of_a_file(tmp_path: Path) -> None:
    export_onnx(nn.Linear(4, 1), events(20, 4), tmp_path / "x.onnx", tolerance=1e-6)
    assert onnx_session(tmp_path / "x.onnx").get_session_options().intra_op_num_threads == 1
    latency = onnx_latency(tmp_path / "x.onnx", events(1, 4).numpy(), calls=50)
    assert 0 < latency.median <= latency.percentile_95 <= latency.longest
    assert latency.calls == 50


class _Counting(torch.nn.Module):
    """Sums rows by group; in the wrong way the number of groups becomes a constant of the file."""

    def __init__(self, *, fixed: bool) -> None:
        super().__init__()
        self.fixed = fixed

    def forward(self, node: torch.Tensor, edge: torch.Tensor) -> torch.Tensor:
        groups = len(node) if self.fixed else node.shape[0]
        return node + node.new_zeros((groups, node.shape[1])).index_add(0, edge, node.index_select(0, edge))


def test_inputs_may_have_different_lengths_that_both_stay_free(tmp_path: Path) -> None:
    path = tmp_path / "free.onnx"
    example = {"node": torch.randn(5, 2), "edge": torch.tensor([0, 4, 4])}
    axes = {"node": "node", "edge": "edge"}
    assert export_onnx(_Counting(fixed=False), example, path, axis=axes, tolerance=1e-6).mismatches == 0
    other = {"node": torch.randn(9, 2), "edge": torch.tensor([8, 1, 1, 1])}
    (found,) = onnx_session(path).run(None, {name: x.numpy() for name, x in other.items()})
    np.testing.assert_allclose(found, _Counting(fixed=False)(**other).numpy(), atol=1e-6)


def test_a_length_that_became_a_constant_is_told(tmp_path: Path) -> None:
    example = {"node": torch.randn(5, 2), "edge": torch.tensor([0, 4, 4])}
    axes = {"node": "node", "edge": "edge"}
    with pytest.raises(VerificationError, match="no other number of rows of node"):
        export_onnx(_Counting(fixed=True), example, tmp_path / "fixed.onnx", axis=axes)
