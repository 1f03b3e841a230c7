"""Scores that need no network, all on the same events: those given, those fitted to background, and the ceiling."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from femtobarn.evaluation.anomaly_baselines import (
    isolation_forest,
    mahalanobis,
    pca_residual,
    supervised_ceiling,
)
from femtobarn.evaluation.scores import Samples, Scored

Rows = Float[np.ndarray, "_ feature"]
SUPERVISED = "supervised"  #: in the place of a network's name: a score that has learned from the signal


def labels(score: str, model: str = "") -> dict[str, str]:
    """Place of a score in tables; "model" is empty for a score without a network."""
    return {"score": score, "model": model}


def scores_without_network(
    train: Rows,
    samples: Mapping[str, Rows],
    given: Mapping[str, Samples],
    *,
    background: str,
    seed: int,
    components: int = 10,
) -> list[Scored]:
    """The scores given; PCA residual, Mahalanobis distance and isolation forest; supervised trees for each signal.

    The fitted ones and the trees see each feature less its mean and over its width on the training events.

    Args:
        train: Features of background events.
        samples: The same of test events by sample, the background among them.
        given: Scores of the test events that are fitted to nothing, by their names and samples.
        background: Name of the background.
        seed: Of forests, trees and their halves.
        components: Of the principal component analysis.
    """
    mean, width = train.mean(axis=0, dtype=np.float64), train.std(axis=0, dtype=np.float64)
    width = np.where(width > 0, width, 1.0)  # a feature that is always the same
    normal = (train - mean) / width
    tables = {name: (rows - mean) / width for name, rows in samples.items()}
    fitted = {
        f"PCA residual ({components})": pca_residual(normal, components=components),
        "Mahalanobis distance": mahalanobis(normal),
        "isolation forest": isolation_forest(normal, seed=seed),
    }
    found = [Scored(labels(name), None, scores) for name, scores in given.items()]
    found += [
        Scored(labels(name), None, {key: score(rows) for key, rows in tables.items()})
        for name, score in fitted.items()
    ]
    for signal in (name for name in tables if name != background):
        others, own = supervised_ceiling(tables[background], tables[signal], seed=seed)
        place = labels(f"supervised trees ({signal})", SUPERVISED)
        found.append(Scored(place, None, {background: others, signal: own}))
    return found


def by_score(scores: Mapping[str, Samples]) -> dict[str, dict[str, np.ndarray]]:
    """Scores by sample and name turned into scores by name and sample."""
    names = next(iter(scores.values()))
    return {name: {sample: values[name] for sample, values in scores.items()} for name in names}
