import pytest
import torch

from femtobarn.nn.circular_conv import CircularConv3d, CircularUpsample3d


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("azimuths", [1, 2, 10])
def test_a_turned_shower_gives_a_turned_answer(kernel: int, azimuths: int) -> None:
    torch.manual_seed(0)
    conv, x = CircularConv3d(2, 3, kernel=kernel), torch.randn(4, 2, 5, azimuths, 7)
    turned = conv(x.roll(3, dims=3))
    assert turned.shape == (4, 3, 5, azimuths, 7)
    torch.testing.assert_close(turned, conv(x).roll(3, dims=3), rtol=0, atol=1e-5)


def test_the_other_axes_are_no_circles() -> None:
    torch.manual_seed(0)
    conv, x = CircularConv3d(1, 1), torch.randn(1, 1, 6, 6, 6)
    for axis in (2, 4):
        assert (conv(x.roll(1, dims=axis)) - conv(x).roll(1, dims=axis)).abs().max() > 0.1


def test_enlarging_takes_any_size() -> None:
    assert CircularUpsample3d(2, 4)(torch.randn(1, 2, 3, 5, 2), (5, 9, 4)).shape == (1, 4, 5, 9, 4)


def test_an_even_kernel_is_refused() -> None:
    with pytest.raises(ValueError, match="odd kernel"):
        CircularConv3d(1, 1, kernel=2)
