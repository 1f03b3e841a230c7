import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from femtobarn.errors import InputError
from femtobarn.physics.energy_split import join, join_layers, layer_energies, split, split_layers
from femtobarn.physics.voxels import GEOMETRIES, geometry

PHOTONS = geometry("1-photons")


def _showers(name: str, count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Sparse showers, some with empty layers, one without any energy."""
    random, shape = np.random.default_rng(seed), geometry(name)
    voxels = random.exponential(1, (count, shape.voxels)) ** 4 * (random.random((count, shape.voxels)) < 0.2)
    voxels *= (random.random((count, len(shape.layers))) < 0.7)[:, shape.layer]
    voxels[0] = 0
    energies = 2 * voxels.sum(axis=1) + 1
    return torch.from_numpy(energies), torch.from_numpy(voxels)


@given(name=st.sampled_from(sorted(GEOMETRIES)), seed=st.integers(0, 2**31))
def test_join_undoes_split_also_with_empty_layers(name: str, seed: int) -> None:
    energies, showers = _showers(name, 5, seed)
    u, shares = split(energies, showers, geometry(name), factor=3.0)
    assert u.shape == (5, len(geometry(name).layers))
    assert u.min() >= 0
    assert u.max() <= 1
    again = join(energies, u, shares, geometry(name), factor=3.0)
    torch.testing.assert_close(again, showers, rtol=1e-6, atol=0)


def test_single_precision_showers_come_back_to_single_precision() -> None:
    energies, showers = (x.float() for x in _showers("1-pions", 50, 3))
    again = join(energies, *split(energies, showers, geometry("1-pions")), geometry("1-pions"))
    torch.testing.assert_close(again.float(), showers, rtol=1e-6, atol=0)


def test_split_by_hand() -> None:
    u = split_layers(torch.tensor([100.0]), torch.tensor([[10.0, 30.0, 0.0, 40.0]]), factor=2.0)
    expected = torch.tensor([[80 / 200, 10 / 80, 30 / 70, 0 / 40]], dtype=torch.float64)
    torch.testing.assert_close(u, expected)


@given(seed=st.integers(0, 2**31))
def test_layers_hold_the_sampled_energies_whatever_the_network_says(seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    u = 3 * torch.rand(8, 5, generator=random) - 1
    shares = torch.randn(8, PHOTONS.voxels, generator=random)
    shares[0] = 0
    energies = 1e3 * torch.rand(8, generator=random) + 1
    showers = join(energies, u, shares, PHOTONS, factor=1.5)
    assert (showers >= 0).all()
    torch.testing.assert_close(
        layer_energies(showers, PHOTONS), join_layers(energies, u, factor=1.5), rtol=1e-12, atol=1e-12
    )
    total = 1.5 * energies.double() * u[:, 0].double().clamp(min=0)
    torch.testing.assert_close(showers.sum(dim=1), total, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda e, s: (e, s[:, 1:]), "368 voxels expected"),
        (lambda e, s: (0 * e, s), "above 0 expected"),
        (lambda e, s: (e, s - 1), "not negative"),
        (lambda e, s: (e, s / 0), "finite"),
    ],
)
def test_bad_showers_are_refused(damage, words: str) -> None:
    with pytest.raises(InputError, match=words):
        split(*damage(*_showers("1-photons", 4, 0)), PHOTONS)
