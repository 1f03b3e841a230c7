"""Motion of a pattern between two images by phase correlation of blocks, and the pattern moved on along it."""

import numpy as np
from jaxtyping import Float
from scipy import ndimage

from femtobarn.errors import InputError

Image = Float[np.ndarray, "row column"]
Motion = Float[np.ndarray, "2 row column"]  #: pixels down and to the right, of each pixel

_QUIET = 0.01  # of the strongest frequency, below which a phase says nothing


def block_motion(
    earlier: Image, later: Image, *, block: int = 128, step: int = 64, fastest: int = 12
) -> Motion:
    """Displacement of each pixel from the earlier image to the later one.

    The peak of the phase correlation of blocks that overlap, of the logarithm of one plus the image under a Hann
    window, and between their centres a bilinear interpolation; beyond the outer centres the motion is theirs. An empty
    block does not move. Reference: Leese et al. 1971, DOI 10.1175/1520-0450(1971)010<0118:AATFOC>2.0.CO;2.

    Args:
        earlier, later: Images without negative numbers; NaN counts as 0.
        block: Pixels a side of a block, or the shorter side of the image if that is less.
        step: From block to block.
        fastest: Largest displacement along each axis that is looked for, in pixels, below half a block.

    Raises:
        InputError: Images of two shapes, or sizes that do not fit each other.
    """
    if earlier.shape != later.shape:
        raise InputError(f"expected two images of one shape, got {earlier.shape} and {later.shape}")
    block = min(block, *later.shape)
    if not 0 < fastest < block / 2 or step < 1:
        raise InputError(
            f"expected 0 < fastest < block / 2 and a step of 1 or more: got {fastest}, {block}, {step}"
        )
    starts = [np.arange(0, size - block + 1, step) for size in later.shape]
    before, after = (_blocks(image, block, starts) for image in (earlier, later))
    cross = np.conj(np.fft.rfft2(before)) * np.fft.rfft2(after)
    size = np.abs(cross)
    phase = cross / np.maximum(size, _QUIET * size.max(axis=(-2, -1), keepdims=True) + np.finfo(float).tiny)
    peak = np.fft.fftshift(np.fft.irfft2(phase, s=(block, block)), axes=(-2, -1))
    near = peak[..., *(slice(block // 2 - fastest, block // 2 + fastest + 1),) * 2]
    best = near.reshape(*near.shape[:2], -1).argmax(axis=-1)
    moved = np.stack(np.divmod(best, 2 * fastest + 1)) - fastest
    moved = np.where((size.max(axis=(-2, -1)) > 0), moved, 0).astype(float)
    return _interpolated(moved, starts, block, step, later.shape)


def advected(image: Image, motion: Motion, *, times: float = 1.0) -> Image:
    """The image moved on along `times` its motion; what comes from outside is NaN, as is what was NaN.

    Each pixel takes its value from where it was by its own motion (semi-Lagrangian, one step), interpolated linearly.
    """
    rows, columns = np.indices(image.shape, dtype=float)
    came = np.stack((rows - times * motion[0], columns - times * motion[1]))
    known = np.isfinite(image)
    moved = ndimage.map_coordinates(np.where(known, image, 0.0), came, order=1, mode="constant")
    inside = ndimage.map_coordinates(known.astype(float), came, order=1, mode="constant")
    return np.where(inside > 0.999, moved, np.nan).astype(image.dtype)


def _blocks(image: Image, block: int, starts: list[np.ndarray]) -> np.ndarray:
    """(row of blocks, column of blocks, row, column)."""
    window = np.outer(np.hanning(block), np.hanning(block))
    log = np.log1p(np.nan_to_num(image.astype(float)))
    return np.array([[log[y : y + block, x : x + block] * window for x in starts[1]] for y in starts[0]])


def _interpolated(
    moved: np.ndarray, starts: list[np.ndarray], block: int, step: int, shape: tuple[int, ...]
) -> Motion:
    places = [
        np.clip((np.arange(size) - (block - 1) / 2) / step, 0, len(each) - 1)
        for size, each in zip(shape, starts, strict=True)
    ]
    grid = np.meshgrid(*places, indexing="ij")
    return np.stack([ndimage.map_coordinates(axis, grid, order=1, mode="nearest") for axis in moved])
