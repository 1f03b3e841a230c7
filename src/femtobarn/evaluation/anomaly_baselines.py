"""Anomaly scores that need no network, each fitted to background alone, and the ceiling that knows the answer.

Each function is given training events as rows of features and gives a function of rows; a larger score is more
anomalous.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Float64, Shaped

from femtobarn.errors import InputError, require
from femtobarn.physics.event_images import event_features, occupied, softness

Rows = Float[np.ndarray, "_ feature"]
Score = Callable[[np.ndarray], np.ndarray]
EventScore = Callable[[np.ndarray, np.ndarray], np.ndarray]  #: of images and counts of tracks


def pca_residual(train: Rows, *, components: int = 20) -> Score:
    """Squared distance from the mean plane of the first principal components: a linear autoencoder.

    Raises:
        InputError: Not more events than components.
    """
    if not 1 <= components < min(train.shape):
        raise InputError(
            f"expected fewer components than events and features: got {components}, {train.shape}"
        )
    mean = train.mean(axis=0, dtype=np.float64)
    _, _, directions = np.linalg.svd(train - mean, full_matrices=False)
    kept = directions[:components]

    def score(rows: Rows) -> Float64[np.ndarray, "event"]:
        centred = rows - mean
        residual: np.ndarray = np.square(centred - centred @ kept.T @ kept).sum(axis=1)
        return residual

    return score


def mahalanobis(train: Rows, *, ridge: float = 1e-3) -> Score:
    """Squared Mahalanobis distance from the mean; `ridge` times the mean variance is added to every variance."""
    mean = train.mean(axis=0, dtype=np.float64)
    covariance = np.cov(train.astype(np.float64), rowvar=False)
    covariance += ridge * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    factor = np.linalg.cholesky(covariance)

    def score(rows: Rows) -> Float64[np.ndarray, "event"]:
        distance: np.ndarray = np.square(np.linalg.solve(factor, (rows - mean).T)).sum(axis=0)
        return distance

    return score


def isolation_forest(train: Rows, *, seed: int, trees: int = 200) -> Score:
    """How few random cuts isolate an event (Liu, Ting, Zhou 2008, doi:10.1109/ICDM.2008.17).

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    ensemble = require("sklearn.ensemble", extra="baselines")
    forest = ensemble.IsolationForest(n_estimators=trees, random_state=seed).fit(train)

    def score(rows: Rows) -> Float64[np.ndarray, "event"]:
        found: np.ndarray = -forest.score_samples(rows)
        return found

    return score


def supervised_ceiling(
    background: Rows, signal: Rows, *, seed: int
) -> tuple[Float64[np.ndarray, "background"], Float64[np.ndarray, "signal"]]:
    """Scores of boosted trees that are told the signal: each half of the events by trees trained on the other half.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    ensemble = require("sklearn.ensemble", extra="baselines")
    draw, found = np.random.default_rng(seed), (np.zeros(len(background)), np.zeros(len(signal)))
    halves = [np.array_split(draw.permutation(len(rows)), 2) for rows in (background, signal)]
    for mine, other in ((0, 1), (1, 0)):
        x = np.concatenate([background[halves[0][other]], signal[halves[1][other]]])
        y = np.repeat([0, 1], [len(halves[0][other]), len(halves[1][other])])
        weight = np.where(y == 1, len(y) / max(y.sum(), 1), len(y) / max((1 - y).sum(), 1))
        trees = ensemble.HistGradientBoostingClassifier(random_state=seed).fit(x, y, sample_weight=weight)
        for scores, rows, half in zip(found, (background, signal), halves, strict=True):
            scores[half[mine]] = trees.decision_function(rows[half[mine]])
    return found


def standardised_sum(train: Rows) -> Score:
    """Sum of the features, each less its mean and over its standard deviation: two weak hints joined.

    Raises:
        InputError: A feature that is alike in all training events.
    """
    mean, deviation = train.mean(axis=0, dtype=np.float64), train.std(axis=0, dtype=np.float64)
    if not (deviation > 0).all():
        raise InputError(f"feature {int(np.argmin(deviation))} is alike in all {len(train)} training events")

    def score(rows: Rows) -> Float64[np.ndarray, "event"]:
        total: np.ndarray = ((rows - mean) / deviation).sum(axis=1)
        return total

    return score


def counting_scores(
    train: Float[np.ndarray, "_ 72 58 3"], train_tracks: Shaped[np.ndarray, "_"], *, seed: int
) -> dict[str, EventScore]:
    """Scores of whole events that need one or two numbers each, and two of thirteen numbers, by name.

    Tracks and occupied track pixels are counted; soft5 and soft20 are `softness` of as many leading pixels; z-sum adds
    log(1 + tracks) and soft20, both in standard deviations of the training events. The softness was found on half of
    the public test sample (337 of 682 QCD events); its definition is kept since. Each score is called with images and
    counts of tracks.
    """
    joined = standardised_sum(_counts(train, train_tracks))
    features = event_features(train)
    distance, forest = mahalanobis(features), isolation_forest(features, seed=seed)
    return {
        "number of tracks": lambda _, tracks: tracks.astype(np.float64),
        "occupied track pixels": lambda images, _: occupied(images).astype(np.float64),
        "soft5": lambda images, _: softness(images, leading=5),
        "soft20": lambda images, _: softness(images, leading=20),
        "z-sum": lambda images, tracks: joined(_counts(images, tracks)),
        "Mahalanobis distance": lambda images, _: distance(event_features(images)),
        "isolation forest": lambda images, _: forest(event_features(images)),
    }


def _counts(images: np.ndarray, tracks: np.ndarray) -> Float64[np.ndarray, "event 2"]:
    return np.column_stack((np.log1p(tracks), softness(images, leading=20)))


def simple_scores(train: Rows, *, components: int, seed: int) -> dict[str, Score]:
    """The scores of this file that are fitted to background, and two that are not, by name."""
    return {
        "sum of the inputs": lambda rows: rows.sum(axis=1, dtype=np.float64),
        "largest input": lambda rows: rows.max(axis=1).astype(np.float64),
        f"PCA residual ({components})": pca_residual(train, components=components),
        "Mahalanobis distance": mahalanobis(train),
        "isolation forest": isolation_forest(train, seed=seed),
    }
