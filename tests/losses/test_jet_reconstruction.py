"""The loss of jets as particle lists: against double loops, nearest neighbours, and vectors; finite everywhere."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from femtobarn.losses import jet_mass_pt, jet_terms
from femtobarn.physics.vectors import invariant_mass


def clouds(seed: int, jets: int = 3, n: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    mask = torch.arange(n) < torch.randint(1, n + 1, (jets, 1), generator=g)
    return torch.randn(jets, n, 3, generator=g, dtype=torch.float64) * 20, mask


@given(seed=st.integers(0, 2**31))
def test_distance_is_that_of_nearest_neighbours(seed: int) -> None:
    (x, x_mask), (y, y_mask) = clouds(seed, n=6), clouds(seed + 1, n=8)
    expected = 0.0
    for jet in range(len(x)):
        a, b = x[jet][x_mask[jet]], y[jet][y_mask[jet]]
        expected += (cKDTree(b).query(a)[0] ** 2).sum() + (cKDTree(a).query(b)[0] ** 2).sum()
    torch.testing.assert_close(float(jet_terms(x, y, x_mask, y_mask).particles), float(expected / 3))


@given(seed=st.integers(0, 2**31))
def test_the_distance_of_equal_sets_is_zero_in_any_order_and_no_other(seed: int) -> None:
    x, _ = clouds(seed)
    every = torch.ones(x.shape[:2], dtype=torch.bool)
    order = torch.randperm(x.shape[1], generator=torch.Generator().manual_seed(seed))
    assert all(float(term) < 1e-9 for term in jet_terms(x, x[:, order], every, every))
    moved = x.clone()
    moved[0, 0, 0] += 0.5
    assert jet_terms(moved, x, every, every).particles > 0


def test_zeros_as_published_reward_a_collapse_of_the_surplus() -> None:
    """All surplus outputs at one zero cost nothing, though only one target stands there with masks."""
    target = torch.tensor([[[10.0, 0, 0], [0, 0, 0], [0, 0, 0]]])
    output = target.clone()
    every = torch.ones(1, 3, dtype=torch.bool)
    assert jet_terms(output, target, every, every).particles == 0
    real = torch.tensor([[True, False, False]])
    assert jet_terms(output, target, every, real).particles == 200.0, (
        "with a mask the surplus is far from all there is"
    )


@given(seed=st.integers(0, 2**31))
def test_mass_and_pt_are_those_of_vectors(seed: int) -> None:
    x, mask = clouds(seed)
    mass, pt = jet_mass_pt(x, mask)
    p = np.where(mask[..., None], x, 0)
    whole = np.concatenate((np.linalg.norm(p, axis=2).sum(axis=1)[:, None], p.sum(axis=1)), axis=1)
    np.testing.assert_allclose(mass, np.maximum(invariant_mass(whole), 1e-3), rtol=1e-6)
    np.testing.assert_allclose(pt, np.hypot(whole[:, 1], whole[:, 2]).clip(1e-3), rtol=1e-9)


def test_gradients_are_finite_for_empty_and_massless_jets() -> None:
    """A jet of nothing, one particle, and collinear ones, where rounding makes m^2 negative."""
    x = torch.zeros(4, 5, 3)
    x[1, 0] = torch.tensor([300.0, 10.0, 777.7])
    x[2] = torch.tensor([100.1, 33.3, 77.7]) * torch.rand(5, 1, generator=torch.Generator().manual_seed(0))
    x.requires_grad_()
    mask = torch.ones(4, 5, dtype=torch.bool)
    mask[3] = False
    target = torch.full((4, 5, 3), 7.0)
    sum(jet_terms(x, target, mask, torch.ones(4, 5, dtype=torch.bool))).backward()  # type: ignore[union-attr, arg-type]
    assert x.grad is not None
    assert torch.isfinite(x.grad[:3]).all()
    assert not x.grad[3].any()


def test_a_narrow_jet_of_one_tev_keeps_its_mass_in_float32() -> None:
    angle = 1e-3
    pair = torch.tensor([[[500.0, 0.0, 0.0], [500.0 * np.cos(angle), 500.0 * np.sin(angle), 0.0]]])
    mass, _ = jet_mass_pt(pair, torch.ones(1, 2, dtype=torch.bool))
    p = pair[0].double()
    expected = torch.sqrt(2 * (p[0].norm() * p[1].norm() - p[0] @ p[1]))
    torch.testing.assert_close(mass[0], expected, rtol=1e-5, atol=0)
