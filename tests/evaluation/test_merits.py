"""Figures of merit of scores over trainings, and paired gains."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from femtobarn.evaluation.merits import gains_of, merits_of
from femtobarn.metrics import auc, background_rejection
from femtobarn.study import draws_of_classes

MERITS = {
    "AUC": lambda signal, background: auc(background, signal),
    "background rejection": lambda s, b: background_rejection(s, b, efficiency=0.5),
}
LABELS = {"method": "new"}


def _scores(generator: np.random.Generator, is_signal: np.ndarray, *, noise: float) -> np.ndarray:
    return is_signal + noise * generator.normal(size=len(is_signal))


def test_a_merit_over_trainings_carries_both_errors() -> None:
    generator, is_signal = np.random.default_rng(0), np.arange(2000) % 2 == 0
    scores = [_scores(generator, is_signal, noise=noise) for noise in (0.8, 1.0, 1.2)]
    found = {each.name: each for each in merits_of(MERITS, scores, is_signal, LABELS, seeds=(1, 2, 3))}
    areas = [roc_auc_score(is_signal, each) for each in scores]
    assert found["AUC"].value == pytest.approx(np.mean(areas))
    assert found["AUC"].error is not None
    assert found["AUC"].error > np.std(areas, ddof=1)
    assert found["AUC"].n == 2000
    assert found["background rejection"].error_kind == "test sample and standard deviation over 3 seeds"


def test_a_gain_is_paired_event_by_event() -> None:
    """Two scores with common noise differ far less than each of them scatters from sample to sample."""
    generator, is_signal = np.random.default_rng(1), np.arange(2000) % 2 == 0
    draws = draws_of_classes(is_signal, count=50, seed=0)
    one = _scores(generator, is_signal, noise=1.0)
    two = one + 0.05 * is_signal
    (gain, ratio) = gains_of(MERITS, [(two, one)], is_signal, LABELS, draws)
    assert (gain.name, ratio.name) == ("gain of AUC", "ratio of background rejection")
    assert gain.error is not None
    assert gain.value == pytest.approx(roc_auc_score(is_signal, two) - roc_auc_score(is_signal, one))
    assert 0 < gain.error < 0.2 * MERITS["AUC"](one[is_signal], one[~is_signal])[1]
    assert ratio.value > 1
    assert gain.error_kind == "bootstrap over test events"
    same = gains_of(MERITS, [(one, one)], is_signal, LABELS, draws)
    assert [(each.value, each.error) for each in same] == [(0.0, None), (1.0, None)]
