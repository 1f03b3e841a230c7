"""The encoder in fixed point that hardware can be written from: with the chip's formats, or with trained bits.

Its inputs are the shares of the wafer as the chip's bit shift leaves them, 48 unsigned numbers of 7 bits; its
outputs are the 16 codes of 3, 5, 7 or 9 bits that travel. In between everything is quantised.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.errors import InputError
from femtobarn.hardware.integer_model import IntegerModel
from femtobarn.nn.quantised import (
    BitTrue,
    QuantisedConv,
    QuantisedLinear,
    QuantisedWeights,
    Quantiser,
    WeightQuantiser,
    Wires,
    quantise,
    to_integer,
)
from femtobarn.nn.wafer_autoencoder.encoder import (
    CODES,
    HIDDEN,
    INPUT,
    WEIGHT,
    Codes,
    Encoder,
    normalise,
    on_grid,
    transmitted_sum,
)
from femtobarn.physics import wafer

_HIDDEN_INTEGER = HIDDEN[1] - 1 - HIDDEN[0]  # without the sign, which the ReLU before it leaves unused


class BitEncoder(nn.Module):
    """An encoder whose every weight and activation has bits of its own, all trained.

    Activations stop at the ends of a trained range (SAT); those before the convolution are cut, so that no
    pixel takes an adder. In `eval()` it computes in integers.

    Args:
        encoder: With outputs of some bits; its weights are where the training starts.
        example: Charges of some wafers, for first ranges.
        fraction, weight_fraction: Fractional bits at the start.
    """

    def __init__(
        self,
        encoder: Encoder,
        example: Float[Tensor, "wafer 48"],
        *,
        fraction: float = 6.0,
        weight_fraction: float = 4.0,
    ) -> None:
        super().__init__()
        assert encoder.bits is not None
        self.bits = encoder.bits
        layers = nn.Sequential(
            _inputs(),
            Wires(_image()),
            _rounded(encoder.filters),
            nn.ReLU(),
            nn.Flatten(),
            _rounded(encoder.dense),
            nn.ReLU(),
            _codes(encoder.bits),
        )
        net = quantise(
            layers,
            normalise(example),
            fraction=fraction,
            weight_fraction=weight_fraction,
            rounding="TRN",
            overflow="SAT",
        )
        self.exact = BitTrue(net)

    def forward(self, charge: Float[Tensor, "wafer 48"]) -> Float[Tensor, "wafer 16"]:
        """Codes of each wafer from its charges in CALQ counts."""
        codes: Tensor = self.exact(normalise(charge))
        return codes

    def encode(self, charge: Float[Tensor, "wafer 48"]) -> Codes:
        """Everything the detector sends for these wafers."""
        return Codes(self(charge), transmitted_sum(charge.sum(dim=-1)))

    def integer_codes(self, charge: Int[Tensor, "wafer 48"]) -> Int[Tensor, "wafer 16"]:
        """The same codes as integers of ``bits`` bits."""
        shares = normalise(charge.double()).numpy()
        model = self.exact.integers
        return torch.from_numpy(model.run_integers(model.encode(shares)))


def fixed_point(encoder: Encoder | BitEncoder) -> tuple[nn.Module, IntegerModel]:
    """The encoder from shares to codes as quantised layers, and its integers.

    An encoder with the chip's formats becomes layers with the same formats: the integers of both are equal.

    Raises:
        InputError: It computes in floating point.
    """
    if isinstance(encoder, BitEncoder):
        return encoder.exact.net, encoder.exact.integers
    if encoder.bits is None:
        raise InputError("the encoder computes in floating point: one whose codes have bits is needed")
    net = nn.Sequential(
        _inputs(),
        Wires(_image()),
        QuantisedConv(
            encoder.filters, _form((1, 9, 9), integer=1, fraction=INPUT[0]), _weights(encoder.filters)
        ),
        nn.ReLU(),
        nn.Flatten(),
        QuantisedLinear(_form((128,), integer=_HIDDEN_INTEGER, fraction=HIDDEN[0]), _weights(encoder.dense)),
        nn.ReLU(),
        _codes(encoder.bits),
    ).eval()
    return net, to_integer(net)


def _inputs() -> Quantiser:
    """Shares as the chip's shift leaves them; one below 2 needs one bit before the point and no sign."""
    return _form((wafer.CELLS,), integer=1, fraction=INPUT[0])


def _codes(bits: int) -> Quantiser:
    return _form((CODES,), integer=1, fraction=bits - 1)


def _form(shape: tuple[int, ...], *, integer: int, fraction: int) -> Quantiser:
    """A format that stays, of numbers that are never negative: they are cut, and stop at the upper end."""
    return Quantiser(
        shape,
        integer=integer,
        fraction=fraction,
        signed=False,
        rounding="TRN",
        overflow="SAT",
        trainable=False,
    )


def _image() -> Int[Tensor, "1 9 9"]:
    """Cells on the 8x8 grid of the encoder, with a row and a column of zeros at the end."""
    return F.pad(torch.from_numpy(wafer.image_8x8_published().copy()), (0, 1, 0, 1), value=-1)[None]


def _rounded(layer: nn.Conv2d | nn.Linear) -> nn.Module:
    """The layer with the weights that the chip computes with."""
    copy = nn.Linear(128, CODES) if isinstance(layer, nn.Linear) else nn.Conv2d(1, 8, 3, stride=2)
    weight, bias = on_grid(layer)
    copy.load_state_dict({"weight": weight.detach(), "bias": bias.detach()})
    return copy


def _weights(layer: nn.Conv2d | nn.Linear) -> QuantisedWeights:
    weight, bias = on_grid(layer)
    kernel_bits, bias_bits = (
        WeightQuantiser(each.shape, fraction=WEIGHT[0], trainable=False) for each in (weight, bias)
    )
    return QuantisedWeights(weight, bias, kernel_quantiser=kernel_bits, bias_quantiser=bias_bits)
