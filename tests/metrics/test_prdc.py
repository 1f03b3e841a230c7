import numpy as np
import pytest
from _samples import gaussian
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors

from femtobarn.errors import InputError
from femtobarn.metrics import prdc
from femtobarn.metrics.prdc import neighbour_distance


@given(seed=st.integers(0, 2**31), n=st.integers(8, 80), features=st.integers(1, 9), k=st.integers(1, 7))
def test_neighbours_agree_with_scikit_learn(seed: int, n: int, features: int, k: int) -> None:
    x = np.random.default_rng(seed).normal(size=(n, features)) + 10
    expected = NearestNeighbors(n_neighbors=k).fit(x).kneighbors()[0][:, -1]
    np.testing.assert_allclose(np.sqrt(neighbour_distance(x, k)), expected, rtol=1e-6, atol=1e-6)


def test_neighbours_across_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).normal(size=(211, 3))
    whole = neighbour_distance(x, 4)
    monkeypatch.setitem(neighbour_distance.__globals__, "_AT_ONCE", 1000)
    np.testing.assert_allclose(neighbour_distance(x, 4), whole, rtol=1e-12)


def test_agrees_with_the_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    r = np.random.default_rng(1)
    x, y, k = gaussian("truth", 150, r), gaussian("shift 1", 130, r), 4
    x_radius, y_radius = (np.sort(cdist(z, z), axis=1)[:, k] for z in (x, y))
    d = cdist(x, y)
    inside = d <= x_radius[:, None]
    expected = [
        inside.any(0).mean(),
        (d <= y_radius).any(1).mean(),
        inside.sum() / (k * 130),
        inside.any(1).mean(),
    ]
    for at_once in (4_000_000, 700):
        monkeypatch.setitem(neighbour_distance.__globals__, "_AT_ONCE", at_once)
        found = prdc(x, y, k=k, scale=np.ones(2))
        np.testing.assert_allclose([e.value for e in found], expected, rtol=1e-12)
    assert "k = 4" in found.density.method


def test_density_and_coverage_of_nothing_wrong_are_those_of_theory() -> None:
    """Naeem et al., arXiv:2002.09797: density 1, coverage 1 - prod (n - i) / (2 n - i) for i = 1 ... k."""
    r, n, k = np.random.default_rng(2), 3000, 5
    found = prdc(gaussian("truth", n, r), gaussian("truth", n, r), k=k)
    i = np.arange(1, k + 1)
    expected = 1 - np.prod((n - i) / (2 * n - i))
    assert found.coverage.value == pytest.approx(expected, abs=5 * found.coverage.error)
    assert found.coverage.null == pytest.approx(expected, abs=0.01)
    assert found.density.value == pytest.approx(1, abs=0.05)
    assert found.precision.value == pytest.approx(found.precision.null, abs=0.03)
    assert found.recall.value == pytest.approx(found.recall.null, abs=0.03)


def test_a_missing_mode_costs_recall_and_an_invented_one_precision() -> None:
    r = np.random.default_rng(3)
    near, far = gaussian("over 10", 500, r), gaussian("over 10", 500, r) + 20
    both = np.vstack((near, far))
    one = gaussian("over 10", 1000, r)
    dropped, invented = prdc(both, one, null=False), prdc(one, both, null=False)
    assert dropped.recall.value < 0.55 < 0.9 < dropped.precision.value
    assert invented.precision.value < 0.55 < 0.9 < invented.recall.value
    assert dropped.coverage.value < 0.55
    assert np.isnan(dropped.coverage.null)


def test_copies_are_inside() -> None:
    """Also where many rows coincide, so that balls have no radius."""
    x = np.repeat(gaussian("truth", 20, np.random.default_rng(4)), 10, axis=0)
    found = prdc(x, x, null=False)
    assert found.precision.value == found.recall.value == found.coverage.value == 1


def test_too_few_rows_are_refused() -> None:
    x = np.random.default_rng(5).normal(size=(11, 2))
    prdc(x, x[:6], null=False)
    with pytest.raises(InputError, match="more rows than k = 5"):
        prdc(x, x)
