"""Histograms handed to scikit-hep: the entries, errors and edges stay what they were."""

import numpy as np
import pytest

from femtobarn.data.hists import hist_of, hists_of
from femtobarn.datasets.calochallenge import stand_in
from femtobarn.errors import InputError
from femtobarn.metrics.shower_features import moments
from femtobarn.metrics.shower_histograms import Largest, ShowerHistograms
from femtobarn.physics.voxels import geometry
from femtobarn.plots import ratio_histograms

hist = pytest.importorskip("hist")
EDGES = np.array([0.0, 1.0, 3.0, 10.0])


def test_it_is_what_hist_itself_would_have_filled() -> None:
    x = np.random.default_rng(1).exponential(2, 1000)
    x = x[x < EDGES[-1]]
    own = hist.Hist(hist.axis.Variable(EDGES, label="x")).fill(x)
    made = hist_of(np.histogram(x, EDGES)[0], EDGES, label="x")
    assert made == own
    assert made.axes[0].label == "x"
    np.testing.assert_allclose(made.variances(), made.values(), err_msg="counts of Poisson")


def test_sums_of_weights_keep_their_variance() -> None:
    made = hist_of(np.array([2.0, 0.0, 3.0]), EDGES, variance=np.array([4.0, 0.0, 5.0]))
    np.testing.assert_array_equal((made + made).values(), [4, 0, 6])
    np.testing.assert_array_equal((made + made).variances(), [8, 0, 10])


def test_what_was_drawn_comes_back_by_sample() -> None:
    import matplotlib.pyplot as plt

    draw = np.random.default_rng(1)
    real, made = draw.normal(5, 2, 500), draw.normal(4, 2, 300)
    _, axes = plt.subplots(2)
    columns = ratio_histograms(*axes, real, {"made": made}, EDGES, label="real")
    found = hists_of(columns, label="x")
    assert list(found) == ["real", "made"]
    for name, x in (("real", real), ("made", made)):
        np.testing.assert_array_equal(found[name].values(), np.histogram(x, EDGES)[0])
        np.testing.assert_array_equal(found[name].axes[0].edges, EDGES)


def test_histograms_of_showers() -> None:
    voxels = geometry("1-photons")
    energies, showers = (
        stand_in("1-photons", 50, seed=1, workers=1).read(("energies", "showers"), 0, 50).values()
    )
    found = moments(energies, showers, voxels)
    filled = ShowerHistograms(voxels, Largest.of(found, showers))
    filled.update(found, showers)
    hists = filled.hists()
    assert hists.keys() == filled.counts.keys()
    for name, each in hists.items():
        np.testing.assert_array_equal(each.values(), filled.counts[name])


def test_what_is_no_histogram_is_one_line() -> None:
    with pytest.raises(InputError, match="one edge more than bins"):
        hist_of(np.ones(3), EDGES[:3])
    with pytest.raises(InputError, match="none of entries, sample"):
        hists_of({"low": EDGES, "high": EDGES})
