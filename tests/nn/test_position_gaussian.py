"""What is usual at a position: exact moments, the common variance, storing, refusals."""

import numpy as np
import pytest
import torch

from femtobarn.errors import InputError
from femtobarn.nn import PositionGaussian


def _learned(count: int = 6, *, prior: float = 4.0) -> tuple[PositionGaussian, np.ndarray]:
    draw = np.random.default_rng(1)
    rows = draw.normal(size=(2, count, 3, 4, 5)) * np.array([1.0, 2.0, 3.0])[:, None, None]
    usual = PositionGaussian(prior=prior)
    for image in range(count):
        for position in range(2):
            usual.add(torch.from_numpy(rows[position, image]), 10 + position)
    return usual, rows


def test_deviations_are_from_mean_and_shrunk_variance() -> None:
    usual, rows = _learned()
    x = np.random.default_rng(2).normal(size=(3, 4, 5))
    own = rows.var(axis=1, ddof=1)
    common = own.mean(axis=(0, 2, 3))[:, None, None]
    variance = (5 * own[1] + 4 * common) / (5 + 4)
    expected = (x - rows[1].mean(axis=0)) / np.sqrt(variance)
    np.testing.assert_allclose(usual.deviation(torch.from_numpy(x), 11), expected, rtol=1e-10)
    score = np.sqrt((expected**2).mean(axis=0))
    np.testing.assert_allclose(usual.score(torch.from_numpy(x), 11), score, rtol=1e-10)


def test_images_that_follow_what_was_learned_deviate_by_one() -> None:
    usual, _ = _learned(200, prior=0.01)
    draw = torch.randn(400, 3, 4, 5, dtype=torch.float64) * torch.tensor([1.0, 2.0, 3.0])[:, None, None]
    spread = torch.stack([usual.deviation(each, 10) for each in draw]).std()
    assert spread.item() == pytest.approx(1, abs=0.03)


def test_the_order_of_images_does_not_matter_and_a_large_offset_does_no_harm() -> None:
    _, rows = _learned()
    one, two = PositionGaussian(), PositionGaussian()
    for image in range(6):
        one.add(torch.from_numpy(rows[0, image]) + 1e6, 0)
        two.add(torch.from_numpy(rows[0, 5 - image]) + 1e6, 0)
    x = torch.zeros(3, 4, 5, dtype=torch.float64) + 1e6
    plain = PositionGaussian()
    for image in range(6):
        plain.add(torch.from_numpy(rows[0, image]), 0)
    torch.testing.assert_close(one.score(x, 0), two.score(x, 0))
    torch.testing.assert_close(one.score(x, 0), plain.score(x - 1e6, 0), rtol=1e-6, atol=1e-6)


def test_what_is_stored_is_what_was_learned() -> None:
    usual, rows = _learned()
    again = PositionGaussian.from_tensors(usual.tensors())
    x = torch.from_numpy(rows[0, 0])
    torch.testing.assert_close(again.score(x, 10), usual.score(x, 10), rtol=0, atol=0)
    again.add(x, 12)  # and may learn on
    assert sorted(again.count) == [10, 11, 12]


def test_learning_more_changes_the_score_at_once() -> None:
    usual, rows = _learned()
    x = torch.from_numpy(rows[0, 0])
    before = usual.score(x, 10)
    usual.add(100 * torch.ones_like(x), 11)  # only the common variance grows
    assert (usual.score(x, 10) < before).all()


def test_what_was_not_learned_is_refused() -> None:
    usual, rows = _learned()
    x = torch.from_numpy(rows[0, 0])
    with pytest.raises(InputError, match="position 3 was not learned; known are 10, 11"):
        usual.score(x, 3)
    with pytest.raises(InputError, match="expected features"):
        usual.add(x[:2], 10)
    alone = PositionGaussian()
    alone.add(x, 0)
    with pytest.raises(InputError, match="two clean images"):
        alone.score(x, 0)
    with pytest.raises(InputError, match="prior above 0"):
        PositionGaussian(prior=0)
