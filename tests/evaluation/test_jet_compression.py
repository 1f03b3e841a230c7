"""Compressions of jets: what is the same, what is lost, equal sizes, scores beside simple ones, equal spectra."""

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from femtobarn.errors import InputError
from femtobarn.evaluation.jet_anomalies import anomaly_table, simple_scores
from femtobarn.evaluation.jet_clouds import Jets
from femtobarn.evaluation.jet_compression import (
    compared,
    compression,
    compression_table,
    hardest_particles,
    principal_components,
)
from femtobarn.evaluation.jet_reconstruction import reconstruction, relative_particles
from femtobarn.evaluation.jet_shapes import jet_shapes, shape_scores
from femtobarn.evaluation.lorentz_symmetry import boost_of_each, deviation, rotation_of_each
from femtobarn.evaluation.same_spectrum import same_spectrum
from femtobarn.evaluation.scores import Scored, dependence_table, with_all_signals
from femtobarn.losses import point_chamfer
from femtobarn.simulate.toy_jets import toy_jets


def jets(jet_class: str, count: int = 120, particles: int = 8) -> Jets:
    draw = np.random.default_rng([1, ord(jet_class)])
    x, mask = toy_jets(jet_class, count, generator=draw, particles=particles)
    axis = np.column_stack((draw.uniform(900, 1100, count), draw.normal(size=count)))
    return Jets(torch.from_numpy(x.astype(np.float32)), torch.from_numpy(mask), torch.from_numpy(axis))


def same(some: Jets) -> Tensor:
    return some.momentum / some.unit


def test_what_comes_out_as_it_went_in_has_no_residual() -> None:
    found = compared(jets("g"), lambda some: same(some).flip(1))
    for each in (found.chamfer, found.matched, found.jet, found.particle[np.isfinite(found.particle)]):
        assert np.abs(each).max() < 1e-9, "the order does not matter"


def test_a_scaled_jet_has_the_residuals_of_the_scale() -> None:
    found = compared(jets("g"), lambda some: 1.1 * same(some))
    np.testing.assert_allclose(found.jet[:, :2], 0.1, atol=1e-6)
    np.testing.assert_allclose(found.jet[:, 2:], 0, atol=1e-9)
    assert np.nanmedian(found.particle[..., 2]) == pytest.approx(0.1)


def test_particles_relative_to_the_jet_come_back() -> None:
    some = jets("g")
    found = relative_particles(some.momentum.numpy(), some.eta)
    found[..., 2] /= some.pt[:, None]
    real = some.mask.numpy()
    np.testing.assert_allclose(found[real], some.relative.numpy()[real], atol=1e-5)


def test_other_numbers_of_particles_are_compared_as_jets() -> None:
    some = jets("g")
    true = same(some).numpy()
    found = reconstruction(true, np.concatenate((true, 0 * true), axis=1), some.mask.numpy(), some.eta)
    assert np.isnan(found.chamfer).all()
    assert np.abs(found.jet).max() < 1e-9
    with pytest.raises((InputError, TypeError)):
        reconstruction(true, true[1:], some.mask.numpy(), some.eta)


def test_point_chamfer_is_the_brute_force_and_never_more_than_an_assignment() -> None:
    draw = np.random.default_rng(3)
    x, y = draw.normal(size=(2, 20, 6, 4))
    found = point_chamfer(torch.from_numpy(x), torch.from_numpy(y)).numpy()
    for one, other, value in zip(x, y, found, strict=True):
        cost = np.array([[((a - b) ** 2).sum() for b in other] for a in one])
        assert value == pytest.approx((cost.min(axis=0).sum() + cost.min(axis=1).sum()) / 2, rel=1e-10)
        assert value <= cost[linear_sum_assignment(cost)].sum() + 1e-12


def test_compressions_without_training() -> None:
    train, samples = jets("q"), {"QCD": jets("g")}
    whole = hardest_particles(samples, 8)
    assert whole.latent == 24
    assert np.abs(whole.rebuilt["QCD"].matched).max() < 1e-20
    errors = [hardest_particles(samples, n).rebuilt["QCD"].matched.mean() for n in (2, 4, 6)]
    assert errors[0] > errors[1] > errors[2] > 0
    linear = [principal_components(train, samples, n).rebuilt["QCD"].matched.mean() for n in (3, 12, 23)]
    assert linear[0] > linear[1] > linear[2]
    exact = principal_components(samples["QCD"], samples, 23).rebuilt["QCD"].jet
    assert np.abs(np.median(exact, axis=0)).max() < 2e-3


def test_trained_ones_are_set_against_those_of_their_size() -> None:
    samples = {"QCD": jets("g")}
    plain = [hardest_particles(samples, n) for n in (3, 6)]
    half = [compression("half", seed, 10, samples, lambda some: 0.5 * same(some)) for seed in (1, 2)]
    rows = compression_table(half, plain, "QCD", bootstrap=5, seed=1)
    ratios = [r for r in rows if r.name == "mean matched error over that of"]
    assert {r.labels["over"] for r in ratios} == {"hardest 3 particles"}
    expected = half[0].rebuilt["QCD"].matched.mean() / plain[0].rebuilt["QCD"].matched.mean()
    assert [r.value for r in ratios] == [pytest.approx(expected)]
    assert {
        r.value for r in rows if r.labels.get("size") == "% of 3 a particle" and "half" in r.labels["model"]
    } == {100 * 10 / 24}


def test_tables_of_anomalies() -> None:
    samples = {"QCD": jets("g", 200), "w": jets("w"), "t": jets("t")}
    plain = [hardest_particles(samples, 2)]
    found = [compression("half", 1, 6, samples, lambda some: 0.5 * same(some))]
    simple = simple_scores(jets("q", 200), samples, background="QCD", seed=1)
    rows = anomaly_table(
        found, plain, simple, samples, background="QCD", fractions=(0.1,), windows=((60, 105),), seed=1
    )
    names = {r.name for r in rows}
    assert names >= {
        "AUC",
        "gain in AUC",
        "AUC of other errors",
        "AUC at equal mass",
        "gain in AUC at equal mass",
    }
    assert {r.labels["signal"] for r in rows if r.name == "AUC at equal mass"} == {"w, 60 to 105 GeV"}
    assert {r.labels["signal"] for r in rows if r.name == "AUC"} == {"w", "t", "w + t"}
    assert {r.labels["score"] for r in rows if r.name == "gain in AUC"} >= {"half"}
    assert {r.labels["with"] for r in rows if r.name == "distance correlation on background"} == {
        "mass",
        "pT",
    }


def test_shapes_of_known_jets() -> None:
    """Two equal prongs 0.4 apart: mass, tau21 = 0, dispersion 2^(-1/2); one particle has none of it."""
    x = np.array([[[0.0, 0.2, 0.5], [0.0, -0.2, 0.5]], [[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]])
    found = jet_shapes(x, np.array([[True, True], [True, False]]), np.array([1000.0, 1000.0]))
    np.testing.assert_allclose(found[0], [1000 * np.sin(0.2), 2, 0, 0, 0.5**0.5], atol=1e-6)
    np.testing.assert_allclose(found[1], [0, 1, 0, 0, 1], atol=1e-6)


def test_sides_are_those_said_beforehand() -> None:
    train = np.random.default_rng(1).normal(size=(100, 5))
    scores = shape_scores({"a": train}, train)
    np.testing.assert_array_equal(scores["mass", "larger"]["a"], train[:, 0])
    np.testing.assert_array_equal(scores["tau21", "smaller"]["a"], -train[:, 2])
    assert (scores["tau32", "either side"]["a"] >= 0).all()
    assert not shape_scores({"a": train}, np.zeros((100, 5))), "nothing that is the same for all jets"
    half = np.where(np.arange(100)[:, None] < 80, 0.0, train)
    assert set(shape_scores({"a": train}, half)) == {
        (name, side) for name, side in scores if side != "either side"
    }


def test_spectra_are_the_same_afterwards() -> None:
    draw = np.random.default_rng(1)
    signal, background = draw.normal(80, 8, 2000), draw.uniform(20, 200, 20_000)
    rows = same_spectrum(signal, background, (65, 105), seed=2)
    one, other = signal[rows.signal], background[rows.background]
    assert len(one) == ((signal >= 65) & (signal < 105)).sum()
    assert len(np.unique(rows.background)) == len(rows.background) > 1000
    assert abs(one.mean() - other.mean()) < 4 * one.std() / len(other) ** 0.5
    greater = (one[:, None] > other).mean()
    assert abs(greater - 0.5) < 0.03
    again = same_spectrum(signal, background, (65, 105), seed=2)
    np.testing.assert_array_equal(again.background, rows.background)


def test_a_window_without_events_and_one_that_falls() -> None:
    empty = same_spectrum(np.arange(5.0), np.arange(50.0), (60, 70), seed=1)
    assert [len(each) for each in empty] == [0, 0]
    with pytest.raises(InputError, match="ends rise"):
        same_spectrum(np.arange(5.0), np.arange(5.0), (3, 2), seed=1)


def test_all_signals_are_one_more_and_constants_are_left_out() -> None:
    draw = np.random.default_rng(1)
    scores = {name: draw.normal(size=n) for name, n in (("b", 50), ("s", 7), ("t", 9))}
    one = Scored({"score": "x"}, None, scores)
    (joined,) = with_all_signals([one], background="b")
    assert len(joined.scores["s + t"]) == 16
    (single,) = with_all_signals([one._replace(scores={"b": scores["b"], "s": scores["s"]})], background="b")
    assert set(single.scores) == {"b", "s"}
    rows = dependence_table([one], {"same": scores["b"], "none": np.ones(50)}, background="b")
    assert [(r.labels["with"], round(r.value, 6)) for r in rows] == [("same", 1.0)]


def test_a_network_without_the_symmetry_is_found_out() -> None:
    some = jets("g", 20)
    p = same(some)
    for transformation in (boost_of_each(20, 1.0, seed=1), rotation_of_each(20, seed=1)):
        assert deviation(lambda x, _: 2 * x, p, some.mask, transformation).max() < 1e-12
        assert deviation(lambda x, _: x.abs(), p, some.mask, transformation).max() > 1e-2
