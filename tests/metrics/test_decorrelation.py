"""Distance correlation against closed form and definition; scores that follow a variable and those that do not."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from femtobarn import losses
from femtobarn.errors import InputError
from femtobarn.metrics import calibrate, distance_correlation, measured, mistag_profile, residual, two_sided


def _normal_pair(rho: float, n: int, draw: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    x, y = draw.normal(size=(2, n))
    return x, rho * x + np.sqrt(1 - rho**2) * y


@pytest.mark.parametrize("rho", [0.9, 0.5, -0.3])
def test_normal_variables_have_the_value_in_closed_form(rho: float) -> None:
    """Szekely, Rizzo, Bakirov 2007, theorem 7."""
    numerator = (
        rho * np.arcsin(rho) + np.sqrt(1 - rho**2) - rho * np.arcsin(rho / 2) - np.sqrt(4 - rho**2) + 1
    )
    expected = np.sqrt(numerator / (1 + np.pi / 3 - np.sqrt(3)))
    found = distance_correlation(*_normal_pair(rho, 3000, np.random.default_rng(1)))
    assert found.value == pytest.approx(expected, abs=3 * found.error)
    assert found.error < 0.03
    assert found.p_value < 1e-10


def _by_definition(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> float:
    """Weighted double centring with explicit loops."""
    n, w = len(x), weight / weight.sum()
    tables = []
    for z in (x, y):
        d = [[abs(z[i] - z[j]) for j in range(n)] for i in range(n)]
        row = [sum(w[j] * d[i][j] for j in range(n)) for i in range(n)]
        every = sum(w[i] * row[i] for i in range(n))
        tables.append([[d[i][j] - row[i] - row[j] + every for j in range(n)] for i in range(n)])
    a, b = tables
    dot = [
        sum(w[i] * w[j] * one[i][j] * other[i][j] for i in range(n) for j in range(n))
        for one, other in ((a, b), (a, a), (b, b))
    ]
    return float(np.sqrt(dot[0] / np.sqrt(dot[1] * dot[2])))


@given(seed=st.integers(0, 2**31))
def test_metric_and_loss_are_those_of_the_definition(seed: int) -> None:
    draw = np.random.default_rng(seed)
    x = draw.integers(0, 9, 45).astype(float)
    y, weight = x**2 + draw.normal(size=45) * 10, draw.random(45)
    assert distance_correlation(x, y).value == pytest.approx(_by_definition(x, y, np.ones(45)), rel=1e-9)
    loss = losses.distance_correlation(*(torch.from_numpy(each) for each in (x, y, weight)))
    assert float(loss.sqrt()) == pytest.approx(_by_definition(x, y, weight), rel=1e-9)


def test_independent_variables_have_the_null_and_an_honest_p_value() -> None:
    draw = np.random.default_rng(2)
    found = [distance_correlation(draw.exponential(size=100), draw.normal(size=100)) for _ in range(400)]
    squares = np.mean([each.value**2 for each in found])
    assert squares == pytest.approx(np.mean([each.null**2 for each in found]), rel=0.1)
    chances = np.array([each.p_value for each in found])
    for level in (0.01, 0.05):
        assert (chances < level).mean() < level + 2 * np.sqrt(level / 400), "not too small"
    assert (chances < 0.05).mean() > 0.02, "nor useless"


def test_the_error_is_the_scatter_of_samples() -> None:
    draw = np.random.default_rng(3)
    found = [distance_correlation(*_normal_pair(0.5, 300, draw)) for _ in range(200)]
    assert np.mean([each.error for each in found]) == pytest.approx(
        np.std([each.value for each in found]), rel=0.2
    )


def test_units_and_places_do_not_count_and_a_line_has_one() -> None:
    x, y = _normal_pair(0.4, 200, np.random.default_rng(4))
    one, other = distance_correlation(x, y), distance_correlation(1e6 * x - 3, -1e-6 * y + 1e3)
    assert other == pytest.approx(one, rel=1e-6)
    assert distance_correlation(x, 5 - 2 * x).value == pytest.approx(1)


def test_a_mistag_that_follows_a_variable_is_seen_and_its_residual_does_not() -> None:
    draw = np.random.default_rng(5)
    pile_up = draw.uniform(20, 60, (2, 20_000))
    score = 0.1 * pile_up + draw.normal(size=(2, 20_000))
    edges = np.linspace(20, 60, 5)
    flat = residual(score[1], pile_up[1], score[0], pile_up[0])
    flat_background = residual(score[0], pile_up[0], score[0], pile_up[0])
    raw, mended = (
        mistag_profile(scores, pile_up[1], threshold=calibrate(background, 0.02).threshold, edges=edges)
        for scores, background in ((score[1], score[0]), (flat, flat_background))
    )
    assert raw.value[-1] > 20 * max(raw.value[0], 1e-4)
    assert np.all((mended.value_low < 0.025) & (mended.value_high > 0.015))
    assert mended.n.sum() == 20_000
    assert distance_correlation(flat[:2000], pile_up[1, :2000]).p_value > 0.01


def test_bins_hold_their_lower_edge_and_the_last_both() -> None:
    scores, variable = np.array([1.0, 0, 1, 1, 0, 1]), np.array([0.0, 1, 1, 2, 2.5, -1])
    found = mistag_profile(scores, variable, threshold=0.5, edges=np.array([0, 1, 2, 3, 4]))
    assert found.n.tolist() == [1, 2, 2, 0]
    assert found.value.tolist()[:3] == [1, 0.5, 0.5]
    assert np.isnan([found.value[3], found.value_low[3], found.value_high[3]]).all()
    last = mistag_profile(scores, variable, threshold=0.5, edges=np.array([0, 1, 2]))
    assert last.n.tolist() == [1, 3]
    inside = measured(scores[1:4], 0.5)
    assert (last.value[1], last.value_low[1], last.value_high[1]) == inside[:3]


def test_two_sides_of_a_score_are_alike() -> None:
    background = np.random.default_rng(6).normal(3, 2, 20_000)
    found = two_sided(np.array([3.0, 3 + 2.698, 3 - 2.698]), background)
    np.testing.assert_allclose(found, [0, 1, 1], atol=0.03)
    np.testing.assert_allclose(two_sided(-background, -background), two_sided(background, background))


def test_mistakes_are_told() -> None:
    x = np.arange(50.0)
    with pytest.raises(InputError, match="y is 1 for all"):
        distance_correlation(x, np.ones(50))
    with pytest.raises((InputError, TypeError)):
        distance_correlation(x, x[1:])
    with pytest.raises(InputError, match="40 or more"):
        distance_correlation(x[:30], x[:30])
    with pytest.raises(InputError, match="edges that rise"):
        mistag_profile(x, x, threshold=1.0, edges=np.array([1.0, 1.0]))
    with pytest.raises(InputError, match="no range"):
        two_sided(x, np.r_[np.zeros(30), 1.0])
    with pytest.raises(InputError, match="more different values"):
        residual(x, x, x, np.ones(50))
    with pytest.raises((InputError, TypeError)):
        residual(x, x[1:], x, x)
