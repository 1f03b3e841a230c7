"""Classifiers of scikit-learn: they separate what can be separated, whatever the units."""

import numpy as np
import pytest

from femtobarn.errors import InputError
from femtobarn.evaluation.reference_classifiers import LOGISTIC, NETWORK, TREES, fit_reference

pytest.importorskip("sklearn")


@pytest.mark.parametrize("name", [LOGISTIC, TREES, NETWORK])
def test_scores_rise_with_signal_and_do_not_depend_on_units(name: str) -> None:
    draw = np.random.default_rng(1)
    signal = np.arange(200) % 2 == 0
    x = draw.normal(size=(200, 3)) + 1.5 * signal[:, None]
    settings = {"seed": 1, "layers": (8,), "epochs": 300, "trees": 10}
    score = fit_reference(name, x, signal, **settings)(x)
    assert score[signal].mean() > score[~signal].mean() + 0.2
    scale = np.array([1e3, 1.0, 1e-3])
    np.testing.assert_allclose(
        fit_reference(name, x * scale, signal, **settings)(x * scale), score, atol=1e-6
    )


def test_unknown_names_are_refused() -> None:
    with pytest.raises(InputError, match="no classifier"):
        fit_reference("magic", np.zeros((4, 2)), np.arange(4) > 1, seed=1)
