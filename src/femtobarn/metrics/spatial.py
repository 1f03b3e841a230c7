"""Maps of probabilities judged at several scales at once, from sums over blocks that may be added and drawn again.

`spatial_sums` cuts every map in blocks and keeps of each the sums that all scores are made of; `spatial_scores` makes
the scores of any choice of blocks. So one table has the scores, a bootstrap of blocks their errors, and a pair of
methods on the same blocks the error of a gain.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int, Real, Shaped
from scipy import ndimage

from femtobarn.errors import InputError
from femtobarn.metrics._samples import Array, flags, numpy

Maps = Real[Array, "map row column"]

_FINE = 8  # pixels, the longest wavelength that counts as detail
_BINS = 20  # of the reliability


class SpatialSums(NamedTuple):
    """Sums over the known pixels of each block, in float64."""

    radii: tuple[int, ...]
    off: Float[np.ndarray, "block radius"]
    """(y - p)^2 of the means over neighbourhoods."""
    size: Float[np.ndarray, "block radius"]
    """y^2 + p^2 of them."""
    table: Float[np.ndarray, "block 6"]
    """Pixels; y; p; yp; and p and yp with the prediction cut at the threshold."""
    squared: Float[np.ndarray, "block"]
    """(y - p)^2."""
    detail: Float[np.ndarray, "block 2"]
    """Spectral power at wavelengths up to 8 pixels, of p and of y."""
    bins: Float[np.ndarray, "block 3 bin"]
    """Pixels, p and y by p."""

    def take(self, blocks: Int[np.ndarray, "some"]) -> "SpatialSums":
        """The sums of these blocks, which may come more than once."""
        return SpatialSums(self.radii, *(each[blocks] for each in self[1:]))


def spatial_sums(
    prediction: Maps,
    target: Maps,
    known: Shaped[Array, "map row column"] | None = None,
    *,
    radii: Sequence[int] = (0, 1, 2, 4, 8),
    block: int = 64,
    threshold: float = 0.5,
    circular: Sequence[int] = (),
) -> SpatialSums:
    """What all scores of the maps are made of, one row a block, block by block and map after map.

    Args:
        prediction, target: Maps in [0, 1].
        known: Pixels that count; a neighbourhood counts where all of it within the map is known.
        radii: Half-widths of the neighbourhoods, in pixels.
        block: Pixels a side; what is left over at the end of an axis joins the last block.
        threshold: Of the prediction, for scores of a yes or no.
        circular: Axes that close on themselves, -2 or -1.

    Raises:
        InputError: Maps of two shapes, or not in [0, 1] where they are known.
    """
    prediction, target = numpy(prediction), numpy(target)
    inside = np.ones(target.shape, bool) if known is None else flags(known, "pixels")
    if not prediction.shape == target.shape == inside.shape:
        got = f"{prediction.shape}, {target.shape}, {inside.shape}"
        raise InputError(f"expected a prediction, a target and a mask of one shape, got {got}")
    p, y = (np.where(inside, each, 0).astype(np.float64) for each in (prediction, target))
    if not all((each >= 0).all() and (each <= 1).all() for each in (p, y)):
        raise InputError("expected maps in [0, 1] where they are known, got others")
    cut = _Blocks(target.shape[1:], block)
    mode = tuple("wrap" if axis in circular else "constant" for axis in (-2, -1))
    off, size = zip(*(_fractions(p, y, inside, radius, mode, cut) for radius in radii), strict=True)
    hard = (p >= threshold) & inside
    cells = (inside, y, p, y * p, hard, y * hard)
    return SpatialSums(
        tuple(radii),
        np.stack(off, axis=1),
        np.stack(size, axis=1),
        np.stack([cut.sums(cell) for cell in cells], axis=1),
        cut.sums((p - y) ** 2),
        np.stack([cut.powers(each) for each in (p, y)], axis=1),
        _binned(p, y, inside, cut),
    )


def spatial_scores(sums: SpatialSums) -> dict[str, float]:
    """The scores of all blocks together, NaN where there is nothing to divide by.

    "FSS R" for each half-width R; "CSI", soft; "CSI at threshold"; "bias", events predicted for each that there is;
    "Brier score" and its "Brier skill" over the base rate; "sharpness", spectral power of the prediction at short
    wavelengths over that of the target; "calibration error", the mean distance of the frequency from the probability
    in bins of it.
    """
    total = [each.sum(axis=0) for each in sums[1:]]
    off, size, (pixels, y, p, hit, hard, hard_hit), squared, detail, bins = total
    with np.errstate(divide="ignore", invalid="ignore"):
        found = {f"FSS {r}": 1 - off[i] / size[i] for i, r in enumerate(sums.radii)}
        base = y / pixels
        found |= {
            "CSI": hit / (p + y - hit),
            "CSI at threshold": hard_hit / (hard + y - hard_hit),
            "bias": p / y,
            "Brier score": squared / pixels,
            "Brier skill": 1 - squared / pixels / (base * (1 - base)),
            "sharpness": detail[0] / detail[1],
            "calibration error": np.abs(bins[1] - bins[2]).sum() / pixels,
        }
    return {name: float(value) for name, value in found.items()}


def reliability_curve(sums: SpatialSums) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean probability, frequency of the event and pixels of each bin that has any."""
    pixels, p, y = sums.bins.sum(axis=0)
    there = pixels > 0
    return p[there] / pixels[there], y[there] / pixels[there], pixels[there]


class _Blocks:
    """Where the blocks of a map begin."""

    def __init__(self, shape: tuple[int, ...], block: int) -> None:
        if block < 1:
            raise InputError(f"expected blocks of a pixel or more, got {block}")
        self.starts = [np.arange(max(size // block, 1)) * block for size in shape]
        self.sides = [min(block, size) for size in shape]
        self._places = [
            np.searchsorted(a, np.arange(n), "right") - 1 for a, n in zip(self.starts, shape, strict=True)
        ]

    @property
    def count(self) -> int:
        """Blocks of a map."""
        return len(self.starts[0]) * len(self.starts[1])

    def number(self, maps: int) -> Int[np.ndarray, "map row column"]:
        """Of the block of each pixel."""
        rows, columns = self._places
        one = rows[:, None] * len(self.starts[1]) + columns
        return one + self.count * np.arange(maps)[:, None, None]

    def sums(self, x: np.ndarray) -> Float[np.ndarray, "block"]:
        rows = np.add.reduceat(x.astype(np.float64), self.starts[0], axis=1)
        return np.add.reduceat(rows, self.starts[1], axis=2).reshape(-1)

    def powers(self, x: np.ndarray) -> Float[np.ndarray, "block"]:
        """Spectral power at short wavelengths of each block, under a Hann window."""
        window = np.outer(*(np.hanning(side + 2)[1:-1] for side in self.sides))
        k = np.hypot(np.fft.fftfreq(self.sides[0])[:, None], np.fft.rfftfreq(self.sides[1]))
        rows, columns = self.sides
        pieces = (x[:, r : r + rows, c : c + columns] for r in self.starts[0] for c in self.starts[1])
        spectra = (np.abs(np.fft.rfft2(piece * window)) ** 2 for piece in pieces)
        return np.stack([each[:, k >= 1 / _FINE].sum(axis=1) for each in spectra], axis=1).reshape(-1)


def _fractions(
    p: np.ndarray, y: np.ndarray, inside: np.ndarray, radius: int, mode: tuple[str, ...], cut: _Blocks
) -> tuple[np.ndarray, np.ndarray]:
    if radius:
        about: dict[str, Any] = {"size": (1, 2 * radius + 1, 2 * radius + 1), "mode": ("constant", *mode)}
        p, y = (ndimage.uniform_filter(each, **about) for each in (p, y))
        if not inside.all():
            inside = ndimage.maximum_filter((~inside).astype(np.uint8), **about) == 0
    return cut.sums(np.where(inside, (p - y) ** 2, 0)), cut.sums(np.where(inside, p**2 + y**2, 0))


def _binned(
    p: np.ndarray, y: np.ndarray, inside: np.ndarray, cut: _Blocks
) -> Float[np.ndarray, "block 3 bin"]:
    """Most pixels have a small probability: bins are even in its cube root."""
    place = np.minimum((np.cbrt(p) * _BINS).astype(int), _BINS - 1) + _BINS * cut.number(len(p))
    size = _BINS * cut.count * len(p)
    each = [np.bincount(place[inside], weight[inside], size) for weight in (np.ones_like(p), p, y)]
    return np.stack([sums.reshape(-1, _BINS) for sums in each], axis=1)
