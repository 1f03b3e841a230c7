"""The 3-D GAN in a size that one core trains in minutes, images of 13 x 13 x 25 cells; not published.

What it keeps: 3-D convolutions on both sides, the energy as a condition, the discriminator's regression of the
energy and its sum of the cells. What it changes, and why, stands in the README of calo-gan.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from femtobarn.nn.shower_gans.images import Verdict, initialise
from femtobarn.physics.calorimeter_cells import shower_angle

CELLS = 13  #: of an image in x and y


class _Size(NamedTuple):
    x: int
    y: int
    layer: int

    @property
    def cells(self) -> int:
        return self.x * self.y * self.layer


_COARSE, _MIDDLE, _FINE = _Size(4, 4, 7), _Size(7, 7, 13), _Size(CELLS, CELLS, 25)


class CompactGenerator(nn.Module):
    """Images of 13 x 13 x 25 cells of a given energy, grown from 4 x 4 x 7 by halving cells twice.

    A cell is ``energy * relu(mean + width * noise)^2``. Mean and width come out of the convolutions; the noise, one
    normal number for each cell, lights single cells far from the axis, as single particles do. The middle size has
    a noise of its own for what neighbours share, the dense layer `latent` numbers for the whole shower.

    Args:
        latent: Energy and noise of the whole shower together.
        wide: Channels of the coarse size.
        narrow: Channels of the middle size.
    """

    def __init__(self, *, latent: int = 33, wide: int = 16, narrow: int = 8) -> None:
        super().__init__()
        self.latent, self.wide, self.narrow = latent, wide, narrow
        self.seed = nn.Linear(latent, wide * _COARSE.cells)
        self.coarse = nn.Conv3d(wide, 8 * narrow, 3, padding=1)
        self.middle = nn.Conv3d(narrow + 1, narrow, 3, padding=1)
        self.fine = nn.Conv3d(narrow, 8 * 2, 3, padding=1)
        self.activation = nn.LeakyReLU(0.2)
        initialise(self)
        with torch.no_grad():
            self.fine.weight *= 0.3  # the square makes large numbers larger

    def forward(self, z: Float[Tensor, "shower numbers"]) -> Float[Tensor, "shower 1 13 13 25"]:
        """Images of latent vectors."""
        whole, middle, fine = torch.split(z, [self.latent, _MIDDLE.cells, _FINE.cells], dim=1)
        energy, noise = whole[:, :1], whole[:, 1:]
        x = self.seed(torch.cat((energy.log(), noise), dim=1)).unflatten(1, (self.wide, *_COARSE))
        x = _halved(self.coarse(self.activation(x)), _MIDDLE)
        x = torch.cat((x, middle.reshape(-1, 1, *_MIDDLE)), dim=1)
        x = self.activation(self.middle(self.activation(x)))
        mean, width = _halved(self.fine(x), _FINE).unbind(dim=1)
        root = torch.relu(mean + width * fine.reshape(-1, *_FINE))
        return (energy[:, :, None, None] * root.square()).unsqueeze(1)

    def draw(
        self, energy: Float[Tensor, "shower"], theta: Float[Tensor, "shower"], *, generator: torch.Generator
    ) -> Float[Tensor, "shower numbers"]:
        """Latent vectors of showers of these energies (in units) and the noise of the cells; no angle is used."""
        shape = len(energy), self.latent - 1 + _MIDDLE.cells + _FINE.cells
        noise = torch.randn(shape, generator=generator, device=generator.device)
        return torch.cat((energy[:, None], noise), dim=1)


class CompactDiscriminator(nn.Module):
    """Scores real against generated, conditioned on the energy, and regresses the energy from the cells.

    Args:
        power: To which cells are raised before the convolutions; the formulas see the cells themselves.
        first: Channels of the first convolution.
        others: Channels of the other two.
    """

    def __init__(self, *, power: float = 0.3, first: int = 16, others: int = 32) -> None:
        super().__init__()
        self.power = power
        self.look = nn.Sequential(
            nn.Conv3d(1, first, 4, stride=2, padding=2), nn.LeakyReLU(0.2),
            nn.Conv3d(first, others, 3, stride=2, padding=1), nn.LeakyReLU(0.2),
            nn.Conv3d(others, others, 3, padding=1), nn.LeakyReLU(0.2),
            nn.Flatten(),
        )  # fmt: skip
        flat = others * _COARSE.cells
        self.real = nn.Sequential(nn.Linear(flat + 2, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))
        self.energy = nn.Linear(flat, 1)
        initialise(self)

    def forward(self, image: Float[Tensor, "shower 1 x y layer"], energy: Float[Tensor, "shower"]) -> Verdict:
        """Verdicts on images of showers of these energies; gradients reach the image, also where it is empty."""
        seen = self.look(image.clamp(min=1e-6).pow(self.power))
        cells = image[:, 0]
        total = cells.sum(dim=(1, 2, 3))
        condition = torch.stack((energy.log(), 10 * (total.clamp(min=1e-3) / energy).log()), dim=1)
        real = self.real(torch.cat((seen, condition), dim=1))[:, 0]
        return Verdict(real, self.energy(seen)[:, 0], shower_angle(cells), total)


def _halved(x: Float[Tensor, "shower eightfold x y layer"], size: _Size) -> Tensor:
    """Each cell's channels become those of its eight halves; what is over at the far end is cut."""
    x = x.reshape(len(x), -1, 2, 2, 2, *x.shape[2:]).permute(0, 1, 5, 2, 6, 3, 7, 4)
    x = x.flatten(6, 7).flatten(4, 5).flatten(2, 3)
    return x[:, :, : size.x, : size.y, : size.layer]
