"""Logistic regression on what is known of a text: a list of words, TF-IDF, word vectors, states of an encoder."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy import sparse

from femtobarn.errors import InputError, require
from femtobarn.evaluation.text.features import TfIdf, WordVectors, keyword_count

KEYWORDS, TFIDF, VECTORS, ENCODER = "keywords", "tf-idf", "word vectors", "encoder"
STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0)  #: inverse strengths of the penalty that are tried
_FEWEST = 60  # texts, below which no penalty is chosen: strength 1 is taken
_FOLDS = 3
Means = Float[np.ndarray, "text feature"] | None


class LinearText:
    """A logistic regression with balanced classes; without any features it says the share of positive texts.

    Args:
        made: What was learned from the texts for each kind of features, in the order of the columns: a list of
            words, `TfIdf`, `WordVectors`, or None for the mean states of an encoder.
        weight: Of the columns.
        offset: Of the logit.
    """

    def __init__(self, made: Mapping[str, Any], weight: Float[np.ndarray, " column"], offset: float) -> None:
        self.made, self.weight, self.offset = dict(made), weight, offset

    @classmethod
    def fitted(
        cls,
        kinds: Sequence[str],
        text: Sequence[str],
        mean: Means,
        label: Bool[np.ndarray, " text"],
        *,
        keywords: tuple[str, ...] = (),
        size: int = 50,
        strengths: Sequence[float] = STRENGTHS,
    ) -> "LinearText":
        """The regression; the strength of its penalty is the one with the best average precision in three folds.

        Args:
            kinds: Of features, side by side.
            text: To learn from.
            mean: Of the same texts, for the kind "encoder".
            label: Whether each is positive.
            keywords: Of the kind "keywords".
            size: Of word vectors.
            strengths: Tried in turn; for fewer than 60 texts the penalty has strength 1.

        Raises:
            InputError: Texts of one class only, or states of an encoder are asked for and missing.
            MissingExtraError: scikit-learn is not installed.
        """
        positive = int(label.sum())
        if not 0 < positive < len(label):
            raise InputError(f"expected texts of both classes, got {positive} positive of {len(label)}")
        if not kinds:
            return cls({}, np.zeros(0), float(np.log(positive / (len(label) - positive))))
        make: dict[str, Any] = {
            KEYWORDS: lambda: tuple(keywords),
            TFIDF: lambda: TfIdf.fitted(text),
            VECTORS: lambda: WordVectors.fitted(text, size=size),
            ENCODER: lambda: None,
        }
        made = {kind: make[kind]() for kind in kinds}
        columns = _columns(made, text, mean)
        strength = _best_strength(columns, label, strengths) if len(label) >= _FEWEST else 1.0
        found = _regression(strength).fit(columns, label)
        return cls(made, found.coef_[0], float(found.intercept_[0]))

    def logit(self, text: Sequence[str], mean: Means) -> Float[np.ndarray, " text"]:
        """Logarithm of the odds that each text is positive."""
        if not self.made:
            return np.full(len(text), self.offset)
        return np.asarray(_columns(self.made, text, mean) @ self.weight).ravel() + self.offset

    def content(self) -> dict[str, Any]:
        """Plain numbers and words, from which `from_content` makes it again."""
        made = {kind: _PLAIN[kind](thing) for kind, thing in self.made.items()}
        return {"made": made, "weight": torch.from_numpy(self.weight), "offset": self.offset}

    @classmethod
    def from_content(cls, content: Mapping[str, Any]) -> "LinearText":
        """What `content` was taken from."""
        made = {kind: _AGAIN[kind](thing) for kind, thing in content["made"].items()}
        return cls(made, content["weight"].numpy(), content["offset"])


_PLAIN: dict[str, Any] = {
    KEYWORDS: list,
    TFIDF: lambda it: {"terms": it.terms, "rarity": torch.from_numpy(it.rarity)},
    VECTORS: lambda it: {"words": it.words, "vectors": torch.from_numpy(it.vectors)},
    ENCODER: lambda _: None,
}
_AGAIN: dict[str, Any] = {
    KEYWORDS: tuple,
    TFIDF: lambda plain: TfIdf(plain["terms"], plain["rarity"].numpy()),
    VECTORS: lambda plain: WordVectors(plain["words"], plain["vectors"].numpy()),
    ENCODER: lambda _: None,
}


def _columns(made: Mapping[str, Any], text: Sequence[str], mean: Means) -> Any:
    parts = []
    for kind, thing in made.items():
        if kind == ENCODER:
            if mean is None:
                raise InputError("expected the mean states of an encoder for each text, got none")
            parts.append(mean)
        else:
            parts.append(
                keyword_count(text, thing) if kind == KEYWORDS
                else thing.mean(text) if kind == VECTORS
                else thing(text)
            )  # fmt: skip
    if len(parts) == 1:
        return parts[0]
    return sparse.hstack([sparse.csr_matrix(part) for part in parts]).tocsr()


def _best_strength(columns: Any, label: np.ndarray, strengths: Sequence[float]) -> float:
    selection = require("sklearn.model_selection", extra="text")
    if len(strengths) == 1 or min(label.sum(), len(label) - label.sum()) < _FOLDS:
        return strengths[0]
    score = [
        selection.cross_val_score(
            _regression(strength),
            columns,
            label,
            cv=selection.StratifiedKFold(_FOLDS),
            scoring="average_precision",
        ).mean()
        for strength in strengths
    ]
    return strengths[int(np.argmax(score))]


def _regression(strength: float) -> Any:
    linear = require("sklearn.linear_model", extra="text")
    return linear.LogisticRegression(C=strength, class_weight="balanced", max_iter=2000)
