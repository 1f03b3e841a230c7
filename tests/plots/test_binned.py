import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from scipy.stats import binned_statistic

from femtobarn import plots
from femtobarn.errors import InputError
from femtobarn.plots.binning import split_by_bin
from femtobarn.plots.resolution import central_width


@given(seed=st.integers(0, 2**31), n=st.integers(0, 200), bins=st.integers(1, 10))
def test_bins_are_those_of_numpy(seed: int, n: int, bins: int) -> None:
    generator = np.random.default_rng(seed)
    x, y = generator.integers(-2, bins + 3, n).astype(float), generator.normal(size=n)  # many on an edge
    edges, parts = split_by_bin(x, y, np.arange(bins + 1))
    counts, _ = np.histogram(x, edges)
    sums, _ = np.histogram(x, edges, weights=y)
    assert [len(part) for part in parts] == counts.tolist()
    np.testing.assert_allclose([part.sum() for part in parts], sums, atol=1e-12)
    assert all((np.diff(part) >= 0).all() for part in parts)


@pytest.mark.parametrize(
    ("x", "y", "bins", "message"),
    [
        ([1.0], [1.0, 2.0], [0, 1], r"one y for each x: got shapes \(1,\) and \(2,\)"),
        ([1.0, np.nan], [np.inf, 2.0], [0, 1], "2 of 2 points are not finite"),
        ([1.0], [1.0], [0, 0], "rising"),
        ([1.0], [1.0], [0], "rising"),
        ([1.0], [1.0], [0, np.nan], "rising"),
    ],
)
def test_bad_samples_are_refused(x: list[float], y: list[float], bins: list[float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        split_by_bin(x, y, bins)


def test_profile_agrees_with_scipy_and_leaves_poor_bins_out(ax: Axes) -> None:
    generator = np.random.default_rng(1)
    x, y = generator.exponential(2, 2000), generator.gamma(2, size=2000)
    bins = np.linspace(0, 14, 15)
    drawn = plots.band_profile(ax, x, y, bins, label="a", minimum=20)
    entries = np.histogram(x, bins)[0]
    np.testing.assert_array_equal(drawn["entries"], entries)
    assert 0 < (entries < 20).sum() < 14
    for name, quantile in (("q16", 0.16), ("median", 0.5), ("q84", 0.84)):
        expected = binned_statistic(
            x, y, lambda v, q=quantile: np.quantile(v, q) if len(v) else np.nan, bins
        )[0]
        np.testing.assert_allclose(drawn[name], np.where(entries >= 20, expected, np.nan))
    (line,) = ax.lines
    np.testing.assert_array_equal(line.get_ydata(), drawn["median"])


def test_methods_differ_in_colour_and_marker(ax: Axes) -> None:
    x = np.linspace(0, 1, 100)
    for name in "abc":
        plots.band_profile(ax, x, x, [0, 0.5, 1], label=name)
        plots.frontier(ax, [1, 2], [1, 2], label=name)
    looks = {(line.get_color(), line.get_marker()) for line in ax.lines if line.get_label()[0] in "abc"}
    assert len(looks) == 3
    assert len({marker for _, marker in looks}) == 3


def test_central_width_of_a_normal_sample_and_its_error_from_many() -> None:
    generator = np.random.default_rng(2)
    samples = np.sort(generator.normal(scale=3, size=(2000, 400)), axis=1)
    widths, errors = np.array([central_width(sample) for sample in samples]).T
    assert widths.mean() == pytest.approx(3 * 0.99446, rel=0.01)  # 84 % quantile of the normal distribution
    # The spread of the widths over 2000 samples is known to 1.6 %, the estimate is asymptotic.
    assert errors.mean() == pytest.approx(widths.std(), rel=0.06)


def test_resolution_is_the_width_in_each_bin(ax: Axes) -> None:
    generator = np.random.default_rng(3)
    true = generator.uniform(1, 5, 40_000)
    drawn = plots.resolution(
        ax, true, generator.normal(scale=0.1 * np.floor(true)), [1, 2, 3, 4, 5, 6], label="a"
    )
    pulls = (drawn["width"][:4] / 0.99446 - 0.1 * np.arange(1, 5)) / drawn["error"][:4]
    assert np.abs(pulls).max() < 3.5
    assert np.isnan(drawn["width"][4])
    assert drawn["entries"].sum() == 40_000


def test_residuals_tell_median_width_and_what_lies_outside(ax: Axes) -> None:
    residual = np.arange(-50, 51) / 10
    drawn = plots.residuals(ax, residual, [-2, 0, 2], label="a", unit="GeV")
    assert drawn["entries"].tolist() == [20, 21]
    (text,) = ax.get_legend_handles_labels()[1]
    assert text == "a: 0 ± 3.4 GeV (59.4% outside)"
    for bad in ([], [np.nan]):
        with pytest.raises(InputError, match="finite"):
            plots.residuals(ax, bad, [0, 1], label="a")
