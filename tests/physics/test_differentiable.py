import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from femtobarn.physics.differentiable import energy_correlators_torch, relative_mass_torch
from femtobarn.physics.energy_correlators import energy_correlators
from femtobarn.physics.jets import relative_mass


def _jets(seed: int, jets: int = 4, particles: int = 6) -> tuple[np.ndarray, np.ndarray]:
    g = np.random.default_rng(seed)
    x = g.normal(0, 0.3, (jets, particles, 3))
    x[..., 1] += 3.0
    x[..., 2] = g.exponential(1 / particles, (jets, particles))
    return x, g.random((jets, particles)) < 0.7


@given(seed=st.integers(0, 2**31))
def test_mass_is_that_of_the_summed_momenta(seed: int) -> None:
    x, mask = _jets(seed)
    found = relative_mass_torch(torch.from_numpy(x), torch.from_numpy(mask))
    np.testing.assert_allclose(found, relative_mass(x, mask), atol=1e-7)


def test_float32_is_enough_for_a_narrow_pair() -> None:
    pair = torch.tensor([[[0.0, 0.0, 0.5], [1e-5, 0.0, 0.5]]])
    assert relative_mass_torch(pair, torch.ones(1, 2, dtype=torch.bool)).item() == pytest.approx(
        5e-6, rel=1e-6
    )


@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
def test_correlators_are_the_compiled_ones(beta: float) -> None:
    x, mask = _jets(1)
    e2, e3 = energy_correlators_torch(torch.from_numpy(x), torch.from_numpy(mask), beta=beta)
    expected = energy_correlators(x, mask, beta=beta)
    np.testing.assert_allclose(e2, expected.e2, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(e3, expected.e3, rtol=1e-12, atol=1e-15)


def test_gradients_agree_with_differences() -> None:
    x, _ = _jets(2, jets=2, particles=4)
    mask = torch.tensor([[True, True, True, True], [True, True, True, False]])
    particles = torch.from_numpy(x).requires_grad_()
    assert torch.autograd.gradcheck(lambda p: relative_mass_torch(p, mask), particles)
    assert torch.autograd.gradcheck(lambda p: energy_correlators_torch(p, mask, beta=1.5), particles)


def test_gradients_are_finite_where_particles_coincide_or_are_missing() -> None:
    particles = torch.zeros(3, 4, 3, dtype=torch.float64)
    particles[0, :, 2] = 1
    particles[1] = torch.nan
    particles[2, 0, 2] = 1
    particles.requires_grad_()
    mask = torch.tensor([[True] * 4, [False] * 4, [True, False, False, False]])
    for values in ((relative_mass_torch(particles, mask),), energy_correlators_torch(particles, mask)):
        (gradient,) = torch.autograd.grad(sum(value.sum() for value in values), particles)
        assert torch.isfinite(gradient).all()
        assert not gradient[1].any()
