"""Decoders off the detector: from the 16 codes of a wafer to its image of 48 cells."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from femtobarn.nn.wafer_autoencoder.encoder import CODES
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
        self,
        code: Float[Tensor, "wafer 16"],
        total: Float[Tensor, "wafer"],
        eta: Float[Tensor, "wafer"],
        layer: Float[Tensor, "wafer"],
    ) -> Float[Tensor, "wafer 48"]:
        """Image of each wafer in the encoder's normalisation; only the codes are used, as published."""
        image = self.up(self.dense(code).relu().unflatten(1, (4, 4, 8)).permute(0, 3, 1, 2)).relu()
        return self.out(image).flatten(1)[:, self.cells].sigmoid()


class LargeDecoder(nn.Module):
    """A residual network that also looks at the transmitted sum, the layer and eta.

    Only the encoder has to fit on the detector; the decoder runs on FPGAs or in software where a few hundred
    thousand weights cost nothing. It ends in a softmax: a normalised image is all that is left to find.
    """

    def __init__(self, *, width: int = 256, blocks: int = 3) -> None:
        super().__init__()
        self.inward = nn.Linear(CODES + 3, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
            for _ in range(blocks)
        )
        self.outward = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, wafer.CELLS))

    def forward(
        self,
        code: Float[Tensor, "wafer 16"],
        total: Float[Tensor, "wafer"],
        eta: Float[Tensor, "wafer"],
        layer: Float[Tensor, "wafer"],
    ) -> Float[Tensor, "wafer 48"]:
        """Image of each wafer in the encoder's normalisation; its sum follows from the transmitted one."""
        condition = torch.stack((total.log1p() / 10, eta.abs() / 3, layer / 28), dim=1)
        x = self.inward(torch.cat((code, condition), dim=1))
        for block in self.blocks:
            x = x + block(x)
        return self.outward(x).softmax(dim=-1) * (2 * torch.frexp(total)[0])[:, None]
