"""`QAMLZClassifier`: the zoomed linear classifier of cuts, with the interface of scikit-learn."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from femtobarn.data.atomic import write_whole
from femtobarn.errors import InputError, require
from femtobarn.qubo.weak_classifiers import STEP, WeakClassifiers, augmented, fit_weak
from femtobarn.qubo.zoom import FLIPS, Annealer, Step, binary_weights, box_weights, mean_error, zoom

_base: Any = require("sklearn.base", extra="baselines")
FORMAT = 1  #: of the JSON file
WEIGHTS = ("zoom", "box", "binary", "equal")


class QAMLZClassifier(_base.ClassifierMixin, _base.BaseEstimator):  # type: ignore[misc]
    """A weighted sum of many simple cuts (arXiv:1908.04480): few labelled events are enough, and it can be read.

    No quantum computer is needed or better: the weights solve a convex problem, exactly with ``weights="box"``.

    Args:
        weights: "zoom" as published, "box" the exact minimum, "binary" each cut or not (QAML), "equal" all cuts alike.
        names: Of the features.
        paired: Features, by their place, of which all pairs are taken; all unless given.
        bins: Ratios of densities in quantiles instead of cuts; follows signals in the middle of a spectrum.
        ready: The features are outputs of weak classifiers already, in [-1, 1].
        offsets: Shifted copies of each cut on both sides; 0 for the cuts alone.
        steps: Of the zoom.
        flips: Turn spins at random, as published.
        penalty: Of each cut with "binary", see `binary_weights`.
        annealer: Of the zoom, see `Annealer`.
        seed: Of all that is random.
    """

    def __init__(
        self,
        *,
        weights: str = "zoom",
        names: Sequence[str] = (),
        paired: Sequence[int] | None = None,
        bins: bool = False,
        ready: bool = False,
        offsets: int = 3,
        steps: int = 8,
        flips: bool = False,
        penalty: float = 0.0,
        annealer: Annealer | None = None,
        seed: int = 1,
    ) -> None:
        self.weights = weights
        self.names = names
        self.paired = paired
        self.bins = bins
        self.ready = ready
        self.offsets = offsets
        self.steps = steps
        self.flips = flips
        self.penalty = penalty
        self.annealer = annealer
        self.seed = seed

    def fit(self, X: ArrayLike, y: ArrayLike) -> "QAMLZClassifier":
        """Cuts and weights from training events; of the two labels the larger is the signal.

        Raises:
            InputError: Not two classes, NaN, or unknown weights.
        """
        if self.weights not in WEIGHTS:
            raise InputError(f"weights are {', '.join(WEIGHTS)}: got {self.weights!r}")
        x, labels = np.asarray(X, np.float64), np.asarray(y)
        self.classes_ = np.unique(labels)
        if len(self.classes_) != 2 or x.ndim != 2 or labels.shape != x.shape[:1]:
            raise InputError(
                "events in rows and labels of two classes expected: "
                f"got {x.shape}, {labels.shape} and {len(self.classes_)} classes"
            )
        signal = labels == self.classes_[1]
        self.n_features_in_ = x.shape[1]
        paired = None if self.paired is None else tuple(self.paired)
        self.weak_ = fit_weak(
            x, signal, names=tuple(self.names), paired=paired, bins=self.bins, ready=self.ready
        )
        self.coef_, self.history_ = self._trained(self._columns(x), np.where(signal, 1.0, -1.0))
        return self

    def decision_function(self, X: ArrayLike) -> Float[np.ndarray, "event"]:
        """The weighted sum of the cuts; larger is more like signal."""
        return np.asarray(self._columns(np.asarray(X, np.float64)) @ self.coef_)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """The label of each event."""
        return np.asarray(self.classes_[(self.decision_function(X) >= 0).astype(int)])

    def explain(self) -> list[dict[str, Any]]:
        """A row for each cut, the largest weight first: "rule", "weight", and the "offsets" with their weights.

        The weight of a rule is what an event far above the cut adds to the decision function.
        """
        count = len(self.weak_)
        table = self.coef_.reshape(count, -1) / self.coef_.size
        shifts = STEP * np.arange(-self.offsets, self.offsets + 1)
        rows = [
            {
                "rule": self.weak_.rule(i),
                "weight": float(own.sum()),
                "offsets": dict(zip(shifts.tolist(), own.tolist(), strict=True)),
            }
            for i, own in enumerate(table)
        ]
        return sorted(rows, key=lambda each: -abs(cast(float, each["weight"])))

    def lowest_error(self, X: ArrayLike, y: ArrayLike) -> float:
        """Mean squared error that the exact minimum of the same cuts has on these events; no step is below it.

        With the training events it is what the errors in `history_` come down to.
        """
        c = self._columns(np.asarray(X, np.float64))
        target = np.where(np.asarray(y) == self.classes_[1], 1.0, -1.0)
        return mean_error(c, target, box_weights(c, target))

    def to_json(self, path: str | Path) -> None:
        """Write the fitted classifier as plain numbers.

        Raises:
            InputError: The file cannot be written.
        """
        text = json.dumps(self.content(), indent=1)
        write_whole(Path(path), lambda unfinished: unfinished.write_text(text))

    def content(self) -> dict[str, Any]:
        """The fitted classifier as plain data."""
        weak = vars(self.weak_)
        return {
            "format": FORMAT,
            "offsets": self.offsets,
            "classes": self.classes_.tolist(),
            "weights": self.coef_.tolist(),
            "weak": {key: _plain(value) for key, value in weak.items()},
        }

    @classmethod
    def from_content(cls, content: dict[str, Any]) -> "QAMLZClassifier":
        """A fitted classifier from plain data.

        Raises:
            InputError: Data of another layout.
        """
        try:
            if content["format"] != FORMAT:
                raise InputError(f"a classifier of format {FORMAT} expected: got {content['format']}")
            weak = {key: _tuples(value) for key, value in content["weak"].items()}
            made = cls(offsets=int(content["offsets"]), names=weak["names"], bins=bool(weak["heights"]))
            made.weak_ = WeakClassifiers(**weak)
            made.classes_ = np.array(content["classes"])
            made.coef_ = np.array(content["weights"], np.float64)
            expected = len(made.weak_) * (2 * made.offsets + 1)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"this is not a classifier that femtobarn wrote: {error}") from error
        if made.coef_.shape != (expected,):
            raise InputError(f"{expected} weights expected: got {made.coef_.shape}")
        made.n_features_in_, made.history_ = len(made.weak_.names), []
        return made

    @classmethod
    def from_json(cls, path: str | Path) -> "QAMLZClassifier":
        """Read what `to_json` wrote; gives the same decisions to the last bit.

        Raises:
            InputError: No such file, or another layout.
        """
        try:
            content = json.loads(Path(path).read_text())
        except (OSError, ValueError) as error:
            raise InputError(f"{path} cannot be read as JSON: {error}") from error
        if not isinstance(content, dict):
            raise InputError(f"{path}: a JSON object expected")
        return cls.from_content(content)

    def _columns(self, x: np.ndarray) -> np.ndarray:
        return augmented(self.weak_(x), offsets=self.offsets)

    def _trained(self, c: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, list[Step]]:
        if self.weights == "equal":
            return np.ones(c.shape[1]), []
        if self.weights == "box":
            return box_weights(c, target), []
        if self.weights == "binary":
            return binary_weights(c, target, penalty=self.penalty, seed=self.seed).state.astype(float), []
        flips = FLIPS if self.flips else ()
        found = zoom(c, target, steps=self.steps, annealer=self.annealer, flips=flips, seed=self.seed)
        return found.weights, found.steps


def _plain(value: Any) -> Any:
    return [_plain(each) for each in value] if isinstance(value, tuple) else value


def _tuples(value: Any) -> Any:
    return tuple(_tuples(each) for each in value) if isinstance(value, list) else value
