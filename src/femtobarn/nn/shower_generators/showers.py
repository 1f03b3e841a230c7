"""How showers are asked for, whichever generator makes them.

A generator is a module with ``preprocessing``, its units, and ``sample(energies, generator)``, showers in MeV before
the threshold of the readout; most have ``loss(batch, generator)``, what their training makes small.
"""

import itertools
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from femtobarn.errors import InputError
from femtobarn.nn.shower_generators.preprocessing import read_out

#: Columns of some showers: "energies" (shower), "showers" (shower, voxel), both MeV; for some also "start".
Batch = dict[str, Tensor]


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


def normal(*shape: int, generator: torch.Generator) -> Tensor:
    """Normal noise on the device of the random generator."""
    return torch.randn(*shape, generator=generator, device=generator.device)


def perceptron(widths: tuple[int, ...]) -> nn.Sequential:
    """Linear layers of these widths with SiLU between them."""
    layers = list[nn.Module]()
    for a, b in itertools.pairwise(widths):
        layers += [nn.Linear(a, b), nn.SiLU()]
    return nn.Sequential(*layers[:-1])
