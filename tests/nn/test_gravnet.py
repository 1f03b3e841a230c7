"""GravNet: exact neighbours, a dense reference, order, events apart, gradients; the whole network."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from femtobarn.errors import InputError
from femtobarn.nn import CondensationNet, DistanceMessages, GravNet, nearest_in_events
from femtobarn.nn.condensation_net import INPUTS
from femtobarn.simulate.endcap import Endcap, endcap_hits, gun


def _points(n: int = 50, dimensions: int = 3, seed: int = 1) -> Tensor:
    return torch.randn(n, dimensions, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("count", [1, 7, 40])
def test_tree_and_blocks_find_the_same(count: int) -> None:
    x, offset = _points(), torch.tensor([0, 20, 20, 50])
    tree, blocks = (nearest_in_events(x, offset, count, method=m) for m in ("tree", "blocks"))
    torch.testing.assert_close(tree[0], blocks[0])
    torch.testing.assert_close(tree[1], blocks[1])
    index, real = tree
    assert (index[:, 0] == torch.arange(50)).all()
    assert (
        real.sum(dim=1) == torch.cat((torch.full((20,), min(count, 20)), torch.full((30,), min(count, 30))))
    ).all()
    assert (index[:20] < 20).all()
    assert (index[20:] >= 20).all()


def test_neighbours_are_the_nearest() -> None:
    x = _points()
    index, _ = nearest_in_events(x, torch.tensor([0, 50]), 5)
    order = torch.cdist(x.double(), x.double()).argsort(dim=1, stable=True)[:, :5]
    torch.testing.assert_close(index, order)


def test_coordinates_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(InputError, match="finite coordinates"):
        nearest_in_events(torch.full((2, 2), torch.nan), torch.tensor([0, 2]), 1)
    with pytest.raises(InputError, match="auto, tree or blocks"):
        nearest_in_events(_points(), torch.tensor([0, 50]), 1, method="guess")


def test_gravnet_is_the_sum_over_all_pairs() -> None:
    """Acceptance 4 of the sheet: every hit looks at all, those not among the nearest are cut by hand."""
    torch.manual_seed(1)
    layer, x, k = GravNet(6, 8, dimensions=3, neighbours=5, propagated=4), _points(30, 6), 5
    s, f = x @ layer.space.weight.T, F.relu(layer.passed(x))
    square = ((s[:, None] - s[None]) ** 2).sum(dim=2)
    near = square <= square.sort(dim=1).values[:, k - 1 : k]
    heard = torch.exp(-10 * square)[:, :, None] * f[None]
    mean = torch.where(near[:, :, None], heard, 0.0).sum(dim=1) / k
    most = torch.where(near[:, :, None], heard, -torch.inf).amax(dim=1)
    expected = F.relu(layer.output(torch.cat((mean - f, most - f, x), dim=1)))
    torch.testing.assert_close(layer(x, torch.tensor([0, 30]))[0], expected, atol=1e-5, rtol=1e-5)


def _both(x: Tensor, offset: Tensor) -> Tensor:
    torch.manual_seed(2)
    layer = GravNet(6, 8, dimensions=3, neighbours=5, propagated=4)
    messages = DistanceMessages(8, (8, 4))
    h, near = layer(x, offset)
    return messages(h, near)


def test_order_of_hits_and_other_events_change_nothing() -> None:
    x = _points(40, 6)
    one = _both(x, torch.tensor([0, 40]))
    order = torch.randperm(40, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(_both(x[order], torch.tensor([0, 40])), one[order])
    two = _both(torch.cat((x, x[:7] + 1)), torch.tensor([0, 40, 47]))
    torch.testing.assert_close(two[:40], one)


def test_distances_have_gradients() -> None:
    torch.manual_seed(1)
    layer = GravNet(4, 3, dimensions=2, neighbours=3, propagated=3).double()
    messages = DistanceMessages(3, (3,)).double()
    x = _points(8, 4).double().requires_grad_()

    def out(points: Tensor) -> Tensor:
        h, near = layer(points, torch.tensor([0, 8]))
        return messages(h, near)

    assert torch.autograd.gradcheck(out, (x,))
    out(x).sum().backward()
    assert layer.space.weight.grad is not None
    assert layer.space.weight.grad.abs().sum() > 0


def _hits(n: int = 3) -> tuple[Tensor, Tensor]:
    import numpy as np

    endcap, draw = Endcap(field=0.0), np.random.default_rng(1)
    hits = endcap_hits(
        gun(n, endcap, generator=draw, number=(2, 2), energy=(1.0, 5.0)), endcap, generator=draw
    )
    columns = (hits.energy, *endcap.position(hits.cell).T, hits.time, endcap.size(hits.cell))
    assert len(columns) == len(INPUTS)
    return torch.from_numpy(np.column_stack(columns)).float(), torch.from_numpy(hits.offset)


def _net() -> CondensationNet:
    torch.manual_seed(1)
    return CondensationNet(width=16, blocks=2, neighbours=8, dimensions=3, propagated=8, messages=(8, 8))


def test_every_weight_of_the_network_learns() -> None:
    model = _net()
    out = model(*_hits())
    assert all(torch.isfinite(each).all() for each in out)
    assert ((out.beta > 0) & (out.beta < 1)).all()
    assert ((out.distance > 0) & (out.distance < 2)).all()
    assert (out.factor >= 0).all()
    sum((each * torch.rand_like(each)).sum() for each in out).backward()
    for name, weight in model.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name


def test_one_hit_and_none_are_events_too() -> None:
    model = _net().eval()
    hits, _ = _hits()
    with torch.no_grad():
        alone = model(hits[:1], torch.tensor([0, 1]))
        assert all(len(each) == 1 and torch.isfinite(each).all() for each in alone)
        assert len(model(hits[:0], torch.tensor([0, 0])).beta) == 0
        both = model(torch.cat((hits[:40], hits[:1])), torch.tensor([0, 40, 40, 41]))
    torch.testing.assert_close(both.beta[40:], alone.beta)


def test_the_order_of_hits_changes_nothing() -> None:
    model = _net().double().eval()
    hits, _ = _hits(1)
    hits = hits.double()
    order = torch.randperm(len(hits), generator=torch.Generator().manual_seed(1))
    offset = torch.tensor([0, len(hits)])
    with torch.no_grad():
        one, two = model(hits, offset), model(hits[order], offset)
    for a, b in zip(one, two, strict=True):
        torch.testing.assert_close(a[order], b)
