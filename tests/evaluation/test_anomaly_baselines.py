"""Scores without a network: in closed form, against scikit-learn's, and on the public sample of dark showers."""

from pathlib import Path

import numpy as np
import pytest

from femtobarn.datasets import dark_showers
from femtobarn.errors import InputError
from femtobarn.evaluation.anomaly_baselines import counting_scores, standardised_sum
from femtobarn.metrics.classifier_test import auc

#: AUC of each score on the public files, computed apart from this package: SUEP 125 to 1000 GeV, SVJ 2.1 to 4.1 TeV.
KNOWN = {
    "number of tracks": (0.771, 0.928, 0.981, 0.994, 0.999, 0.999, 0.828, 0.898, 0.903),
    "occupied track pixels": (0.784, 0.940, 0.983, 0.996, 0.997, 1.000, 0.836, 0.895, 0.881),
    "soft5": (0.929, 0.948, 0.959, 0.980, 0.991, 0.994, 0.803, 0.758, 0.713),
    "soft20": (0.899, 0.975, 0.989, 0.996, 0.997, 1.000, 0.849, 0.819, 0.759),
    "z-sum": (0.890, 0.977, 0.994, 0.999, 0.998, 1.000, 0.866, 0.881, 0.859),
}


def test_a_standardised_sum_does_not_depend_on_units() -> None:
    draw = np.random.default_rng(1)
    train, rows = draw.normal(2, 3, (200, 3)), draw.normal(size=(10, 3))
    scale, shift = np.array([1, 10, 0.1]), np.array([0, 5, -3])
    np.testing.assert_allclose(
        standardised_sum(train)(rows), standardised_sum(train * scale + shift)(rows * scale + shift)
    )
    score = standardised_sum(train)(train)
    assert score.mean() == pytest.approx(0, abs=1e-9)
    with pytest.raises(InputError, match="feature 1 is alike in all 200 training events"):
        standardised_sum(train * [1, 0, 1])


def _read(paths: list[Path]) -> tuple[np.ndarray, np.ndarray]:
    parts = [dark_showers.open_images(path) for path in paths]
    columns = [part.read(["image", "n_tracks"], 0, len(part)) for part in parts]
    return (
        np.concatenate([each["image"] for each in columns]),
        np.concatenate([each["n_tracks"] for each in columns]),
    )


def test_counting_on_the_public_sample_gives_what_is_known(real_data: Path) -> None:
    pytest.importorskip("sklearn")
    samples = dark_showers.find_samples(real_data / dark_showers.NAME)
    events = {name: _read(paths) for name, paths in samples.items()}
    scores = counting_scores(*events.pop(dark_showers.TRAINING), seed=1)
    background = events.pop(dark_showers.QCD)
    assert len(background[0]) == 337, "the values were computed for these"
    for name, known in KNOWN.items():
        found = [auc(scores[name](*background), scores[name](*signal))[0] for signal in events.values()]
        assert found == pytest.approx(known, abs=0.002), name
