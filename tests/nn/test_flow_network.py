"""The network of particle flow: size, convolution by hand, order, padding, empty events, gradients, output."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from femtobarn.losses import flow_loss, published_flow_loss
from femtobarn.nn import GatedGraphConv, Mlpf
from femtobarn.nn.binned_graph import Neighbours
from femtobarn.nn.mlpf import kind_of, raw_input, scaled_input
from femtobarn.physics.particle_flow import CHARGED, ELECTRON, MUON, TRACK
from flow_files import toy_events


def events(count: int, *, sizes: list[int] | None = None, seed: int = 1) -> tuple[Tensor, Tensor, Tensor]:
    """Elements, mask and targets of some events."""
    some = toy_events(count, seed=seed, sizes=sizes)
    element, mask, _ = some.padded(max(sizes) if sizes else 40)
    target = torch.zeros(*mask.shape, 7)
    target[torch.from_numpy(mask)] = torch.from_numpy(some.target)
    return torch.from_numpy(element), torch.from_numpy(mask), target


def small(**more: str | int) -> Mlpf:
    torch.manual_seed(0)
    settings = {
        "width": 16,
        "edge": 8,
        "dropout": 0.0,
        "dimension": 8,
        "bin_size": 16,
        "neighbours": 4,
    } | more
    made = Mlpf(**settings)
    for layer in made.modules():  # the last one starts at zero, which would hide all that is before it
        if isinstance(layer, torch.nn.Linear) and not layer.weight.any():
            torch.nn.init.normal_(layer.weight, std=0.1)
    return made.eval()


def test_the_published_network_has_its_number_of_weights() -> None:
    """1.56 million, counted of the layers of the paper."""
    assert sum(p.numel() for p in Mlpf(inputs="raw").parameters()) == pytest.approx(1.56e6, rel=0.005)


@pytest.mark.parametrize("heads", [1, 3])
def test_convolution_by_hand(heads: int) -> None:
    """With matrices of all elements, a head after the other."""
    torch.manual_seed(1)
    layer, x = GatedGraphConv(6), torch.randn(1, 4, 6)
    index = torch.tensor([[[0, 1], [1, 2], [2, 0], [3, 0]]])
    there = torch.tensor([[[True, True], [True, True], [True, True], [True, False]]])
    adjacency = torch.where(there[..., None], torch.randn(1, 4, 2, heads), 0.0)
    neighbour, own, gate = (x[0] @ w.weight.T for w in (layer.neighbour, layer.own, layer.gate))
    heard = []
    for head, features in enumerate(neighbour.chunk(heads, dim=1)):
        full = torch.zeros(4, 4)
        for row in range(4):
            for at in range(2):
                full[row, index[0, row, at]] += adjacency[0, row, at, head]
        norm = torch.diag((full.abs().sum(dim=1) + 1e-6) ** -0.5)
        heard.append(norm @ full @ norm @ features)
    g = torch.sigmoid(gate + layer.gate.bias)
    expected = F.elu(g * torch.cat(heard, dim=1) + (1 - g) * own)
    torch.testing.assert_close(layer(x, Neighbours(index, there.float(), there), adjacency)[0], expected)


@pytest.mark.parametrize("inputs", ["scaled", "raw"])
def test_padding_changes_no_real_element(inputs: str) -> None:
    model = small(inputs=inputs)
    element, mask, _ = events(3, sizes=[40, 21, 1])
    said = model(element, mask)
    for event, count in enumerate((40, 21, 1)):
        alone = model(element[event : event + 1, :count], torch.ones(1, count, dtype=torch.bool))
        for ours, theirs in zip(said, alone, strict=True):
            torch.testing.assert_close(ours[event, :count], theirs[0], rtol=1e-4, atol=1e-5)


def test_order_does_not_matter() -> None:
    """Two bins, in double precision."""
    model = small().double()
    element, mask, _ = events(1, sizes=[30])
    order = torch.randperm(30, generator=torch.Generator().manual_seed(1))
    said, turned = model(element.double(), mask), model(element[:, order].double(), mask)
    for ours, theirs in zip(said, turned, strict=True):
        torch.testing.assert_close(ours[:, order], theirs, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_events_with_hardly_an_element(count: int) -> None:
    model = small()
    element, mask, target = events(2, sizes=[count, count])
    said = model(element, mask)
    assert said.logits.shape == (2, count, 6)
    assert all(torch.isfinite(each).all() for each in said)
    assert torch.isfinite(flow_loss(*said, target, mask))


@pytest.mark.parametrize("inputs", ["scaled", "raw"])
def test_every_weight_learns(inputs: str) -> None:
    model = small(inputs=inputs).train()
    element, mask, target = events(4)
    said = model(element, mask)
    loss = flow_loss(*said, target, mask) if inputs == "scaled" else published_flow_loss(*said, target)
    loss.backward()
    for name, weight in model.named_parameters():
        assert weight.grad is not None, name
        assert torch.isfinite(weight.grad).all(), name
        assert weight.grad.abs().sum() > 0, name


def test_before_training_particles_are_what_is_measured() -> None:
    torch.manual_seed(0)
    model = Mlpf(width=8, edge=4, dimension=4, bin_size=16, neighbours=4).eval()
    element, mask, _ = events(2)
    torch.testing.assert_close(model(element, mask).momentum, element[..., 1:6])


def test_before_training_tracks_have_the_class_of_their_bits() -> None:
    """However few muons there are to learn from; what towers are is open."""
    torch.manual_seed(0)
    model = Mlpf(width=8, edge=4, dimension=4, bin_size=16, neighbours=4).eval()
    element, mask, _ = events(2)
    track = element[..., 0] == TRACK
    rows = torch.nonzero(track)
    for column, (event, number) in zip((10, 11), rows[:2].tolist(), strict=True):
        element[event, number, column] = 1.0
    kind = kind_of(element)
    assert kind[~mask].eq(0).all()
    assert kind[mask & ~track].unique().tolist() == [1, 2]
    assert kind[track].bincount().tolist() == [0, 0, 0, len(rows) - 2, 1, 1]
    found = model(element, mask).logits.argmax(dim=-1)
    assert [int(found[event, number]) for event, number in rows[:2].tolist()] == [MUON, ELECTRON]
    assert found[track].eq(CHARGED).sum() == len(rows) - 2


def test_inputs_are_of_the_order_of_one_and_lose_nothing() -> None:
    element, mask, _ = events(5)
    raw, scaled = raw_input(element), scaled_input(element)
    assert (raw.shape[-1], scaled.shape[-1]) == (14, 16)
    torch.testing.assert_close(raw[..., 3:], element[..., 1:])
    assert raw[..., :3].sum(dim=-1).eq(1).all()
    assert scaled[mask].abs().max() < 10
    far = element.clone()
    far[..., 1] *= 1e4
    assert scaled_input(far)[mask].abs().max() < 20


def test_losses_are_least_at_the_truth_and_deaf_to_padding() -> None:
    _, mask, target = events(3)
    logits = 20 * F.one_hot(target[..., 0].long(), 6).float()
    right = logits, target[..., 1], target[..., 2:]
    assert flow_loss(*right, target, mask) < 1e-6
    assert published_flow_loss(*right, target) < 1e-6
    for wrong in ((-logits, *right[1:]), (logits, right[1] + 1, right[2]), (logits, right[1], 2 * right[2])):
        assert flow_loss(*wrong, target, mask) > 0.01
    hidden = target.clone()
    hidden[~mask] = 3.0
    assert flow_loss(*right, hidden, mask) < 1e-6


def test_pt_and_energy_count_by_their_ratio() -> None:
    _, mask, target = events(3)
    logits = 20 * F.one_hot(target[..., 0].long(), 6).float()
    change = torch.tensor([1.3, 1.0, 1.0, 1.0, 1.3])
    losses = []
    for scale in (1.0, 50.0):
        there = target.clone()
        there[..., [2, 6]] *= scale
        losses.append(flow_loss(logits, there[..., 1], there[..., 2:] * change, there, mask))
    torch.testing.assert_close(losses[0], losses[1])
