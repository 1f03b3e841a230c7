"""Classifiers of scikit-learn on tables of features, to stand beside a method: all learn from the same events."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from femtobarn.errors import InputError, nearest, require

LOGISTIC, TREES, NETWORK = "logistic regression", "boosted trees", "neural network"


def fit_reference(
    name: str,
    x: Float[np.ndarray, "event feature"],
    signal: Bool[np.ndarray, "event"],
    *,
    seed: int,
    layers: tuple[int, ...] = (256, 256),
    epochs: int = 60,
    trees: int = 100,
) -> Callable[[Float[np.ndarray, "_ feature"]], Float[np.ndarray, "_"]]:
    """The score, the probability of signal, of a classifier of standardised features.

    Args:
        name: "logistic regression", "boosted trees" (of depth 4) or "neural network" (ReLU, Adam).
        x: Features of the training events.
        signal: True for signal.
        seed: Of the trees and of the network.
        layers: Hidden layers of the network.
        epochs: Of the network: the same for samples of all sizes, converged or not.
        trees: Boosted trees.

    Raises:
        InputError: An unknown name.
        MissingExtraError: scikit-learn is not installed.
    """
    mean, width = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-12)
    made = _untrained(name, len(x), seed, layers, epochs, trees)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a network did not converge
        fitted = made.fit((x - mean) / width, signal)
    return lambda events: np.asarray(fitted.predict_proba((events - mean) / width)[:, 1])


def _untrained(name: str, events: int, seed: int, layers: tuple[int, ...], epochs: int, trees: int) -> Any:
    def of(module: str) -> Any:
        return require(f"sklearn.{module}", extra="baselines")

    if name == LOGISTIC:
        return of("linear_model").LogisticRegression(max_iter=1000)
    if name == TREES:
        return of("ensemble").GradientBoostingClassifier(
            n_estimators=trees, max_depth=4, learning_rate=0.1, random_state=seed
        )
    if name == NETWORK:
        return of("neural_network").MLPClassifier(
            layers, alpha=1e-4, batch_size=min(128, events), max_iter=epochs, tol=0,
            n_iter_no_change=epochs + 1, random_state=seed,
        )  # fmt: skip
    raise InputError(f"there is no classifier {name!r}: {nearest(name, (LOGISTIC, TREES, NETWORK))}")
