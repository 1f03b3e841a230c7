"""Relaxed one-hot vectors: on the simplex, the right category, a density that is one, a divergence that vanishes."""

import pytest
import torch
from torch.distributions.relaxed_categorical import ExpRelaxedCategorical

from femtobarn.nn.relaxed_one_hot import RelaxedMixture, monte_carlo_kl, relaxed_log_density, relaxed_sample


def _draw(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("temperature", [0.1, 1.0, 3.8])
def test_samples_lie_on_the_simplex_and_choose_as_softmax(temperature: float) -> None:
    logits = torch.tensor([1.0, 0.0, -1.0, 0.5], dtype=torch.float64)
    count = 20_000
    z = relaxed_sample(logits, torch.tensor([temperature]), samples=count, generator=_draw()).exp()
    torch.testing.assert_close(z.sum(dim=-1), torch.ones(count, dtype=torch.float64))
    share = torch.bincount(z.argmax(dim=-1), minlength=4) / count
    expected = torch.softmax(logits, dim=0)
    error = (expected * (1 - expected) / count).sqrt()
    assert ((share - expected).abs() < 4 * error).all()
    if temperature == 0.1:
        assert z.amax(dim=-1).median() > 0.999, "nearly one-hot"


def test_density_agrees_with_torch() -> None:
    logits, temperature = torch.randn(6, 5, generator=_draw()), 0.7
    log_z = relaxed_sample(logits, torch.full((6, 1), temperature), samples=3, generator=_draw(2))
    known = ExpRelaxedCategorical(torch.tensor(temperature), logits=logits)
    found = relaxed_log_density(log_z, logits, torch.full((6, 1), temperature))
    torch.testing.assert_close(found, known.log_prob(log_z), rtol=1e-4, atol=1e-4)


def test_divergence_of_a_distribution_from_itself_vanishes() -> None:
    prior = RelaxedMixture(5, modes=1)
    temperature = torch.nn.functional.softplus(prior.raw)
    logits = prior.logits.expand(200, 20, 5)
    log_z = relaxed_sample(logits, temperature.expand(200, 20, 1), samples=10, generator=_draw())
    found = monte_carlo_kl(log_z, logits, temperature.expand(200, 20, 1), prior)
    torch.testing.assert_close(found, torch.zeros(200), rtol=0, atol=1e-2)


def test_divergence_is_not_negative_beyond_its_noise() -> None:
    torch.manual_seed(3)
    prior = RelaxedMixture(6)
    logits, temperature = torch.randn(300, 4, 6), 1 + torch.rand(300, 4, 1)
    with torch.no_grad():
        found = torch.stack([
            monte_carlo_kl(
                relaxed_sample(logits, temperature, samples=10, generator=_draw(seed)), logits, temperature, prior
            ) for seed in range(5)
        ])  # fmt: skip
    mean, error = found.mean(dim=0), found.std(dim=0) / 5**0.5
    assert (mean > -4 * error - 0.1).float().mean() > 0.99
    assert mean.mean() > 0


def test_a_mixture_is_the_mean_of_its_densities_and_learns() -> None:
    torch.manual_seed(4)
    prior = RelaxedMixture(4, modes=3)
    log_z = relaxed_sample(torch.zeros(7, 4), torch.ones(7, 1), samples=1, generator=_draw())[0]
    temperature = torch.nn.functional.softplus(prior.raw)
    each = [relaxed_log_density(log_z, prior.logits[i], temperature[i]) for i in range(3)]
    torch.testing.assert_close(prior.log_density(log_z).exp(), torch.stack(each).exp().mean(dim=0))
    prior.log_density(log_z).sum().backward()  # type: ignore[no-untyped-call]
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in prior.parameters())
