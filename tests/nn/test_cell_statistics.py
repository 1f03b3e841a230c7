"""Statistics of cells: by hand, and what light and place do to them."""

import numpy as np
import torch
from scipy.ndimage import uniform_filter

from femtobarn.nn.cell_statistics import STATISTICS, cell_statistics


def test_the_statistics_are_those_of_their_cell() -> None:
    image = np.random.default_rng(1).random((64, 96)).astype(np.float32)
    found = cell_statistics(torch.from_numpy(image)[None], 8)[0].numpy()
    assert found.shape == (len(STATISTICS), 8, 12)
    even = image / (uniform_filter(image, 25) + 0.05)
    inner = even[32:40, 40:48]  # far from the rim
    expected = inner.mean(), inner.std(ddof=1), inner.max(), inner.min()
    np.testing.assert_allclose(found[:4, 4, 5], expected, rtol=1e-4)
    steep = np.hypot(*np.gradient(uniform_filter(even, 3)))
    expected = steep.reshape(8, 8, 12, 8).mean(axis=(1, 3))[2:6, 2:10]
    assert np.corrcoef(found[5, 2:6, 2:10].ravel(), expected.ravel())[0, 1] > 0.5


def test_more_light_changes_little() -> None:
    image = 0.4 + 0.2 * torch.rand(1, 80, 80, generator=torch.Generator().manual_seed(2))
    one, two = (cell_statistics(image * light, 8) for light in (1.0, 1.3))
    torch.testing.assert_close(one, two, rtol=0.05, atol=0.01)


def test_images_do_not_see_each_other() -> None:
    images = torch.rand(3, 40, 40)
    torch.testing.assert_close(cell_statistics(images, 8)[1:2], cell_statistics(images[1:2], 8))
