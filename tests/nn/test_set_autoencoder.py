"""The autoencoder of particle sets: size, order, padding, and what it is told."""

import numpy as np
import pytest
import torch
from torch import Tensor

from femtobarn.nn import SetVae
from femtobarn.nn.set_vae import kinematics, shares_and_angles


def _jets(jets: int = 5, particles: int = 12, seed: int = 1) -> tuple[Tensor, Tensor, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    size = torch.randint(3, particles + 1, (jets, 1), generator=draw)
    mask = torch.arange(particles) < size
    pt = torch.rand(jets, particles, generator=draw) * 100 + 1
    angles = torch.randn(jets, particles, 2, generator=draw) * 0.2
    pieces = torch.cat((angles, pt.unsqueeze(-1), pt.unsqueeze(-1) * 1.3), dim=-1)
    particles_ = torch.where(mask.unsqueeze(-1), pieces, 0.0)
    species = torch.where(mask, torch.randint(0, 8, mask.shape, generator=draw), -1)
    jet = particles_[..., 2:].sum(dim=1)
    return particles_, species, jet


def _network(**more: bool) -> SetVae:
    torch.manual_seed(1)
    return SetVae(width=8, hidden=12, layers=2, latent=4, **more).eval()


def test_the_published_size() -> None:
    """Acceptance: both shipped checkpoints of the deep set have 205,155 weights."""
    assert sum(weight.numel() for weight in SetVae().parameters()) == 205_155


@pytest.mark.parametrize("species", [True, False])
def test_the_order_of_particles_does_not_matter(species: bool) -> None:
    """Acceptance 1: the latent mean stays; what is decoded is the same set, particle by particle of its kind."""
    network, (particles, kinds, jet) = _network(species=species), _jets()
    order = torch.randperm(particles.shape[1], generator=torch.Generator().manual_seed(2))
    made, encoded = network(particles, kinds, jet)
    made_again, again = network(particles[:, order], kinds[:, order], jet)
    torch.testing.assert_close(again.mean, encoded.mean, atol=1e-5, rtol=0)
    torch.testing.assert_close(again.log_variance, encoded.log_variance, atol=1e-5, rtol=0)
    for row in range(len(made) if species else 0):
        for kind in range(8):
            one = made[row][kinds[row] == kind]
            other = made_again[row][kinds[row, order] == kind]
            torch.testing.assert_close(
                one, other, atol=1e-5, rtol=1e-5
            )  # the first photon is the first photon


def test_padding_changes_nothing() -> None:
    """Acceptance 2: fifty more rows that are masked."""
    network, (particles, kinds, jet) = _network(), _jets()
    padding = torch.full((len(jet), 50), -1)
    wide = torch.cat((particles, torch.randn(len(jet), 50, 4).abs()), dim=1)
    made, encoded = network(particles, kinds, jet)
    more, again = network(wide, torch.cat((kinds, padding), dim=1), jet)
    torch.testing.assert_close(again.mean, encoded.mean)
    mask = kinds >= 0
    torch.testing.assert_close(more[:, : mask.shape[1]][mask], made[mask])


def test_gradients_reach_every_weight_and_noise_moves_what_is_decoded() -> None:
    network, (particles, kinds, jet) = _network().train(), _jets(jets=40)
    made, encoded = network(particles, kinds, jet, torch.randn(40, 4))
    (made[kinds >= 0].square().sum() + encoded.log_variance.sum()).backward()
    for name, weight in network.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.any(), name
    network.eval()
    quiet, _ = network(particles, kinds, jet)
    noisy, _ = network(particles, kinds, jet, torch.ones(40, 4))
    assert not torch.allclose(quiet, noisy)


def test_without_species_kinds_are_not_looked_at() -> None:
    network, (particles, kinds, jet) = _network(species=False), _jets()
    other = torch.where(kinds >= 0, (kinds + 3) % 8, -1)
    for one, two in zip(network(particles, kinds, jet), network(particles, other, jet), strict=True):
        for a, b in zip(torch.atleast_1d(one), torch.atleast_1d(two), strict=True):
            torch.testing.assert_close(a, b)
    told = _network()
    assert not torch.allclose(told(particles, kinds, jet)[0], told(particles, other, jet)[0])


def test_features_are_the_published_ones() -> None:
    """Of one particle, by hand: (x - shift) times scale, cut at 5; ten times the share of momentum, cut at 5."""
    particle = torch.tensor([[[0.3, -0.4, 100.0, 150.0], [0.0, 0.0, 450.0, 500.0]]])
    found = kinematics(particle, torch.tensor([[500.0, 700.0]]))[0]
    expected = (
        2.0, 0.3, -0.4, (np.log(100) - 1.7) * 0.7, (np.log(150) - 2) * 0.7, (np.log(0.2) + 4.7) * 0.7,
        (np.log(150 / 700) + 4.7) * 0.7, (0.5 - 0.2) * 4,
    )  # fmt: skip
    np.testing.assert_allclose(found[0], expected, rtol=1e-5)
    assert found[1, 0] == 5
    assert shares_and_angles(particle, torch.tensor([[500.0, 700.0]]))[0, 1, 0] == 5


def test_saved_and_loaded_it_is_the_same() -> None:
    network, jets = _network(), _jets()
    torch.manual_seed(9)
    other = SetVae(width=8, hidden=12, layers=2, latent=4)
    other.load_state_dict(network.state_dict())
    torch.testing.assert_close(other.eval()(*jets)[0], network(*jets)[0])
