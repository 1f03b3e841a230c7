"""The normalised autoencoder: chains draw from the density they are given, and the centre of a ring is an anomaly."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from femtobarn.errors import InputError
from femtobarn.evaluation.feature_autoencoders import NORMALISED, PLAIN, feature_autoencoders
from femtobarn.nn.normalised_autoencoder import Chains, FeatureAutoencoder, langevin, wasserstein_loss


def ring(events: int, seed: int, *, width: float = 0.1) -> np.ndarray:
    """Points near a circle: what is simplest, its centre, was never seen."""
    draw = np.random.default_rng(seed)
    angle = draw.uniform(0, 2 * math.pi, events)
    return np.column_stack((np.cos(angle), np.sin(angle))) + width * draw.normal(size=(events, 2))


def test_chains_draw_from_exp_of_minus_the_energy() -> None:
    """A well of 2 x^2 at temperature noise^2 / (2 step) = 1/2 is a normal of variance 1/8."""
    draw = torch.Generator().manual_seed(1)
    with_spring = langevin(
        lambda x: 2 * x.square().sum(dim=1), torch.zeros(4000, 1), steps=400, step=0.005, noise=0.0707,
        generator=draw,
    ).detach()  # fmt: skip
    assert float(with_spring.var()) == pytest.approx(1 / 8, rel=0.1)
    assert abs(float(with_spring.mean())) < 4 * math.sqrt(1 / 8 / 4000)


def test_chains_stay_within_reach() -> None:
    far = langevin(lambda x: -x.square().sum(dim=1), torch.ones(5, 3), steps=50, step=1.0, reach=2.0).detach()
    assert float(far.abs().max()) == 2.0


def test_the_loss_reaches_the_weights_through_the_chains() -> None:
    torch.manual_seed(1)
    model = FeatureAutoencoder(3, hidden=(8,), latent=2)
    ends = langevin(model.energy, torch.randn(16, 3), step=0.1)
    torch.autograd.backward(wasserstein_loss(torch.randn(16, 3), ends))
    slopes = [weight.grad for weight in model.parameters() if weight.ndim == 2]
    assert all(slope is not None and float(slope.abs().sum()) > 0 for slope in slopes)


def test_the_distance_of_a_shifted_sample_is_the_shift() -> None:
    x = torch.randn(32, 3)
    assert float(wasserstein_loss(x, x + Tensor([3.0, 4.0, 0.0]))) == pytest.approx(5.0)


def test_chains_go_on_where_they_ended() -> None:
    chains, draw = Chains(2, kept=6, renewed=0.0), torch.Generator().manual_seed(1)
    assert chains.starts(4, draw).shape == (4, 2)
    chains.push(torch.full((4, 2), 7.0))
    chains.push(torch.full((4, 2), 9.0))
    assert len(chains.ends) == 6
    assert set(chains.starts(50, draw).unique().tolist()) == {7.0, 9.0}


def test_the_centre_of_a_ring_is_an_anomaly_to_the_normalised_one() -> None:
    scores = feature_autoencoders(ring(1500, 1), seed=1, steps=300)
    on, centre = ring(400, 2), 0.1 * np.random.default_rng(3).normal(size=(400, 2))
    score = scores[NORMALISED]
    assert (score(centre)[:, None] > score(on)[None]).mean() > 0.98
    assert np.median(score(centre)) > 3 * np.median(score(on))
    assert np.median(score(centre)) > np.median(scores[PLAIN](centre))


def test_the_same_seed_gives_the_same_scores() -> None:
    rows = ring(200, 1)
    one, other = (feature_autoencoders(rows, seed=3, steps=20) for _ in range(2))
    assert all(np.array_equal(one[name](rows), other[name](rows)) for name in (PLAIN, NORMALISED))


@pytest.mark.parametrize("rows", [np.ones((1, 3)), np.full((9, 3), np.nan)])
def test_rows_that_nothing_can_be_learnt_from_are_refused(rows: np.ndarray) -> None:
    with pytest.raises(InputError, match="at least two events of finite numbers"):
        feature_autoencoders(rows, seed=1)
