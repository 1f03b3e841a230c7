"""Size and training of the 3-D GAN: settings that build its two players."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from femtobarn.engine import Batch
from femtobarn.errors import InputError
from femtobarn.generator_loop import Course
from femtobarn.nn import shower_gans as nets
from femtobarn.physics.calorimeter_cells import ECAL


@dataclass(frozen=True)
class Gan:
    """Size and training of the 3-D GAN."""

    title: ClassVar[str] = "3-D GAN"
    layout: Literal["angle", "fixed", "compact"] = "angle"
    """Network and image size: "angle" for any angle in 51 x 51 x 25 cells, "fixed" for normal incidence in 25 x 25 x 25
    (both as published), "compact" for normal incidence in 13 x 13 x 25 (ours)."""
    latent: int = 256
    """Dimension of the latent space; in "compact" without the noise of the cells."""
    wide: int = 8
    """Channels of the generator's first convolution; in "compact", of its first feature map."""
    narrow: int = 6
    """Channels of the generator's other convolutions."""
    first: int = 16
    """Channels of the discriminator's first convolution."""
    others: int = 8
    """Channels of the discriminator's other convolutions."""
    power: float = 0.85
    """Power to which cell energies are raised before the discriminator; 1 for none."""
    unit: float = 100.0
    """Energy unit of the networks, in GeV."""
    cell_unit: float = 100.0
    """Cell energy unit of the networks, in file units."""
    weights: nets.Weights = (3.0, 0.1, 25.0, 0.1)
    """Loss weights of cross entropy, energy, angle and ECAL sum."""
    mirror: bool = False
    """Augment real batches by random reflections and transpositions in x and y; only for normal incidence."""
    flip: float = 0.05
    """Fraction of the discriminator's labels that are flipped."""
    lr: float = 1e-3
    """Peak learning rate of generator and discriminator."""
    optimizer: Literal["rmsprop", "adam"] = "rmsprop"
    """Optimiser: RMSprop with decay 0.9 (the Keras default), or Adam with beta1 = 0.5 and beta2 = 0.9."""
    updates: int = 2
    """Generator steps per discriminator step."""
    warm: int = 0
    """Generator steps towards the mean shower before adversarial training starts."""
    course: Course = field(default_factory=lambda: Course(epochs=120, batch=64, ema=0.0))
    device: str = "cpu"
    """Torch device of the trainings: cpu, cuda."""

    def __post_init__(self) -> None:
        if self.course.batch < 2:
            raise InputError("expected batches of at least two")
        if self.mirror and self.angle:
            raise InputError("mirror needs showers along the normal: choose the layout fixed or compact")
        if self.updates < 1 or self.warm < 0:
            raise InputError("expected updates of 1 or more and warm of 0 or more")
        if not 0 < self.power <= 1 or min(self.unit, self.cell_unit, self.lr) <= 0:
            raise InputError("expected a power above 0 and up to 1, positive units and learning rate")

    @property
    def angle(self) -> bool:
        """Whether the generator makes showers of any angle, not along the normal alone."""
        return self.layout == "angle"

    @property
    def cells(self) -> int:
        """Cells of an image in x and y."""
        return {"angle": ECAL[0], "fixed": 25, "compact": nets.CELLS}[self.layout]

    def generator(self) -> nn.Module:
        """The generator, untrained."""
        if self.layout == "angle":
            return nets.AngleGenerator(latent=self.latent, first=self.wide, narrow=self.narrow)
        if self.layout == "fixed":
            return nets.FixedAngleGenerator(latent=self.latent, wide=self.wide, narrow=self.narrow)
        return nets.CompactGenerator(latent=self.latent, wide=self.wide, narrow=self.narrow)

    def discriminator(self) -> nn.Module:
        """Its opponent, untrained."""
        if self.layout == "compact":
            return nets.CompactDiscriminator(power=self.power, first=self.first, others=self.others)
        return nets.Discriminator(cells=self.cells, power=self.power, first=self.first, narrow=self.others)

    def cells_of(
        self,
        generator: nn.Module,
        energy: Float[Tensor, "shower"],
        theta: Float[Tensor, "shower"],
        *,
        seed: int,
    ) -> Float[Tensor, "shower x y layer"]:
        """ECAL cells in file units from a trained generator, for energies in GeV and polar angles in rad."""
        return nets.generate(
            generator,
            energy,
            theta,
            unit=self.unit,
            cell_unit=self.cell_unit,
            generator=torch.Generator().manual_seed(seed),
        )


def angles(batch: Batch) -> Float[Tensor, "shower"]:
    """Polar angle of the particles of a batch, of their pseudorapidity; the normal where it is not known."""
    if "eta" not in batch:
        return torch.full_like(batch["energy"], nets.NORMAL)
    return 2 * torch.atan(torch.exp(-batch["eta"]))
