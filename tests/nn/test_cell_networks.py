"""Networks of calorimeter cells: sizes as published, symmetries, the residual on the calibrated sum."""

import math

import pytest
import torch
from torch import nn

from cell_batches import call, cell_batch, hadrons
from femtobarn.datasets.clic import Calibration
from femtobarn.nn.cell_networks import CellCnn, CellDnn, CellGoogLeNet, CellNetwork, LayerEmbedding, scalars
from femtobarn.nn.cell_networks.layer_embedding import stairs
from femtobarn.nn.googlenet_3d import BLOCKS, MaxPool
from femtobarn.physics import software_compensation as compensation
from femtobarn.physics.calorimeter_cells import HCAL, SAMPLING_WEIGHTS

CALIBRATION = Calibration(0.9, 1.3)
HIDDEN = 16


def _body(kind: str, given: int, window: int = 13) -> nn.Module:
    if kind == "dnn":
        return CellDnn(window=window, given=given, hidden=HIDDEN, layers=1)
    if kind == "cnn":
        return CellCnn(window=window, given=given, filters=2, hidden=HIDDEN, layers=1)
    return CellGoogLeNet(given=given, width=1 / 64, stride=2, blocks=(("a3",), ("a4",)), hidden=HIDDEN)


def _network(kind: str, *, geometry: str = "clic", window: int = 13, scale=CALIBRATION) -> CellNetwork:
    torch.manual_seed(1)
    return CellNetwork(
        _body(kind, scalars(4, True), window), HIDDEN, calibration=scale, window=window, geometry=geometry,
        power=0.5, embedding=4, compensating=True,
    )  # fmt: skip


def test_published_sizes() -> None:
    """First layer of the DNN 22,889 x 512, flattened CNN 3,993 + 2,025 + 4; GoogLeNet ends in 1,024 channels."""
    dense = CellDnn(window=25, given=4)
    assert tuple(dense.first.weight.shape) == (512, 22_889)
    convolutional = CellCnn(window=25, given=4)
    assert convolutional.dense[0].in_features == 3_993 + 2_025 + 4
    inception = CellGoogLeNet(given=4)
    assert inception.dense[0].in_features == 1024 + 4
    bodies = {"dnn": (dense, 512), "cnn": (convolutional, 512)}
    sizes = {
        kind: sum(weight.numel() for weight in CellNetwork(*each, calibration=CALIBRATION).parameters())
        for kind, each in bodies.items()
    }
    assert sizes["dnn"] == 22_889 * 512 + 512 + 4 * (512 * 512 + 512) + (512 + 5) * 5 + 5
    assert sizes["cnn"] < sizes["dnn"] / 3
    assert sum(BLOCKS["b5"][i] for i in (0, 2, 4, 5)) == 1024


def test_googlenet_of_published_size_costs_forty_billion_multiply_adds() -> None:
    """Just under a second for a shower at the 86 GFLOP/s of one core with AVX-512 that it reaches."""
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):
        model = CellGoogLeNet(given=4).eval()
        arguments = torch.rand(1, 25, 25, 25), torch.zeros(1, *HCAL), torch.zeros(1, 4)
    with FlopCounterMode(display=False) as counter:
        assert model(*arguments).shape == (1, 1024)
    assert counter.get_total_flops() / 2 == pytest.approx(40.2e9, rel=0.01)


@pytest.mark.parametrize("stride", [1, 2])
def test_pooling_takes_the_largest_neighbour_however_cells_lie_in_memory(stride: int) -> None:
    x = torch.randn(2, 5, 9, 8, 7, generator=torch.Generator().manual_seed(0))
    padded = nn.functional.pad(x, (1,) * 6, value=-math.inf)
    windows = padded.unfold(2, 3, stride).unfold(3, 3, stride).unfold(4, 3, stride)
    for memory in (torch.contiguous_format, torch.channels_last_3d):
        found = MaxPool(stride=stride)(x.contiguous(memory_format=memory))
        assert torch.equal(found, windows.amax(dim=(5, 6, 7)))


@pytest.mark.parametrize("kind", ["dnn", "cnn", "googlenet"])
@pytest.mark.parametrize("geometry", ["clic", "cms"])
def test_an_untrained_network_gives_the_calibrated_sum(kind: str, geometry: str) -> None:
    batch = cell_batch(3)
    out = call(_network(kind, geometry=geometry).eval(), batch)
    torch.testing.assert_close(out.energy, batch["sums"] @ torch.tensor(CALIBRATION))
    torch.testing.assert_close(out.eta, batch["direction"][:, 0])
    torch.testing.assert_close(out.phi, batch["direction"][:, 1])


@pytest.mark.parametrize("kind", ["dnn", "cnn", "googlenet"])
def test_gradients_reach_every_weight_and_showers_do_not_mix(kind: str) -> None:
    model, batch = _network(kind), cell_batch(6)
    nn.init.normal_(model.last.weight)
    out = call(model, batch)
    torch.autograd.backward(sum(column.square().mean() for column in out))
    for name, weight in model.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name
    model.eval()
    whole = call(model, batch)
    alone = call(model, {name: column[2:3] for name, column in batch.items()})
    for one, two in zip(whole, alone, strict=True):
        torch.testing.assert_close(one[2:3], two, rtol=1e-4, atol=1e-4)


def test_a_network_begins_with_the_compensation() -> None:
    model = _network("dnn", window=5, scale=Calibration(1, 1))
    train, test = hadrons(600, 0), hadrons(200, 1)
    weights = torch.from_numpy(SAMPLING_WEIGHTS).float()
    for each in (train, test):
        each["direction"], each["ecal"] = torch.zeros(len(each["energy"]), 2), each["ecal"] / weights
    model.begin([train])
    found = call(model.eval(), test).energy
    fitted = compensation.fit(
        compensation.columns(train["ecal"] * weights, train["hcal"]),
        train["sums"].sum(dim=1),
        train["energy"],
    )
    expected = (
        test["sums"].sum(dim=1) + compensation.columns(test["ecal"] * weights, test["hcal"]) @ fitted.float()
    )
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


def test_stairs_climb_in_linear_pieces() -> None:
    edges = torch.tensor([0.0, 1.0, 3.0, 4.0])
    found = stairs(torch.tensor([[-1.0, 0.5], [2.0, 9.0]]), edges)
    expected = torch.tensor([[[0.0, 0, 0], [0.5, 0, 0]], [[1.0, 0.5, 0], [1.0, 1, 1]]])
    torch.testing.assert_close(found, expected)
    x = 4 * torch.rand(50)
    torch.testing.assert_close(stairs(x, edges) @ edges.diff(), x)


def test_summaries_do_not_know_left_from_right() -> None:
    batch = cell_batch(3)
    turned = {name: batch[name].flip(1, 2) for name in ("ecal", "hcal")}
    for summary in (LayerEmbedding(4), compensation.columns):
        seen, mirror = (summary(each["ecal"], each["hcal"]) for each in (batch, turned))
        torch.testing.assert_close(mirror, seen, rtol=1e-4, atol=1e-4)  # two tensors, or one
