"""Weights of words against scikit-learn, word vectors, regressions that can be kept, and networks on tokens."""

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer

from femtobarn.datasets.disaster_messages import stand_in
from femtobarn.errors import InputError
from femtobarn.evaluation.text import models as text_models
from femtobarn.evaluation.text.features import TfIdf, WordVectors, keyword_count
from femtobarn.evaluation.text.linear import KEYWORDS, VECTORS, LinearText
from femtobarn.evaluation.text.linear import TFIDF as TERMS
from femtobarn.evaluation.text.models import NETWORKS, Classifier, Fitting, Texts
from femtobarn.nn.text_encoder import TextLayer
from femtobarn.nn.text_reader import TextStates

MADE = stand_in(150, seed=1)
OTHER = stand_in(60, seed=2)


def test_weights_of_words_agree_with_scikit_learn() -> None:
    peer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2).fit(MADE.text)
    own = TfIdf.fitted(MADE.text)
    assert own.terms == peer.get_feature_names_out().tolist()
    texts = [*OTHER.text, "", "nothing that was met before xyz"]
    np.testing.assert_allclose(own(texts).toarray(), peer.transform(texts).toarray(), atol=1e-12)


def test_a_word_of_one_text_alone_is_kept_nowhere() -> None:
    texts = [*MADE.text, "my number is 5550123"]
    assert not any("5550123" in term for term in TfIdf.fitted(texts).terms)
    assert "5550123" not in WordVectors.fitted(texts, size=8).words


def test_known_words_tell_another_language() -> None:
    own = TfIdf.fitted(MADE.text)
    known, foreign, empty = own.known(["please send water", "nous avons besoin d'eau", ""])
    assert known == 1
    assert foreign < 0.3
    assert empty == 0


def test_words_that_stand_in_each_others_place_have_like_vectors() -> None:
    found = WordVectors.fitted(stand_in(400, seed=3).text, size=20)
    unit = found.vectors / np.linalg.norm(found.vectors, axis=1, keepdims=True)
    near = unit @ unit[found.words.index("mother")]
    ranked = [found.words[i] for i in np.argsort(-near)[1:6]]
    assert {"brother", "daughter", "neighbour", "uncle"} & set(ranked)
    again = WordVectors.fitted(stand_in(400, seed=3).text, size=20)
    np.testing.assert_allclose(again.vectors, found.vectors, atol=1e-5)
    np.testing.assert_array_equal(found(["xyzzy"])[0], np.zeros((1, 20)))
    with pytest.raises(InputError, match="more than 900 words"):
        WordVectors.fitted(MADE.text, size=900)


def test_keywords_count_once_and_by_their_begin() -> None:
    found = keyword_count(["Water, water and tents", "nothing"], ["water", "tent", "help"])
    np.testing.assert_array_equal(found, [[2], [0]])


@pytest.mark.parametrize("kinds", [(), (KEYWORDS,), (TERMS,), (VECTORS,), (TERMS, VECTORS)])
def test_a_regression_is_what_was_kept_of_it(kinds: tuple[str, ...]) -> None:
    fitted = LinearText.fitted(kinds, MADE.text, None, MADE.label, keywords=("please", "need"), size=16)
    logit = fitted.logit(OTHER.text, None)
    np.testing.assert_array_equal(LinearText.from_content(fitted.content()).logit(OTHER.text, None), logit)
    if not kinds:
        np.testing.assert_allclose(1 / (1 + np.exp(-logit)), MADE.label.mean())
    else:
        assert logit[OTHER.label].mean() > logit[~OTHER.label].mean()


def test_one_class_and_missing_states_are_refused() -> None:
    with pytest.raises(InputError, match="both classes, got 150 positive of 150"):
        LinearText.fitted((TERMS,), MADE.text, None, np.ones(150, bool))
    with pytest.raises(InputError, match="states of an encoder"):
        LinearText.fitted(("encoder",), MADE.text, None, MADE.label)
    with pytest.raises(InputError, match="no word occurs in two"):
        TfIdf.fitted(["one word", "another text"])


def states_of(texts: list[str], labels: np.ndarray) -> TextStates:
    """States in which one number of one token tells the class."""
    draw = np.random.default_rng(1)
    rows = [draw.normal(size=(len(text) % 5 + 2, 8)).astype(np.float32) for text in texts]
    for row, label in zip(rows, labels, strict=True):
        row[draw.integers(len(row)), 3] = 6.0 if label else -6.0
    return TextStates(rows, rows, np.stack([row.mean(axis=0) for row in rows]))


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_learn_and_are_built_again(name: str) -> None:
    texts, other = (Texts(some.text, states_of(some.text, some.label)) for some in (MADE, OTHER))
    torch.manual_seed(1)
    last = torch.nn.ModuleList([TextLayer(8, heads=2, inner=16)])
    before = last[0].query.weight.clone()
    settings = Fitting(vector=8, epochs=6, head_epochs=6, lr=1e-3, head_lr=1e-2, batch=16)
    made = text_models.fit(name, texts, MADE.label, last, settings, seed=1)
    assert made.losses[-1] < made.losses[0]
    logit = made.logit(other)
    assert ((logit > 0) == OTHER.label).mean() > 0.75
    torch.testing.assert_close(
        last[0].query.weight, before, rtol=0, atol=0
    )  # folds start from the same layers
    assert made.network is not None
    fresh = text_models.untrained(**text_models.shape(made.network, name))
    fresh.load_state_dict(made.network.state_dict())
    np.testing.assert_allclose(Classifier.again(made.kept(), fresh.eval()).logit(other), logit, atol=1e-5)
    rerun = text_models.fit(name, texts, MADE.label, last, settings, seed=1).logit(other)
    np.testing.assert_array_equal(rerun, logit)


def test_a_mean_is_of_probabilities() -> None:
    one, two = np.array([0.0, 3.0, -20.0]), np.array([2.0, -3.0, -40.0])
    p = 1 / (1 + np.exp(-text_models.mean_logit([one, two])))
    np.testing.assert_allclose(
        p, (1 / (1 + np.exp(-one)) + 1 / (1 + np.exp(-two))) / 2, rtol=1e-9, atol=1e-11
    )
