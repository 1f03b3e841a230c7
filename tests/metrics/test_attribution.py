import numpy as np
import pytest

from femtobarn.errors import InputError
from femtobarn.metrics.attribution import attribution
from femtobarn.metrics.training import Training, deep_network

QUICK = Training(epochs=10, batch=300, learning_rate=2e-3)


def _normal(n: int, mean: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, 1, (n, 2)).astype(np.float32)


def test_the_nearest_generator_scores_best_and_each_knows_its_own() -> None:
    samples = {"near": _normal(3000, 0.2, 1), "far": _normal(3000, 1.5, 2), "other": _normal(2000, -2, 3)}
    real = _normal(2000, 0, 4)
    found = attribution(real, samples, network=lambda k: deep_network(2, k, width=24), training=QUICK)
    assert max(found.score, key=lambda name: found.score[name].value) == "near"
    assert found.score["near"].value > found.score["near"].null == pytest.approx(-np.log(3))
    assert (found.consistency.argmax(axis=1) == np.arange(3)).all()
    # The exact posterior of three normals with equal weight.
    density = np.stack([-np.square(real - m).sum(axis=1) / 2 for m in (0.2, 1.5, -2)], axis=1)
    exact = (density - np.log(np.exp(density).sum(axis=1, keepdims=True))).mean(axis=0)
    assert found.score["near"].value == pytest.approx(exact[0], abs=0.02)
    assert found.score["far"].value == pytest.approx(exact[1], rel=0.1)


def test_generators_alike_score_as_chance_does() -> None:
    samples = {"a": _normal(6000, 0, 1), "b": _normal(6000, 0, 2)}
    found = attribution(
        _normal(500, 0, 3), samples, network=lambda k: deep_network(2, k, width=8), training=QUICK
    )
    for estimate in found.score.values():
        assert estimate.value == pytest.approx(-np.log(2), abs=0.03)


def test_one_generator_is_not_enough() -> None:
    with pytest.raises(InputError, match="at least two"):
        attribution(_normal(50, 0, 1), {"a": _normal(50, 0, 2)})
    with pytest.raises(InputError, match="the same features"):
        attribution(_normal(50, 0, 1)[:, :1], {"a": _normal(50, 0, 2), "b": _normal(50, 0, 2)})
