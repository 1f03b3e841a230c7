"""Jets matched one to one across a detector, against a matching by brute force."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from femtobarn.errors import InputError
from femtobarn.physics.clustering import Jets
from femtobarn.physics.jet_pairs import cloud, jet_axes, jet_pairs, match_jets, relative_to
from femtobarn.physics.vectors import cartesian, cylindrical, delta_phi


def some_jets(sizes: list[int], draw: np.random.Generator) -> Jets:
    n = sum(sizes)
    pt, eta, phi = draw.exponential(50, n) + 10, draw.uniform(-1, 1, n), draw.uniform(-np.pi, np.pi, n)
    momentum = cartesian(np.column_stack((pt, eta, phi, np.zeros(n))))
    return Jets(np.cumsum([0, *sizes]), momentum, np.arange(n + 1), np.arange(n))


def by_brute_force(a: Jets, b: Jets, distance: float) -> set[tuple[int, int]]:
    def apart(i: int, j: int) -> float:
        (_, e, p, _), (_, f, q, _) = cylindrical(a.momentum[i]), cylindrical(b.momentum[j])
        return float(np.hypot(e - f, delta_phi(p, q)))

    found = set()
    for event in range(len(a.offset) - 1):
        first, second = (range(x.offset[event], x.offset[event + 1]) for x in (a, b))
        for i in first:
            for j in second:
                nearest = all(apart(i, j) <= apart(i, k) for k in second)
                nearest &= all(apart(i, j) <= apart(k, j) for k in first)
                if nearest and apart(i, j) <= distance:
                    found.add((i, j))
    return found


@given(seed=st.integers(0, 2**31), distance=st.floats(0.05, 3))
def test_partners_are_mutually_nearest(seed: int, distance: float) -> None:
    draw = np.random.default_rng(seed)
    events = 4
    a, b = (some_jets(draw.integers(0, 4, events).tolist(), draw) for _ in range(2))
    rows = match_jets(a, b, distance=distance)
    assert set(map(tuple, rows.tolist())) == by_brute_force(a, b, distance)
    assert (np.diff(rows[:, 0]) > 0).all(), "in the order of the first jets"


def test_no_event_at_all_has_no_partner() -> None:
    empty = some_jets([], np.random.default_rng(0))
    assert match_jets(empty, empty, distance=1.0).shape == (0, 2)


@given(seed=st.integers(0, 2**31), particles=st.integers(1, 8))
def test_a_cloud_lists_the_hardest_first(seed: int, particles: int) -> None:
    draw = np.random.default_rng(seed)
    owner, momentum = draw.integers(0, 3, 20), draw.normal(size=(20, 3)) * 10
    momentum[:3] = [0, 0, 5]  # along the beam, with no transverse momentum
    found = cloud(momentum, owner, 4, particles=particles)
    for jet in range(4):
        pt = np.sort(np.hypot(*momentum[owner == jet][:, :2].T))[::-1]
        pt = pt[pt > 0][:particles]
        listed = np.hypot(*found.momentum[jet].T[:2])
        np.testing.assert_allclose(listed[: len(pt)], pt, rtol=1e-6)
        assert found.mask[jet].sum() == len(pt)
        assert not found.momentum[jet, len(pt) :].any()


def test_relative_particles_add_up_to_the_jet_at_the_origin() -> None:
    draw = np.random.default_rng(1)
    found = cloud(draw.normal((20, 0, 3), size=(40, 3)), np.repeat(np.arange(4), 10), 4, particles=10)
    axes = jet_axes(found)
    eta, phi, share = np.moveaxis(relative_to(found, axes), -1, 0)
    np.testing.assert_allclose((share * np.sin(phi)).sum(axis=1), 0, atol=1e-6)
    np.testing.assert_allclose((share * np.cos(phi)).sum(axis=1), 1, rtol=1e-6)
    assert np.abs(eta).max() < 1


def scattered(draw: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two jets of 200 and 100 GeV in each of six events, made of 20 particles each."""
    pt = np.tile(np.repeat([10.0, 5.0], 20), 6) * draw.uniform(0.95, 1.05, 240)
    eta = np.tile(np.repeat([0.5, -1.0], 20), 6) + draw.normal(0, 0.05, 240)
    phi = np.tile(np.repeat([3.1, 0.0], 20), 6) + draw.normal(0, 0.05, 240)
    return pt, eta, phi


def test_pairs_of_a_known_response() -> None:
    pytest.importorskip("fastjet")
    pt, eta, phi = scattered(np.random.default_rng(2))
    offset = np.arange(7) * 40

    def momentum(scale: float) -> np.ndarray:
        return cartesian(np.column_stack((scale * pt, eta, phi, np.zeros_like(pt))))

    pairs = jet_pairs(momentum(1.0), offset, momentum(0.8), offset, pt=(150, 300), particles=15)
    assert (len(pairs), pairs.wanted) == (6, 6)
    assert pairs.event.tolist() == list(range(6))
    before, after = jet_axes(pairs.generated), jet_axes(pairs.reconstructed)
    np.testing.assert_allclose(after[:, 0] / before[:, 0], 0.8, rtol=1e-5)
    np.testing.assert_allclose(after[:, 1:], before[:, 1:], atol=1e-5)
    assert pairs.generated.mask.sum(axis=1).tolist() == [15] * 6
    assert len(pairs.first(2)) == 2
    assert pairs.first(2).wanted == 6
    lost = jet_pairs(momentum(1.0), offset, momentum(1.0)[:0], 0 * offset, pt=(150, 300))
    assert (len(lost), lost.wanted) == (0, 6), "jets without a partner count as wanted"


def test_other_events_and_impossible_cuts_are_refused() -> None:
    nothing = np.zeros((0, 4))
    with pytest.raises(InputError, match="the same events generated and reconstructed, got 2 and 1"):
        jet_pairs(nothing, np.zeros(3, int), nothing, np.zeros(2, int))
    with pytest.raises(InputError, match="low < high"):
        jet_pairs(nothing, np.zeros(2, int), nothing, np.zeros(2, int), pt=(10.0, 5.0))
