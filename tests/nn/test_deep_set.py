"""Deep Set: order, padding, soft particles, size."""

import torch
from torch import Tensor

from femtobarn.nn.deep_set import DeepSet


def cloud() -> tuple[Tensor, Tensor, Tensor]:
    g = torch.Generator().manual_seed(0)
    x = torch.randn(5, 7, 4, generator=g)
    mask = torch.arange(7) < torch.tensor([7, 3, 1, 5, 6])[:, None]
    weight = torch.where(mask, torch.rand(5, 7, generator=g), 0)
    return x, mask, weight / weight.sum(dim=1, keepdim=True)


def net() -> DeepSet:
    torch.manual_seed(1)
    return DeepSet(4, 3, width=9)


def test_order_and_padding_do_not_matter() -> None:
    x, mask, weight = cloud()
    for training in (True, False):
        model = net().train(training)
        expected = model(x, mask, weight)
        order = torch.randperm(7, generator=torch.Generator().manual_seed(1))
        torch.testing.assert_close(model(x[:, order], mask[:, order], weight[:, order]), expected)
        junk = torch.cat((torch.where(mask[..., None], x, torch.nan), torch.full((5, 2, 4), 1e9)), dim=1)
        wide = torch.cat((torch.where(mask, weight, 5.0), torch.ones(5, 2)), dim=1)
        torch.testing.assert_close(model(junk, torch.nn.functional.pad(mask, (0, 2)), wide), expected)


def test_a_particle_of_no_weight_does_not_count() -> None:
    model, (x, mask, weight) = net().eval(), cloud()
    without = mask.clone()
    without[:, 0] = False
    weight[:, 0] = 0
    torch.testing.assert_close(model(x, mask, weight), model(x, without, weight))


def test_two_halves_at_one_place_are_one() -> None:
    """The sum is linear in the weights: splitting a particle of the same features changes nothing."""
    model, (x, mask, weight) = net().eval(), cloud()
    doubled = (torch.cat((each, each), dim=1) for each in (x, mask, weight / 2))
    torch.testing.assert_close(model(*doubled), model(x, mask, weight))


def test_published_size_and_gradients() -> None:
    assert sum(weight.numel() for weight in DeepSet().parameters()) == 68_226
    model, (x, mask, weight) = net(), cloud()
    model(x, mask, weight).square().sum().backward()
    assert all(w.grad is not None and w.grad.isfinite().all() for w in model.parameters())
    assert all(layer.weight.grad.any() for layer in (model.phi[0], model.rho[0], model.rho[-1]))
    copy = net()
    copy.load_state_dict(model.state_dict())
    torch.testing.assert_close(copy.eval()(x, mask, weight), model.eval()(x, mask, weight))
