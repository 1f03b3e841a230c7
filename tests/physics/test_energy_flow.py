import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from femtobarn.errors import InputError
from femtobarn.physics.energy_flow import (
    EFP_GRAPHS,
    EFP_NAMES,
    energy_flow_polynomials,
    energy_flow_polynomials_torch,
)

REFERENCE = json.loads((Path(__file__).parent / "reference" / "energy_flow.json").read_text())


def _jets(seed: int, jets: int = 3, particles: int = 6) -> tuple[np.ndarray, np.ndarray]:
    g = np.random.default_rng(seed)
    x = g.normal(0, 0.3, (jets, particles, 3))
    x[..., 2] = g.exponential(1, (jets, particles))
    return x, np.ones((jets, particles), bool)


def _vertices(edges: list) -> int:
    return 1 + max((max(edge) for edge in edges), default=0)


def _n_fold_sum(jet: np.ndarray, edges: list) -> float:
    """The definition: a sum over all n-tuples of particles."""
    dphi = np.angle(np.exp(1j * (jet[:, None, 1] - jet[None, :, 1])))
    theta = np.hypot(jet[:, None, 0] - jet[None, :, 0], dphi)
    tuples = np.indices((len(jet),) * _vertices(edges)).reshape(_vertices(edges), -1)
    product = jet[tuples, 2].prod(axis=0)
    for i, j in edges:
        product = product * theta[tuples[i], tuples[j]]
    return float(product.sum())


def _degrees(edges: list) -> list[tuple]:
    """What is the same for isomorphic graphs, and tells these 36 apart (a test below checks)."""
    n = _vertices(edges)
    adjacency = np.zeros((n, n))
    for i, j in edges:
        adjacency[i, j] += 1
        adjacency[j, i] += 1
    walks = np.array([np.linalg.matrix_power(adjacency, p) @ np.ones(n) for p in range(1, 6)])
    loops = np.array([np.diag(np.linalg.matrix_power(adjacency, p)) for p in range(1, 6)])
    return sorted(map(tuple, np.concatenate((walks, loops)).T.tolist()))


def test_the_36_graphs_are_those_of_energyflow_in_its_order() -> None:
    assert len(EFP_NAMES) == 36
    ours = [_degrees(edges) for edges in EFP_GRAPHS.values()]
    assert ours == [_degrees(edges) for edges in REFERENCE["graphs"]]
    assert all(a != b for i, a in enumerate(ours) for b in ours[:i])


@pytest.mark.parametrize("column", range(36))
def test_each_polynomial_is_its_n_fold_sum(column: int) -> None:
    x, mask = _jets(11, jets=20, particles=6)
    if _vertices(REFERENCE["graphs"][column]) > 6:  # 6^8 terms a jet
        x, mask = x[:, :4], mask[:, :4]
    expected = [_n_fold_sum(jet, REFERENCE["graphs"][column]) for jet in x]
    np.testing.assert_allclose(energy_flow_polynomials(x, mask)[:, column], expected, rtol=1e-12)


@pytest.mark.parametrize("jet", REFERENCE["jets"], ids=lambda jet: f"{len(jet['particles'])} particles")
def test_energyflow_agrees(jet: dict) -> None:
    x = np.array(jet["particles"])[None]
    ours = energy_flow_polynomials(x, np.ones(x.shape[:2], bool))
    np.testing.assert_allclose(ours[0], jet["polynomials"], rtol=1e-11)


@given(seed=st.integers(0, 2**31), angle=st.floats(0, 6))
def test_order_and_rotation_of_the_particles_do_not_matter(seed: int, angle: float) -> None:
    x, mask = _jets(seed)
    x[..., 1] *= 0.5  # nothing may come round the back
    polynomials = energy_flow_polynomials(x, mask)
    order = np.random.default_rng(seed).permutation(x.shape[1])
    np.testing.assert_allclose(energy_flow_polynomials(x[:, order], mask), polynomials, rtol=1e-12)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turned = np.concatenate((x[..., :2] @ turn.T + [0.7, 2.9], x[..., 2:]), axis=-1)
    np.testing.assert_allclose(energy_flow_polynomials(turned, mask), polynomials, rtol=1e-11)


@given(seed=st.integers(0, 2**31))
def test_padding_does_not_count_whatever_stands_there(seed: int) -> None:
    x, mask = _jets(seed, particles=9)
    mask = np.random.default_rng(seed).random(mask.shape) < 0.6
    polynomials = energy_flow_polynomials(x, mask)
    for rubbish in (0.0, 7.0, np.nan):
        dirty = np.where(mask[..., None], x, rubbish)
        np.testing.assert_array_equal(energy_flow_polynomials(dirty, mask), polynomials)
        of_torch = energy_flow_polynomials_torch(torch.from_numpy(dirty), torch.from_numpy(mask))
        np.testing.assert_allclose(of_torch, polynomials, rtol=1e-12, atol=1e-15)
    for jet, real, expected in zip(x, mask, polynomials, strict=True):
        alone = energy_flow_polynomials(jet[real][None], np.ones((1, real.sum()), bool))
        np.testing.assert_allclose(alone[0], expected, rtol=1e-12, atol=1e-15)


def test_scaling_counts_vertices_and_edges() -> None:
    x, mask = _jets(2)
    x *= 0.3
    polynomials = energy_flow_polynomials(x, mask)
    n = np.array([_vertices(edges) for edges in REFERENCE["graphs"]])
    d = np.array([len(edges) for edges in REFERENCE["graphs"]])
    harder, wider = (energy_flow_polynomials(x * scale, mask) for scale in ([1, 1, 1.7], [1.3, 1.3, 1]))
    np.testing.assert_allclose(harder, polynomials * 1.7**n, rtol=1e-12)
    np.testing.assert_allclose(wider, polynomials * 1.3**d, rtol=1e-12)


def test_no_particle_one_particle_and_one_point() -> None:
    x = np.full((3, 4, 3), 0.5)
    mask = np.array([[False] * 4, [True, False, False, False], [True] * 4])
    found = energy_flow_polynomials(x, mask)
    assert not found[:, 1:].any()
    np.testing.assert_allclose(found[:, 0], [0, 0.5, 2])
    assert energy_flow_polynomials(x[:0], mask[:0]).shape == (0, 36)
    assert not energy_flow_polynomials(x[:, :0], mask[:, :0]).any()


def test_150_particles() -> None:
    x, mask = _jets(4, jets=2, particles=150)
    found = energy_flow_polynomials(x, mask)
    of_torch = energy_flow_polynomials_torch(torch.from_numpy(x), torch.from_numpy(mask))
    np.testing.assert_allclose(of_torch, found, rtol=1e-12)
    theta = np.hypot(x[:, :, None, 0] - x[:, None, :, 0], x[:, :, None, 1] - x[:, None, :, 1])
    z = x[..., 2]
    square = np.einsum(
        "na,nb,nc,nd,nab,nbc,ncd,nda->n", z, z, z, z, theta, theta, theta, theta, optimize=True
    )
    np.testing.assert_allclose(found[:, EFP_NAMES.index("square")], square, rtol=1e-12)


def test_float32_is_computed_in_float64() -> None:
    x, mask = _jets(3)
    narrow = x.astype(np.float32)
    expected = energy_flow_polynomials(narrow.astype(np.float64), mask)
    np.testing.assert_array_equal(energy_flow_polynomials(narrow, mask), expected)
    of_torch = energy_flow_polynomials_torch(torch.from_numpy(narrow), torch.from_numpy(mask))
    assert of_torch.dtype == torch.float32
    np.testing.assert_allclose(of_torch, expected, rtol=1e-4)


def test_strided_input_gives_the_same() -> None:
    x, mask = _jets(8, particles=8)
    wide, wide_mask = (
        np.asfortranarray(np.repeat(x, 2, axis=1)),
        np.asfortranarray(np.repeat(mask, 2, axis=1)),
    )
    np.testing.assert_array_equal(
        energy_flow_polynomials(wide[:, ::2], wide_mask[:, ::2]), energy_flow_polynomials(x, mask)
    )


def test_gradients_agree_with_differences() -> None:
    x, _ = _jets(5, jets=2, particles=4)
    mask = torch.tensor([[True, True, True, True], [True, True, True, False]])
    particles = torch.from_numpy(x).requires_grad_()
    assert torch.autograd.gradcheck(lambda p: energy_flow_polynomials_torch(p, mask), particles)


def test_gradients_are_finite_where_particles_coincide_or_are_missing() -> None:
    particles = torch.zeros(2, 4, 3, dtype=torch.float64)
    particles[0, :, 2] = 1
    particles[1] = torch.nan
    particles.requires_grad_()
    mask = torch.tensor([[True] * 4, [False] * 4])
    energy_flow_polynomials_torch(particles, mask).sum().backward()
    assert torch.isfinite(particles.grad).all()
    assert not particles.grad[1].any()


def test_a_particle_that_is_not_finite_is_named() -> None:
    x, mask = _jets(1)
    x[1, 3, 0] = np.inf
    with pytest.raises(InputError, match="jet 1, particle 3: eta is inf"):
        energy_flow_polynomials(x, mask)
