import pytest
import torch
from torch import Tensor, nn

from femtobarn.nn.denoising import ddim, denoised, denoising_loss


@pytest.mark.parametrize(("mean", "deviation"), [(0.0, 1.0), (0.7, 0.5), (-0.3, 1.3)])
def test_ddim_with_the_exact_denoiser_of_a_gaussian_gives_that_gaussian(
    mean: float, deviation: float
) -> None:
    noise = torch.randn(100_000, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    def exact(x: Tensor, level: Tensor) -> Tensor:
        s2 = level.unsqueeze(1) ** 2
        return (deviation**2 * x + s2 * mean) / (deviation**2 + s2)

    made = ddim(exact, noise, steps=400)
    assert float(made.mean()) == pytest.approx(mean, abs=0.02)
    assert float(made.std()) == pytest.approx(deviation, rel=0.02)


class _Shrinks(nn.Module):
    """A network that answers with so much of its first argument."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        return self.factor * x


def test_without_a_network_unit_gaussians_are_denoised_best() -> None:
    """For data of deviation 1 the skip connection alone is the exact answer, so an answer of 0 is best."""
    clean, noise, condition = torch.randn(20_000, 3), torch.randn(20_000, 3), torch.zeros(20_000, 1)
    losses = [
        float(
            denoising_loss(_Shrinks(f), clean, noise, condition, generator=torch.Generator().manual_seed(1))
        )
        for f in (0.0, 0.2, -0.2)
    ]
    assert losses[0] == pytest.approx(1, abs=0.02)  # (1 + 1/s^2) s^2 / (1 + s^2)
    assert min(losses[1:]) > losses[0] + 0.02


def test_clean_rows_are_left_alone_and_noise_is_taken_for_zero() -> None:
    x, condition = torch.randn(5, 3), torch.zeros(5, 1)
    for level, expected in ((1e-4, x), (1e4, torch.zeros(5, 3))):
        found = denoised(_Shrinks(0.5), x, torch.full((5,), level), condition)
        torch.testing.assert_close(
            found, expected + 0.5 * min(level, 1 / 1e-4) / (1 + level**2) * x, rtol=0, atol=2e-4
        )
