"""The encoder on the detector, in floating point or in the integers of the chip (arXiv:2105.01683).

A wafer's 48 charges are divided by the power of two at or below their sum, a bit shift in hardware. The
encoder turns the image into 16 numbers of 3, 5, 7 or 9 bits; the sum travels beside them.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.physics import wafer

CODES = 16
BITS = {2: 3, 3: 5, 4: 7, 5: 9}  #: bits per code for each number of e-links (arXiv:2306.04712, code)

INPUT = (6, 10)  #: fractional bits and total bits with sign: 3 integer bits, step 1/64
WEIGHT = (3, 5)  #: 1 integer bit, sign included in the five: -2 to 1.875 in steps of 1/8
HIDDEN = (7, 11)  #: 3 integer bits, step 1/128
OUTPUT_FRACTION = 8  #: unsigned 9 bits with 1 integer bit: 0 to 2 in steps of 1/256


class Codes(NamedTuple):
    """What the detector sends for one wafer and bunch crossing."""

    values: Float[Tensor, "wafer code"]
    """Outputs of an encoder: 16 multiples of the code's step in the range 0 to 2, or the shares of 48 cells."""
    total: Float[Tensor, "wafer"]
    """Sum of the charges, in CALQ counts, as transmitted (8 bits: five of exponent, three of mantissa)."""


def normalise(charge: Float[Tensor, "wafer 48"]) -> Float[Tensor, "wafer 48"]:
    """Charges divided by the power of two at or below their sum, so that they sum to [1, 2).

    An empty wafer stays zero. The exponent is taken from the binary representation, so the division is exact.
    """
    return torch.ldexp(charge, -leading_bit(charge))


def leading_bit(charge: Float[Tensor, "wafer 48"]) -> Int[Tensor, "wafer 1"]:
    """Exponent of the power of two at or below the sum of each wafer; 0 for an empty one."""
    return torch.frexp(charge.sum(dim=-1, keepdim=True).clamp(min=1.0))[1] - 1


def transmitted_sum(total: Float[Tensor, "*wafer"]) -> Float[Tensor, "*wafer"]:
    """The sum as eight bits can carry it: the leading one and three bits after it, the rest cut off."""
    mantissa, exponent = torch.frexp(total)
    return torch.ldexp(torch.floor(mantissa * 16) / 16, exponent)


class Encoder(nn.Module):
    """The published encoder: 3x3 convolution of 8 filters with stride 2, then 128 -> 16, 2,144 weights.

    With ``bits`` it computes in the integers of the chip: 5-bit weights, rounded in the forward pass and passed
    straight through in the backward pass; without, in floating point with unlimited codes (the limit of many
    bits). Every intermediate number of the integer version is a multiple of a power of two small enough to be
    exact in float32, so ``integer_codes`` agrees with it to the last bit.

    Args:
        bits: Bits of each of the 16 outputs, 1 to 9; none for the floating-point variant.
    """

    cells: Tensor

    def __init__(self, *, bits: int | None = 9) -> None:
        super().__init__()
        if bits is not None and not 1 <= bits <= 9:
            raise ValueError(f"the encoder sends 1 to 9 bits per code: got {bits}")
        self.bits = bits
        self.register_buffer("cells", torch.from_numpy(wafer.image_8x8_published().copy()), persistent=False)
        self.filters = nn.Conv2d(1, 8, 3, stride=2)
        self.dense = nn.Linear(128, CODES)
        # Several steps of a five-bit weight wide, three times Glorot's range: narrower weights start on
        # two or three levels and train to an EMD a third larger.
        nn.init.uniform_(self.filters.weight, -0.8, 0.8)
        nn.init.uniform_(self.dense.weight, -0.6, 0.6)
        nn.init.zeros_(self.filters.bias)  # type: ignore[arg-type]
        # A code that is zero for every wafer gets no gradient through its ReLU and would stay dead.
        nn.init.constant_(self.dense.bias, 0.25)

    def forward(self, charge: Float[Tensor, "wafer 48"]) -> Float[Tensor, "wafer 16"]:
        """Codes of each wafer from its charges in CALQ counts; an empty wafer gives the codes of the biases."""
        image = self._image(normalise(charge))
        if self.bits is None:
            hidden = F.conv2d(image, self.filters.weight, self.filters.bias, stride=2).relu()
            return self.dense(hidden.flatten(1)).relu()
        weight, bias = on_grid(self.filters)
        hidden = F.conv2d(_fixed(image, *INPUT), weight, bias, stride=2).relu()
        weight, bias = on_grid(self.dense)
        code = F.linear(_fixed(hidden, *HIDDEN).flatten(1), weight, bias).relu()
        return _cut(_cut(code, OUTPUT_FRACTION, 9), self.bits - 1, self.bits)

    def encode(self, charge: Float[Tensor, "wafer 48"]) -> Codes:
        """Everything the detector sends for these wafers."""
        return Codes(self(charge), transmitted_sum(charge.sum(dim=-1)))

    def integer_codes(self, charge: Int[Tensor, "wafer 48"]) -> Int[Tensor, "wafer 16"]:
        """The same codes by int64 shifts, products and sums alone: the reference for the hardware.

        Args:
            charge: CALQ counts as int64.

        Returns:
            Integers of ``bits`` bits; times ``2 ** (1 - bits)`` they are the codes of ``forward``.
        """
        if self.bits is None:
            raise ValueError(
                "the floating-point encoder has no integer form: build it with bits=3, 5, 7 or 9"
            )
        total = charge.sum(dim=-1, keepdim=True).clamp(min=1)
        shift = torch.frexp(total.double())[1].long() - 1
        q = (charge << INPUT[0]) >> shift
        q = q.clamp(max=2 ** (INPUT[1] - 1) - 1)
        columns = self._image(q.double()).long().unfold(2, 3, 2).unfold(3, 3, 2).reshape(len(q), 16, 9)
        weight, bias = _integer_weight(self.filters)
        hidden = columns @ weight.reshape(8, 9).T + (bias << INPUT[0])
        hidden = hidden.clamp(min=0) >> (INPUT[0] + WEIGHT[0] - HIDDEN[0])
        hidden = hidden.clamp(max=2 ** (HIDDEN[1] - 1) - 1).transpose(1, 2).flatten(1)
        weight, bias = _integer_weight(self.dense)
        code = hidden @ weight.T + (bias << HIDDEN[0])
        code = (code.clamp(min=0) >> (HIDDEN[0] + WEIGHT[0] - OUTPUT_FRACTION)).clamp(max=2**9 - 1)
        return code >> (9 - self.bits)

    def _image(self, charge: Tensor) -> Tensor:
        """Charges on the 8x8 grid, with the one row and column of zeros that 'same' padding adds at the end."""
        image = torch.where(self.cells >= 0, charge[:, self.cells.clamp(min=0)], 0.0)
        return F.pad(image[:, None], (0, 1, 0, 1))


def _fixed(x: Tensor, fraction: int, bits: int) -> Tensor:
    """Signed fixed point by cutting off, saturating; the gradient passes where it does not saturate."""
    scale = 2.0**fraction
    return _straight_through(
        x, torch.floor(x * scale).clamp(-(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1) / scale
    )


def _cut(x: Tensor, fraction: int, bits: int) -> Tensor:
    """Unsigned fixed point by cutting off, saturating at the largest code."""
    scale = 2.0**fraction
    return _straight_through(x, torch.floor(x * scale).clamp(0, 2.0**bits - 1) / scale)


def _straight_through(x: Tensor, quantised: Tensor) -> Tensor:
    # Far outside the range the output cannot follow: a gradient there would only drive it further out.
    followed = torch.where((x - quantised).abs() < 1.0, x, x.detach())
    return followed + (quantised - followed).detach()


def on_grid(layer: nn.Conv2d | nn.Linear) -> tuple[Tensor, Tensor]:
    """Weights and biases of five bits, rounded to the nearest; gradients pass straight through."""
    fraction, bits = WEIGHT
    scale, top = 2.0**fraction, 2.0 ** (bits - 1)
    assert layer.bias is not None
    weight, bias = (
        p + (torch.round(p * scale).clamp(-top, top - 1) / scale - p).detach()
        for p in (layer.weight, layer.bias)
    )
    return weight, bias


def _integer_weight(layer: nn.Conv2d | nn.Linear) -> tuple[Tensor, Tensor]:
    weight, bias = on_grid(layer)
    scale = 2 ** WEIGHT[0]
    return (weight.detach() * scale).long(), (bias.detach() * scale).long()
