"""Decoders off the detector: from the 16 codes of a wafer to its image of 48 cells."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from femtobarn.nn.wafer_autoencoder.encoder import CODES, Codes
from femtobarn.physics import wafer


class Decoder(nn.Module):
    """The published decoder: 16 -> 128, two transposed convolutions, a sigmoid; 2,833 weights."""

    cells: Tensor

    def __init__(self) -> None:
        super().__init__()
        rows, columns = (wafer.image_8x8_published() >= 0).nonzero()
        order = wafer.image_8x8_published()[rows, columns].argsort()
        self.register_buffer("cells", torch.from_numpy((8 * rows + columns)[order]), persistent=False)
        self.dense = nn.Linear(CODES, 128)
        self.up = nn.ConvTranspose2d(8, 8, 3, stride=2, padding=1, output_padding=1)
        # With stride 1 a transposed convolution is a convolution, which a CPU does twice as fast.
        self.out = nn.Conv2d(8, 1, 3, padding=1)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        # Start with a mean cell of 1/48, not of 1/2: the squared error else spends its first epochs on the sum.
        nn.init.constant_(self.out.bias, -math.log(wafer.CELLS - 1))  # type: ignore[arg-type]

    def forward(
        self, code: Codes, eta: Float[Tensor, "wafer"], layer: Float[Tensor, "wafer"]
    ) -> Float[Tensor, "wafer 48"]:
        """Image of each wafer in the encoder's normalisation; only the codes are used, as published."""
        image = self.up(self.dense(code.values).relu().unflatten(1, (4, 4, 8)).permute(0, 3, 1, 2)).relu()
        return self.out(image).flatten(1)[:, self.cells].sigmoid()


class Residual(nn.Module):
    """A residual network of what was sent, the transmitted sum, the layer and eta; 48 numbers come out.

    Only the encoder has to fit on the detector; the decoder runs on FPGAs or in software where a few hundred
    thousand weights cost nothing.
    """

    def __init__(self, codes: int, *, width: int = 256, blocks: int = 3) -> None:
        super().__init__()
        self.inward = nn.Linear(codes + 3, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
            for _ in range(blocks)
        )
        self.outward = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, wafer.CELLS))

    def forward(
        self, code: Codes, eta: Float[Tensor, "wafer"], layer: Float[Tensor, "wafer"]
    ) -> Float[Tensor, "wafer 48"]:
        """A number for each cell, of any size."""
        condition = torch.stack((code.total.log1p() / 10, eta.abs() / 3, layer / 28), dim=1)
        x = self.inward(torch.cat((code.values, condition), dim=1))
        for block in self.blocks:
            x = x + block(x)
        logits: Tensor = self.outward(x)
        return logits


class LargeDecoder(nn.Module):
    """A `Residual` network that ends in a softmax: a normalised image is all that is left to find."""

    def __init__(self, *, width: int = 256, blocks: int = 3) -> None:
        super().__init__()
        self.network = Residual(CODES, width=width, blocks=blocks)

    def forward(
        self, code: Codes, eta: Float[Tensor, "wafer"], layer: Float[Tensor, "wafer"]
    ) -> Float[Tensor, "wafer 48"]:
        """Image of each wafer in the encoder's normalisation; its sum follows from the transmitted one."""
        return self.network(code, eta, layer).softmax(dim=-1) * _normalised(code.total)


class RestDecoder(nn.Module):
    """Keeps the cells that were sent and lets a `Residual` network share out the rest of the sum among the others.

    Without any training the rest is spread evenly.
    """

    def __init__(self, *, width: int = 256, blocks: int = 3) -> None:
        super().__init__()
        self.network = Residual(wafer.CELLS, width=width, blocks=blocks)
        nn.init.zeros_(self.network.outward[1].weight)  # type: ignore[arg-type]
        nn.init.zeros_(self.network.outward[1].bias)  # type: ignore[arg-type]

    def forward(
        self, code: Codes, eta: Float[Tensor, "wafer"], layer: Float[Tensor, "wafer"]
    ) -> Float[Tensor, "wafer 48"]:
        """Image of each wafer in the encoder's normalisation, from the shares sent; zero where a cell was not."""
        shares, logits = code.values, self.network(code, eta, layer)
        rest = (_normalised(code.total) - shares.sum(dim=-1, keepdim=True)).clamp(min=0)
        return shares + rest * torch.where(shares > 0, -torch.inf, logits).softmax(dim=-1)


class ShareDecoder(nn.Module):
    """Corrects shares that were sent in equal portions of the sum, by a factor each from a `Residual` network.

    A cell of many portions is known well, so its factor stays nearer to one. A cell without any counts as a
    hundredth of a portion, which the factor can raise. Without training shares stay as they are but for that.

    Args:
        quanta: Portions of the sum.
    """

    def __init__(self, quanta: int, *, width: int = 256, blocks: int = 3) -> None:
        super().__init__()
        self.quanta = quanta
        self.network = Residual(wafer.CELLS, width=width, blocks=blocks)
        nn.init.zeros_(self.network.outward[1].weight)  # type: ignore[arg-type]
        nn.init.zeros_(self.network.outward[1].bias)  # type: ignore[arg-type]

    def forward(
        self, code: Codes, eta: Float[Tensor, "wafer"], layer: Float[Tensor, "wafer"]
    ) -> Float[Tensor, "wafer 48"]:
        """Image of each wafer in the encoder's normalisation, from its shares."""
        portions = self.quanta * code.values
        logits = (portions + 0.01).log() + self.network(code, eta, layer) / (1 + portions)
        return logits.softmax(dim=-1) * _normalised(code.total)


def _normalised(total: Float[Tensor, "wafer"]) -> Float[Tensor, "wafer 1"]:
    """The sum divided by the power of two at or below it: that of a normalised image."""
    return (2 * torch.frexp(total)[0])[:, None]
