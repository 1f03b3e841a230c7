import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from femtobarn.errors import InputError
from femtobarn.physics.jets import massless
from femtobarn.physics.soft_drop import soft_drop
from femtobarn.physics.vectors import cartesian, cylindrical, delta_phi, invariant_mass, rapidity


def _jets(seed: int, jets: int = 3, particles: int = 7) -> tuple[np.ndarray, np.ndarray]:
    g = np.random.default_rng(seed)
    x = g.normal(0, 0.3, (jets, particles, 3))
    x[..., 2] = np.sort(g.exponential(1, (jets, particles)), axis=1)[:, ::-1]
    mask = np.arange(particles) < g.integers(1, particles + 1, jets)[:, None]
    return massless(x, mask), mask


def _angle(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.hypot(rapidity(a) - rapidity(b), delta_phi(cylindrical(a)[2], cylindrical(b)[2])))


def _pt(a: np.ndarray) -> float:
    return float(np.hypot(a[1], a[2]))


def _declustered(jet: np.ndarray, cut: float, beta: float, radius: float) -> set[int]:
    """Particles that stay, by the definition: join the nearest two until one is left, then go back."""
    nodes = {frozenset([i]): p for i, p in enumerate(jet)}
    parents = {}
    while len(nodes) > 1:
        a, b = min(
            ((a, b) for a in nodes for b in nodes if min(a) < min(b)),
            key=lambda pair: _angle(nodes[pair[0]], nodes[pair[1]]),
        )
        first, second = nodes.pop(a), nodes.pop(b)
        parents[a | b] = ((a, first), (b, second))
        nodes[a | b] = first + second
    (branch,) = nodes
    while branch in parents:
        (a, p), (b, q) = parents[branch]
        share = min(_pt(p), _pt(q)) / (_pt(p) + _pt(q))
        if share > cut * (_angle(p, q) / radius) ** beta:
            break
        branch = a if _pt(p) >= _pt(q) else b
    return set(branch)


@given(
    seed=st.integers(0, 2**31), cut=st.sampled_from([0.05, 0.1, 0.3]), beta=st.sampled_from([0.0, 1.0, 2.0])
)
@settings(max_examples=20)
def test_tiny_jets_are_groomed_as_defined(seed: int, cut: float, beta: float) -> None:
    momentum, mask = _jets(seed)
    groomed = soft_drop(momentum, mask, cut=cut, beta=beta, radius=0.8)
    for jet, real, left, found in zip(momentum, mask, groomed.momentum, groomed.mask, strict=True):
        stay = sorted(_declustered(jet[real], cut, beta, 0.8))
        assert found.sum() == len(stay)
        np.testing.assert_allclose(left[found], jet[stay], rtol=1e-12)
        assert not left[~found].any()


def test_the_mass_is_of_what_is_left() -> None:
    momentum, mask = _jets(3)
    groomed = soft_drop(momentum, mask)
    np.testing.assert_array_equal(groomed.mass, invariant_mass(groomed.momentum.sum(axis=1)))


def test_two_hard_prongs_stay_and_soft_radiation_goes() -> None:
    particles = np.array([[[0.3, 3.0, 50.0], [-0.3, -3.1, 40.0], [0.0, 2.4, 1.0]]])
    mask = np.ones((1, 3), bool)
    groomed = soft_drop(massless(particles, mask), mask)
    assert groomed.mask.tolist() == [[True, True, False]]
    expected = np.sqrt(2 * 50 * 40 * (np.cosh(0.6) - np.cos(6.1)))
    assert groomed.mass == pytest.approx(expected, rel=1e-9)


def test_one_hard_particle_loses_what_is_around_it() -> None:
    particles = np.array([[[0.0, 0.0, 100.0], [0.5, 0.0, 1.0], [0.0, -0.4, 2.0]]])
    mask = np.ones((1, 3), bool)
    momentum = massless(particles, mask)
    assert soft_drop(momentum, mask).mask.sum() == 1
    # A power of the angle forgives a soft particle that is close.
    near = massless(np.array([[[0.0, 0.0, 100.0], [0.01, 0.0, 1.0]]]), mask[:, :2])
    assert soft_drop(near, mask[:, :2], beta=2.0).mask.all()


def test_massive_particles_and_float32() -> None:
    g = np.random.default_rng(5)
    columns = [g.exponential(10, 9) + 1, g.normal(0, 0.3, 9), g.normal(2.9, 0.3, 9), np.full(9, 0.14)]
    momentum = cartesian(np.stack(columns, axis=-1))[None].astype(np.float32)
    groomed = soft_drop(momentum, np.ones((1, 9), bool))
    stay = sorted(_declustered(momentum[0].astype(np.float64), 0.1, 0.0, 0.8))
    left = groomed.momentum[groomed.mask]
    np.testing.assert_allclose(np.sort(left[:, 0]), np.sort(momentum[0, stay, 0]), rtol=1e-12)


def test_a_jet_without_particles_stays_empty() -> None:
    groomed = soft_drop(np.full((2, 3, 4), np.nan), np.zeros((2, 3), bool))
    assert not groomed.mask.any()
    assert not groomed.momentum.any()
    assert not groomed.mass.any()


def test_wrong_input() -> None:
    with pytest.raises(InputError, match=r"cut from 0 to 0\.5"):
        soft_drop(np.zeros((1, 1, 4)), np.ones((1, 1), bool), cut=0.7)
    with pytest.raises(InputError, match="jet 1: expected finite momenta"):
        soft_drop(np.array([[[1.0, 1, 0, 0]], [[np.nan, 1, 0, 0]]]), np.ones((2, 1), bool))
