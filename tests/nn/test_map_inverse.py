"""The inverse model: maps that sum to one, units of its inputs and codes, other sizes, gradients."""

import pytest
import torch

from femtobarn.errors import InputError
from femtobarn.nn import MapInverse, map_cross_entropy, map_loss


def model(**more: int) -> MapInverse:
    torch.manual_seed(1)
    return MapInverse(16, 32, **{"codes": 3, "channels": 4} | more)


def inputs(count: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(2)
    return torch.rand(count, 16, 16, generator=draw), 0.03 + 0.01 * torch.rand(count, 1, generator=draw)


def test_maps_sum_to_one_and_are_positive() -> None:
    maps = model()(*inputs())
    assert maps.shape == (6, 32, 32)
    assert (maps > 0).all()
    torch.testing.assert_close(maps.sum(dim=(1, 2)), torch.ones(6))


def test_the_brightness_of_an_image_does_not_matter() -> None:
    images, settings = inputs()
    net = model()
    torch.testing.assert_close(net(images * 1e-4, settings), net(images, settings), rtol=1e-4, atol=1e-8)


def test_settings_in_another_unit_give_the_same_maps() -> None:
    images, settings = inputs()
    tesla, millitesla = model(), model()
    tesla.learn_scale(settings)
    millitesla.learn_scale(1000 * settings)
    torch.testing.assert_close(
        tesla(images, settings), millitesla(images, 1000 * settings), rtol=1e-4, atol=1e-7
    )
    assert not torch.allclose(tesla(images, settings), tesla(images, settings + 0.01), rtol=1e-3, atol=1e-8)


def test_the_spread_is_that_of_the_codes() -> None:
    images, settings = inputs(50)
    net = model()
    net.learn_spread(images, settings)
    torch.testing.assert_close(net.spread, net.encode(images, settings).std(dim=0).detach())
    again = model()
    again.load_state_dict(net.state_dict())
    assert torch.equal(again.spread, net.spread)
    assert torch.equal(again(images, settings), net(images, settings))


@pytest.mark.parametrize(("pixels", "size"), [(8, 8), (32, 16), (64, 128)])
def test_any_powers_of_two(pixels: int, size: int) -> None:
    net = MapInverse(pixels, size, settings=2, codes=2, channels=4)
    maps = net(torch.rand(2, pixels, pixels), torch.rand(2, 2))
    assert maps.shape == (2, size, size)
    batch = {"screen": torch.rand(2, pixels, pixels), "settings": torch.rand(2, 2), "map": maps.detach()}
    map_loss(net, batch).backward()
    assert all(weight.grad is not None and torch.isfinite(weight.grad).all() for weight in net.parameters())


def test_the_loss_is_a_divergence() -> None:
    truth = torch.rand(3, 8, 8).flatten(1).softmax(dim=1).view(3, 8, 8)
    assert float(map_cross_entropy(truth.log() + 5.0, truth)) == pytest.approx(0, abs=1e-5)
    assert float(map_cross_entropy(torch.zeros(3, 8, 8), truth)) > 0
    empty = torch.zeros(1, 8, 8)
    empty[0, 2, 3] = 1.0
    assert float(map_cross_entropy(torch.zeros(1, 8, 8), empty)) == pytest.approx(
        float(torch.tensor(64.0).log()), rel=1e-5
    )


def test_other_sizes_are_refused() -> None:
    with pytest.raises(InputError, match="16 x 16"):
        model()(torch.rand(2, 32, 32), torch.rand(2, 1))
    with pytest.raises(InputError, match="powers of two"):
        MapInverse(24, 32)
