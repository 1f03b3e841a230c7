import numpy as np
import pytest

from femtobarn.physics import wafer


def test_neighbours_lie_two_apart_and_are_staggered_across_a_seam() -> None:
    d = wafer.distances()
    rhombus = np.arange(48) // 16
    for cell, close in enumerate(wafer.neighbours()):
        for other in close:
            expected = (2.0,) if rhombus[cell] == rhombus[other] else (3.25**0.5, 5.25**0.5)
            assert np.isclose(d[cell, other], expected, atol=1e-12).any()


def test_neighbour_counts_and_largest_distance_are_those_of_the_published_points() -> None:
    assert wafer.distances().max() == pytest.approx(13.757, abs=5e-4)
    counts = [len(c) for c in wafer.neighbours()]
    assert {n: counts.count(n) for n in set(counts)} == {6: 27, 4: 15, 3: 6}


@pytest.mark.parametrize(
    "pair",
    [
        (31, 0),
        (27, 1),
        (23, 2),
        (19, 3),
        (35, 3),
        (34, 7),
        (33, 11),
        (32, 15),
        (35, 19),
        (39, 18),
        (43, 17),
        (47, 16),
    ],
)
def test_published_seams(pair: tuple[int, int]) -> None:
    assert wafer.distances()[pair] == pytest.approx(1.803, abs=1e-3)


@pytest.mark.parametrize("layout", [wafer.image_8x8, wafer.image_8x8_published, wafer.image_4x4x3])
def test_each_layout_holds_every_cell_once(layout) -> None:
    cells = layout().ravel()
    assert sorted(cells[cells >= 0]) == list(range(48))


def test_published_layout_keeps_most_neighbours() -> None:
    image = wafer.image_8x8_published()
    d = wafer.distances()
    for a, b in ((image[:, :-1], image[:, 1:]), (image[:-1], image[1:])):
        both = (a >= 0) & (b >= 0)
        assert np.all(d[a[both], b[both]] <= 2.0 + 1e-12)


def test_distance_is_a_metric() -> None:
    d = wafer.distances()
    assert np.all(np.diag(d) == 0)
    assert np.array_equal(d, d.T)
    assert np.all(d[:, :, None] <= d[:, None, :] + d.T[None, :, :].transpose(0, 2, 1) + 1e-12)


def test_geometry_cannot_be_changed_by_a_caller() -> None:
    with pytest.raises(ValueError, match="read-only"):
        wafer.positions()[0] = 0
