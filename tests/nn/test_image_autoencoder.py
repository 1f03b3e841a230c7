"""Autoencoder of event images: the published sizes, turns in phi, both kinds of slopes, gradients."""

import pytest
import torch

from femtobarn.errors import InputError
from femtobarn.hardware.multiply_adds import multiply_adds
from femtobarn.nn import ImageAutoencoder, PixelPReLU

COARSE = {"grid": (60, 72), "channels": (6, 5, 4), "strides": ((2, 2), (2, 2), (3, 3))}


def _images(count: int = 2, rows: int = 58, columns: int = 72, seed: int = 1) -> torch.Tensor:
    g = torch.Generator().manual_seed(seed)
    there = torch.rand(count, 3, rows, columns, generator=g) < 0.05
    return there * torch.rand(count, 3, rows, columns, generator=g) * 50


def _small(**settings: object) -> ImageAutoencoder:
    """With statistics of a batch, in evaluation mode."""
    torch.manual_seed(3)
    model = ImageAutoencoder(**(COARSE | settings))  # type: ignore[arg-type]
    for _ in range(30):
        model(_images(8))
    return model.eval()


def test_the_published_network_has_its_sizes() -> None:
    model = ImageAutoencoder().eval()
    image = torch.zeros(1, 3, 286, 360)
    sizes = []
    x = model.prepared(image)
    with torch.no_grad():
        for block in (model.encoder, model.decoder):
            for layer in block:
                x = layer(x)
                sizes.append(tuple(x.shape[1:]))
    assert sizes[2::3] == [
        (128, 96, 120), (64, 48, 60), (32, 24, 30), (16, 12, 15), (8, 6, 5),
        (16, 12, 15), (32, 24, 30), (64, 48, 60), (128, 96, 120), (3, 288, 360),
    ]  # fmt: skip
    slopes = {id(layer.weight) for layer in model.encoder if isinstance(layer, torch.nn.PReLU)}
    weights = sum(each.numel() for each in model.encoder.parameters() if id(each) not in slopes)
    assert weights == pytest.approx(1.02e5, rel=0.02)
    assert multiply_adds(model, image) == pytest.approx(0.52e9, rel=0.05)


def test_slopes_of_pixels_are_most_of_the_published_weights() -> None:
    model = ImageAutoencoder(slopes="pixel")
    slopes = [m.slope.numel() for m in model.encoder.modules() if isinstance(m, PixelPReLU)]
    assert sum(slopes) == pytest.approx(1.69e6, rel=0.01)


@pytest.mark.parametrize("energies", ["linear", "log"])
def test_a_turn_by_whole_strides_turns_the_output(energies: str) -> None:
    model, x = _small(energies=energies), _images()
    with torch.no_grad():
        torch.testing.assert_close(model(x.roll(24, 3)), model(x).roll(24, 3), atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(model.score(x.roll(12, 3)), model.score(x), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("settings", [{"azimuth": "zeros"}, {"slopes": "pixel"}])
def test_a_seam_or_slopes_of_pixels_break_the_turn(settings: dict[str, str]) -> None:
    model, x = _small(**settings), _images()
    for layer in model.modules():
        if isinstance(layer, PixelPReLU):
            torch.nn.init.uniform_(layer.slope, 0, 1, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        difference = (model(x.roll(24, 3)) - model(x).roll(24, 3)).abs().max()
        assert difference > 1e-3 * model(x).abs().max()


def test_a_circular_transpose_of_a_shifted_dot_is_the_shifted_output() -> None:
    """A dot at the seam spreads to both sides of it as one in the middle does."""
    model = _small()
    up = model.decoder[0]
    dot = torch.zeros(1, 4, 5, 6)
    dot[0, :, 2, 3] = 1.0
    with torch.no_grad():
        torch.testing.assert_close(up(dot.roll(-3, 3)), up(dot).roll(-9, 3))


def test_slopes_of_pixels_agree_with_one_slope_if_they_are_alike() -> None:
    layer = PixelPReLU(2, (3, 4))
    torch.nn.init.constant_(layer.slope, 0.3)
    x = torch.randn(5, 2, 3, 4, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(layer(x), torch.nn.functional.prelu(x, torch.tensor([0.3])))


@pytest.mark.parametrize("slopes", ["channel", "pixel"])
def test_gradients_reach_every_weight_and_are_finite(slopes: str) -> None:
    torch.manual_seed(2)
    model = ImageAutoencoder(**COARSE, slopes=slopes)  # type: ignore[arg-type]
    model.score(_images(6)).log1p().mean().backward()
    for name, weight in model.named_parameters():
        assert weight.grad is not None, name
        assert torch.isfinite(weight.grad).all(), name
        # The bias of a convolution before batch normalisation cancels.
        assert weight.grad.any() or name.endswith("bias"), name


def test_empty_images_have_a_finite_score() -> None:
    model = _small()
    with torch.no_grad():
        assert torch.isfinite(model.score(torch.zeros(2, 3, 58, 72))).all()


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="do not divide a grid"):
        ImageAutoencoder((58, 72), (4, 4), ((2, 2), (2, 2)))
    with pytest.raises(ValueError, match="strides of 2 or 3"):
        ImageAutoencoder((60, 72), (4,), ((4, 4),))
    with pytest.raises(
        InputError, match=r"60 \(eta\) x 72 \(phi\) pixels, or up to two rows fewer, got 72 x 58"
    ):
        _small()(_images(1, 72, 58))
