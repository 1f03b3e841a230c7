"""CaloDiffusion: energy split and voxels denoised step by step (arXiv:2308.03876)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from femtobarn.nn.denoising import ddim, denoised, denoising_loss
from femtobarn.nn.shower_generators.preprocessing import Preprocessing
from femtobarn.nn.shower_generators.showers import Batch


class CaloDiffusion(nn.Module):
    """A small diffusion of the energy split, then one of the voxels conditioned on the split.

    Args:
        preprocessing: Units.
        energy, shape: Networks of the split and of the voxels, called with numbers, noise level and condition.
        steps: Of the sampler, those skipped counted.
    """

    def __init__(
        self, preprocessing: Preprocessing, energy: nn.Module, shape: nn.Module, *, steps: int = 400
    ) -> None:
        super().__init__()
        self.preprocessing, self.energy, self.shape = preprocessing, energy, shape
        self.steps = steps

    def loss(self, batch: Batch, *, generator: torch.Generator) -> Float[Tensor, ""]:
        """Denoising loss of both networks."""
        energies = batch["energies"]
        layers, voxels = self.preprocessing.encode(energies, batch["showers"], generator=generator)
        energy = self.preprocessing.condition(energies)
        condition = torch.cat((energy, layers), dim=1)
        noise = self.preprocessing.noise(len(energies), generator=generator)
        return denoising_loss(
            self.energy, layers, noise.layers, energy, generator=generator
        ) + denoising_loss(self.shape, voxels, noise.voxels, condition, generator=generator)

    def sample(
        self, energies: Float[Tensor, "shower"], *, generator: torch.Generator
    ) -> Float[Tensor, "shower voxel"]:
        """Showers in MeV, before the threshold."""
        energy = self.preprocessing.condition(energies)
        noise = self.preprocessing.noise(len(energies), generator=generator)
        layers = ddim(
            lambda x, level: denoised(self.energy, x, level, energy), noise.layers, steps=self.steps
        )
        condition = torch.cat((energy, layers), dim=1)
        voxels = ddim(
            lambda x, level: denoised(self.shape, x, level, condition), noise.voxels, steps=self.steps
        )
        return self.preprocessing.decode(energies, layers, voxels)
