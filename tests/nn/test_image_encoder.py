"""Encoders of images: the mask, shapes, gradients, and that a stored network is the same again."""

import pytest
import torch
from torch import Tensor, nn

from femtobarn.errors import InputError
from femtobarn.nn import ClusterNetwork, ImageEncoder, small_trunk


def half_inside(side: int = 32) -> Tensor:
    inside = torch.zeros(side, side, dtype=torch.bool)
    inside[4:-4, 2:20] = True
    return inside


def images(number: int, side: int = 32) -> Tensor:
    return torch.rand(number, side, side, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("stabilise", [False, True])
@pytest.mark.parametrize("train", [False, True])
def test_pixels_outside_do_not_count(stabilise: bool, train: bool) -> None:
    torch.manual_seed(1)
    encoder, given = ImageEncoder(half_inside(), stabilise=stabilise).train(train), images(6)
    other = torch.where(half_inside(), given, 1e3 * torch.rand(given.shape))
    torch.testing.assert_close(encoder(other), encoder(given), atol=1e-6, rtol=0)
    changed = torch.where(half_inside(), given.flip(1), given)
    assert (encoder(changed) - encoder(given)).abs().max() > 1e-3, "those inside do"


@pytest.mark.parametrize("groups", [0, 8])
def test_gradients_reach_every_weight_and_a_stored_network_is_the_same(groups: int) -> None:
    torch.manual_seed(1)
    encoder = ImageEncoder(half_inside(), small_trunk(32, 32, groups=groups), stabilise=True)
    torch.autograd.backward(encoder.project(images(5)).square().sum())
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in encoder.parameters())
    again = ImageEncoder(half_inside(), small_trunk(32, 32, groups=groups), stabilise=True)
    again.load_state_dict(encoder.state_dict())
    torch.testing.assert_close(again.eval()(images(5)), encoder.eval()(images(5)))


def test_a_group_normalisation_does_not_know_the_batch() -> None:
    torch.manual_seed(1)
    encoder = ImageEncoder(half_inside(), small_trunk(32, 32, groups=8)).train()
    torch.testing.assert_close(encoder(images(6))[:2], encoder(images(6)[:2]), atol=1e-5, rtol=1e-5)


def test_probabilities_of_clusters() -> None:
    torch.manual_seed(1)
    network = ClusterNetwork(ImageEncoder(half_inside()), 7).eval()
    found = network(images(4))
    assert found.shape == (4, 7)
    torch.testing.assert_close(found.sum(dim=1), torch.ones(4))


def test_any_module_that_gives_a_vector_may_be_the_trunk() -> None:
    encoder = ImageEncoder(half_inside(), nn.Sequential(nn.AvgPool2d(8), nn.Flatten()), projection=(6, 3))
    assert encoder.outputs == 16
    assert encoder.project(images(2)).shape == (2, 3)


def test_what_is_refused() -> None:
    with pytest.raises(InputError, match="at least 16 pixels"):
        small_trunk(15, 32)
    with pytest.raises(InputError, match="inside"):
        ImageEncoder(torch.zeros(32, 32, dtype=torch.bool))
