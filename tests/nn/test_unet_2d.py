"""U-net and the network that corrects a first guess: sizes, symmetry, gradients, what they begin with."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from femtobarn.errors import InputError
from femtobarn.nn import CorrectedMap, UNet2d, event_probabilities


def images(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("size", [(64, 64), (37, 50), (205, 9)])
def test_maps_have_the_size_of_the_input(size: tuple[int, int]) -> None:
    torch.manual_seed(1)
    assert UNet2d(3, 2).eval()(images(2, 3, *size)).shape == (2, 2, *size)


def test_the_published_network() -> None:
    """Two convolutions at each of six scales, 16 to 96 channels, 21 channels in: weights counted by hand."""
    widths = (16, 24, 32, 48, 64, 96)
    pairs = [(21, 16), *itertools.pairwise(widths)]
    pairs += [(a + b, b) for a, b in zip(widths[:0:-1], widths[-2::-1], strict=True)]
    conv = sum(9 * a * b + b + 9 * b * b + b for a, b in pairs)
    norm = sum(4 * b for _, b in pairs)
    model = UNet2d(21, 1, channels=widths)
    assert sum(weight.numel() for weight in model.parameters()) == conv + norm + 16 + 1
    assert model.eval()(images(1, 21, 205, 205)).shape == (1, 1, 205, 205)


def test_gradients_reach_every_weight() -> None:
    model = UNet2d(2, 1, channels=(4, 8))
    model(images(2, 2, 16, 16)).square().sum().backward()
    assert all(
        weight.grad is not None and weight.grad.abs().sum() > 0
        for weight in model.parameters()
        if weight.ndim > 1
    )


@pytest.mark.parametrize("azimuth", [2, 3])
def test_a_turn_by_whole_coarse_cells_turns_the_maps(azimuth: int) -> None:
    torch.manual_seed(1)
    x = images(1, 2, 16, 16)
    for around, same in ((azimuth, True), (None, False)):
        model = UNet2d(2, 1, channels=(4, 8, 8), azimuth=around).eval()
        turned = model(x.roll(4, azimuth))
        assert torch.allclose(turned, model(x).roll(4, azimuth), atol=1e-5) == same


def test_saved_and_loaded_it_says_the_same() -> None:
    one, other = CorrectedMap(2, 1, threshold=3.0), CorrectedMap(2, 1, threshold=7.0)
    one.eval().network.last.weight.data.normal_()
    other.eval().load_state_dict(one.state_dict())
    x, guess = images(1, 2, 12, 12), images(1, 1, 12, 12)
    assert torch.equal(one(x, guess), other(x, guess)), "the threshold is kept with the weights"


def test_it_begins_with_the_blurred_guess() -> None:
    """Windows in equal shares, at the edge what there is of them: SciPy on the formula of the docstring."""
    model = CorrectedMap(2, 3, threshold=10.0, windows=(0, 1, 3)).train()
    past, guess = 30 * images(2, 2, 16, 12), 30 * images(2, 3, 16, 12, seed=2)
    odds = ((1 + guess) / 11) ** 8
    probability = odds / (1 + odds)
    ones = np.ones((16, 12))
    expected = np.empty(guess.shape)
    for place in np.ndindex(2, 3):
        means = []
        for radius in (0, 1, 3):
            mean = [
                ndimage.uniform_filter(x, 2 * radius + 1, mode="constant")
                for x in (probability[place].double(), ones)
            ]
            means.append(mean[0] / mean[1])
        expected[place] = np.mean(means, axis=0)
    torch.testing.assert_close(
        torch.sigmoid(model(past, guess)).double(), torch.from_numpy(expected), atol=1e-5, rtol=0
    )


def test_without_the_guess_it_begins_with_the_last_map() -> None:
    model = CorrectedMap(2, 3, threshold=10.0, guided=False, windows=(0,)).train()
    past = torch.full((1, 2, 8, 8), 10.0)
    past[:, 0] = 99
    torch.testing.assert_close(
        torch.sigmoid(model(past, torch.zeros(1, 3, 8, 8))), torch.full((1, 3, 8, 8), 0.5)
    )


def test_a_logit_stays_finite_far_out() -> None:
    model = CorrectedMap(1, 1, threshold=1.0, windows=(0,)).eval()
    told = model(torch.zeros(1, 1, 4, 4), torch.tensor([0.0, 1e9]).repeat(8).reshape(1, 1, 4, 4))
    assert torch.isfinite(told).all()
    assert float(told.detach().abs().max()) <= math.log(1e4) + 0.1


def test_probabilities_do_not_depend_on_the_other_images() -> None:
    torch.manual_seed(1)
    model = CorrectedMap(2, 1, threshold=0.5, channels=(4, 8)).eval()
    model.network.last.weight.data.normal_()
    past, guess = images(3, 2, 16, 16).numpy(), images(3, 1, 16, 16, seed=2).numpy()
    whole = event_probabilities(model, past, guess)
    np.testing.assert_array_equal(event_probabilities(model, past[1:2], guess[1:2]), whole[1:2])
    assert ((whole > 0) & (whole < 1)).all()


def test_a_threshold_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="a threshold above 0"):
        CorrectedMap(1, 1, threshold=0.0)


def test_an_image_that_is_halved_to_nothing_is_refused() -> None:
    model = UNet2d(1, 1, channels=(2, 2, 2, 2)).eval()
    assert model(images(1, 1, 8, 9)).shape == (1, 1, 8, 9)
    with pytest.raises(InputError, match="8 pixels a side"):
        model(images(1, 1, 7, 64))
