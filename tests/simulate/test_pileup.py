"""Pile-up: how many collisions, from where, turned and shifted, and nothing lost on the way."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2, kstest, norm

from femtobarn.errors import InputError
from femtobarn.simulate.collisions.pileup import LuminousRegion, overlay
from femtobarn.simulate.particles import Particles


def made_up(sizes: list[int], generator: np.random.Generator, *, code: int = 211) -> Particles:
    n = sum(sizes)
    return Particles(
        np.cumsum([0, *sizes]),
        np.full(n, code, np.int32),
        generator.choice([-1.0, 0.0, 1.0], n).astype(np.float32),
        generator.normal(size=(n, 4)),
        generator.normal(size=(n, 4)),
    )


@given(seed=st.integers(0, 2**31), mean=st.sampled_from([0.0, 0.7, 3.0]))
def test_each_particle_is_one_of_its_source_turned_and_shifted(seed: int, mean: float) -> None:
    g = np.random.default_rng(seed)
    events, pool = made_up([2, 0, 3], g, code=11), made_up(g.integers(0, 4, 20).tolist(), g)
    merged, collision = overlay(events, pool, mean=mean, generator=g)
    assert merged.events == 3
    assert merged.offset[-1] == len(merged.pdg) == len(collision)
    own = merged.keep(collision == 0)
    np.testing.assert_array_equal(own.offset, events.offset)
    for name in ("pdg", "charge", "momentum"):
        np.testing.assert_array_equal(getattr(own, name), getattr(events, name))
    for name in ("momentum", "vertex"):  # of a drawn particle nothing but the azimuth and z, t may change
        mine, theirs = getattr(merged, name)[collision > 0], getattr(pool, name)
        kept = np.column_stack((np.hypot(mine[:, 1], mine[:, 2]), *([mine[:, 0]] * (name == "momentum"))))
        known = np.column_stack(
            (np.hypot(theirs[:, 1], theirs[:, 2]), *([theirs[:, 0]] * (name == "momentum")))
        )
        for row in kept:
            assert np.abs(known - row).max(axis=1).min() < 1e-9
    # The particles of one collision have one angle and one shift.
    for i in range(3):
        for number in np.unique(collision[merged.offset[i] : merged.offset[i + 1]]):
            inside = np.flatnonzero((merged.event == i) & (collision == number))
            assert np.all(np.diff(inside) == 1)


def test_one_collision_is_moved_as_a_whole() -> None:
    g = np.random.default_rng(2)
    pool = made_up([5] * 50, g)
    merged, collision = overlay(made_up([1], g, code=11), pool, mean=10.0, generator=g)
    for number in range(1, collision.max() + 1):
        mine = collision == number
        source = np.abs(pool.momentum[::5, 3] - merged.momentum[mine][0, 3]).argmin()
        rows = slice(5 * source, 5 * source + 5)
        angle = np.angle((merged.momentum[mine] @ [0, 1, 1j, 0]) / (pool.momentum[rows] @ [0, 1, 1j, 0]))
        np.testing.assert_allclose(np.exp(1j * angle), np.exp(1j * angle[0]), atol=1e-9)
        placed = (merged.vertex[mine] @ [0, 1, 1j, 0]) / (pool.vertex[rows] @ [0, 1, 1j, 0])
        np.testing.assert_allclose(placed, np.exp(1j * angle[0]), atol=1e-9)
        shift = merged.vertex[mine][:, [0, 3]] - pool.vertex[rows][:, [0, 3]]
        np.testing.assert_allclose(shift, shift[:1].repeat(5, axis=0), atol=1e-9)


def test_a_mean_may_be_a_whole_number() -> None:
    g = np.random.default_rng(3)
    events, pool = made_up([1] * 4, g, code=11), made_up([1] * 100, g)
    one, other = (overlay(events, pool, mean=m, generator=np.random.default_rng(1))[1] for m in (12, 12.0))
    np.testing.assert_array_equal(one, other)


def test_numbers_are_poisson_azimuths_uniform_and_vertices_from_the_luminous_region() -> None:
    g = np.random.default_rng(3)
    events, pool = made_up([1] * 4000, g, code=11), made_up([1] * 100, g)
    pool.momentum[:, 1:3] = [1.0, 0.0]
    for source in (events, pool):
        source.vertex[:] = 0
    merged, collision = overlay(events, pool, mean=12.0, generator=g)
    numbers = np.diff(merged.offset) - 1
    n = len(numbers)
    assert numbers.mean() == pytest.approx(12, abs=4 * np.sqrt(12 / n))
    assert chi2.sf(numbers.var() * n / 12, n - 1) > 1e-4
    assert chi2.cdf(numbers.var() * n / 12, n - 1) > 1e-4
    drawn = collision > 0
    phi = np.arctan2(merged.momentum[drawn, 2], merged.momentum[drawn, 1])
    assert kstest(phi, "uniform", args=(-np.pi, 2 * np.pi)).pvalue > 1e-4
    cut = norm(scale=53.0)
    for which in (drawn, ~drawn):
        z, ct = merged.vertex[which][:, 3], merged.vertex[which][:, 0]
        assert np.abs(z).max() < 250
        assert kstest(z, cut.cdf).pvalue > 1e-4
        assert kstest(ct, norm(scale=47.97).cdf).pvalue > 1e-4  # 160 ps
        assert abs(np.corrcoef(z, ct)[0, 1]) < 5 / np.sqrt(which.sum())
    assert set(np.unique(merged.vertex[:, 1:3])) == {0.0}


def test_vertices_are_cut_at_the_ends() -> None:
    g = np.random.default_rng(3)
    merged, _ = overlay(
        made_up([1] * 500, g),
        made_up([1], g),
        mean=0.0,
        generator=g,
        region=LuminousRegion(z=50.0, largest_z=20.0),
    )
    z = merged.vertex[:, 3]
    assert 15 < np.abs(z).max() < 25  # the made-up particles start within some millimetres of their collision
    assert z.std() > 10


def test_same_seed_same_crossing() -> None:
    g = np.random.default_rng(4)
    events, pool = made_up([2] * 5, g), made_up([3] * 40, g)
    one, two = (overlay(events, pool, mean=4.0, generator=np.random.default_rng(9)) for _ in range(2))
    for a, b in zip((*one[0], one[1]), (*two[0], two[1]), strict=True):
        np.testing.assert_array_equal(a, b)


def test_impossible_pile_up_is_refused() -> None:
    g = np.random.default_rng(4)
    events, pool = made_up([2], g), made_up([1] * 99, g)
    with pytest.raises(InputError, match="pool of at least 100 collisions for a mean of 20, got 99"):
        overlay(events, pool, mean=20.0, generator=g)
    for mean in (-1.0, float("nan")):
        with pytest.raises(InputError, match="mean of 0 or more"):
            overlay(events, pool, mean=mean, generator=g)
    with pytest.raises(InputError, match="lengths above 0"):
        LuminousRegion(z=0.0)
