"""Training of the 3-D GAN: to one update of the discriminator two of the generator."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from femtobarn.engine import load_tensors, save_tensors
from femtobarn.errors import InputError
from femtobarn.generator_loop import Course, fit_generator
from femtobarn.physics.calorimeter_cells import ECAL, shower_angle
from femtobarn.systems.calo_reconstruction import compact_gan
from femtobarn.systems.calo_reconstruction.compact_gan import CompactDiscriminator, CompactGenerator
from femtobarn.systems.calo_reconstruction.gan import (
    AngleGenerator,
    Discriminator,
    FixedAngleGenerator,
    discriminator_loss,
    generate,
    generator_loss,
)
from femtobarn.systems.calo_reconstruction.sample import ShowerTable


@dataclass(frozen=True)
class Gan:
    """Size and training of the 3-D GAN."""

    showers: int = 2000
    """Electrons it is simulated with; 0: no GAN. Of a run on files the electrons of the training part are used."""
    layout: Literal["angle", "fixed", "compact"] = "angle"
    """Showers of any angle in 51 x 51 x 25 cells, along the normal in 25 x 25 x 25, or so in 13 x 13 x 25."""
    latent: int = 256
    """Latent numbers; of "compact" without those of the cells."""
    wide: int = 8
    """Channels of the generator's first convolution; of "compact" those it starts from."""
    narrow: int = 6
    """Channels of its others."""
    first: int = 16
    """Channels of the discriminator's first convolution."""
    others: int = 8
    """Channels of its others."""
    power: float = 0.85
    """To which cells are raised before the discriminator; 1 switches it off."""
    unit: float = 100.0
    """GeV in a unit of energy of the networks."""
    cell_unit: float = 100.0
    """File units in a unit of a cell; the smaller, the larger the numbers of an image."""
    weights: tuple[float, float, float, float] = (3.0, 0.1, 25.0, 0.1)
    """Of cross entropy, energy, angle and sum in the losses."""
    mirror: bool = False
    """Mirror and transpose the real batches at random in x and y, which an axis along the normal allows."""
    flip: float = 0.05
    """Share of the discriminator's labels that are flipped."""
    least: float = 0.1
    """Real showers whose ECAL sum in file units over their energy is less are left out."""
    lr: float = 1e-3
    """Largest learning rate of both players."""
    optimizer: Literal["rmsprop", "adam"] = "rmsprop"
    """Of both players, RMSprop with Keras' memory of 0.9, or Adam with 0.5 and 0.9."""
    updates: int = 2
    """Steps of the generator to one of the discriminator."""
    warm: int = 0
    """Steps towards the mean shower before the players meet, see `warm_up`."""
    course: Course = field(default_factory=lambda: Course(epochs=120, batch=64, ema=0.0))
    """How long they are trained."""

    def __post_init__(self) -> None:
        if self.showers < 0 or self.course.batch < 2:
            raise InputError("expected showers of 0 or more, and batches of at least two")
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
        return {"angle": ECAL[0], "fixed": 25, "compact": compact_gan.CELLS}[self.layout]


def build_generator(settings: Gan) -> nn.Module:
    """The generator of some settings, untrained."""
    s = settings
    if s.layout == "angle":
        return AngleGenerator(latent=s.latent, first=s.wide, narrow=s.narrow)
    if s.layout == "fixed":
        return FixedAngleGenerator(latent=s.latent, wide=s.wide, narrow=s.narrow)
    return CompactGenerator(latent=s.latent, wide=s.wide, narrow=s.narrow)


def build_discriminator(settings: Gan) -> nn.Module:
    """Its opponent, untrained."""
    s = settings
    if s.layout == "compact":
        return CompactDiscriminator(power=s.power, first=s.first, others=s.others)
    return Discriminator(cells=s.cells, power=s.power, first=s.first, narrow=s.others)


WARM_RATE = 3e-3  #: learning rate of Adam before the players meet


class Adversarial:
    """One step of both players, on showers given by their rows: these are sparse until they are asked for.

    The discriminator sees real and generated images in batches of their own; then the generator learns, published
    twice, with the conditions of the real batch. Weights at the start depend on the seed alone.
    """

    def __init__(self, settings: Gan, showers: ShowerTable, *, seed: int) -> None:
        torch.manual_seed(seed)
        self.settings, self.showers = settings, showers
        self.generator = build_generator(settings)
        self.discriminator = build_discriminator(settings)
        self.networks = nn.ModuleDict({"generator": self.generator, "discriminator": self.discriminator})
        self.networks.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]  # faster by half here
        self.rates = dict.fromkeys(self.networks, settings.lr)
        self.optimizers = {name: _optimizer(player, settings) for name, player in self.networks.items()}

    def step(self, batch: dict[str, Tensor], *, generator: torch.Generator) -> dict[str, Tensor]:
        """Improve both; their losses."""
        settings = self.settings
        image, energy, theta = self._real(batch["row"], generator)
        with torch.no_grad():
            made = self._fake(energy, theta, generator)
        judged = torch.zeros(())
        for images, truth in ((image, 1.0), (made, 0.0)):
            flipped = torch.rand(len(images), generator=generator) < settings.flip
            label = torch.where(flipped, 1 - truth, torch.tensor(truth))
            loss = discriminator_loss(self.discriminator(images, energy), energy, label, settings.weights)
            judged += self._descend("discriminator", loss) / 2
        real_angle, total = shower_angle(image[:, 0]), image.sum(dim=(1, 2, 3, 4))
        self.discriminator.requires_grad_(False)
        wanted = torch.zeros(())
        for _ in range(settings.updates):
            verdict = self.discriminator(self._fake(energy, theta, generator), energy)
            loss = generator_loss(verdict, energy, real_angle, total, settings.weights)
            wanted += self._descend("generator", loss) / settings.updates
        self.discriminator.requires_grad_(True)
        return {"discriminator": judged, "generator": wanted}

    def warm_up(self, *, generator: torch.Generator) -> None:
        """Bring the generator to the mean shower and to the sum of each, by `warm` steps of Adam."""
        optimizer, steps = torch.optim.Adam(self.generator.parameters(), lr=WARM_RATE), self.settings.warm
        for step in range(steps):
            rows = torch.randint(len(self.showers), (self.settings.course.batch,), generator=generator)
            image, energy, theta = self._real(rows, generator)
            for group in optimizer.param_groups:
                group["lr"] = WARM_RATE * min(1.0, (step + 1) / 20) * (1 - step / steps)
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(warm_loss(self._fake(energy, theta, generator), image, energy))
            optimizer.step()

    def _real(self, rows: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Images, energies in units and angles of showers."""
        showers, settings = self.showers[rows], self.settings
        image = (showers["ecal"] / settings.cell_unit).unsqueeze(1)
        if settings.mirror:
            turns = torch.rand(3, generator=generator) < 0.5
            image = image.flip([axis for axis, turn in ((2, turns[0]), (3, turns[1])) if turn])
            image = image.transpose(2, 3) if turns[2] else image
        return image, showers["energy"] / settings.unit, angles(showers)

    def _fake(self, energy: Tensor, theta: Tensor, generator: torch.Generator) -> Tensor:
        return self.generator(self.generator.draw(energy, theta, generator=generator))  # type: ignore[operator]

    def _descend(self, name: str, loss: Tensor) -> Tensor:
        self.optimizers[name].zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        self.optimizers[name].step()
        return loss.detach()


def _optimizer(player: nn.Module, settings: Gan) -> torch.optim.Optimizer:
    if settings.optimizer == "adam":
        return torch.optim.Adam(player.parameters(), lr=settings.lr, betas=(0.5, 0.9))
    return torch.optim.RMSprop(player.parameters(), lr=settings.lr, alpha=0.9)


def train_gan(
    train: ShowerTable,
    validation: ShowerTable,
    *,
    settings: Gan,
    seed: int,
    folder: Path,
    report: Callable[[int, int, str], None] = lambda *_: None,
) -> None:
    """Train, and leave the generator of the best check as ``gan.pt`` in the folder.

    The best has the least `mismatch` with the validation showers. See ``generator_loop.fit_generator`` on how a
    training that was stopped goes on.

    Raises:
        InputError: A loss is not finite, or the checkpoint is damaged or of another model.
    """
    if (folder / "gan.pt").exists():
        return
    torch.set_num_threads(1)  # on more the sums are in another order, and the numbers of a seed differ
    players, epochs = Adversarial(settings, train, seed=seed), settings.course.epochs
    if not (folder / "last.ckpt").exists():
        players.warm_up(generator=torch.Generator().manual_seed(seed))
    history = fit_generator(
        players,
        {"row": torch.arange(len(train))},
        lambda model, _: (mismatch(model.eval(), validation, settings, seed=seed), 0.0),
        course=settings.course,
        seed=seed,
        folder=folder,
        report=lambda row: report(int(row["epoch"]), epochs, f"mismatch {row['distance']:.3f}"),
    )
    save_tensors({"generator": players.generator.state_dict(), "history": history}, folder / "gan.pt")
    for name in ("last.ckpt", "best.ckpt"):
        (folder / name).unlink(missing_ok=True)


def warm_loss(
    made: Float[Tensor, "shower 1 x y layer"],
    image: Float[Tensor, "shower 1 x y layer"],
    energy: Float[Tensor, "shower"],
) -> Float[Tensor, ""]:
    """Squared distance of the mean images per energy, of the roots of their cells, and of the sums, relative.

    Roots: a faint cell at the edge counts as well as one in the core.
    """
    own, real = ((each / energy[:, None, None, None, None]).mean(dim=0) for each in (made, image))
    shape = ((own + 1e-4).sqrt() - (real + 1e-4).sqrt()).square().sum()
    own_sum, real_sum = (each.sum(dim=(1, 2, 3, 4)) for each in (made, image))
    return shape + 20 * (own_sum / real_sum - 1).square().mean()


def load_gan(folder: Path, settings: Gan) -> tuple[nn.Module, list[dict[str, float]]]:
    """The trained generator and its history.

    Raises:
        InputError: The file is missing, damaged, or of another model.
    """
    content = load_tensors(folder / "gan.pt")
    generator = build_generator(settings)
    try:
        generator.load_state_dict(content["generator"])
        return generator.eval(), content["history"]
    except (KeyError, RuntimeError) as error:
        raise InputError(f"{folder / 'gan.pt'} does not hold a generator of these settings") from error


def mismatch(
    generator: nn.Module, showers: ShowerTable, settings: Gan, *, seed: int, most: int = 300
) -> float:
    """Mean relative error of the mean profiles along x, y and depth, and that of the spread of the response, added.

    For each axis: sum of |generated - real| over the sum of the real profile. Response: sum of the cells over the
    energy, the difference of its standard deviations over its mean; profiles alone would take an early epoch, whose
    showers are right on average. It plays the part of the published metric for hyper-parameters, and is 0 for equal
    profiles and responses.
    """
    batch = showers[torch.arange(min(len(showers), most))]
    made = generate(
        generator,
        batch["energy"],
        angles(batch),
        unit=settings.unit,
        cell_unit=settings.cell_unit,
        generator=torch.Generator().manual_seed(seed),
    )
    errors = []
    for axis in range(3):
        others = tuple({1, 2, 3} - {axis + 1})
        real, own = (each.sum(dim=others).double().mean(dim=0) for each in (batch["ecal"], made))
        errors.append(float((own - real).abs().sum() / real.sum()))
    real, own = (each.sum(dim=(1, 2, 3)).double() / batch["energy"] for each in (batch["ecal"], made))
    return float(np.mean(errors)) + float((own.std() - real.std()).abs() / real.mean())


def angles(batch: dict[str, Tensor]) -> Float[Tensor, "shower"]:
    """Polar angle of the particles, of their pseudorapidity; the normal where it is not known."""
    if "eta" not in batch:
        return torch.full_like(batch["energy"], math.pi / 2)
    return 2 * torch.atan(torch.exp(-batch["eta"]))
