"""Bands of wavelengths: analytic gains, PyWavelets, sums of bands, the published window; windows of pixels."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from femtobarn.errors import InputError
from femtobarn.losses import FourierBand, HaarBand, Neighbourhood, fourier_band, haar_band, spatial
from femtobarn.losses.spatial_filters import eroded, max_filter, mean_filter


def field(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def gain(wavelength: float, band: FourierBand) -> float:
    """What is left of a wave that is even at the edges: its mirror image continues it, so it is a Fourier mode."""
    pixels = 96
    waves = round(2 * pixels * band.pitch / wavelength)
    assert 2 * pixels * band.pitch / waves == pytest.approx(wavelength)
    wave = torch.cos(math.pi * waves * (torch.arange(pixels, dtype=torch.float64) + 0.5) / pixels).expand(
        48, pixels
    )
    found = fourier_band(wave, band)
    ratio = float((found * wave).sum() / (wave * wave).sum())
    torch.testing.assert_close(found, ratio * wave, rtol=0, atol=1e-9)
    return ratio


def test_gains_of_a_fourier_band() -> None:
    """Half at the cut-offs, 0.886 in the middle, 1/17 a factor of two outside: Butterworth of order 2, in any unit."""
    band = FourierBand(0.1, 0.4, pitch=0.0125, window="none")
    assert gain(0.1, band) == pytest.approx(0.5, abs=0.005)
    assert gain(0.4, band) == pytest.approx(0.5, abs=0.005)
    assert gain(0.2, band) == pytest.approx((16 / 17) ** 2)
    assert max(gain(0.05, band), gain(0.8, band)) < 0.06
    assert gain(0.2, FourierBand(0, 0.4, 0.0125, "none")) == pytest.approx(16 / 17)
    assert gain(0.2, FourierBand(0.02, math.inf, 0.0125, "none")) == pytest.approx(1), (
        "two pixels and less are no cut"
    )


def test_the_published_window_weakens_the_edges() -> None:
    ones = torch.ones(205, 205, dtype=torch.float64)
    found = fourier_band(ones, FourierBand())
    assert float(found[102, 102]) == pytest.approx(1, abs=1e-3)
    assert float(found[0, 102]) == pytest.approx(0.63, abs=0.01)
    assert float(found[0, 0]) == pytest.approx(0.39, abs=0.01)


def test_a_fourier_band_agrees_with_numpy() -> None:
    x = field(13, 10)
    wide, (rows, columns) = np.zeros((39, 30)), np.indices((39, 30))
    wide[13:26, 10:20] = x.numpy()
    far = np.minimum(np.hypot(rows - 19, columns - 14.5) / 19.5, 1)
    wide *= 0.42 + 0.5 * np.cos(np.pi * far) + 0.08 * np.cos(2 * np.pi * far)
    k = np.hypot(np.fft.fftfreq(39, 0.5)[:, None], np.fft.fftfreq(30, 0.5)[None])
    butterworth = 1 / (1 + (3 * k) ** 4) * (1 - 1 / (1 + (9 * k) ** 4))
    expected = np.fft.ifft2(np.fft.fft2(wide) * butterworth).real[13:26, 10:20]
    np.testing.assert_allclose(fourier_band(x, FourierBand(3, 9, pitch=0.5)), expected, atol=1e-12)


def test_squares_of_coefficients_are_squares_of_pixels() -> None:
    """Parseval: around both axes nothing is padded."""
    p, y, around = field(2, 6, 8), field(2, 6, 8, seed=2), (-2, -1)
    band = FourierBand(window="none")
    whole = spatial.fourier_error(p, y, band=band, circular=around)
    assert float(whole) == pytest.approx(float(((p - y) ** 2).sum() / 2))
    parts = [
        spatial.fourier_error(p, y, band=band, part=part, circular=around) for part in ("real", "imaginary")
    ]
    assert float(sum(parts)) == pytest.approx(float(whole))


@given(
    low=st.sampled_from([0, 4, 8, 16]), factor=st.sampled_from([2, 4, math.inf]), seed=st.integers(0, 2**31)
)
def test_a_haar_band_agrees_with_pywavelets(low: float, factor: float, seed: int) -> None:
    """Details of a resolution below low / 2 are zeroed, and the first approximation above high / 2."""
    pywt = pytest.importorskip("pywt")
    high = max(low, 2) * factor
    x = field(32, 32, seed=seed).numpy()
    levels = pywt.wavedec2(x, "haar")  # [coarsest approximation, coarsest details, ..., finest details]
    zero = [tuple(np.zeros_like(d) for d in details) for details in levels[1:]]
    kept, approximation = [], np.zeros_like(levels[0])
    for place, details in enumerate(levels[1:]):
        resolution = 2.0 ** (len(levels) - 2 - place)
        kept.append(details if low / 2 <= resolution <= high / 2 else zero[place])
    if high / 2 >= 32:
        approximation = levels[0]
    expected = pywt.waverec2([approximation, *kept], "haar")
    np.testing.assert_allclose(haar_band(torch.from_numpy(x), HaarBand(low, high)), expected, atol=1e-12)


def test_a_haar_band_is_flat_in_small_blocks_and_has_no_mean_in_large_ones() -> None:
    found = haar_band(field(64, 64), HaarBand(8, 16))
    small = found.reshape(16, 4, 16, 4).movedim(1, 2).flatten(2)
    torch.testing.assert_close(small, small[..., :1].expand_as(small), rtol=0, atol=1e-12)
    large = found.reshape(4, 16, 4, 16).mean(dim=(1, 3))
    assert float(large.abs().max()) < 1e-12


def test_haar_bands_that_follow_on_each_other_add_up() -> None:
    x = field(3, 48, 40)
    bands = [HaarBand(0, 7), HaarBand(8, 31), HaarBand(32, math.inf)]
    torch.testing.assert_close(sum(haar_band(x, band) for band in bands), x)


def test_levels_of_a_small_tile() -> None:
    """A tile of 48 pixels is enlarged to 64: bands of 2 to 32 pixels and no more."""
    assert [HaarBand(low, 2 * low).blocks(48) for low in (2, 4, 8, 16, 32)] == [
        (1, 4), (2, 8), (4, 16), (8, 32), (16, 64),
    ]  # fmt: skip
    assert HaarBand(64, 256).blocks(48) == (32, None), "nothing is that coarse"


@given(seed=st.integers(0, 2**31), radius=st.integers(0, 4))
def test_windows_agree_with_scipy(seed: int, radius: int) -> None:
    x, size = field(2, 9, 7, seed=seed), (1, 2 * radius + 1, 2 * radius + 1)
    mean = ndimage.uniform_filter(x.numpy(), size, mode="constant")
    np.testing.assert_allclose(mean_filter(x, radius), mean, atol=1e-12)
    np.testing.assert_array_equal(
        max_filter(x, radius), ndimage.maximum_filter(x.numpy(), size, mode="constant")
    )
    around = ndimage.maximum_filter(x.numpy(), size, mode=("constant", "constant", "wrap"))
    np.testing.assert_array_equal(max_filter(x, radius, circular=(-1,)), around)
    mask = x > 0.2
    inside = ndimage.binary_erosion(mask.numpy(), np.ones(size), border_value=1)
    np.testing.assert_array_equal(eroded(mask, radius), inside)


def test_filters_that_cannot_be() -> None:
    with pytest.raises(InputError, match="a radius of 0"):
        Neighbourhood(-1)
    with pytest.raises(InputError, match="wavelengths that rise"):
        FourierBand(4, 2)
    with pytest.raises(InputError, match="a pitch above 0"):
        HaarBand(0, 2, pitch=0)
    with pytest.raises(InputError, match="a window of"):
        FourierBand(window="hann")
