"""Images kept as sparse matrices: in full they are what they were."""

import numpy as np
import pytest

from femtobarn.data.source import InMemory
from femtobarn.data.sparse_images import SparseImages, joined_images
from femtobarn.errors import InputError


def _images(count: int = 23, shape: tuple[int, ...] = (6, 5, 3)) -> np.ndarray:
    draw = np.random.default_rng(count)
    image = draw.exponential(5, (count, *shape)) * (draw.random((count, *shape)) < 0.1)
    return image.astype(np.float32)


def _sparse(count: int = 23) -> SparseImages:
    source = InMemory({"image": _images(count), "n": np.arange(count)})
    return SparseImages.of_source(source, rows=7)


def test_images_in_full_are_those_of_the_source() -> None:
    found, image = _sparse(), _images()
    assert len(found) == 23
    np.testing.assert_array_equal(found.full(), image)
    rows = np.array([4, 2, 2, 20])
    np.testing.assert_array_equal(found.full(rows), image[rows])
    some = found.take(rows)
    np.testing.assert_array_equal(some.full(), image[rows])
    assert some.columns["n"].tolist() == rows.tolist()
    assert found.pixels.nnz == np.count_nonzero(image)


def test_parts_are_joined_with_the_columns_that_all_have() -> None:
    one, other = _sparse(5), SparseImages.of_source(InMemory({"image": _images(4)}))
    both = joined_images([one, other])
    np.testing.assert_array_equal(both.full(), np.concatenate([_images(5), _images(4)]))
    assert not both.columns
    assert joined_images([one, one]).columns["n"].tolist() == [*range(5), *range(5)]


def test_images_of_two_shapes_and_no_images_are_refused() -> None:
    other = SparseImages.of_source(InMemory({"image": _images(4, (2, 2, 3))}))
    with pytest.raises(InputError, match=r"images of one shape, got \(6, 5, 3\), \(2, 2, 3\)"):
        joined_images([_sparse(), other])
    with pytest.raises(InputError, match="at least one event"):
        SparseImages.of_source(InMemory({"image": _images(0)}))
