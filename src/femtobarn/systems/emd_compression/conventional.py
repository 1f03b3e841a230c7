"""The algorithms that are on the chip today, each with the bits it really needs.

A frame is 32 bits per e-link and bunch crossing. Every format starts with 4 bits of header and the sum of the
module in 8 bits. Charges travel as small floating-point numbers, 4 bits of exponent with 3 of mantissa, or 5
with 4 for super trigger cells. Cells are named by 6 bits each, or by a 48-bit map where that is shorter. With
these sizes the numbers of cells that best choice can send over 2, 3, 4, 5 e-links come out as 4, 6, 9, 14,
those of the code published with arXiv:2306.04712.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from femtobarn.physics import wafer

HEADER_BITS = 4 + 8
CELLS_SENT = {2: 4, 3: 6, 4: 9, 5: 14}  #: cells kept by best choice for each number of e-links
THRESHOLD = 1.35 * wafer.ADC_PER_MIP  #: counts; 1.35 transverse MIP

_RHOMBUS_GROUPS = ((0, 1, 4, 5), (2, 3, 6, 7), (8, 9, 12, 13), (10, 11, 14, 15))
GROUPS_OF_4 = np.array([[16 * r + c for c in group] for r in range(3) for group in _RHOMBUS_GROUPS])
GROUPS_OF_16 = np.arange(48).reshape(3, 16)


class Sent(NamedTuple):
    """What an algorithm makes of each wafer."""

    charge: Float[np.ndarray, "wafer 48"]
    """Charges as they arrive, in CALQ counts."""
    bits: Int[np.ndarray, "wafer"]
    """Bits sent for each wafer."""


def best_choice(charge: Float[np.ndarray, "wafer 48"], *, cells: int) -> Sent:
    """Keep the ``cells`` largest charges; among equal ones those of the lowest index."""
    order = np.argsort(-charge, axis=1, kind="stable")[:, :cells]
    kept = np.zeros_like(charge)
    np.put_along_axis(kept, order, np.take_along_axis(charge, order, axis=1), axis=1)
    bits = HEADER_BITS + _address_bits(np.full(len(charge), cells)) + 7 * cells
    return Sent(float_format(kept, exponent=4, mantissa=3), bits)


def threshold(charge: Float[np.ndarray, "wafer 48"], *, counts: float = THRESHOLD) -> Sent:
    """Keep every charge above ``counts``; how many bits that takes differs from wafer to wafer."""
    kept = np.where(charge > counts, charge, 0)
    number = (kept > 0).sum(axis=1)
    bits = HEADER_BITS + _address_bits(number) + 7 * number
    return Sent(float_format(kept, exponent=4, mantissa=3), bits)


def super_trigger_cells(charge: Float[np.ndarray, "wafer 48"], *, size: int) -> Sent:
    """Put the sum of each group of 4 or 16 cells into its largest cell."""
    groups = {4: GROUPS_OF_4, 16: GROUPS_OF_16}[size]
    grouped = charge[:, groups]
    largest = groups[np.arange(len(groups)), grouped.argmax(axis=2)]
    sums = float_format(grouped.sum(axis=2), exponent=5, mantissa=4)
    sent = np.zeros_like(charge)
    np.put_along_axis(sent, largest, sums, axis=1)
    bits = HEADER_BITS + len(groups) * (9 + int(np.log2(size)))
    return Sent(sent, np.full(len(charge), bits))


def repeater(charge: Float[np.ndarray, "wafer 48"]) -> Sent:
    """Send every cell: what is left of the image is the rounding of the seven-bit charges."""
    return Sent(float_format(charge, exponent=4, mantissa=3), np.full(len(charge), HEADER_BITS + 48 * 7))


def identity(charge: Float[np.ndarray, "wafer 48"]) -> Sent:
    """Send every cell exactly, in the 22 bits of a trigger-cell sum: the upper bound."""
    return Sent(charge.copy(), np.full(len(charge), HEADER_BITS + 48 * 22))


def float_format(
    charge: Float[np.ndarray, "*shape"], *, exponent: int, mantissa: int
) -> Float[np.ndarray, "*shape"]:
    """Charges cut to a floating-point format of ``exponent`` and ``mantissa`` bits, as integers arrive.

    Exponent 0 stands for the integers below ``2 ** mantissa`` themselves; larger charges keep their leading one
    and ``mantissa`` bits after it. Charges beyond the largest number saturate.
    """
    largest = float((2 ** (mantissa + 1) - 1) * 2.0 ** (2**exponent - 2))
    whole = np.minimum(np.floor(charge), largest)
    step = np.exp2(np.maximum(np.frexp(whole)[1] - mantissa - 1, 0))
    return (np.floor(whole / step) * step).astype(charge.dtype)


def _address_bits(cells: Int[np.ndarray, "wafer"]) -> Int[np.ndarray, "wafer"]:
    return np.minimum(6 * cells, wafer.CELLS)
