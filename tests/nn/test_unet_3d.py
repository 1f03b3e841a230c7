import pytest
import torch

from femtobarn.nn.unet_3d import LinearAttention3d, UNet3d


def _woken(net: UNet3d) -> UNet3d:
    """With an answer other than 0."""
    torch.nn.init.normal_(net.exit.conv.weight)
    return net


@pytest.mark.parametrize("size", [(5, 10, 6), (7, 1, 3), (45, 16, 9)])
@pytest.mark.parametrize("attention", [True, False])
def test_every_size_comes_out_as_it_went_in(size: tuple[int, int, int], attention: bool) -> None:
    net = UNet3d(3, 2, channels=(8, 8, 16, 8), context=4, blocks=1, attention=attention)
    assert net(torch.randn(2, 3, *size), torch.randn(2, 4)).shape == (2, 2, *size)


def test_turning_by_the_coarsest_step_turns_the_answer() -> None:
    """Two halvings leave the symmetry under four cells of azimuth."""
    torch.manual_seed(0)
    net = _woken(UNet3d(1, 1, channels=(8, 8, 8, 8), context=2, blocks=1)).double()
    x, context = torch.randn(2, 1, 4, 16, 5).double(), torch.randn(2, 2).double()
    torch.testing.assert_close(net(x.roll(4, 3), context), net(x, context).roll(4, 3), rtol=0, atol=1e-9)
    assert (net(x.roll(1, 3), context) - net(x, context).roll(1, 3)).abs().max() > 1e-3


def test_context_matters_and_every_weight_learns() -> None:
    torch.manual_seed(0)
    net, x = UNet3d(2, 1, channels=(8, 8, 8), context=3), torch.randn(2, 2, 5, 10, 6)
    assert not net(x, torch.ones(2, 3)).any()
    _woken(net)
    one, two = net(x, torch.zeros(2, 3)), net(x, torch.ones(2, 3))
    assert (one - two).abs().max() > 1e-3
    (one + two).square().sum().backward()
    assert all(weight.grad is not None and weight.grad.abs().max() > 0 for weight in net.parameters())


def test_linear_attention_does_not_know_the_order_of_the_cells() -> None:
    torch.manual_seed(0)
    look, x = LinearAttention3d(8, heads=2, width=4).double(), torch.randn(2, 8, 3, 4, 5).double()
    order = torch.randperm(60)

    def shuffled(y: torch.Tensor) -> torch.Tensor:
        return y.flatten(2)[:, :, order].view_as(y)

    torch.testing.assert_close(look(shuffled(x)), shuffled(look(x)))
    assert (look(x) - x).abs().max() > 1e-3
