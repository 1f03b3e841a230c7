"""CaloINN: one normalising flow for energy split and voxels together (arXiv:2312.09290)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from femtobarn.nn.spline_flow import SplineFlow
from femtobarn.systems.calo_challenge.model import Batch
from femtobarn.systems.calo_challenge.preprocessing import Preprocessing


class CaloInn(nn.Module):
    """Spline coupling blocks between noise and (u, voxels), told the incident energy.

    Args:
        preprocessing: Units.
        blocks, bins, bound, width, layers: See `nn.spline_flow.SplineFlow`; defaults as published.
    """

    def __init__(
        self,
        preprocessing: Preprocessing,
        *,
        blocks: int = 12,
        bins: int = 10,
        bound: float = 18.0,
        width: int = 256,
        layers: int = 4,
    ) -> None:
        super().__init__()
        self.preprocessing = preprocessing
        geometry = preprocessing.geometry
        self.split = len(geometry.layers)
        numbers = self.split + geometry.voxels
        self.flow = SplineFlow(numbers, 1, blocks=blocks, bins=bins, bound=bound, width=width, layers=layers)

    def loss(self, batch: Batch, *, generator: torch.Generator) -> Float[Tensor, ""]:
        """Negative logarithm of the density, per number."""
        encoded = self.preprocessing.encode(batch["energies"], batch["showers"], generator=generator)
        condition = self.preprocessing.condition(batch["energies"])
        density = self.flow.log_density(torch.cat(encoded, dim=1), condition)
        return -density.mean() / self.flow.features

    def sample(
        self, energies: Float[Tensor, "shower"], *, generator: torch.Generator
    ) -> Float[Tensor, "shower voxel"]:
        """Showers in MeV, before the threshold."""
        x = self.flow.sample(self.preprocessing.condition(energies), generator=generator)
        return self.preprocessing.decode(energies, x[:, : self.split], x[:, self.split :])
