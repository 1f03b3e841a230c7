"""The encoder in fixed point that hardware can be written from: with the chip's formats, or with trained bits.

Its inputs are the shares of the wafer as the chip's bit shift leaves them, 48 unsigned numbers of 7 bits; its
outputs are the 16 codes of 3, 5, 7 or 9 bits that travel. In between everything is quantised.
"""

from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.engine import Training
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
from femtobarn.physics import wafer
from femtobarn.systems.emd_compression.model import (
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

_HIDDEN_INTEGER = HIDDEN[1] - 1 - HIDDEN[0]  # without the sign, which the ReLU before it leaves unused


@dataclass(frozen=True)
class TrainedBits:
    """Trainings of the encoder together with its bits, and what is written of them; see ``quantiser``."""

    betas: tuple[float, ...] = (5e-6, 2e-5, 1e-4)
    """Prices of an effective bit operation, in units of the loss: an encoder is trained at each, for every rate."""
    gamma: float = 1e-8
    """Price of a bit, which keeps those low that multiply nothing."""
    seeds: tuple[int, ...] = (1,)
    """Seeds among those of the study; each training starts from the encoder of the same loss, rate and seed."""
    fraction: float = 6.0
    """Fractional bits of the activations at the start."""
    weight_fraction: float = 4.0
    """Fractional bits of the weights at the start; those of the chip have three."""
    train: Training = field(default_factory=lambda: Training(epochs=10, lr=8e-3, batch=200))
    """Of each training, and of the chip's formats that are trained as long beside them."""
    vectors: int = 10_000
    """Wafers that each encoder is simulated on: test wafers first, then those of validation and training."""
    pipeline: int = 5
    """Most adders between two registers; 0 for no registers."""
    optimise: bool = True
    """Share sums between outputs with alkaid; without it every weight is written by itself."""
    synthesis: tuple[int, ...] = (5,)
    """Rates in e-links at which yosys counts look-up tables, in minutes for each encoder; all have an estimate."""
    reference: bool = True
    """Write the encoder with the chip's formats too, at the highest rate; its yosys takes longest."""

    def __post_init__(self) -> None:
        if not (self.betas and self.seeds) or min(self.betas) <= 0 or self.gamma < 0:
            raise InputError(f"expected betas above 0, gamma of 0 or more and a seed: got {self.betas}")
        if self.vectors < 2 or self.pipeline < 0:
            raise InputError(
                f"expected at least two vectors and a pipeline of 0 or more: got {self.vectors}, {self.pipeline}"
            )


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
        raise InputError(
            "the encoder computes in floating point: train it with --study.quantised or --quantiser hgq"
        )
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
