import numpy as np
import ot
import pytest
from _samples import jets
from scipy.spatial.distance import cdist

from femtobarn.errors import InputError
from femtobarn.metrics import coverage_mmd
from femtobarn.metrics.coverage_mmd import _match


def energy_movers(a: np.ndarray, b: np.ndarray) -> float:
    """Eq. (1) of arXiv:1902.02346 with R = 1, by POT: the surplus goes to a place at distance 1."""
    p, q = a[a[:, 2] > 0], b[b[:, 2] > 0]
    if not len(p) or not len(q):
        return abs(p[:, 2].sum() - q[:, 2].sum())
    cost = np.pad(cdist(p[:, :2], q[:, :2]), ((0, 1), (0, 1)), constant_values=1)
    cost[-1, -1] = 0
    surplus = q[:, 2].sum() - p[:, 2].sum()
    return ot.emd2(np.append(p[:, 2], max(surplus, 0)), np.append(q[:, 2], max(-surplus, 0)), cost)


def test_agrees_with_pot() -> None:
    r = np.random.default_rng(0)
    (x, mask), (y, other) = jets(12, r), jets(12, r)
    mask[3] = other[5] = False
    x, y = np.where(mask[..., None], x, 0), np.where(other[..., None], y, 0)
    distance = np.array([[energy_movers(a, b) for b in y] for a in x])
    coverage, mmd = _match(x, y, 1)
    assert coverage == len(set(distance.argmin(axis=0))) / 12
    assert mmd == pytest.approx(distance.min(axis=1).mean(), abs=1e-12)


def test_means_over_the_batches() -> None:
    """A batch as large as the sample is the sample."""
    r = np.random.default_rng(1)
    a, b = jets(20, r), jets(20, r)
    clean = [np.where(mask[..., None], x, 0) for x, mask in (a, b)]
    found = coverage_mmd(a, b, sample=20, batches=3, null=False)
    np.testing.assert_allclose([e.value for e in found], _match(*clean, 1), atol=1e-12)
    assert found.mmd.error < 1e-12
    assert "20 and 20 jets" in found.mmd.method


def test_same_thing_gives_the_null_and_another_does_not() -> None:
    r = np.random.default_rng(2)
    real, same, (x, mask) = (jets(400, r) for _ in range(3))
    alike = coverage_mmd(real, same, sample=40, batches=8)
    assert abs(alike.mmd.value - alike.mmd.null) < 4 * np.hypot(alike.mmd.error, alike.mmd.null_error)
    louder = coverage_mmd(real, (x * (1, 1, 3), mask), sample=40, batches=8)
    assert louder.mmd.significance > 5
    assert louder.coverage.value < alike.coverage.value


def test_jets_without_particles_are_as_far_as_the_other_has_pt() -> None:
    x, mask = jets(10, np.random.default_rng(3))
    empty = x, np.zeros_like(mask)
    found = coverage_mmd((x, mask), empty, sample=10, batches=2, null=False)
    assert found.mmd.value == pytest.approx(np.where(mask, x[..., 2], 0).sum(axis=1).mean())
    assert coverage_mmd(empty, empty, sample=5, batches=2).mmd.value == 0


def test_too_few_jets_are_refused() -> None:
    a = jets(15, np.random.default_rng(4))
    with pytest.raises(InputError, match="at least 20 real and 10 generated"):
        coverage_mmd(a, a, sample=10)
