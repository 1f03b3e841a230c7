"""The algorithms that are on the chip today, each with the bits it really needs.

A frame is 32 bits per e-link and bunch crossing. Every format starts with 4 bits of header and the sum of the
module in 8 bits. Charges travel as small floating-point numbers, 4 bits of exponent with 3 of mantissa, or 5
with 4 for super trigger cells. Cells are named by 6 bits each, or by a 48-bit map where that is shorter. With
these sizes the numbers of cells that best choice can send over 2, 3, 4, 5 e-links come out as 4, 6, 9, 14,
those of the code published with arXiv:2306.04712.

What is not sent can be guessed off the detector, where a decoder is free: the sum is known, so what is left of it
after the cells sent is spread evenly over the others.
"""

from math import comb
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


BEST_CHOICE = (
    "best choice",
    "best choice, rest spread evenly",
    "best choice, logarithmic shares",
    "best choice, trained decoder",
)  #: in tables: the algorithm of the chip as published, and with what a decoder off the detector can add


class Logarithmic(NamedTuple):
    """How `logarithmic_choice` fills a frame."""

    cells: int
    bits: int
    """Of each share."""
    step: float
    """Between neighbouring shares, as a power of two; the largest share is 1."""


LOGARITHMIC = {
    2: Logarithmic(6, 4, 0.4),
    3: Logarithmic(10, 5, 0.2),
    4: Logarithmic(15, 5, 0.25),
    5: Logarithmic(17, 6, 0.15),
}
"""For each number of e-links: of shares of 3 to 6 bits, as many cells as fit, and steps from 0.1 to 0.75 those with
the smallest mean EMD on validation wafers of the Geant4 stand-in."""


class Sent(NamedTuple):
    """What an algorithm makes of each wafer."""

    charge: Float[np.ndarray, "wafer 48"]
    """Charges as they arrive, in CALQ counts."""
    bits: Int[np.ndarray, "wafer"]
    """Bits sent for each wafer."""


def best_choice(charge: Float[np.ndarray, "wafer 48"], *, cells: int) -> Sent:
    """Keep the ``cells`` largest charges; among equal ones those of the lowest index."""
    order, charges = _largest(charge, cells)
    kept = np.zeros_like(charge)
    np.put_along_axis(kept, order, charges, axis=1)
    bits = np.full(len(charge), best_choice_bits(cells))
    return Sent(float_format(kept, exponent=4, mantissa=3), bits)


def best_choice_bits(cells: int) -> int:
    """Bits of the frame of best choice."""
    return HEADER_BITS + int(_address_bits(np.array([cells]))[0]) + 7 * cells


def best_choice_spread(charge: Float[np.ndarray, "wafer 48"], *, cells: int) -> Sent:
    """The frame of best choice, with the rest of the sum spread evenly over the cells that were not sent."""
    kept, bits = best_choice(charge, cells=cells)
    order, _ = _largest(charge, cells)
    return Sent(_spread(transmitted_sum(charge), order, np.take_along_axis(kept, order, axis=1)), bits)


def logarithmic_choice(charge: Float[np.ndarray, "wafer 48"], *, cells: int, bits: int, step: float) -> Sent:
    """The largest cells as shares of the transmitted sum, in logarithmic steps; the rest is spread evenly.

    Which cells these are is one number among all choices of so many of 48; what its encoder costs on a chip is
    not assessed.

    Args:
        charge: CALQ counts.
        cells, bits, step: See `Logarithmic`.
    """
    order, charges = _largest(charge, cells)
    total = transmitted_sum(charge)
    with np.errstate(divide="ignore"):
        wanted = -np.log2(charges / np.maximum(total, 1)[:, None]) / step
    share = np.exp2(-step * np.clip(np.rint(wanted), 0, 2**bits - 1))
    arrived = _spread(total, order, share * total[:, None])
    addresses = (comb(wafer.CELLS, cells) - 1).bit_length()
    return Sent(arrived, np.full(len(charge), HEADER_BITS + addresses + bits * cells))


def transmitted_sum(charge: Float[np.ndarray, "wafer 48"]) -> Float[np.ndarray, "wafer"]:
    """Sum of each wafer in the eight bits of its frame."""
    return float_format(charge.sum(axis=1), exponent=5, mantissa=3)


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


def _largest(
    charge: Float[np.ndarray, "wafer 48"], cells: int
) -> tuple[Int[np.ndarray, "wafer cell"], Float[np.ndarray, "wafer cell"]]:
    """The largest cells of each wafer, and their charges."""
    order = np.argsort(-charge, axis=1, kind="stable")[:, :cells]
    return order, np.take_along_axis(charge, order, axis=1)


def _spread(
    total: Float[np.ndarray, "wafer"],
    order: Int[np.ndarray, "wafer cell"],
    charge: Float[np.ndarray, "wafer cell"],
) -> Float[np.ndarray, "wafer 48"]:
    """Charges in their cells, and what is left of the sum in equal parts in the others."""
    rest = np.maximum(total - charge.sum(axis=1), 0) / (wafer.CELLS - order.shape[1])
    arrived = np.repeat(rest[:, None], wafer.CELLS, axis=1)
    np.put_along_axis(arrived, order, charge, axis=1)
    return arrived
