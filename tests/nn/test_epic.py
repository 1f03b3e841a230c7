"""EPiC layers: order, padding, empty sets, weight normalisation, gradients."""

import torch
from torch.nn import functional as F

from femtobarn.nn.epic import EpicLayer, pool

MASK = torch.arange(5) < torch.tensor([[5], [3], [1], [0]])
WIDTH, WHOLE, CONTEXT = 8, 4, 3


def _inputs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return tuple(torch.randn(*s, generator=generator) for s in ((4, 5, WIDTH), (4, WHOLE), (4, CONTEXT)))


def _layer() -> EpicLayer:
    torch.manual_seed(0)
    return EpicLayer(WIDTH, whole=WHOLE, context=CONTEXT)


def test_pool_of_a_known_set() -> None:
    x = torch.tensor([[[1.0], [3.0], [torch.inf]], [[5.0], [5.0], [5.0]]])
    mask = torch.tensor([[True, True, False], [False, False, False]])
    torch.testing.assert_close(pool(x, mask), torch.tensor([[2.0, 0.04], [0.0, 0.0]]))


def test_order_and_padding() -> None:
    layer, (x, whole, context) = _layer(), _inputs()
    order = torch.tensor([4, 2, 0, 1, 3])
    each, summary = layer(x, whole, context, MASK)
    moved, same = layer(x[:, order], whole, context, MASK[:, order])
    torch.testing.assert_close(moved, each[:, order])
    torch.testing.assert_close(same, summary)
    other, same = layer(torch.where(MASK.unsqueeze(-1), x, torch.inf), whole, context, MASK)
    torch.testing.assert_close(other[MASK], each[MASK])
    torch.testing.assert_close(same, summary)


def test_each_particle_sees_itself_the_set_and_the_context() -> None:
    layer, (x, whole, context) = _layer(), _inputs()
    each, summary = layer(x, whole, context, MASK)
    for event, particle in ((0, 1), (2, 0)):
        inputs = torch.cat((x[event, particle], summary[event], context[event]))
        hidden = F.leaky_relu(layer.spread(inputs))
        expected = F.leaky_relu(x[event, particle] + layer.refine(hidden))
        torch.testing.assert_close(each[event, particle], expected)


def test_gradients_reach_every_weight_and_no_padding() -> None:
    layer, (x, whole, context) = _layer(), _inputs()
    x.requires_grad_()
    each, summary = layer(x, whole, context, MASK)
    (each[MASK].square().sum() + summary.square().sum()).backward()
    assert x.grad is not None
    assert not x.grad[~MASK].any()
    assert all(p.grad is not None and p.grad.any() for p in layer.parameters())


def test_weights_are_normalised() -> None:
    layer = _layer()
    before = layer.refine.weight.clone()
    with torch.no_grad():
        layer.refine.parametrizations.weight.original1.mul_(3.0)  # the direction, not the length
    torch.testing.assert_close(layer.refine.weight, before)
