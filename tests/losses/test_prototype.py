"""Nearest class means: closed forms, scikit-learn, order and labels."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from femtobarn.errors import InputError
from femtobarn.losses import prototype_logits, prototype_loss, prototypes

DRAW = torch.Generator().manual_seed(1)
SUPPORT, LABEL = torch.randn(9, 4, generator=DRAW), torch.arange(9) % 3
QUERY, WANTED = torch.randn(20, 4, generator=DRAW), torch.arange(20) % 3


def test_the_nearest_mean_is_that_of_scikit_learn() -> None:
    neighbours = pytest.importorskip("sklearn.neighbors")
    known = neighbours.NearestCentroid().fit(SUPPORT.numpy(), LABEL.numpy())
    means = prototypes(SUPPORT, LABEL, 3)
    np.testing.assert_allclose(means.numpy(), known.centroids_, rtol=1e-5)
    np.testing.assert_array_equal(prototype_logits(QUERY, means).argmax(dim=1), known.predict(QUERY.numpy()))


def test_new_labels_change_answers_and_not_the_loss() -> None:
    turn = torch.tensor([2, 0, 1])
    torch.testing.assert_close(
        prototype_loss(SUPPORT, LABEL, QUERY, WANTED),
        prototype_loss(SUPPORT, turn[LABEL], QUERY, turn[WANTED]),
    )
    order = torch.randperm(9, generator=DRAW)
    torch.testing.assert_close(prototypes(SUPPORT[order], LABEL[order], 3), prototypes(SUPPORT, LABEL, 3))


def test_the_loss_of_queries_far_and_near() -> None:
    means = torch.eye(3) * 100
    assert float(prototype_loss(means, torch.arange(3), means, torch.arange(3))) < 1e-6
    same = torch.zeros(3, 5)
    assert float(prototype_loss(same, torch.arange(3), same, torch.arange(3))) == pytest.approx(
        np.log(3), rel=1e-6
    )
    logits = prototype_logits(QUERY, prototypes(SUPPORT, LABEL, 3))
    torch.testing.assert_close(prototype_loss(SUPPORT, LABEL, QUERY, WANTED), cross_entropy(logits, WANTED))


def test_gradients_are_right() -> None:
    support, query = SUPPORT.double().requires_grad_(), QUERY.double().requires_grad_()
    assert torch.autograd.gradcheck(lambda s, q: prototype_loss(s, LABEL, q, WANTED), (support, query))


def test_missing_classes_and_labels_are_refused() -> None:
    with pytest.raises(InputError, match=r"an example of each of 4 classes, got \[3, 3, 3, 0\]"):
        prototypes(SUPPORT, LABEL, 4)
    with pytest.raises(InputError, match="a label from 0 to 1 for each of 9"):
        prototypes(SUPPORT, LABEL, 2)
