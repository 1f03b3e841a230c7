"""Encoder, wire and decoder in one module."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from femtobarn.nn.wafer_autoencoder.encoder import Codes, transmitted_sum


class Autoencoder(nn.Module):
    """Encoder, wire and decoder; any encoder that can ``encode`` will do, see `BitEncoder`."""

    encoder: Any

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def forward(
        self,
        charge: Float[Tensor, "wafer 48"],
        eta: Float[Tensor, "wafer"],
        layer: Float[Tensor, "wafer"],
    ) -> Float[Tensor, "wafer 48"]:
        """Decoded image of each wafer in the decoder's own normalisation."""
        code: Codes = self.encoder.encode(charge)
        image: Tensor = self.decoder(code, eta, layer)
        return image

    def charges(
        self,
        charge: Float[Tensor, "wafer 48"],
        eta: Float[Tensor, "wafer"],
        layer: Float[Tensor, "wafer"],
    ) -> Float[Tensor, "wafer 48"]:
        """Decoded charges in CALQ counts: the decoded image scaled to the transmitted sum."""
        image = self(charge, eta, layer)
        total = transmitted_sum(charge.sum(dim=-1))
        return image * (total / image.sum(dim=-1).clamp(min=torch.finfo(image.dtype).tiny))[:, None]
