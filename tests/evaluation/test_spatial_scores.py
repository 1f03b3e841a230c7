"""Methods that predict maps beside each other: what a threshold and a blur are chosen by, gains, errors."""

import numpy as np
import pytest

from femtobarn.errors import InputError
from femtobarn.evaluation.maps.nowcasting import Nowcasts
from femtobarn.evaluation.maps.scores import (
    JudgedMaps,
    best_blur,
    best_threshold,
    blurred,
    judge_leads,
    spatial_table,
)

DRAW = np.random.default_rng(1)


def truth(maps: int = 6, leads: int = 2, side: int = 32) -> Nowcasts:
    target = np.zeros((maps, leads, side, side), np.float32)
    for i, lead in np.ndindex(maps, leads):
        y, x = DRAW.integers(4, side - 8, 2)
        target[i, lead, y : y + 5, x : x + 5] = 1
    return Nowcasts(target, target, target, np.ones(target.shape, bool))


def shifted(maps: Nowcasts, by: int) -> np.ndarray:
    return np.roll(maps.target, by, axis=3)


def judged(forecast: np.ndarray, maps: Nowcasts, name: str, seed: int | None = None) -> list[JudgedMaps]:
    about = {"leads": ("10 min", "20 min"), "test": maps, "validation": maps, "radii": (0, 4), "block": 16}
    found = judge_leads(forecast, forecast, labels={"method": name}, seed=seed, **about)  # type: ignore[arg-type]
    return [each for each, _ in found]


def test_the_best_threshold_finds_the_events() -> None:
    y = (DRAW.random(2000) < 0.2).astype(np.float32)
    p = 0.3 * y + 0.3 * DRAW.random(2000)
    assert best_threshold(p, y) == pytest.approx(0.3)
    assert best_threshold(p, 0 * y) == 0.5


def test_the_blur_follows_the_displacement() -> None:
    """What is displaced by many pixels is blurred by more of them, each lead for itself."""
    maps = truth(12)
    forecast = shifted(maps, 0)
    forecast[:, 1] = shifted(maps, 6)[:, 1]
    found = best_blur(forecast, forecast, validation=maps, radii=(0, 4))
    np.testing.assert_array_equal(found[:, 0], forecast[:, 0])
    np.testing.assert_allclose(found[:, 1], blurred(forecast[:, 1], 4))
    assert found.max() <= 1


def test_probabilities_are_calibrated_on_the_validation_maps() -> None:
    maps = truth()
    soft = np.clip(0.1 + 0.5 * maps.target, 0, 1)
    about = {"leads": ("10 min", "20 min"), "test": maps, "validation": maps, "radii": (0,), "block": 16}
    for each, kept in judge_leads(soft, soft, labels={}, seed=1, **about):  # type: ignore[arg-type]
        assert kept["calibration error, calibrated"] == pytest.approx(0, abs=1e-9)
        assert kept["Brier skill, calibrated"] == pytest.approx(1)
        assert 0.1 < kept["threshold"] <= 0.6
        assert each.events == int(maps.target[:, 0].sum())


def test_a_nearer_forecast_gains_and_the_same_one_does_not() -> None:
    maps = truth()
    every = [
        *judged(shifted(maps, 9), maps, "far"),
        *judged(shifted(maps, 2), maps, "near", 1),
        *judged(shifted(maps, 2), maps, "near", 2),
        *judged(shifted(maps, 9), maps, "as far", 1),
        *judged(shifted(maps, 9), maps, "as far", 2),
    ]
    near, far = {"method": "near"}, {"method": "as far"}
    table = spatial_table(
        every, np.arange(24) % 4, over=[{"method": "far"}], pairs=[(near, far)], bootstrap=20
    )
    gains = {tuple(r.labels.values()): r for r in table if r.name == "gain in FSS, 9 px"}
    for lead in ("10 min", "20 min"):
        assert gains["near", "far", lead].value > 0.3
        assert gains["near", "far", lead].seeds == (1, 2)
        assert gains["near", "far", lead].value == pytest.approx(gains["near", "as far", lead].value)
        same = gains["as far", "far", lead]
        assert same.value == 0
        assert same.error == 0, "paired"
    found = {(r.labels["method"], r.name): r for r in table if r.labels["lead"] == "10 min"}
    assert found["near", "FSS, 9 px"].value > found["near", "FSS, 1 px"].value
    assert found["far", "FSS, 9 px"].error is not None
    assert found["far", "FSS, 9 px"].seeds == ()


def test_a_pair_for_each_seed() -> None:
    maps = truth()
    every = [
        *judged(shifted(maps, 2), maps, "near", 1),
        *judged(shifted(maps, 2), maps, "near", 2),
        *judged(shifted(maps, 9), maps, "far", 1),
    ]
    with pytest.raises(InputError, match="a pair for each seed"):
        spatial_table(every, np.arange(24) % 4, pairs=[({"method": "near"}, {"method": "far"})], bootstrap=5)
