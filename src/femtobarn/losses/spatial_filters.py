"""Filters that leave one spatial scale of a map: neighbourhoods of pixels, and bands of wavelengths by Fourier or Haar.

Those of Lagerquist and Ebert-Uphoff 2022 (DOI 10.1175/AIES-D-22-0021.1). Maps are (..., row, column). Axes that close
on themselves, such as the azimuth of a barrel, are named in `circular`: -2 for rows, -1 for columns.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from femtobarn.errors import InputError

_WINDOWS = ("blackman", "none")
_AXES = (-2, -1)


@dataclass(frozen=True)
class Neighbourhood:
    """The square of (2 radius + 1) pixels a side around each pixel."""

    radius: int = 0

    def __post_init__(self) -> None:
        if self.radius < 0:
            raise InputError(f"expected a radius of 0 pixels or more, got {self.radius}")


@dataclass(frozen=True)
class FourierBand:
    """Wavelengths from `shortest` to `longest` by Butterworth gains of order 2, each 0.5 at its cut-off.

    Lengths are in the unit of the pitch of the pixels: mm, degrees, radians. The shortest counts only above two
    pixels, the longest only where it is finite. As published, a map is put into the middle of zeros three times its
    size and multiplied by a Blackman window around its centre, which leaves 0.63 of it in the middle of an edge; with
    the window "none" it is continued by its mirror image and keeps its edges.
    """

    shortest: float = 0.0
    longest: float = math.inf
    pitch: float = 1.0
    window: str = "blackman"

    def __post_init__(self) -> None:
        _check_band(self.shortest, self.longest, self.pitch)
        if self.window not in _WINDOWS:
            raise InputError(f"expected a window of {' or '.join(_WINDOWS)}, got {self.window!r}")


@dataclass(frozen=True)
class HaarBand:
    """Wavelengths from `shortest` to `longest` by Haar wavelets: the difference of two means over blocks.

    Details of half the shortest wavelength and more are kept; the mean over the smallest blocks of 2^k pixels that are
    larger than half the longest wavelength is taken away. `blocks` says which these are.
    """

    shortest: float = 0.0
    longest: float = math.inf
    pitch: float = 1.0

    def __post_init__(self) -> None:
        _check_band(self.shortest, self.longest, self.pitch)

    def blocks(self, side: int) -> tuple[int, int | None]:
        """Pixels a side of the blocks inside which a map of `side` pixels is constant, and of those of zero mean.

        None where nothing is taken away. A map is enlarged to the next power of two by zeros.
        """
        sizes = [2**k for k in range(math.ceil(math.log2(side)) + 1)]
        fine = next((n for n in sizes if n * self.pitch >= self.shortest / 2), sizes[-1])
        return fine, next((n for n in sizes[1:] if n * self.pitch > self.longest / 2), None)


def mean_filter(
    x: Float[Tensor, "*map row column"], radius: int, *, circular: Sequence[int] = ()
) -> Float[Tensor, "*map row column"]:
    """Mean over the neighbourhood of each pixel; what lies outside counts as zero."""
    if radius == 0:
        return x
    wide = _extended(x, radius, circular, 0.0).flatten(0, -3).unsqueeze(1)
    return F.avg_pool2d(wide, 2 * radius + 1, stride=1).reshape(x.shape)


def max_filter(
    x: Float[Tensor, "*map row column"], radius: int, *, circular: Sequence[int] = ()
) -> Float[Tensor, "*map row column"]:
    """Largest value in the neighbourhood of each pixel; what lies outside does not count."""
    if radius == 0:
        return x
    wide = _extended(x, radius, circular, -math.inf).flatten(0, -3).unsqueeze(1)
    return F.max_pool2d(wide, 2 * radius + 1, stride=1).reshape(x.shape)


def eroded(
    mask: Bool[Tensor, "*map row column"], radius: int, *, circular: Sequence[int] = ()
) -> Bool[Tensor, "*map row column"]:
    """Pixels whose whole neighbourhood is in the mask; what lies outside the map counts as inside."""
    return max_filter((~mask).float(), radius, circular=circular) == 0


def fourier_band(
    x: Float[Tensor, "*map row column"], band: FourierBand, *, circular: Sequence[int] = ()
) -> Float[Tensor, "*map row column"]:
    """The map's share of a band, not clipped: it has negative lobes, and its bands add up to it only roughly."""
    rows, columns = x.shape[-2:]
    inside = band.window == "blackman"  # zeros on both sides; a mirror image follows on the map
    first = [
        size * (inside and axis not in circular) for axis, size in zip(_AXES, (rows, columns), strict=True)
    ]
    coefficients = fourier_coefficients(x, band, circular=circular)
    whole = torch.fft.ifft2(coefficients).real
    return whole[..., first[0] : first[0] + rows, first[1] : first[1] + columns]


def fourier_coefficients(
    x: Float[Tensor, "*map row column"], band: FourierBand, *, circular: Sequence[int] = ()
) -> Tensor:
    """Complex coefficients of the padded map after the filter, (..., row, column), in the order of `torch.fft`."""
    _check_axes(circular)
    wide = _padded(x, band, circular)
    if band.window == "blackman":
        wide = _window(wide, circular)
    frequency = [torch.fft.fftfreq(n, band.pitch, dtype=x.dtype, device=x.device) for n in wide.shape[-2:]]
    k = torch.hypot(frequency[0][:, None], frequency[1])
    gain = torch.ones_like(k)
    if math.isfinite(band.longest):
        gain = gain * (1 - 1 / (1 + (k * band.longest) ** 4))
    if band.shortest > 2 * band.pitch:
        gain = gain / (1 + (k * band.shortest) ** 4)
    return torch.fft.fft2(wide) * gain


def haar_band(x: Float[Tensor, "*map row column"], band: HaarBand) -> Float[Tensor, "*map row column"]:
    """The map's share of a band, not clipped; bands that follow on each other add up to the map."""
    rows, columns = x.shape[-2:]
    side = 2 ** math.ceil(math.log2(max(rows, columns)))
    top, left = (side - rows) // 2, (side - columns) // 2
    wide = F.pad(x, (left, side - columns - left, top, side - rows - top))
    fine, coarse = band.blocks(side)
    found = _block_mean(wide, fine)
    if coarse is not None:
        found = found - _block_mean(wide, max(coarse, fine))
    return found[..., top : top + rows, left : left + columns]


def _block_mean(x: Tensor, size: int) -> Tensor:
    rows, columns = x.shape[-2:]
    blocks = x.reshape(*x.shape[:-2], rows // size, size, columns // size, size)
    return blocks.mean(dim=(-3, -1), keepdim=True).expand_as(blocks).reshape(x.shape)


def _extended(x: Tensor, radius: int, circular: Sequence[int], value: float) -> Tensor:
    """The map with `radius` pixels more on every side: of the other side, or of one value."""
    _check_axes(circular)
    if radius < 0:
        raise InputError(f"expected a radius of 0 pixels or more, got {radius}")
    for axis in _AXES:
        if axis in circular:
            around = torch.arange(-radius, x.shape[axis] + radius, device=x.device) % x.shape[axis]
            x = x.index_select(axis, around)
        else:
            x = F.pad(x, (radius, radius) if axis == -1 else (0, 0, radius, radius), value=value)
    return x


def _padded(x: Tensor, band: FourierBand, circular: Sequence[int]) -> Tensor:
    """Axes that do not close on themselves three times as long by zeros, or twice by the mirror image."""
    for axis in _AXES:
        if axis not in circular:
            zero = torch.zeros_like(x)
            x = torch.cat((zero, x, zero) if band.window == "blackman" else (x, x.flip(axis)), dim=axis)
    return x


def _window(x: Tensor, circular: Sequence[int]) -> Tensor:
    """The map times a Blackman window of the distance from its centre, in halves of its longest side."""
    places = [
        torch.zeros(n, dtype=x.dtype, device=x.device) if axis in circular
        else torch.arange(n, dtype=x.dtype, device=x.device) - (n - 1) / 2
        for axis, n in zip(_AXES, x.shape[-2:], strict=True)
    ]  # fmt: skip
    longest = max(
        n for axis, n in zip(_AXES, x.shape[-2:], strict=True) if axis not in circular or len(circular) == 2
    )
    far = (torch.hypot(places[0][:, None], places[1]) / (longest / 2)).clamp(max=1)
    return x * (0.42 + 0.5 * torch.cos(math.pi * far) + 0.08 * torch.cos(2 * math.pi * far))


def _check_axes(circular: Sequence[int]) -> None:
    if not set(circular) <= set(_AXES):
        raise InputError(f"circular axes are -2 (rows) and -1 (columns): got {tuple(circular)}")


def _check_band(shortest: float, longest: float, pitch: float) -> None:
    if not (0 <= shortest < longest and 0 < pitch < math.inf):
        got = f"{shortest:g} to {longest:g} at a pitch of {pitch:g}"
        raise InputError(f"expected wavelengths that rise and a pitch above 0, in one unit: got {got}")
