"""CaloINN: normalising flows of energy split and voxels, in one or one after the other (arXiv:2312.09290)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from femtobarn.nn.shower_generators.preprocessing import Preprocessing
from femtobarn.nn.shower_generators.showers import Batch
from femtobarn.nn.spline_flow import SplineFlow


class CaloInn(nn.Module):
    """Spline coupling blocks between noise and (u, voxels), conditioned on the incident energy.

    With `energy_blocks` a small flow generates u and the other one the voxels, conditioned on u too (as CaloFlow,
    arXiv:2106.05285).

    Args:
        preprocessing: Units.
        blocks, bins, bound, width, layers: See `nn.spline_flow.SplineFlow`; defaults as published.
        energy_blocks, energy_width: Blocks and width of the flow of u; 0 blocks, as published: one flow for both.
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
        energy_blocks: int = 0,
        energy_width: int = 32,
    ) -> None:
        super().__init__()
        self.preprocessing = preprocessing
        geometry = preprocessing.geometry
        self.split = len(geometry.layers)
        conditions = self.split if energy_blocks else 0
        self.energy = (
            SplineFlow(self.split, 1, blocks=energy_blocks, bins=10, width=energy_width, layers=3)
            if energy_blocks
            else None
        )
        numbers = self.split - conditions + geometry.voxels
        self.flow = SplineFlow(
            numbers, 1 + conditions, blocks=blocks, bins=bins, bound=bound, width=width, layers=layers
        )

    def loss(self, batch: Batch, *, generator: torch.Generator) -> Float[Tensor, ""]:
        """Negative logarithm of the density, per number; of two flows the sum."""
        layers, voxels = self.preprocessing.encode(batch["energies"], batch["showers"], generator=generator)
        energy = self.preprocessing.condition(batch["energies"])
        if self.energy is None:
            density = self.flow.log_density(torch.cat((layers, voxels), dim=1), energy)
            return -density.mean() / self.flow.features
        of_energies = self.energy.log_density(layers, energy).mean() / self.split
        of_voxels = self.flow.log_density(voxels, torch.cat((energy, layers), dim=1)).mean()
        return -of_energies - of_voxels / self.flow.features

    def sample(
        self, energies: Float[Tensor, "shower"], *, generator: torch.Generator
    ) -> Float[Tensor, "shower voxel"]:
        """Showers in MeV, before the threshold."""
        energy = self.preprocessing.condition(energies)
        if self.energy is None:
            x = self.flow.sample(energy, generator=generator)
            return self.preprocessing.decode(energies, x[:, : self.split], x[:, self.split :])
        layers = self.energy.sample(energy, generator=generator)
        voxels = self.flow.sample(torch.cat((energy, layers), dim=1), generator=generator)
        return self.preprocessing.decode(energies, layers, voxels)
