"""Shower shapes against slow loops, closed forms and symmetries; the angle of straight tracks."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from femtobarn.errors import InputError
from femtobarn.physics.calorimeter_cells import (
    ECAL_CELL,
    FEATURES,
    NO_ANGLE,
    SAMPLING_WEIGHTS,
    centred,
    ecal_depths,
    features,
    hcal_depths,
    r9,
    shower_angle,
    subjettiness,
)


def _showers(count: int, seed: int = 0, size: int = 9) -> tuple[np.ndarray, np.ndarray]:
    """Sparse random windows."""
    generator = np.random.default_rng(seed)
    ecal = generator.exponential(1.0, (count, size, size, 25)) * (
        generator.random((count, size, size, 25)) < 0.1
    )
    hcal = generator.exponential(1.0, (count, 11, 11, 60)) * (generator.random((count, 11, 11, 60)) < 0.02)
    return ecal, hcal


def _slow(ecal: np.ndarray, hcal: np.ndarray) -> dict[str, float]:
    """The same by loops over the cells of one shower."""
    out: dict[str, float] = {}
    for part, cells in (("ECAL", ecal), ("HCAL", hcal)):
        filled = [(index, cells[index]) for index in np.ndindex(cells.shape) if cells[index] > 0]
        total = sum(value for _, value in filled)
        out[f"{part}_E"] = total
        out[f"{part}_nHits"] = sum(value > 0.1 for _, value in filled)
        layers = [sum(value for index, value in filled if index[2] == layer) for layer in (0, 1)]
        out[f"{part}_ratioFirstLayerToTotalE"] = layers[0] / total
        out[f"{part}_ratioFirstLayerToSecondLayerE"] = layers[0] / layers[1]
        for axis, name in enumerate("XYZ"):
            mean = sum(index[axis] * value for index, value in filled) / total
            out[f"{part}moment{name}1"] = mean
            for order in range(2, 7):
                moment = sum((index[axis] - mean) ** order * value for index, value in filled) / total
                out[f"{part}moment{name}{order}"] = math.copysign(abs(moment) ** (1 / order), moment)
    out["HCAL_ECAL_ERatio"] = out["HCAL_E"] / out["ECAL_E"]
    out["HCAL_ECAL_nHitsRatio"] = out["HCAL_nHits"] / out["ECAL_nHits"]
    image, n = ecal.sum(axis=2), ecal.shape[0]
    best = 0.0
    for x in range(n):
        for y in range(n):
            block = image[max(x - 1, 0) : x + 2, max(y - 1, 0) : y + 2]
            best = max(best, block.sum())
    out["R9"] = best / out["ECAL_E"]
    return out


def test_features_equal_a_slow_reference() -> None:
    ecal, hcal = _showers(20)
    table = features(ecal, hcal)
    assert table.shape == (20, len(FEATURES))
    for row in range(20):
        expected = _slow(ecal[row], hcal[row])
        for name, value in expected.items():
            assert table[row, FEATURES.index(name)] == pytest.approx(value, rel=1e-9, abs=1e-9), name


def test_tau_one_is_the_mean_distance_from_the_barycentre() -> None:
    image = _showers(6, seed=3)[0].sum(axis=3)
    x, y = np.indices(image.shape[1:])
    for row, each in zip(subjettiness(image), image, strict=True):
        cx, cy = (each * x).sum() / each.sum(), (each * y).sum() / each.sum()
        assert row[0] == pytest.approx((each * np.hypot(x - cx, y - cy)).sum() / each.sum())
        assert row[0] >= row[1] >= row[2]


def test_two_photons_have_no_tau_two() -> None:
    image = np.zeros((1, 25, 25))
    image[0, 8, 8], image[0, 15, 14] = 2.0, 1.0
    tau = subjettiness(image)[0]
    assert tau[1:] == pytest.approx(0)
    assert tau[0] == pytest.approx(2 * 2 / 3 * 1 / 3 * math.hypot(7, 6))


def test_an_empty_shower_has_features() -> None:
    table = features(np.zeros((2, 9, 9, 25)), np.zeros((2, 11, 11, 60)))
    assert not table.any()
    ecal, hcal = _showers(3)
    late = features(np.zeros_like(ecal), hcal)
    assert np.isfinite(late).all()
    assert (late[:, FEATURES.index("HCAL_ECAL_ERatio")] == 1000).all()


@given(seed=st.integers(0, 1000))
def test_a_mirror_changes_odd_moments_alone(seed: int) -> None:
    ecal, hcal = _showers(2, seed)
    one, two = features(ecal, hcal), features(ecal[:, ::-1], hcal[:, ::-1])
    for name, a, b in zip(FEATURES, one.T, two.T, strict=True):
        if name.startswith("tau"):
            continue  # its axes start at a cell, of which several may be as good
        if name in ("ECALmomentX1", "HCALmomentX1"):
            np.testing.assert_allclose(a + b, 8 if name[0] == "E" else 10)
        else:
            odd = "momentX" in name and name[-1] in "35"
            np.testing.assert_allclose(b, -a if odd else a, rtol=1e-7, atol=1e-6)


def test_r9_of_a_point_and_of_a_plane() -> None:
    image = np.zeros((2, 9, 9))
    image[0, 0, 0] = 3.0
    image[1] = 1.0
    np.testing.assert_allclose(r9(image), [1.0, 9 / 81])


@pytest.mark.parametrize("degrees", [60, 70, 80, 90, 95, 110, 120])
def test_the_angle_of_a_straight_track_is_found(degrees: float) -> None:
    ecal = torch.zeros(1, 51, 51, 25, dtype=torch.float64)
    slope = math.tan(math.pi / 2 - math.radians(degrees))
    depths = ecal_depths()
    for layer, depth in enumerate(depths):
        # a track shares its energy between the two nearest cells, as a shower does
        place = 25 + slope * (depth - depths[12]) / ECAL_CELL
        low = math.floor(place)
        ecal[0, 25, low, layer], ecal[0, 25, low + 1, layer] = low + 1 - place, place - low
    assert math.degrees(float(shower_angle(ecal)[0])) == pytest.approx(degrees, abs=1)


def test_an_empty_event_has_no_angle_and_no_nan() -> None:
    ecal = torch.zeros(3, 9, 9, 25, dtype=torch.float64)
    ecal[1, 4, 4] = 1.0
    ecal[2, 4, 4, 7] = 1.0  # one layer
    ecal.requires_grad_(True)
    angle = shower_angle(ecal)
    assert float(angle[0].detach()) == NO_ANGLE
    assert float(angle[1].detach()) == pytest.approx(math.pi / 2)
    torch.autograd.backward(angle[1:].sum())
    assert ecal.grad is not None
    assert torch.isfinite(ecal.grad).all()


def test_the_stack_is_as_deep_as_the_detector() -> None:
    assert ecal_depths()[-1] == pytest.approx(137, abs=2)  # CLIC's ECAL: 139 mm
    assert np.diff(hcal_depths()) == pytest.approx(26.5)
    assert SAMPLING_WEIGHTS.tolist() == [1.0] * 17 + [2.0] * 8


def test_the_middle_of_a_window() -> None:
    ecal, _ = _showers(2)
    np.testing.assert_array_equal(centred(ecal, 5), ecal[:, 2:7, 2:7])
    with pytest.raises(InputError, match="odd number"):
        centred(ecal, 4)
