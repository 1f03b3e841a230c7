"""The encoder without weights: the largest cells themselves."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from femtobarn.nn.wafer_autoencoder.encoder import Codes, leading_bit, transmitted_sum

LARGEST = 15 * 2**14  #: counts; the largest number of seven bits, four of exponent and three of mantissa


class BestChoice(nn.Module):
    """Sends the largest charges as numbers of seven bits; among equal ones those of the lowest index.

    Args:
        cells: How many are sent.
    """

    bits = None

    def __init__(self, cells: int) -> None:
        super().__init__()
        self.cells = cells

    def forward(self, charge: Float[Tensor, "wafer 48"]) -> Float[Tensor, "wafer 48"]:
        """Shares sent of each wafer, in the normalisation of the other encoders; zero where a cell is not sent."""
        order = charge.argsort(dim=1, descending=True, stable=True)[:, : self.cells]
        kept = torch.zeros_like(charge).scatter(1, order, charge.gather(1, order))
        return torch.ldexp(transmitted_sum(kept.floor().clamp(max=LARGEST)), -leading_bit(charge))

    def encode(self, charge: Float[Tensor, "wafer 48"]) -> Codes:
        """Everything the detector sends for these wafers."""
        return Codes(self(charge), transmitted_sum(charge.sum(dim=-1)))
