"""What metrics take: arrays and tensors of any real type and byte order, masks of numbers, pieces without a row."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from femtobarn import metrics
from femtobarn.errors import InputError
from femtobarn.metrics import instances
from femtobarn.metrics.estimate import Estimate
from femtobarn.metrics.shower_features import features, moments
from femtobarn.metrics.shower_histograms import Largest, ShowerHistograms
from femtobarn.metrics.training import Training
from femtobarn.physics.voxels import geometry
from femtobarn.simulate.toy_jets import toy_jets

KINDS = ("<f4", ">f4", "<f8", ">f8", "f2", "i2", "u1", ">i8")
VOXELS = geometry("1-photons")


def _whole_numbers(n: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(n)
    return draw.integers(0, 9, (n, 3)), draw.integers(0, 10, (n, 3))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["fpd", "kpd", "prdc", "auc", "roc_curve", "separation"])
def test_the_type_of_the_numbers_does_not_count(name: str, kind: str) -> None:
    x, y = _whole_numbers(300)
    if name in ("auc", "roc_curve", "separation"):
        x, y = x[:, 0], y[:, 0]
    metric: Callable[..., object] = getattr(metrics, name)
    assert repr(metric(x.astype(kind), y.astype(kind))) == repr(metric(x.astype(float), y.astype(float)))


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16, torch.int64])
def test_tensors_of_any_type_are_rows(kind: torch.dtype) -> None:
    x, y = _whole_numbers(300)
    found = metrics.fpd(torch.from_numpy(x).to(kind), torch.from_numpy(y).to(kind).neg().neg())
    assert found == metrics.fpd(x.astype(float), y.astype(float))


def test_histograms_of_small_integers_do_not_overflow() -> None:
    a, b = np.array([200, 10, 0], np.uint8), np.array([150, 20, 5], np.uint8)
    assert metrics.separation(a, b) == metrics.separation(a.astype(float), b.astype(float))


@pytest.mark.parametrize("bad", [np.array([["a", "b"]] * 300), np.ones((300, 2)) + 1j])
def test_what_is_no_real_number_is_refused(bad: np.ndarray) -> None:
    with pytest.raises((InputError, TypeError)):
        metrics.fpd(bad, bad)


@pytest.mark.parametrize("kind", KINDS)
def test_showers_of_any_type_are_measured_alike(kind: str) -> None:
    draw = np.random.default_rng(1)
    showers = draw.integers(1, 200, (20, VOXELS.voxels)) * (draw.random((20, VOXELS.voxels)) < 0.3)
    energies = np.full(20, 30_000)

    def measured(kind: str) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
        table = showers.astype(kind)
        found = moments(energies, table, VOXELS)
        histograms = ShowerHistograms(VOXELS, Largest.of(found, table))
        histograms.update(found, table)
        return features(energies, table, VOXELS), histograms.voxels.counts, histograms.counts

    ours, right = measured(kind), measured("f8")
    np.testing.assert_array_equal(ours[0], right[0])
    np.testing.assert_array_equal(ours[1], right[1])
    assert all(np.array_equal(counts, right[2][name]) for name, counts in ours[2].items())


def test_histograms_refuse_showers_that_are_not_those_of_the_moments() -> None:
    showers, energies = np.ones((3, VOXELS.voxels)), np.full(3, 1e4)
    found = moments(energies, showers, VOXELS)
    histograms = ShowerHistograms(VOXELS, Largest.of(found, showers))
    for wrong in (showers[:2], showers[:, 1:], showers.T):
        with pytest.raises(InputError, match="voxels"):
            histograms.update(found, wrong)
    with pytest.raises(InputError, match="moments"):
        Largest.of(found, showers[:0])


@pytest.mark.parametrize("kind", ["u1", "i8", "f4"])
@pytest.mark.parametrize("name", ["w1m", "w1p", "w1efp", "coverage_mmd"])
def test_masks_of_0_and_1_are_masks(name: str, kind: str) -> None:
    (x, real), (y, generated) = (toy_jets("g", 60, generator=np.random.default_rng(seed)) for seed in (1, 2))
    how = {"null": False, "batches": 2} | ({"sample": 20} if name == "coverage_mmd" else {"batch": 60})
    metric: Callable[..., object] = getattr(metrics, name)
    found = metric((x, real.astype(kind)), (y, generated.astype(kind)), **how)
    assert repr(found) == repr(metric((x, real), (y, generated), **how))
    with pytest.raises(InputError, match="mask"):
        metric((x, 2 * real.astype(kind)), (y, generated), **how)


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_what_is_no_seed_is_refused(seed: int) -> None:
    x, y = _whole_numbers(50)
    with pytest.raises(InputError, match="seed"):
        metrics.kpd_jetnet(x, y, seed=seed)
    with pytest.raises(InputError, match="seed"):
        metrics.Subsample(5, seed=seed)


@given(seed=st.integers(0, 2**64 - 1))
def test_every_seed_of_64_bits_draws(seed: int) -> None:
    sample = metrics.Subsample(3, seed=seed)
    sample.update(np.arange(10.0))
    assert len(sample.value()[0]) == 3


@pytest.mark.parametrize(
    "empty",
    [
        lambda: metrics.FeatureMoments(3),
        lambda: metrics.KernelMoments(np.ones(3)),
        lambda: metrics.Subsample(40),
    ],
)
def test_a_piece_without_rows_changes_nothing(empty: Callable[[], Any]) -> None:
    x, _ = _whole_numbers(300)
    plain, broken = empty(), empty()
    for piece in (x[:100], x[100:]):
        plain.update(piece)
    for piece in (x[:0], x[:100], x[100:100], x[100:]):
        broken.update(piece)
    assert {k: np.asarray(v).tolist() for k, v in vars(plain).items()} == {
        k: np.asarray(v).tolist() for k, v in vars(broken).items()
    }


@pytest.mark.parametrize(
    ("value", "null", "scatter", "expected"),
    [
        (1.0, 1.0, 0.0, 0.0),
        (1.2, 1.0, 0.0, math.inf),
        (0.8, 1.0, 0.0, -math.inf),
        (1.2, 1.0, 0.1, 2.0),
        (1.2, math.nan, math.nan, math.nan),
    ],
)
def test_significance_where_the_null_does_not_scatter(
    value: float, null: float, scatter: float, expected: float
) -> None:
    found = Estimate(value, 0.1, 5, 5, null=null, null_error=scatter).significance
    assert found == pytest.approx(expected, nan_ok=True)


@pytest.fixture
def float64_by_default() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.mark.usefixtures("float64_by_default")
def test_classifiers_train_where_torchs_default_type_is_float64() -> None:
    x, y = (sample.astype(float) for sample in _whole_numbers(60))
    short = Training(epochs=1)
    schedule = metrics.Schedule(epochs=1)
    tested = metrics.classifier_test(x, y, schedule=schedule, null_trainings=0, permutations=2)
    assert 0 <= tested.value <= 1
    network = torch.nn.Linear
    assert 0 <= metrics.separability(x, y, network=lambda: network(3, 1), training=short).auc.value <= 1
    found = metrics.attribution(x, {"a": x, "b": y}, network=lambda k: network(3, k), training=short)
    assert set(found.score) == {"a", "b"}


SIGNAL = np.random.default_rng(4).random(90) < 0.4
SCORE = np.random.default_rng(5).integers(0, 40, 90) + 3 * SIGNAL
UNIT = np.arange(90) // 6
MAPS = np.random.default_rng(6).integers(0, 2, (2, 3, 16, 16))
#: What takes truth values, of all else the same.
LABELLED: dict[str, Callable[[Any], object]] = {
    "average_precision": lambda flags: metrics.average_precision(SCORE, flags),
    "recall_threshold": lambda flags: metrics.recall_threshold(SCORE, flags, recall=0.5),
    "clustered_auc": lambda flags: metrics.clustered_auc(SCORE, flags, UNIT),
    "calibration_error": lambda flags: metrics.calibration_error(SCORE / 50, flags, draws=3),
    "reliability": lambda flags: metrics.reliability(SCORE / 50, flags),
    "fit_scaling": lambda flags: metrics.fit_scaling(SCORE / 10, flags),
    "false_alarm_rate": lambda flags: metrics.false_alarm_rate(flags.reshape(5, 18), duration=1.0),
    "few_shot_accuracy": lambda flags: metrics.few_shot_accuracy(flags.reshape(5, 18)),
    "spatial_sums": lambda flags: metrics.spatial_scores(
        metrics.spatial_sums(*MAPS, np.resize(np.asarray(flags), MAPS[0].shape), block=8, radii=(0, 1))
    ),
}


@pytest.mark.parametrize("name", LABELLED)
def test_truth_is_true_and_false_or_1_and_0_of_any_type(name: str) -> None:
    right = repr(LABELLED[name](SIGNAL))
    for kind in ("u1", "i8", "f4", ">f8"):
        assert repr(LABELLED[name](SIGNAL.astype(kind))) == right
    assert repr(LABELLED[name](torch.from_numpy(SIGNAL))) == right
    assert repr(LABELLED[name](np.repeat(SIGNAL, 2)[::2])) == right
    with pytest.raises(InputError, match="1 and 0"):
        LABELLED[name](2 * SIGNAL.astype(int) - 1)


@pytest.mark.parametrize(
    "name",
    [
        "average_precision",
        "recall_threshold",
        "clustered_auc",
        "calibration_error",
        "reliability",
        "fit_scaling",
    ],
)
def test_truth_of_other_events_is_refused(name: str) -> None:
    with pytest.raises(InputError):
        LABELLED[name](SIGNAL[:-1])


@pytest.mark.parametrize("kind", ["u1", "i1", "u2", "i8", "f8", ">i4"])
def test_numbers_of_objects_do_not_overflow_their_type(kind: str) -> None:
    """Pairs of numbers are one number inside, which a byte does not hold."""
    draw = np.random.default_rng(7)
    one, other, energy = draw.integers(0, 50, 300), draw.integers(0, 50, 300), draw.integers(1, 9, 300)
    few, right = (one.astype(kind), other.astype(kind)), (one, other)
    np.testing.assert_array_equal(metrics.confusion(*few, classes=50), metrics.confusion(*right, classes=50))
    found, known = (instances.overlaps(*each, energy) for each in (few, right))
    assert all(np.array_equal(a, b) for a, b in zip(found, known, strict=True))
    assert metrics.trackml_score(*few, energy) == metrics.trackml_score(*right, energy)


def test_an_object_beyond_the_last_is_refused() -> None:
    """Its pairs would be counted as those of another object."""
    true, found = np.array([0, 0, 1]), np.array([0, 2, 1])
    with pytest.raises(InputError, match="2 found"):
        instances.overlaps(true, found, np.ones(3), founds=2)


def test_particles_may_be_called_by_any_number() -> None:
    draw = np.random.default_rng(8)
    label, particle, weight = draw.integers(0, 9, 60), draw.integers(-1, 9, 60), draw.random(60)
    barcode = np.where(particle < 0, -1, particle * 4_503_600_000_000_000 + 7)
    assert metrics.trackml_score(label, barcode, weight) == metrics.trackml_score(label, particle, weight)
    with pytest.raises(InputError, match="weight"):
        metrics.trackml_score(label, particle, -weight)


@pytest.mark.parametrize("kind", KINDS)
def test_distances_of_any_type_are_float64_inside(kind: str) -> None:
    x, y = (sample[:, 0] for sample in _whole_numbers(200))
    found = metrics.wasserstein_1d(x.astype(kind), y.astype(kind), y.astype(kind) + 1, x.astype(kind))
    assert found == metrics.wasserstein_1d(x.astype(float), y.astype(float), y + 1.0, x.astype(float))
    with pytest.raises(InputError, match="weight"):
        metrics.wasserstein_1d(x, y, y[:-1], x)


def test_what_is_masked_is_not_taken_for_a_number() -> None:
    x, y = (sample.astype(float) for sample in _whole_numbers(300))
    whole = np.ma.masked_invalid(x)
    assert metrics.fpd(whole, y) == metrics.fpd(x, y)
    with pytest.raises(InputError, match="1 of 900 masked"):
        metrics.fpd(np.ma.masked_array(x, mask=np.arange(900).reshape(300, 3) == 4), y)
    with pytest.raises(InputError, match="masked"):
        metrics.auc(np.ma.masked_less(x[:, 0], 3), y[:, 0])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_number_that_is_none_is_refused_and_not_sorted_somewhere(bad: float) -> None:
    broken = np.where(np.arange(90) == 5, bad, SCORE)
    for call in (
        lambda: metrics.fit_scaling(broken, SIGNAL),
        lambda: metrics.isotonic_curve(broken, SIGNAL),
        lambda: metrics.reliability(broken / 50, SIGNAL),
        lambda: metrics.response(broken, SCORE + 1),
        lambda: metrics.fake_at_efficiency(UNIT, broken, 3, efficiency=0.5),
    ):
        with pytest.raises(InputError):
            call()
