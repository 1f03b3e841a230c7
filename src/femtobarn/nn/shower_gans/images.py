"""What all GANs of showers share: the discriminator's verdict, and the way from a generator to cells.

Images are ECAL cells over a unit of their own, of shape (shower, x, y, layer). A generator is a module whose
method ``draw(energy, theta, generator=...)`` gives what ``forward`` makes images of.
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

NORMAL = math.pi / 2  #: polar angle along the normal of the face


class Verdict(NamedTuple):
    """What the discriminator says of each image."""

    real: Float[Tensor, "shower"]
    """Logit of a real shower."""
    energy: Float[Tensor, "shower"]
    """Of the particle, in units of energy."""
    angle: Float[Tensor, "shower"]
    """Polar angle of the axis, from a formula."""
    total: Float[Tensor, "shower"]
    """Sum of the cells, in their unit."""


def generate(
    model: nn.Module,
    energy: Float[Tensor, "shower"],
    theta: Float[Tensor, "shower"],
    *,
    unit: float,
    cell_unit: float,
    generator: torch.Generator,
    threshold: float = 1e-4,
    batch: int = 64,
) -> Float[Tensor, "shower x y layer"]:
    """ECAL cells in file units of showers of these energies (GeV) and polar angles (rad).

    Args:
        model: A generator, in evaluation mode, on any device; the cells come back on that of the energies.
        energy, theta: One number a shower.
        unit: GeV in the model's unit of energy.
        cell_unit: File units in its unit of a cell.
        generator: Of the noise.
        threshold: Cells with less are set to 0, file units.
        batch: Showers at once.
    """
    parts, place = [], next(model.parameters(), energy).device
    with torch.no_grad():
        for some in torch.split(torch.arange(len(energy)), batch):
            z = model.draw(energy[some] / unit, theta[some], generator=generator)  # type: ignore[operator]
            image = cell_unit * model(z.to(place))[:, 0]
            parts.append(torch.where(image > threshold, image, 0.0).to(energy.device))
    return torch.cat(parts)


def initialise(model: nn.Module) -> None:
    """Give every convolution and dense layer He's uniform weights and no bias."""
    for module in model.modules():
        if isinstance(module, nn.Conv3d | nn.Linear):
            nn.init.kaiming_uniform_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
