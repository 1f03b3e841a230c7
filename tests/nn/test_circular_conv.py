import pytest
import torch
from torch import nn

from femtobarn.nn.circular_conv import CircularConv2d, CircularConv3d, CircularUpsample3d


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


@pytest.mark.parametrize(("azimuth", "stride"), [(3, 1), (2, 1), (3, (2, 1)), (2, (1, 2))])
def test_a_turn_of_an_image_turns_the_convolution(azimuth: int, stride: int | tuple[int, int]) -> None:
    torch.manual_seed(0)
    conv = CircularConv2d(4, 6, kernel=5, azimuth=azimuth, stride=stride, groups=2)
    x = torch.randn(2, 4, 9, 12)
    torch.testing.assert_close(conv(x.roll(3, dims=azimuth)), conv(x).roll(3, dims=azimuth))
    plain = nn.Conv2d(4, 6, 5, padding=2, stride=stride, groups=2)
    plain.load_state_dict(conv.conv.state_dict())
    inside = [slice(None)] * 4
    inside[azimuth] = slice(2, -2)
    torch.testing.assert_close(conv(x)[tuple(inside)], plain(x)[tuple(inside)])
    assert not torch.allclose(conv(x), plain(x)), "at the seam they differ"


def test_an_image_of_few_cells_in_phi_goes_around_more_than_once() -> None:
    torch.manual_seed(0)
    conv = CircularConv2d(1, 1, kernel=5)
    x = torch.randn(1, 1, 6, 1)
    expected = torch.nn.functional.conv2d(
        x.expand(-1, -1, -1, 5), conv.conv.weight, conv.conv.bias, padding=(2, 0)
    )
    torch.testing.assert_close(conv(x), expected)


@pytest.mark.parametrize("how", [{"kernel": 4}, {"azimuth": 1}])
def test_a_convolution_without_a_middle_or_an_azimuth_is_refused(how: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="got"):
        CircularConv2d(1, 1, **how)
