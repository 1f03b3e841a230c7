"""What all generators share: how showers are asked for, and the context that steers their networks.

A generator is a module with ``preprocessing`` and two methods: ``loss(batch, generator)``, what its training makes
small, and ``sample(energies, generator)``, showers in MeV before the threshold. `generate` is how it is used.
"""

import itertools
from typing import Any, Protocol

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.errors import InputError
from femtobarn.nn.time_features import TimeFeatures
from femtobarn.systems.calo_challenge.preprocessing import Preprocessing, read_out

#: Columns of some showers: "energies" (shower), "showers" (shower, voxel), both MeV; for some also "start".
Batch = dict[str, Tensor]


class Generator(Protocol):
    """What the rest of the system asks of a generator."""

    preprocessing: Preprocessing

    def loss(self, batch: Batch, *, generator: torch.Generator) -> Tensor:
        """What the training makes small, a scalar."""
        ...

    def sample(self, energies: Tensor, *, generator: torch.Generator) -> Tensor:
        """Showers in MeV of particles of these energies, before the threshold of the readout."""
        ...


@torch.no_grad()
def generate(
    model: Any,
    energies: Float[Tensor, "shower"],
    *,
    generator: torch.Generator,
    chunk: int = 1000,
) -> Float[Tensor, "shower voxel"]:
    """Showers in MeV from a trained generator, zero below the threshold of the readout.

    Args:
        model: One of the generators of this system.
        energies: Of the incident particles, MeV.
        generator: Source of the noise; its device is that of the model.
        chunk: Showers made at once; they depend on it, as it sets the order of the noise.

    Raises:
        InputError: An energy that is not positive.
    """
    if not bool((energies > 0).all()):
        raise InputError(f"incident energies above 0 MeV expected: got {float(energies.min())}")
    geometry = model.preprocessing.geometry
    was_training = model.training
    model.eval()
    made = [
        read_out(model.sample(part, generator=generator), geometry.threshold).float().cpu()
        for part in torch.split(energies.to(generator.device), chunk)
        if len(part)
    ]
    model.train(was_training)
    return torch.cat(made) if made else torch.zeros(0, geometry.voxels)


class Context(nn.Module):
    """One vector of a time (or noise level) and a condition: what the networks of flows are steered by."""

    def __init__(self, condition: int, width: int, *, features: int = 64) -> None:
        super().__init__()
        self.time = nn.Sequential(TimeFeatures(features, highest=100.0), nn.Linear(features, width))
        self.condition = nn.Sequential(nn.Linear(condition, width), nn.SiLU(), nn.Linear(width, width))

    def forward(
        self, time: Float[Tensor, "shower"], condition: Float[Tensor, "shower condition"]
    ) -> Float[Tensor, "shower width"]:
        """The context of each shower."""
        return F.silu(self.time(time) + self.condition(condition))


def normal(*shape: int, generator: torch.Generator) -> Tensor:
    """Normal noise on the device of the random generator."""
    return torch.randn(*shape, generator=generator, device=generator.device)


def perceptron(widths: tuple[int, ...]) -> nn.Sequential:
    """Linear layers of these widths with SiLU between them."""
    layers = list[nn.Module]()
    for a, b in itertools.pairwise(widths):
        layers += [nn.Linear(a, b), nn.SiLU()]
    return nn.Sequential(*layers[:-1])
