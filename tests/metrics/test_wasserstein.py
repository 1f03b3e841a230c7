import numpy as np
import ot
import pytest
import torch
from _samples import EXACT, gaussian, jets
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance

from femtobarn.errors import InputError
from femtobarn.metrics import w1efp, w1m, w1p, w2_squared, wasserstein_1d
from femtobarn.physics.jets import relative_mass

SETTINGS = {"batch": 300, "batches": 3}


@given(seed=st.integers(0, 2**31), n=st.integers(1, 30), m=st.integers(1, 30), ties=st.booleans())
def test_agrees_with_scipy(seed: int, n: int, m: int, ties: bool) -> None:
    r = np.random.default_rng(seed)
    x, y, a, b = r.normal(size=n), r.normal(size=m), r.random(n) + 0.01, r.random(m) + 0.01
    if ties:
        x, y = np.round(x), np.round(y)
    assert wasserstein_1d(x, y, a, b) == pytest.approx(wasserstein_distance(x, y, a, b), abs=1e-12)
    assert wasserstein_1d(x, y) == pytest.approx(wasserstein_distance(x, y), abs=1e-12)


@given(shift=st.floats(-10, 10), n=st.integers(1, 20))
def test_a_shift_costs_its_length(shift: float, n: int) -> None:
    x = np.random.default_rng(n).normal(size=n)
    assert wasserstein_1d(x, x + shift) == pytest.approx(abs(shift), abs=1e-12)


def test_masses_that_scale_are_as_far_apart_as_their_means() -> None:
    """pt scaled up scales each mass; the batches only add their own scatter."""
    x, mask = jets(3000, np.random.default_rng(0))
    louder = x * (1, 1, 1.5)
    estimate = w1m((x, mask), (louder, mask), batch=3000)
    expected = 0.5 * relative_mass(x, mask).mean()
    assert abs(estimate.value - expected) < 4 * estimate.error
    assert estimate.error < 0.1 * expected
    assert estimate.significance > 20


@pytest.mark.parametrize("metric", [w1m, w1efp, lambda *a, **k: w1p(*a, **k).mean])
def test_two_samples_of_the_same_thing_give_the_null(metric) -> None:
    r = np.random.default_rng(1)
    pairs = [metric(jets(400, r), jets(200, r), batch=400, batches=3) for _ in range(25)]
    values = np.array([e.value for e in pairs])
    assert values.min() > 0
    nulls = np.array([e.null for e in pairs])
    assert nulls.mean() == pytest.approx(values.mean(), rel=0.2)
    assert np.mean([e.null_error for e in pairs]) == pytest.approx(values.std(), rel=0.5)


def test_particle_features_are_told_apart() -> None:
    r = np.random.default_rng(2)
    (x, mask), (y, other) = jets(1000, r), jets(1000, r)
    found = w1p((x, mask), (y + np.array((0.0, 0.05, 0.0)), other), batch=1000)
    assert found.phi.value == pytest.approx(0.05, abs=0.01)
    assert found.phi.significance > 5
    assert abs(found.eta.significance) < 5
    assert found.mean.value == pytest.approx((found.eta.value + found.phi.value + found.pt.value) / 3)


def test_padding_counts_only_if_asked_for() -> None:
    r = np.random.default_rng(3)
    x, mask = jets(500, r, particles=6)
    y, other = jets(500, r, particles=6)
    wide = [
        (np.concatenate((p, np.full((500, 4, 3), 7.0)), axis=1), np.pad(m, ((0, 0), (0, 4))))
        for p, m in ((x, mask), (y, other))
    ]
    assert w1p(*wide, **SETTINGS) == w1p((x, mask), (y, other), **SETTINGS)
    padded = w1p(*wide, exclude_padding=False, **SETTINGS)
    assert "padding included" in padded.mean.method
    # What is at zero in both samples does not move: the distance shrinks by the share of the particles.
    assert padded.pt.value < 0.6 * w1p((x, mask), (y, other), **SETTINGS).pt.value


def test_tensors_and_jets_without_particles_are_welcome() -> None:
    x, mask = jets(200, np.random.default_rng(4))
    mask[::2] = False
    sample = torch.from_numpy(x), torch.from_numpy(mask)
    for metric in (w1m, w1efp, w1p):
        with_tensors, with_arrays = (
            metric(s, jets(200, np.random.default_rng(5)), **SETTINGS) for s in (sample, (x, mask))
        )
        assert with_tensors == with_arrays
        one = with_arrays.mean if metric is w1p else with_arrays
        assert np.isfinite(one[:6]).all()


def test_null_is_optional_and_the_draws_are_the_callers() -> None:
    r = np.random.default_rng(6)
    a, b = jets(200, r), jets(200, r)
    without = w1m(a, b, null=False, **SETTINGS)
    assert np.isnan(without.null)
    assert "null" not in without.method
    assert without[:2] == w1m(a, b, **SETTINGS)[:2]
    assert without.value != w1m(a, b, generator=np.random.default_rng(1), **SETTINGS).value


def test_squared_cost_agrees_with_pot_and_with_the_closed_form() -> None:
    r = np.random.default_rng(7)
    x, y = r.normal(size=(40, 3)), r.normal(size=(40, 3))
    expected = ot.emd2([], [], ot.dist(x, y))
    assert w2_squared(x, y, batch=40, null=False).value == pytest.approx(expected, rel=1e-12)
    far = w2_squared(gaussian("truth", 2000, r), gaussian("times 10", 1000, r), batch=500, batches=4)
    assert far.value == pytest.approx(EXACT["times 10"][0], rel=0.15)
    assert far.significance > 20


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda a, _: w1m(a, (a[0][..., :2], a[1])), r"\(jet, particle, 3\)"),
        (lambda a, _: w1m(a, (a[0][:0], a[1][:0])), r"\(jet, particle, 3\)"),
        (lambda a, _: w1m(a, a, batches=1), "two of them"),
        (lambda a, _: w1m(a, (np.full_like(a[0], np.nan), a[1])), "finite particles"),
        (lambda a, _: w1p(a, (a[0], np.zeros_like(a[1]))), "at least one particle in the generated"),
        (lambda a, _: w1m(a, (-np.abs(a[0]), a[1])), "pt >= 0"),
        (lambda _, x: wasserstein_1d(x[:0], x), "x has none"),
        (lambda _, x: wasserstein_1d(x, x, None, -np.ones(5)), "y has others"),
        (lambda *_: w2_squared(np.ones((5, 2)), np.ones((5, 2)), batch=5), "at least 10 real"),
    ],
)
def test_bad_input_is_refused_in_one_line(call, message: str) -> None:
    with pytest.raises((InputError, TypeError), match=message if message[0] != "\\" else None) as error:
        call(jets(50, np.random.default_rng(8)), np.zeros(5))
    if isinstance(error.value, InputError):
        assert "\n" not in str(error.value)
