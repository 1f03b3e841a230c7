"""Weak classifiers, the zoom and the estimator: identities, the exact minimum, files."""

import json
from pathlib import Path

import numpy as np
import pytest

from femtobarn.errors import InputError
from femtobarn.qubo import Ising
from femtobarn.qubo.weak_classifiers import augmented, fit_weak
from femtobarn.qubo.zoom import Annealer, box_weights, mean_error, zoom
from femtobarn.simulate.diphotons import OBSERVABLES, diphotons

pytest.importorskip("dwave.samplers")
pytest.importorskip("sklearn")
from femtobarn.qubo.classifier import QAMLZClassifier


def toy(count: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    events = [diphotons(count // 2, signal=signal, generator=draw) for signal in (True, False)]
    return np.concatenate(events), np.repeat([1, 0], count // 2)


def _auc(score: np.ndarray, label: np.ndarray) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(label, score))


def test_the_ising_energy_is_the_change_of_the_squared_error() -> None:
    """Acceptance 1 of the sheet."""
    draw = np.random.default_rng(1)
    c, y = draw.normal(size=(40, 9)), draw.choice([-1.0, 1.0], 40)
    weights, width = draw.uniform(-1, 1, 9), 0.25
    C, J = c.T @ y, c.T @ c
    row, column = np.triu_indices(9, 1)
    ising = Ising(2 * width * (J @ weights - C), row, column, 2 * width**2 * J[row, column])
    for _ in range(20):
        s = draw.choice([-1.0, 1.0], 9)
        energy = ising.field @ s + ising.coupling @ (s[row] * s[column]) + width**2 * np.trace(J)
        change = 40 * (mean_error(c, y, weights + width * s) - mean_error(c, y, weights))
        assert energy == pytest.approx(change, rel=1e-9)


def test_the_box_minimum_fulfils_the_conditions_of_optimality() -> None:
    for count, columns in ((300, 12), (10, 30)):
        draw = np.random.default_rng(2)
        c, y = draw.normal(size=(count, columns)), draw.choice([-1.0, 1.0], count)
        weights = box_weights(0.2 * c, y)
        slope = 0.2 * c.T @ (0.2 * c @ weights - y)
        assert (np.abs(weights) <= 1 + 1e-9).all()
        assert (slope[weights > 1 - 1e-6] < 1e-6).all()
        assert (slope[weights < -1 + 1e-6] > -1e-6).all()
        inside = np.abs(weights) < 1 - 1e-6
        np.testing.assert_allclose(slope[inside], 0, atol=1e-5)


@pytest.mark.parametrize("offsets", [0, 3])
def test_the_zoom_comes_to_the_exact_minimum_step_by_step(offsets: int) -> None:
    """Acceptance 1 of the additions: monotone, below 0.1 % after eight steps, four times nearer than after four."""
    x, label = toy(2000)
    c, y = augmented(fit_weak(x, label == 1)(x), offsets=offsets), 2.0 * label - 1
    lowest = mean_error(c, y, box_weights(c, y))
    errors = np.array([step.error for step in zoom(c, y).steps])
    above = errors / lowest - 1
    assert (np.diff(errors) < 0).all()
    assert above[7] >= -1e-9
    assert above[7] < 1e-3
    assert above[3] > 4 * above[7]
    assert np.abs(zoom(c, y, steps=3).weights).max() <= 1 - 2**-3


def test_a_classifier_knows_how_low_its_error_can_be() -> None:
    """No step of the zoom is below it, and the classifier with the exact weights has it."""
    x, label = toy(500)
    y = 2.0 * label - 1
    zoomed, exact = (QAMLZClassifier(weights=weights).fit(x, label) for weights in ("zoom", "box"))
    lowest = zoomed.lowest_error(x, label)
    assert lowest == pytest.approx(np.mean((y - exact.decision_function(x)) ** 2), rel=1e-9)
    assert lowest <= zoomed.history_[-1].error < 1.002 * lowest


def test_more_columns_do_not_add_up_to_more() -> None:
    h = np.random.default_rng(1).uniform(-1, 1, (20, 4))
    for offsets in (0, 3):
        c = augmented(h, offsets=offsets)
        assert c.shape == (20, 4 * (2 * offsets + 1))
        np.testing.assert_allclose(np.abs(c).sum(axis=1), 1)


def test_weights_of_a_zoom_do_not_depend_on_the_scale_of_what_is_random_alone() -> None:
    x, label = toy(300)
    one, other = (QAMLZClassifier(seed=4).fit(x, label) for _ in range(2))
    np.testing.assert_array_equal(one.coef_, other.coef_)
    turned = QAMLZClassifier(seed=4, flips=True).fit(x, label)
    assert (turned.coef_ != one.coef_).any()


def test_predictions_follow_monotone_maps_of_a_feature() -> None:
    """Acceptance 4: a cut on a quantile moves with the events; checked on cuts that no ratio or product enters."""
    x, label = toy(600)
    settings = {"paired": (), "offsets": 0, "weights": "box"}
    mapped = x.copy()
    mapped[:, 0] = np.exp(3 * x[:, 0])
    one = QAMLZClassifier(**settings).fit(x, label).decision_function(x)
    other = QAMLZClassifier(**settings).fit(mapped, label).decision_function(mapped)
    # The cut is a percentile, which is interpolated between two events.
    assert (np.abs(one - other) > 1e-9).mean() < 0.01


def test_exchanging_the_classes_turns_the_curve_round() -> None:
    x, label = toy(400)
    weak = fit_weak(x, label == 1)
    c, y = augmented(weak(x)), 2.0 * label - 1
    score, turned = c @ box_weights(c, y), c @ box_weights(c, -y)
    np.testing.assert_allclose(turned, -score, atol=1e-3)
    assert _auc(turned, label) == pytest.approx(1 - _auc(score, label), abs=1e-3)
    # Columns of another scale have other weights in the box; far from its walls the sum is the same.
    small = 1e-3 * y
    np.testing.assert_allclose(c @ box_weights(c, small), 2 * c @ box_weights(2 * c, small), atol=1e-4)


def test_the_cut_of_a_classifier_is_at_the_background_percentile_and_ends_are_one() -> None:
    x, label = toy(2000)
    weak = fit_weak(x, label == 1, names=OBSERVABLES)
    h = weak(x)
    assert h.shape == (2000, 36)
    assert np.abs(h).max() == 1
    np.testing.assert_allclose((h[label == 0] < 0).mean(axis=0), 0.7, atol=0.01)
    assert (h[label == 1].mean(axis=0) > h[label == 0].mean(axis=0)).all()
    assert weak.rule(0).startswith("pT1/m")


def test_bins_follow_a_signal_in_the_middle() -> None:
    draw = np.random.default_rng(1)
    x = np.r_[draw.normal(0, 0.2, 500), draw.uniform(-2, 2, 500)][:, None]
    label = np.repeat([1, 0], 500)
    assert QAMLZClassifier(bins=True).fit(x, label).score(x, label) > 0.8
    assert QAMLZClassifier().fit(x, label).score(x, label) < 0.7


def test_explained_rows_make_up_the_decision() -> None:
    """Acceptance 5, by hand for one event."""
    x, label = toy(400)
    fitted = QAMLZClassifier(names=OBSERVABLES).fit(x, label)
    event = x[7:8]
    h = {fitted.weak_.rule(i): fitted.weak_(event)[0, i] for i in range(len(fitted.weak_))}
    total = sum(
        weight * (1 if h[row["rule"]] + shift >= 0 else -1)
        for row in fitted.explain()
        for shift, weight in row["offsets"].items()
    )
    assert total == pytest.approx(float(fitted.decision_function(event)[0]), abs=1e-12)
    weights = [abs(row["weight"]) for row in fitted.explain()]
    assert weights == sorted(weights, reverse=True)


@pytest.mark.parametrize("bins", [False, True])
def test_a_file_gives_the_same_decisions_to_the_last_bit(tmp_path: Path, bins: bool) -> None:
    x, label = toy(300)
    fitted = QAMLZClassifier(bins=bins, names=OBSERVABLES).fit(x, np.where(label == 1, "S", "B"))
    fitted.to_json(tmp_path / "model.json")
    again = QAMLZClassifier.from_json(tmp_path / "model.json")
    np.testing.assert_array_equal(fitted.decision_function(x), again.decision_function(x))
    np.testing.assert_array_equal(fitted.predict(x), again.predict(x))


def test_it_works_within_scikit_learn() -> None:
    from sklearn.base import clone
    from sklearn.model_selection import cross_val_score

    x, label = toy(300)
    assert clone(QAMLZClassifier(offsets=1)).offsets == 1
    assert cross_val_score(QAMLZClassifier(weights="box"), x, label, scoring="roc_auc", cv=3).mean() > 0.6


def test_pruning_fixes_spins_and_the_rest_goes_on_a_machine() -> None:
    x, label = toy(1000)
    c = augmented(fit_weak(x, label == 1)(x), offsets=0)
    y = 2.0 * label - 1
    pruned = zoom(c, y, annealer=Annealer(prune=0.95, fix=True)).steps
    assert all(step.spins < c.shape[1] / 2 for step in pruned)
    machine = zoom(c, y, steps=2, annealer=Annealer("embedded", prune=0.6, fix=True, graph="chimera"))
    assert all(0 <= step.broken <= 1 for step in machine.steps)
    assert all(step.qubits >= step.spins for step in machine.steps)
    assert machine.steps[1].error < mean_error(c, y, np.zeros(c.shape[1]))


def test_unfit_input_is_refused(tmp_path: Path) -> None:
    x, label = toy(100)
    broken = x.copy()
    broken[3, 2] = np.nan
    (tmp_path / "other.json").write_text(json.dumps({"format": 1}))
    (tmp_path / "text.json").write_text("hello")
    fitted = QAMLZClassifier().fit(x, label)
    for make, words in (
        (lambda: QAMLZClassifier().fit(broken, label), "finite features"),
        (lambda: QAMLZClassifier().fit(x, np.ones(100)), "two classes"),
        (lambda: QAMLZClassifier(weights="best").fit(x, label), "weights are"),
        (lambda: fitted.decision_function(x[:, :5]), "8 features expected"),
        (lambda: QAMLZClassifier.from_json(tmp_path / "other.json"), "not a classifier"),
        (lambda: QAMLZClassifier.from_json(tmp_path / "text.json"), "cannot be read"),
        (lambda: QAMLZClassifier(names=("a",)).fit(x, label), "a name for each"),
    ):
        with pytest.raises(InputError, match=words):
            make()
