import numpy as np
import pytest
import torch
from _samples import gaussian, jets
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from femtobarn.errors import InputError
from femtobarn.metrics import Schedule, auc, classifier_test
from femtobarn.nn.particle_net import ParticleNet

SHORT = Schedule(epochs=30, patience=3)


def test_samples_of_the_same_thing_cannot_be_told_apart() -> None:
    r = np.random.default_rng(0)
    samples = gaussian("truth", 2000, r), gaussian("truth", 2000, r)
    found = classifier_test(*samples, schedule=SHORT._replace(epochs=10), null_trainings=4)
    assert abs(found.value - 0.5) < 4 * found.error
    assert abs(found.null - 0.5) < 0.05
    assert found.p_value > 0.01


def test_a_shift_is_seen_as_well_as_it_can_be() -> None:
    """The best classifier of two Gaussians a Mahalanobis distance d apart has an AUC of Phi(d / sqrt 2)."""
    r = np.random.default_rng(1)
    real, generated = gaussian("truth", 6000, r), gaussian("shift 1", 4000, r)
    found = classifier_test(real, generated, schedule=SHORT, null_trainings=2)
    best = norm.cdf(1 / np.sqrt(1 - 0.25**2) / np.sqrt(2))
    assert found.value == pytest.approx(best, abs=4 * found.error)
    assert found.error < 0.01
    assert found.p_value == pytest.approx(1 / 1001)
    assert found.significance > 10


def test_a_network_on_particles() -> None:
    r = np.random.default_rng(2)
    (x, mask), (y, other) = jets(150, r), jets(150, r)
    real, generated = np.where(mask[..., None], x, 0), np.where(other[..., None], y * (1, 1, 4), 0)
    torch.manual_seed(7)
    before = torch.get_rng_state()
    found = classifier_test(
        real,
        torch.from_numpy(generated),
        network=lambda: ParticleNet(3, 2, neighbours=3, widths=(8,), hidden=8),
        schedule=Schedule(epochs=15, batch=32, learning_rate=3e-3),
        null_trainings=0,
    )
    assert torch.equal(torch.get_rng_state(), before)  # the caller's random numbers are not touched
    assert found.value > 0.8
    assert np.isnan(found.null)
    assert "given network" in found.method


def test_same_generator_same_number() -> None:
    r = np.random.default_rng(3)
    x, y = gaussian("truth", 200, r), gaussian("shift 1", 200, r)
    runs = [
        classifier_test(
            x, y, schedule=Schedule(epochs=2), null_trainings=0, generator=torch.Generator().manual_seed(s)
        )
        for s in (1, 1, 2)
    ]
    assert runs[0][:2] == runs[1][:2] != runs[2][:2]


def test_area_agrees_with_scikit_learn_and_its_error_with_repeats() -> None:
    r = np.random.default_rng(4)
    label = np.repeat((0, 1), (70, 50))
    for digits in (8, 0):
        score = np.round(r.normal(size=120) + label, digits)
        assert auc(score[:70], score[70:])[0] == pytest.approx(roc_auc_score(label, score), abs=1e-12)
    repeats = np.array([auc(r.normal(size=70), r.normal(size=50) + 1) for _ in range(400)])
    assert repeats[:, 1].mean() == pytest.approx(repeats[:, 0].std(), rel=0.15)
    assert repeats[:, 0].mean() == pytest.approx(norm.cdf(1 / np.sqrt(2)), abs=0.01)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"generated": np.ones((50, 3))}, "same features"),
        ({"generated": np.full((50, 2), np.nan)}, "finite"),
        ({"real": np.ones((20, 2))}, "at least 12 rows"),
        ({"null_trainings": 1}, "at least two"),
        ({"real": np.ones(50)}, "rows of features"),
    ],
)
def test_bad_input_is_refused(change: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        classifier_test(**({"real": np.ones((50, 2)), "generated": np.ones((50, 2))} | change))
