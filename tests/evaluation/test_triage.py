"""Scores in folds: gains are paired, thresholds hold on other events, and decisions follow the stream."""

import numpy as np
import pytest

from femtobarn.errors import InputError
from femtobarn.evaluation.text.triage import Decision, Folded, f1, fold_tables
from femtobarn.runs import Result
from femtobarn.study import grouped_folds

DRAW = np.random.default_rng(1)
SIGNAL = DRAW.random(2000) < 0.3
LOGIT = DRAW.normal(size=2000) + 2.0 * SIGNAL
FOLDS = [grouped_folds([str(i) for i in range(2000)], SIGNAL, folds=5, seed=seed) for seed in (1, 2)]


def tables(*models: Folded) -> list[Result]:
    return fold_tables(models, SIGNAL, FOLDS, reference={"model": "base"}, recall=0.9, shares=(0.01,))


def one(results: list[Result], name: str, **labels: str) -> Result:
    (found,) = (r for r in results if r.name == name and labels.items() <= r.labels.items())
    return found


def test_a_shifted_score_ranks_the_same_and_says_too_much() -> None:
    base, shifted = Folded({"model": "base"}, [LOGIT, LOGIT]), Folded({"model": "shifted"}, [LOGIT + 3])
    found = tables(base, shifted)
    assert one(found, "gain in average precision", model="shifted").value == 0
    assert one(found, "gain in F1", model="shifted").value < 0
    kept = one(found, "recall at the threshold for 90 %", model="base")
    assert abs(kept.value - 0.9) < 0.03
    wrong = one(found, "calibration error", model="shifted", probabilities="as trained")
    right = one(found, "calibration error", model="shifted", probabilities="slope and offset")
    null = one(found, "calibration error", model="shifted", probabilities="exactly right")
    assert wrong.value > 5 * right.value
    assert abs(right.value - null.value) < 4 * right.error
    here, live = (
        one(found, "precision at 90 % recall", model="base", **{"signal in the stream": share})
        for share in (f"{100 * SIGNAL.mean():.3g} %", "1 %")
    )
    least = np.quantile(LOGIT[SIGNAL], 0.1)
    passed = least <= LOGIT
    assert here.value == pytest.approx(SIGNAL[passed].mean(), abs=0.03)
    assert live.value < 0.1 * here.value


def test_a_score_that_says_nothing_has_no_queue() -> None:
    nothing = Folded({"model": "nothing"}, [np.zeros(2000)])
    found = [r for r in tables(Folded({"model": "base"}, [LOGIT]), nothing) if r.labels["model"] == "nothing"]
    assert one(found, "average precision").value == pytest.approx(SIGNAL.mean(), abs=0.01)
    assert one(found, "F1").value == 0
    assert not [r for r in found if "recall" in r.name or "calibration" in r.name]
    with pytest.raises(InputError, match="not among the models"):
        tables(nothing)


def test_f1_is_the_harmonic_mean() -> None:
    logit, signal = np.array([1.0, 1.0, -1.0, -1.0, 1.0]), np.array([1, 0, 1, 0, 1], bool)
    assert f1(logit, signal) == pytest.approx(2 / 3)
    assert f1(-np.ones(2), np.array([True, False])) == 0


def test_a_decision_keeps_the_recall_and_follows_the_share_of_signal() -> None:
    half = np.arange(2000) % 2 == 0
    decision = Decision.fitted(2 * LOGIT[half] - 1, SIGNAL[half], recall=0.9, cautious=0.97)
    there = decision.columns(2 * LOGIT[~half] - 1)
    assert abs(there["in_queue"][SIGNAL[~half]].mean() - 0.9) < 0.05
    assert abs(there["probability"].mean() - SIGNAL.mean()) < 0.03
    assert not (there["in_queue"] & there["unsure"]).any()
    assert there["unsure"].any()
    # A stream in which nine of ten signal events are missing.
    rare = ~half & (~SIGNAL | (np.arange(2000) % 10 == 1))
    share = SIGNAL[rare].mean()
    live = decision.columns(2 * LOGIT[rare] - 1, expected=float(share))
    assert abs(live["probability"].mean() - share) < 0.02
    np.testing.assert_array_equal(live["in_queue"], decision.columns(2 * LOGIT[rare] - 1)["in_queue"])
