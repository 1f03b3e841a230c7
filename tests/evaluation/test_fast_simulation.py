"""Simulated detectors: distances in units of their floor, what the baselines are, and the authors' distance of bins."""

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from femtobarn.errors import InputError
from femtobarn.evaluation.fast_simulation import tables
from femtobarn.evaluation.fast_simulation.baselines import BinnedResponse, NearestJet, copied
from femtobarn.evaluation.fast_simulation.distances import (
    QUANTITIES,
    emd_bincontent,
    entries,
    half_distances,
    halves,
    jet_table,
    mean_distance,
)
from femtobarn.physics.jet_pairs import Cloud, JetPairs, jet_axes
from femtobarn.simulate.jet_pairs import toy_pairs, toy_response


@pytest.fixture(scope="module")
def pairs() -> JetPairs:
    return toy_pairs(1000, particles=30, generator=np.random.default_rng(1))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def scaled(jets: Cloud, factor: float) -> Cloud:
    return Cloud((jets.momentum * factor).astype(np.float32), jets.mask)


def test_the_table_of_a_known_jet() -> None:
    momentum = np.zeros((1, 3, 3), np.float32)
    momentum[0, :2] = [[30, 0, 40], [30, 0, -40]]
    found = jet_table(Cloud(momentum, np.array([[True, True, False]])))
    expected = {
        "jet mass": 80.0,
        "jet pT": 60.0,
        "jet energy": 100.0,
        "jet eta": 0.0,
        "jet phi": 0.0,
        "particles": 2,
    }
    assert {name: float(value[0]) for name, value in found.items()} == pytest.approx(expected)


def test_responses_of_a_known_change(pairs: JetPairs) -> None:
    found = entries(pairs.generated, scaled(pairs.generated, 0.8))
    assert tuple(found) == tuple(QUANTITIES)
    np.testing.assert_allclose(found["pT response"].value, 0.8, rtol=1e-5)
    heavy = jet_table(pairs.generated)["jet mass"] > 2
    np.testing.assert_allclose(found["mass response"].value[heavy], 0.8, rtol=1e-3)
    assert (found["particle response"].value == 1).all()
    profile = found["pT profile in dR"]
    weights = np.bincount(profile.jet, profile.weight)
    assert (weights > 0.99).all(), "shares of the pT of one jet, along its axis a bit more"
    assert (weights < 1.2).all()


def test_empty_jets_have_numbers_and_no_particles(pairs: JetPairs) -> None:
    nothing = Cloud(np.zeros_like(pairs.generated.momentum), np.zeros_like(pairs.generated.mask))
    found = entries(pairs.generated, nothing)
    assert all(np.isfinite(each.value).all() for each in found.values())
    real = entries(pairs.generated, pairs.reconstructed)
    assert np.isfinite(mean_distance(real, found))
    assert mean_distance(real, real) < 1e-12


def test_a_perfect_simulator_is_at_the_floor_and_a_worse_one_above(pairs: JetPairs) -> None:
    real = entries(pairs.generated, pairs.reconstructed)
    cuts = halves(len(pairs), count=10, seed=1)
    floor = half_distances(real, real, cuts)
    again = entries(pairs.generated, toy_response(pairs.generated, generator=rng(5)))
    worse = entries(pairs.generated, scaled(pairs.reconstructed, 0.8))
    for name, (value, error) in half_distances(real, again, cuts).over(floor).items():
        assert value < 1 + max(4 * error, 1.0), name
    found = half_distances(real, worse, cuts).over(floor)
    assert found["pT response"][0] > 10
    assert found["jet pT"][0] > 2
    half = cuts[0]
    x, y = real["jet mass"].value[half], real["jet mass"].value[~half]
    assert floor.value["jet mass"][0] == pytest.approx(wasserstein_distance(x, y))


@pytest.mark.parametrize("again", [False, True])
def test_the_error_of_a_distance_is_its_scatter_from_sample_to_sample(again: bool) -> None:
    """Twelve samples of their own against the error that each is given; simulated jets of the same noise, and not."""
    values, errors = [], []
    for seed in range(12):
        some = toy_pairs(300, particles=20, generator=rng(seed))
        made = toy_response(some.generated, generator=rng(100 + seed)) if again else some.reconstructed
        real, worse = entries(some.generated, some.reconstructed), entries(some.generated, scaled(made, 0.8))
        found = half_distances(real, worse, halves(len(some), count=6, seed=seed))
        values.append(found.value["pT response"].mean())
        errors.append(found.error["pT response"])
    assert 0.4 < np.std(values, ddof=1) / np.mean(errors) < 2.5


def test_bin_contents_and_w1_disagree_on_which_model_is_better() -> None:
    """The flaw: a histogram shifted by half its range is at distance 0, a slightly wider one is not."""
    draw = rng(2)
    real = draw.normal(100, 8, 20_000)
    models = {
        "shifted": real + 200,
        "wider": draw.normal(100, 11, 20_000),
        "same": draw.normal(100, 8, 20_000),
    }
    contents = {name: emd_bincontent(real, x, range=(0, 400)) for name, x in models.items()}
    distance = {name: wasserstein_distance(real, x) for name, x in models.items()}
    assert sorted(contents, key=contents.__getitem__) == ["shifted", "same", "wider"]
    assert sorted(distance, key=distance.__getitem__) == ["same", "wider", "shifted"]
    assert contents["shifted"] < 1e-12


def test_binned_response_has_the_response_it_was_measured_on(pairs: JetPairs) -> None:
    model = BinnedResponse.of(pairs.generated, pairs.reconstructed)
    found = entries(pairs.generated, model(pairs.generated, generator=rng()))
    real = entries(pairs.generated, pairs.reconstructed)
    for name in ("pT response", "particle response"):
        x, y = found[name].value, real[name].value
        assert abs(x.mean() - y.mean()) < 5 * y.std() / np.sqrt(len(y)) + 0.01
        assert x.std() == pytest.approx(y.std(), rel=0.15)
    with pytest.raises(InputError, match="10 pairs for each of 18 bins, got 100"):
        BinnedResponse.of(pairs.generated.take(slice(100)), pairs.reconstructed.take(slice(100)))


def test_the_nearest_jet_of_a_training_jet_is_itself_wherever_it_points(pairs: JetPairs) -> None:
    model = NearestJet.of(pairs.generated, pairs.reconstructed)
    found = model(pairs.generated, generator=rng())
    np.testing.assert_allclose(found.momentum, pairs.reconstructed.momentum, rtol=1e-3, atol=1e-3)
    x, y, z = np.moveaxis(pairs.generated.momentum, -1, 0)
    turned = Cloud(np.stack((-y, x, z), axis=-1), pairs.generated.mask)
    after = jet_axes(model(turned, generator=rng()))
    before = jet_axes(pairs.reconstructed)
    np.testing.assert_allclose(after[:, :2], before[:, :2], rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(np.cos(after[:, 2] - before[:, 2] - np.pi / 2), 1, atol=1e-4)


def test_tables_tell_the_copy_from_the_detector(pairs: JetPairs) -> None:
    """A second run of the detector knows the noise and the conditions; a copy knows no noise."""

    def again(generated: Cloud, *, generator: np.random.Generator) -> Cloud:
        return toy_response(generated, generator=generator)

    simulators = {"detector": again, "copy": copied}
    found = [tables.outcome({"model": n}, None, s, pairs, draw=1) for n, s in simulators.items()]
    rows = tables.condition_rows(found, pairs, seed=1)
    value = {(r.labels["model"], r.labels["conditions"]): r.value for r in rows}
    assert min(value[name, "right"] for name in simulators) > 0.95
    assert max(abs(value[name, "shuffled"]) for name in simulators) < 0.15
    few = pairs.generated.take(np.repeat(np.arange(8), 40))
    number = np.repeat(np.arange(8), 40)
    many = JetPairs(few, toy_response(few, generator=rng(3)), number, len(number))
    spread = {
        (r.labels["model"], r.labels["quantity"]): r.value for r in tables.spread_rows(found, many, seed=1)
    }
    assert 0.7 < spread["detector", "jet pT"] < 1.4
    assert spread["copy", "jet pT"] < 1e-6
    distances = tables.fpd_rows(found, pairs, seed=1)
    assert {r.labels["model"] for r in distances} == {"detector", "copy", tables.REAL}
    response = {(r.labels["quantity"], r.labels["of"]): r.value for r in tables.response_rows(pairs, "toy")}
    assert 0.9 < response["pT response", "median"] < 1


def test_ratios_are_paired_by_seed(pairs: JetPairs) -> None:
    def of(name: str, seed: int, factor: float) -> tables.Outcome:
        def simulate(generated: Cloud, *, generator: np.random.Generator) -> Cloud:  # noqa: ARG001
            return scaled(pairs.reconstructed, factor)

        return tables.outcome({"model": name}, seed, simulate, pairs, draw=1)

    found = [of("a", 1, 0.9), of("a", 2, 0.9), of("b", 1, 0.8), of("b", 3, 0.8)]
    rows = tables.ratio_rows("ratio", found, pairs, ("a", "b"), bootstrap=10, seed=1)
    ratio = {row.labels["quantity"]: row for row in rows}
    assert ratio["pT response"].seeds == (1,)
    assert ratio["pT response"].value == pytest.approx(0.5, abs=0.02)
    assert tables.ratio_rows("ratio", found[:2], pairs, ("a", "b"), bootstrap=10, seed=1) == []
