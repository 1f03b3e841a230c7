"""Shares of templates: a prior that is Laplace's, images of unit sum, and templates that are found again."""

import numpy as np
import torch

from femtobarn.nn.dirichlet_vae import DirichletVae


def test_the_prior_is_laplaces_approximation() -> None:
    """Mean and variance of the centred logarithms of shares that follow the Dirichlet distribution, drawn here."""
    concentration = (40.0, 20.0, 10.0)
    model = DirichletVae(10, width=4, concentration=concentration)
    log = np.log(np.random.default_rng(1).dirichlet(concentration, 50_000))
    centred = log - log.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(model.prior_mean.numpy(), centred.mean(axis=0), atol=0.03)
    np.testing.assert_allclose(model.prior_variance.numpy(), centred.var(axis=0), rtol=0.1)


def test_losses_of_images_full_and_empty() -> None:
    torch.manual_seed(1)
    model = DirichletVae(30, width=8).eval()
    x = (torch.rand(6, 30) < 0.3).double()
    x[2] = 0
    loss = model.loss(x, weight=0.0)
    assert loss[2] == 0
    assert (loss[[0, 1, 3, 4, 5]] > 0).all(), "a divergence"
    torch.testing.assert_close(model(x).log_image.exp().sum(dim=1), torch.ones(6, dtype=torch.float64))
    torch.testing.assert_close(model.shares(x).sum(dim=1), torch.ones(6, dtype=torch.float64))


def test_two_kinds_of_image_become_two_templates() -> None:
    torch.manual_seed(2)
    model = DirichletVae(20, width=16, concentration=(1.0, 1.0))
    kind = torch.arange(64) % 2
    x = torch.zeros(64, 20, dtype=torch.float64)
    x[kind == 0, :10] = 1
    x[kind == 1, 10:] = 1
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(150):
        optimiser.zero_grad()
        model.loss(x, weight=0.01).mean().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    share = model.eval().shares(x)[:, 0]
    assert (share[kind == 0].mean() - share[kind == 1].mean()).abs() > 0.6
