"""The 3-D GAN as published: two generators and their discriminator (github.com/svalleco/3Dgan)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from femtobarn.nn.shower_gans.images import Verdict, initialise
from femtobarn.physics.calorimeter_cells import shower_angle


class FixedAngleGenerator(nn.Module):
    """Images of 25 x 25 x 25 cells; the noise is multiplied with the energy (layout recalled, unverified).

    Args:
        latent: Numbers of noise.
        wide: Channels of the first convolution.
        narrow: Channels of the others.
    """

    def __init__(self, *, latent: int = 200, wide: int = 64, narrow: int = 6) -> None:
        super().__init__()
        self.latent = latent
        self.seed = nn.Linear(latent, 7 * 7 * 8 * 8)
        self.grow = nn.Sequential(
            _same(6, 6, 8), nn.Conv3d(8, wide, (6, 6, 8)), nn.LeakyReLU(), nn.BatchNorm3d(wide, eps=1e-6),
            nn.Upsample(scale_factor=(2, 2, 2)), _pad(2, 2, 0),
            nn.Conv3d(wide, narrow, (6, 5, 8)), nn.LeakyReLU(), nn.BatchNorm3d(narrow, eps=1e-6),
            nn.Upsample(scale_factor=(2, 2, 3)), _pad(1, 0, 3),
            nn.Conv3d(narrow, narrow, (3, 3, 8)), nn.LeakyReLU(),
            nn.Conv3d(narrow, 1, (2, 2, 2)), nn.ReLU(),
        )  # fmt: skip
        initialise(self)

    def forward(self, z: Float[Tensor, "shower latent"]) -> Float[Tensor, "shower 1 25 25 25"]:
        """Images of latent vectors."""
        return self.grow(self.seed(z).unflatten(1, (8, 7, 7, 8)))

    def draw(
        self, energy: Float[Tensor, "shower"], theta: Float[Tensor, "shower"], *, generator: torch.Generator
    ) -> Float[Tensor, "shower latent"]:
        """Latent vectors of showers of these energies (in units); the angle is not used."""
        noise = torch.randn(len(energy), self.latent, generator=generator, device=generator.device)
        return energy[:, None] * noise


class AngleGenerator(nn.Module):
    """Images of 51 x 51 x 25 cells of a given energy and polar angle, the first two latent numbers.

    Args:
        latent: Energy, angle and noise together.
        first: Channels of the first convolution.
        narrow: Channels of the others.
    """

    def __init__(self, *, latent: int = 256, first: int = 8, narrow: int = 6) -> None:
        super().__init__()
        self.latent = latent
        self.seed = nn.Linear(latent, 9 * 9 * 8 * 8)
        layers: list[nn.Module] = [nn.Upsample(scale_factor=6), *_block(8, first, (6, 6, 8))]
        for place in range(3):
            layers += [_pad(2, 2, 1), *_block(first if place == 0 else narrow, narrow, (4, 4, 6))]
        layers += [_pad(1, 1, 0), *_block(narrow, narrow, (3, 3, 5))]
        layers += [_pad(1, 1, 0), nn.Conv3d(narrow, narrow, (3, 3, 3)), nn.ReLU()]
        self.grow = nn.Sequential(*layers, nn.Conv3d(narrow, 1, (2, 2, 2)), nn.ReLU())
        initialise(self)

    def forward(self, z: Float[Tensor, "shower latent"]) -> Float[Tensor, "shower 1 51 51 25"]:
        """Images of latent vectors."""
        return self.grow(self.seed(z).unflatten(1, (8, 9, 9, 8)))

    def draw(
        self, energy: Float[Tensor, "shower"], theta: Float[Tensor, "shower"], *, generator: torch.Generator
    ) -> Float[Tensor, "shower latent"]:
        """Latent vectors of showers of these energies (in units) and polar angles (rad)."""
        noise = torch.randn(len(energy), self.latent - 2, generator=generator, device=generator.device)
        return torch.cat((energy[:, None], theta[:, None], noise), dim=1)


class Discriminator(nn.Module):
    """Real or generated, and of which energy; angle and sum of the cells follow from formulas.

    Args:
        cells: Cells of an image in x and y.
        power: To which cells are raised before the convolutions; the formulas see the cells themselves.
        first: Channels of the first convolution.
        narrow: Channels of the others.
        dropout: After each of them.
    """

    def __init__(
        self, *, cells: int = 51, power: float = 0.85, first: int = 16, narrow: int = 8, dropout: float = 0.2
    ) -> None:
        super().__init__()
        self.power = power
        layers: list[nn.Module] = [
            _same(5, 6, 6), nn.Conv3d(1, first, (5, 6, 6)), nn.LeakyReLU(), nn.Dropout(dropout)
        ]  # fmt: skip
        for place in range(3):
            channels = first if place == 0 else narrow
            layers += [_pad(0, 0, 1)] if place < 2 else []
            layers += [nn.Conv3d(channels, narrow, (5, 6, 6)), nn.LeakyReLU()]
            layers += [nn.BatchNorm3d(narrow, eps=1e-6), nn.Dropout(dropout)]
        self.look = nn.Sequential(*layers, nn.AvgPool3d(2), nn.Flatten())
        flat = narrow * ((cells - 12) // 2) * ((cells - 15) // 2) * 7
        self.real, self.energy = nn.Linear(flat, 1), nn.Linear(flat, 1)

    def forward(self, image: Float[Tensor, "shower 1 x y layer"], energy: Float[Tensor, "shower"]) -> Verdict:
        """Verdicts; gradients reach the image, also where a cell is empty. The wanted energy is not used."""
        # The derivative of x^0.85 at 0 is infinite: an empty cell sees that of a very faint one.
        raised = image if self.power == 1 else image.clamp(min=1e-6).pow(self.power)
        seen = self.look(raised)
        cells = image[:, 0]
        return Verdict(
            self.real(seen)[:, 0], self.energy(seen)[:, 0], shower_angle(cells), cells.sum(dim=(1, 2, 3))
        )


def _block(inputs: int, outputs: int, kernel: tuple[int, int, int]) -> list[nn.Module]:
    return [nn.Conv3d(inputs, outputs, kernel), nn.ReLU(), nn.BatchNorm3d(outputs, eps=1e-6)]


def _pad(x: int, y: int, z: int) -> nn.Module:
    return nn.ConstantPad3d((z, z, y, y, x, x), 0.0)


def _same(x: int, y: int, z: int) -> nn.Module:
    """Padding by which a convolution with this kernel keeps the size; of an odd number the larger half at the end."""
    low, high = ([(size - rest) // 2 for size in (x, y, z)] for rest in (1, 0))
    return nn.ConstantPad3d((low[2], high[2], low[1], high[1], low[0], high[0]), 0.0)
