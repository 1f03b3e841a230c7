"""The invariance score."""

import numpy as np
import pytest

from femtobarn.metrics import invariance_score


def test_invariance_score() -> None:
    assert invariance_score(np.array([0.9, 0.9, 0.9])) == pytest.approx(1)
    assert invariance_score(np.array([0.9, 0.7, 0.5])) == pytest.approx(0.5)
    assert np.isnan(invariance_score(np.array([0.5, 0.4])))
    # The curve of the published Deep Set, read from its figure in steps, gives about its score.
    speeds = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9]
    curve = [0.9304, 0.9141, 0.8614, 0.7892, 0.7154, 0.6558, 0.5864, 0.5401]
    grid = np.interp(np.arange(0, 0.96, 0.05), speeds, curve)
    assert invariance_score(grid) == pytest.approx(0.481, abs=0.01)


def test_it_rewards_a_tagger_that_is_bad_everywhere() -> None:
    """Why accuracy and rejection against the speed are reported, and not this number alone."""
    good, bad = np.array([0.94, 0.93, 0.90, 0.85]), np.array([0.56, 0.56, 0.56, 0.56])
    assert (good > bad).all()
    assert invariance_score(bad) > invariance_score(good)
