"""Power and coherence of windows against a brute force, and what they must not depend on."""

import numpy as np
import pytest

from femtobarn.errors import InputError
from femtobarn.physics.coherence import coherence, windowed, windowed_power

RATE = 256.0


def _noise(events: int, samples: int = 200, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(events, 2, samples)).astype(np.float32)


def test_every_number_is_the_largest_over_places_and_lags() -> None:
    strain, length, shift = _noise(3), 16, 4
    found = coherence(strain, rate=RATE, windows=(length / RATE,), lag=shift / RATE)
    for h, other, separate, together, coherent, correlation in zip(
        strain[:, 0].astype(float), strain[:, 1].astype(float), *(each for each in found[:4]), strict=True
    ):
        places = range(0, 200 - length + 1, length // 4)
        power = [[np.mean(x[t : t + length] ** 2) for t in places] for x in (h, other)]
        assert separate[:, 0] == pytest.approx(np.max(power, axis=1), rel=1e-5)
        assert together[0] == pytest.approx(np.mean(power, axis=0).max(), rel=1e-5)
        best, common = 0.0, 0.0
        for late in range(-shift, shift + 1):
            for t in range(max(0, -late), min(200, 200 - late) - length + 1, length // 4):
                a, b = h[t : t + length], other[t + late : t + late + length]
                best = max(best, *(np.mean((a + sign * b) ** 2) / 2 for sign in (1, -1)))
                common = max(common, abs(np.mean(a * b)))
        assert coherent[0] == pytest.approx(best, rel=1e-5)
        assert correlation[0] == pytest.approx(common, rel=1e-4)


def test_the_same_wave_is_found_at_any_delay_and_sign() -> None:
    quiet = np.zeros((1, 2, 400), np.float32)
    time = np.arange(40)
    burst = (3 * np.sin(time) * np.hanning(40)).astype(np.float32)
    found = []
    for late, sign in ((0, 1), (2, 1), (-2, -1), (2, -1)):
        strain = quiet.copy()
        strain[0, 0, 160:200] += burst
        strain[0, 1, 160 + late : 200 + late] += sign * burst
        found.append(coherence(strain, rate=RATE, windows=(0.125,), lag=0.011))
    for each in found:
        assert each.coherent[0, 0] == pytest.approx(2 * each.together[0, 0], rel=0.1)
        assert each.correlation[0, 0] == pytest.approx(found[0].correlation[0, 0], rel=0.05)
        assert abs(int(each.peak[0, 0]) - 180) <= 12


def test_what_one_detector_sees_alone_is_not_common() -> None:
    strain = np.zeros((1, 2, 400), np.float32)
    strain[0, 0, 180:220] = 5
    found = coherence(strain, rate=RATE, windows=(0.125,))
    assert found.correlation.max() == 0
    assert found.separate[0, 0, 0] > 5


def test_noise_has_power_one() -> None:
    power = windowed_power(_noise(200), 50)
    assert power.shape == (200, 2, 4)
    assert power.mean() == pytest.approx(1, abs=0.02)
    np.testing.assert_allclose(windowed(_noise(2), 60)[1, 0, 2], _noise(2)[1, 0, 120:180])


@pytest.mark.parametrize("windows", [(), (2.0,), (0.001,)])
def test_windows_that_do_not_fit(windows: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="expected windows"):
        coherence(_noise(1), rate=RATE, windows=windows)
    with pytest.raises(InputError, match="expected a window"):
        windowed(_noise(1), 201)
