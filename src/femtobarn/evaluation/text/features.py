"""What classical methods make of a text: weights of its words, or vectors learned from which words stand together.

Both keep words that occur in at least two of the texts they learned from, so that a name or number of one text
alone is kept nowhere.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy import sparse

from femtobarn.data.words import cleaned, words_of
from femtobarn.errors import InputError, require


class TfIdf:
    """Words and pairs of words, weighted by how rare they are: rows of length 1 (Salton, Buckley 1988).

    Args:
        terms: Words and pairs, in the order of the columns.
        rarity: Weight of each.
    """

    def __init__(self, terms: Sequence[str], rarity: Float[np.ndarray, " term"]) -> None:
        self.terms, self.rarity = list(terms), np.asarray(rarity, np.float64)
        self._words = {term for term in self.terms if " " not in term}
        self._count = _counter(vocabulary={term: place for place, term in enumerate(self.terms)})

    @classmethod
    def fitted(cls, texts: Sequence[str]) -> "TfIdf":
        """The terms that occur in at least two of the texts.

        Raises:
            InputError: No word occurs in two of them.
        """
        counter = _counter(min_df=2)
        try:
            count = counter.fit_transform(texts)
        except ValueError:
            raise InputError(f"no word occurs in two of the {len(texts)} texts to learn from") from None
        seen = np.bincount(count.indices, minlength=count.shape[1])
        return cls(counter.get_feature_names_out().tolist(), np.log((1 + len(texts)) / (1 + seen)) + 1)

    def __call__(self, texts: Sequence[str]) -> sparse.csr_matrix:
        """A row for each text; of zeros for one without any known word."""
        count = self._count.transform(texts).astype(np.float64)
        count.data = 1 + np.log(count.data)
        weighted = (count @ sparse.diags(self.rarity)).tocsr()
        length = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
        return sparse.diags(1 / np.where(length > 0, length, 1)) @ weighted

    def known(self, texts: Sequence[str]) -> Float[np.ndarray, " text"]:
        """Share of the words of each text that occur among the terms; 0 for a text without words.

        Of texts in another language it is small.
        """
        found = [[word in self._words for word in words_of(text)] for text in texts]
        return np.array([float(np.mean(each)) if each else 0.0 for each in found])


class WordVectors:
    """A vector for each word, from which words stand near it in the texts (Levy, Goldberg 2014, NIPS).

    Args:
        words: In the order of the vectors.
        vectors: One for each word.
    """

    def __init__(self, words: Sequence[str], vectors: Float[np.ndarray, "word feature"]) -> None:
        self.words, self.vectors = list(words), np.asarray(vectors, np.float32)
        self._place = {word: place for place, word in enumerate(self.words)}

    @classmethod
    def fitted(cls, texts: Sequence[str], *, size: int = 50, window: int = 5) -> "WordVectors":
        """Singular vectors of how much more often than by chance two words stand within `window` words.

        Raises:
            InputError: Fewer words that occur in two texts than numbers in a vector.
        """
        read = [words_of(text) for text in texts]
        texts_with = Counter(word for each in read for word in set(each))
        place = {w: i for i, w in enumerate(sorted(w for w, count in texts_with.items() if count > 1))}
        if len(place) <= size:
            raise InputError(
                f"expected more than {size} words that occur in two texts, got {len(place)}: make the "
                "vectors smaller or give more texts"
            )
        pairs: Counter[tuple[int, int]] = Counter()
        for each in read:
            known = [place[word] for word in each if word in place]
            for i, one in enumerate(known):
                for two in known[i + 1 : i + 1 + window]:
                    pairs[one, two] += 1
                    pairs[two, one] += 1
        rows, columns = np.array(list(pairs), int).reshape(-1, 2).T
        count = np.array(list(pairs.values()), float)
        of_word = np.bincount(rows, count, minlength=len(place))
        excess = np.log(count * count.sum() / (of_word[rows] * of_word[columns]))
        matrix = sparse.csr_matrix((np.maximum(excess, 0), (rows, columns)), (len(place), len(place)))
        start = np.random.default_rng(0).normal(size=len(place))  # that the same texts give the same vectors
        left, value, _ = sparse.linalg.svds(matrix, k=size, v0=start)
        return cls(list(place), left * np.sqrt(np.maximum(value, 0)))

    def __call__(self, texts: Sequence[str]) -> list[Float[np.ndarray, "_ feature"]]:
        """The vectors of the known words of each text; one of zeros if there is none."""
        nothing = np.zeros((1, self.vectors.shape[1]), np.float32)
        found = [[self._place[w] for w in words_of(text) if w in self._place] for text in texts]
        return [self.vectors[places] if places else nothing for places in found]

    def mean(self, texts: Sequence[str]) -> Float[np.ndarray, "text feature"]:
        """Mean vector of the known words of each text."""
        return np.stack([each.mean(axis=0) for each in self(texts)])


def keyword_count(texts: Sequence[str], keywords: Sequence[str]) -> Float[np.ndarray, "text 1"]:
    """How many different words of a list occur in each text, where a listed word may be the begin of the one found."""
    found = [set(words_of(text)) for text in texts]
    count = [sum(any(word.startswith(key) for word in words) for key in keywords) for words in found]
    return np.array(count, float)[:, None]


def _counter(**more: Any) -> Any:
    text = require("sklearn.feature_extraction.text", extra="text")
    return text.CountVectorizer(preprocessor=lambda t: cleaned(t).lower(), ngram_range=(1, 2), **more)
