"""Whole events as images of a cylinder: tracker, ECAL and HCAL over (eta, phi), as in arXiv:2306.13595.

Fine images have one pixel a crystal of the ECAL, (eta, phi, channel) = (286, 360, 3). Coarse ones are sums of 5 by 5
of these, (phi, eta, channel) = (72, 58, 3), as in arXiv:2306.12955. All hold transverse energies in GeV.
"""

from math import pi

import numpy as np
from jaxtyping import Float, Float32, Float64, Int64

from femtobarn.errors import InputError

CHANNELS = ("tracker", "ECAL", "HCAL")
FINE, COARSE = (286, 360, 3), (72, 58, 3)  #: eta, phi, channel; phi, eta, channel
PIXEL = 0.01745  #: size of a fine pixel in eta; in phi it is 1 degree
BLOCK = 5  #: fine pixels along each side of a coarse one
EDGE = FINE[0] // 2 * PIXEL  #: |eta| at which images end
_PADDING = (COARSE[1] * BLOCK - FINE[0]) // 2  # rows of zeros that complete the outermost blocks

FEATURES = (
    *(f"occupied {name} pixels" for name in CHANNELS),
    *(f"sum of {name}" for name in CHANNELS),
    *(f"largest {name} pixel" for name in CHANNELS),
    "mean track pixel",
    "softness 5",
    "softness 20",
    "sphericity",
)  #: columns of `event_features`


def pooled(fine: Float[np.ndarray, "event 286 360 3"]) -> Float32[np.ndarray, "event 72 58 3"]:
    """Sums of 5 by 5 pixels, phi before eta.

    Two rows of zeros on both sides complete 286 rows to 290, so the first and the last coarse row hold three fine
    rows only. Sums are made in float32: in the float16 of the published files soft energy beside hard one is lost.
    """
    image = np.pad(fine.astype(np.float32), ((0, 0), (_PADDING, _PADDING), (0, 0), (0, 0)))
    blocks = image.reshape(len(image), COARSE[1], BLOCK, COARSE[0], BLOCK, len(CHANNELS))
    sums: np.ndarray = blocks.sum(axis=(2, 4))
    return np.ascontiguousarray(sums.transpose(0, 2, 1, 3))


def as_coarse(image: Float32[np.ndarray, "event a b 3"]) -> Float32[np.ndarray, "event 72 58 3"]:
    """Coarse images as they are, fine ones `pooled`."""
    return image if image.shape[1:] == COARSE else pooled(image)


def occupied(images: Float[np.ndarray, "event a b 3"], *, channel: int = 0) -> Int64[np.ndarray, "event"]:
    """Number of pixels with energy in a channel; the tracker's is nearly the number of tracks."""
    count: np.ndarray = np.count_nonzero(images[..., channel] > 0, axis=(1, 2))
    return count.astype(np.int64)


def softness(images: Float[np.ndarray, "event a b 3"], *, leading: int) -> Float64[np.ndarray, "event"]:
    """-log of the share of the track pT that the hardest pixels hold: 0 for few tracks, large for many soft ones.

    Args:
        images: Of events; an event without tracks has a softness of 0.
        leading: Pixels taken for the hardest ones.
    """
    if not 1 <= leading < images.shape[1] * images.shape[2]:
        raise InputError(f"expected some of {images.shape[1] * images.shape[2]} pixels, got {leading}")
    pt = images[..., 0].reshape(len(images), -1)
    total = pt.sum(axis=1, dtype=np.float64)
    hardest = np.partition(pt, -leading, axis=1)[:, -leading:].sum(axis=1, dtype=np.float64)
    share = np.divide(hardest, total, out=np.ones(len(pt)), where=~(total <= 0))  # NaN stays NaN
    return np.asarray(-np.log(np.minimum(share, 1.0)))


def event_features(images: Float[np.ndarray, "event 72 58 3"]) -> Float64[np.ndarray, "event 13"]:
    """Thirteen numbers of each coarse image, named in `FEATURES`; energies, and counts of pixels, as log(1 + x)."""
    sums = images.sum(axis=(1, 2), dtype=np.float64)
    counts = np.stack([occupied(images, channel=i) for i in range(len(CHANNELS))], axis=1)
    mean = np.divide(sums[:, 0], counts[:, 0], out=np.zeros(len(images)), where=counts[:, 0] > 0)
    sizes = np.column_stack((counts, sums, images.max(axis=(1, 2)), mean))
    shapes = (softness(images, leading=5), softness(images, leading=20), transverse_sphericity(images))
    return np.column_stack((np.log1p(sizes), *shapes))


def transverse_sphericity(images: Float[np.ndarray, "event 72 58 3"]) -> Float64[np.ndarray, "event"]:
    """Twice the smaller eigenvalue of sum(p p^T / |p|) / sum(|p|) of the track pixels in the transverse plane.

    Linear in the momenta, hence alike for collinear splittings; 0 for two opposite tracks and for none, 1 for evenly
    spread ones.
    """
    ring = images[..., 0].sum(axis=2, dtype=np.float64)
    phi = (np.arange(COARSE[0]) + 0.5) * 2 * pi / COARSE[0] - pi
    total = ring.sum(axis=1)
    # The tensor has trace 1; its anisotropy is the second Fourier coefficient of the energy in phi.
    anisotropy = np.hypot(ring @ np.cos(2 * phi), ring @ np.sin(2 * phi))
    share = np.divide(anisotropy, total, out=np.ones(len(ring)), where=~(total <= 0))
    return np.asarray(1 - np.minimum(share, 1.0))
