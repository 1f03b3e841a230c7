"""CaloDREAM: flow matching for the energy split, then for the voxels (arXiv:2405.09629).

The voxels may start from showers of a fast parametrisation instead of noise: the hybrid. These are made normal numbers
by tables of their own, so what is left to learn is how their correlations differ from the wanted ones. The energy
split starts from noise always: a parametrisation has its layers too much alike for a flow to pull them apart.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from femtobarn.nn.flow_matching import follow, matching_loss, unit_velocity
from femtobarn.nn.shower_generators.energy_transformer import EnergyTransformer
from femtobarn.nn.shower_generators.flat_net import FlatNet
from femtobarn.nn.shower_generators.preprocessing import Encoded, Preprocessing
from femtobarn.nn.shower_generators.showers import Batch

#: Showers in MeV to start from, of incident energies and the noise.
Start = Callable[[Tensor, torch.Generator], Tensor]


class CaloDream(nn.Module):
    """Flow of the energy split given the incident energy, and of the voxels given both.

    Args:
        preprocessing: Units.
        energy: Network of the split: a `FlatNet` of all at once, or an `EnergyTransformer` of one after another.
        shape: Network of the voxels, called with voxels, time and condition.
        steps: Midpoint steps of each flow, two calls of the network each.
        start: Showers that the voxels start from; noise if None.
        source: Units of the showers to start from.
    """

    def __init__(
        self,
        preprocessing: Preprocessing,
        energy: FlatNet | EnergyTransformer,
        shape: nn.Module,
        *,
        steps: int = 50,
        start: Start | None = None,
        source: Preprocessing | None = None,
    ) -> None:
        super().__init__()
        self.preprocessing, self.energy, self.shape = preprocessing, energy, shape
        self.steps, self.start, self.source = steps, start, source

    def loss(self, batch: Batch, *, generator: torch.Generator) -> Float[Tensor, ""]:
        """Flow-matching loss of both networks.

        A column "start" of the batch holds showers to start from, a column "noise" voxels in network units.
        """
        units, energies = self.preprocessing, batch["energies"]
        end = units.encode(energies, batch["showers"], generator=generator)
        begin = self._begin(energies, batch.get("start"), generator)
        begin = begin._replace(voxels=batch.get("noise", begin.voxels))
        energy = units.condition(energies)
        condition = torch.cat((energy, end.layers), dim=1)
        shape = matching_loss(
            lambda x, t: unit_velocity(x, t) + self.shape(x, t, condition),
            begin.voxels,
            end.voxels,
            generator=generator,
        )
        if isinstance(self.energy, EnergyTransformer):
            return shape + self.energy.loss(end.layers, energy, generator=generator)
        return shape + matching_loss(
            lambda x, t: unit_velocity(x, t) + self.energy(x, t, energy),
            begin.layers,
            end.layers,
            generator=generator,
        )

    def sample(
        self, energies: Float[Tensor, "shower"], *, generator: torch.Generator
    ) -> Float[Tensor, "shower voxel"]:
        """Showers in MeV, before the threshold."""
        showers = None if self.start is None else self.start(energies, generator)
        begin = self._begin(energies, showers, generator)
        energy = self.preprocessing.condition(energies)
        if isinstance(self.energy, EnergyTransformer):
            layers = self.energy.sample(energy, steps=self.steps, generator=generator)
        else:
            layers = follow(
                lambda x, t: unit_velocity(x, t) + self.energy(x, t, energy), begin.layers, steps=self.steps
            )
        condition = torch.cat((energy, layers), dim=1)
        voxels = follow(
            lambda x, t: unit_velocity(x, t) + self.shape(x, t, condition), begin.voxels, steps=self.steps
        )
        return self.preprocessing.decode(energies, layers, voxels)

    def _begin(self, energies: Tensor, showers: Tensor | None, generator: torch.Generator) -> Encoded:
        noise = self.preprocessing.noise(len(energies), generator=generator)
        if showers is None or self.source is None:
            return noise
        return noise._replace(voxels=self.source.encode(energies, showers, generator=generator).voxels)
