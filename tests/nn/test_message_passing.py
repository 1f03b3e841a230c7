"""Message passing: against a loop over all pairs, order, padding, gradients."""

import pytest
import torch
from torch.nn import functional as F

from femtobarn.nn.message_passing import MessagePassing

MASK = torch.arange(5) < torch.tensor([[5], [3], [1], [0]])


def _x(seed: int = 0) -> torch.Tensor:
    return torch.randn(4, 5, 3, generator=torch.Generator().manual_seed(seed))


def _layer(**more: float) -> MessagePassing:
    torch.manual_seed(0)
    return MessagePassing(3, 7, edge=(8, 6), node=(9,), **more)


def _one_by_one(layer: MessagePassing, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """f_n(sum_j f_e(h_i, h_j), h_i) for each particle of one event, in a loop; with |h_i - h_j| where asked for."""
    rows = []
    for i in mask.nonzero().flatten():
        heard = torch.zeros(6)
        for j in mask.nonzero().flatten():
            message = torch.cat((x[i], x[j], (x[i] - x[j]).norm()[None]) if layer.distance else (x[i], x[j]))
            for linear in layer.edge:
                message = F.leaky_relu(linear(message), 0.2)
            heard = heard + message
        rows.append(layer.node[1](F.leaky_relu(layer.node[0](torch.cat((heard, x[i]))), 0.2)))
    return torch.stack(rows) if rows else torch.zeros(0, 7)


@pytest.mark.parametrize("distance", [False, True])
def test_every_particle_hears_from_every_other(distance: bool) -> None:
    layer, x = _layer(distance=distance), _x()
    found = layer(x, MASK)
    for event in range(4):
        torch.testing.assert_close(found[event][MASK[event]], _one_by_one(layer, x[event], MASK[event]))


def test_order_and_padding() -> None:
    layer, x, order = _layer(), _x(), torch.tensor([4, 2, 0, 1, 3])
    expected = layer(x, MASK)
    torch.testing.assert_close(layer(x[:, order], MASK[:, order]), expected[:, order])
    loud = torch.where(MASK.unsqueeze(-1), x, torch.nan)
    torch.testing.assert_close(layer(loud, MASK)[MASK], expected[MASK])


@pytest.mark.parametrize("distance", [False, True])
def test_gradients_reach_every_weight_and_no_padding(distance: bool) -> None:
    layer, x = _layer(distance=distance), _x().requires_grad_()
    layer(x, MASK)[MASK].square().sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all(), "the distance of a particle to itself is 0"
    assert not x.grad[~MASK].any()
    assert all(p.grad is not None and p.grad.any() for p in layer.parameters())


def test_dropout_follows_every_linear_layer() -> None:
    layer = _layer(dropout=0.5)
    dropped = layer(_x(), MASK)[MASK]
    assert (dropped == 0).float().mean() > 0.2, "the last layer too"
    layer.eval()
    assert (layer(_x(), MASK)[MASK] != 0).all()
