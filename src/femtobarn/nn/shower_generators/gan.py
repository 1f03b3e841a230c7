"""BoloGAN: a Wasserstein GAN with gradient penalty on small networks (arXiv:2210.06204, arXiv:2410.21611)."""

import itertools

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.nn.shower_generators.preprocessing import Preprocessing
from femtobarn.nn.shower_generators.showers import normal
from femtobarn.nn.spline_flow import SplineFlow

_UNIT = 0.5413  # softplus of it is 1


class BoloGan(nn.Module):
    """Noise and layer energies through few small layers to voxels; below its cut a voxel is empty.

    Departing from the published one, which makes all energies itself with a network for each energy range, one
    generator is conditioned on the energies of the layers; a small flow generates these, and the layers are scaled to
    them. And each voxel gets noise of its own, of a width the network sets (as in arXiv:1812.04948): fifty numbers
    cannot make hundreds of voxels fluctuate.

    Args:
        preprocessing: Units.
        noise: Numbers drawn from N(0.5, 0.5^2).
        hidden: Widths of the generator.
        flow_blocks, flow_width: Of the flow of the energy split.
    """

    def __init__(
        self,
        preprocessing: Preprocessing,
        *,
        noise: int = 50,
        hidden: tuple[int, ...] = (50, 100, 200),
        flow_blocks: int = 6,
        flow_width: int = 32,
    ) -> None:
        super().__init__()
        self.preprocessing, self.noise = preprocessing, noise
        geometry = preprocessing.geometry
        self.split = len(geometry.layers)
        widths = (noise + 1 + self.split, *hidden)
        layers = [part for a, b in itertools.pairwise(widths) for part in (nn.Linear(a, b), nn.SiLU())]
        last = nn.Linear(widths[-1], 2 * geometry.voxels)
        nn.init.normal_(last.weight, std=1e-2)  # so that voxels start as normal numbers
        nn.init.zeros_(last.bias)
        self.network = nn.Sequential(*layers, last)
        self.flow = SplineFlow(self.split, 1, blocks=flow_blocks, bins=10, width=flow_width, layers=3)

    def voxels(
        self, condition: Float[Tensor, "shower condition"], *, generator: torch.Generator
    ) -> Float[Tensor, "shower voxel"]:
        """Voxels in network units."""
        noise = 0.5 + 0.5 * normal(len(condition), self.noise, generator=generator)
        mean, spread = self.network(torch.cat((noise, condition), dim=1)).chunk(2, dim=1)
        return mean + F.softplus(spread + _UNIT) * normal(*mean.shape, generator=generator)

    def sample(
        self, energies: Float[Tensor, "shower"], *, generator: torch.Generator
    ) -> Float[Tensor, "shower voxel"]:
        """Showers in MeV, before the threshold."""
        energy = self.preprocessing.condition(energies)
        layers = self.flow.sample(energy, generator=generator)
        voxels = self.voxels(torch.cat((energy, layers), dim=1), generator=generator)
        return self.preprocessing.decode(energies, layers, voxels)


class Critic(nn.Module):
    """Score of voxels and condition: high for real showers."""

    def __init__(self, voxels: int, condition: int, *, width: int | None = None) -> None:
        super().__init__()
        width = width or voxels
        widths = (voxels + condition, width, width, width)
        layers = [part for a, b in itertools.pairwise(widths) for part in (nn.Linear(a, b), nn.ReLU())]
        self.network = nn.Sequential(*layers, nn.Linear(width, 1, bias=False))

    def forward(
        self, voxels: Float[Tensor, "shower voxel"], condition: Float[Tensor, "shower condition"]
    ) -> Float[Tensor, "shower"]:
        """Scores."""
        return self.network(torch.cat((voxels, condition), dim=1)).squeeze(1)
