"""Photographs of sensors: millimetres, what repeats and what does not, defects where they are said to be."""

import numpy as np
import pytest

from femtobarn.errors import InputError
from femtobarn.simulate.sensor_images import (
    CONTRAST,
    DEFECTS,
    Camera,
    Layout,
    inside,
    photograph,
    scan_positions,
)
from femtobarn.simulate.sensor_scans import ScanPlan, Sensors, sensor_scans

SMALL = Camera(rows=200, columns=280)
STILL = Camera(
    rows=400, columns=1400, jitter=0.0, rotation=0.0, illumination=0.0, mottle=0.0, blur=0.0, noise=0.0
)


def _draw(*seed: int) -> np.random.Generator:
    return np.random.default_rng(list(seed))


def test_a_scan_covers_the_sensor_with_the_number_of_photographs_of_the_real_one() -> None:
    """A published scan of the 198-channel sensor has 368 photographs (arXiv:2303.15319, code)."""
    positions = scan_positions(Camera())
    assert abs(len(positions) - 368) < 15
    area = len(positions) * 9.6 * 6.8
    assert area == pytest.approx(np.sqrt(3) / 2 * 166.6**2, rel=0.03)
    assert (inside(positions, 166.6) > 0).all()
    real = scan_positions(Camera(rows=2720, columns=3840, pixel=0.0025))
    np.testing.assert_allclose(real, positions)


def test_pads_are_11_8_mm_wide_with_gaps_of_60_micrometres() -> None:
    image = photograph(np.zeros(2), generator=_draw(1), camera=STILL).image
    row = image[200, :]  # through the middle of a pad: y = 0.005 mm
    dark = np.flatnonzero(row < 0.3)
    x = (dark - 699.5) * 0.010
    assert x.min() == pytest.approx(-5.93, abs=0.011)
    assert x.max() == pytest.approx(5.93, abs=0.011)
    assert len(dark) == pytest.approx(2 * 6, abs=2)
    fine = photograph(np.zeros(2), generator=_draw(1), camera=STILL, layout=Layout(gap=0.12)).image
    assert (fine[200] < 0.3).sum() == pytest.approx(2 * 12, abs=2)


def test_another_pixel_shows_the_same_sensor() -> None:
    coarse = photograph(np.array([3.0, 2.0]), generator=_draw(1), camera=STILL).image
    fine_camera = Camera(**{**vars(STILL), "rows": 800, "columns": 2800, "pixel": 0.005})
    fine = photograph(np.array([3.0, 2.0]), generator=_draw(1), camera=fine_camera).image
    averaged = fine.reshape(400, 2, 1400, 2).mean(axis=(1, 3))
    assert np.abs(averaged - coarse).mean() < 0.003


def test_the_same_position_of_two_sensors_looks_the_same_and_another_does_not() -> None:
    a, b = (photograph(np.array([28.8, 34.0]), generator=_draw(1, i), camera=SMALL).image for i in (1, 2))
    other = photograph(np.array([57.6, 34.0]), generator=_draw(1, 3), camera=SMALL).image
    same, unlike = (np.corrcoef(a.ravel(), each.ravel())[0, 1] for each in (b, other))
    assert same > unlike + 0.2
    assert not np.array_equal(a, b)
    again = photograph(np.array([28.8, 34.0]), generator=_draw(1, 1), camera=SMALL).image
    np.testing.assert_array_equal(a, again)


def test_beside_the_sensor_it_is_dark() -> None:
    found = photograph(np.array([0.0, -83.3]), generator=_draw(4), camera=Camera())
    assert 0.4 < found.on_sensor.mean() < 0.6
    assert found.image[~found.on_sensor].mean() < 0.5 * found.image[found.on_sensor].mean()


@pytest.mark.parametrize("kind", DEFECTS)
@pytest.mark.parametrize("level", list(CONTRAST))
def test_a_defect_changes_the_image_where_it_is_said_to_be(kind: str, level: str) -> None:
    camera = Camera(**{**vars(STILL), "rows": 300, "columns": 300})
    clean = photograph(np.array([2.0, 0.0]), generator=_draw(5), camera=camera).image
    low, high = CONTRAST[level][kind]
    for seed in range(5):
        found = photograph(
            np.array([2.0, 0.0]), generator=_draw(seed), camera=camera, defect=kind, level=level
        )
        change = np.abs(found.image - clean)
        assert found.defect.any()
        assert found.defect.sum() < 0.4 * found.defect.size
        assert change[~found.defect].max() <= 0.3 * high + 1e-6
        assert 0.3 * low - 1e-6 <= change[found.defect].max() <= high + 1e-6


def test_reflectivity_is_that_of_the_pads() -> None:
    one, two = (
        photograph(np.zeros(2), generator=_draw(1), camera=STILL, reflectivity=r).image for r in (1.0, 1.1)
    )
    np.testing.assert_allclose(two, 1.1 * one, rtol=1e-5)


def test_what_cannot_be_photographed() -> None:
    with pytest.raises(InputError, match="did you mean scratch"):
        photograph(np.zeros(2), generator=_draw(1), camera=SMALL, defect="scatch")
    with pytest.raises(InputError, match="no level"):
        photograph(np.zeros(2), generator=_draw(1), camera=SMALL, defect="dust", level="faint")
    with pytest.raises(InputError, match="beside it"):
        photograph(np.array([200.0, 0.0]), generator=_draw(1), camera=SMALL, defect="dust")
    with pytest.raises(InputError, match="16 pixels or more"):
        Camera(rows=3)


def test_scans_are_the_same_however_they_are_made() -> None:
    plan = ScanPlan(Camera(rows=80, columns=80), positions=2, clean=5, strong=2, weak=2)
    one = sensor_scans(plan, seed=1, workers=1)
    assert len(one) == 18
    assert one.clean.sum() == 10
    assert set(one.level) == {"", "strong", "weak"}
    alone = ScanPlan(Camera(rows=80, columns=80), positions=2, clean=1, first=3)
    two = sensor_scans(alone, seed=1, workers=1)
    np.testing.assert_array_equal(two.images[0], one.images[6])  # sensor 3, the first of its positions
    other = sensor_scans(plan, seed=2, workers=1)
    assert not np.array_equal(other.images[0], one.images[0])
    with pytest.raises(InputError, match="whole patches"):
        ScanPlan(Camera(rows=90, columns=80))


def test_samples_have_no_sensor_in_common() -> None:
    plans = Sensors().plans(ScanPlan())
    sensors = [{sensor for sensor, *_ in plan.photographs()} for plan in plans.values()]
    assert sum(map(len, sensors)) == len(set.union(*sensors))
