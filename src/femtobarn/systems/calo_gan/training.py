"""Training of the 3-D GAN: to one update of the discriminator one or two of the generator."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from femtobarn.datasets.clic import Showers
from femtobarn.engine import Batch
from femtobarn.generator_loop import fit_generator
from femtobarn.nn.cell_networks import ShowerTable
from femtobarn.nn.shower_gans import discriminator_loss, generator_loss
from femtobarn.parts import Report
from femtobarn.physics.calorimeter_cells import shower_angle
from femtobarn.study import Models, Split, Trained
from femtobarn.systems.calo_gan.networks import Gan, angles


class Part(NamedTuple):
    """One training: settings that are tried, and a seed."""

    lr: float
    power: float
    seed: int

    @property
    def name(self) -> str:
        """Its folder, and its name for ``predict --model``, such as ``gan-lr0.001-power0.3-seed1``."""
        return f"gan-lr{self.lr:g}-power{self.power:g}-seed{self.seed}"

    @property
    def settings(self) -> tuple[float, float]:
        """What is tried: trainings that differ by their seed only have the same."""
        return self.lr, self.power

    @property
    def labels(self) -> dict[str, str]:
        """Its place in tables."""
        return {"learning rate": f"{self.lr:g}", "power": f"{self.power:g}"}


def chosen(trained: Sequence[Trained[Part]]) -> list[Trained[Part]]:
    """Trainings of the settings with the least mismatch with the validation showers; the first seed tries them all."""
    first = [each for each in trained if each.part.seed == trained[0].part.seed]
    best = min(first, key=lambda each: (each.validation, each.part)).part
    return [each for each in trained if each.part.settings == best.settings]


MODELS = Models(Part, lambda _: Gan, lambda _, settings, kept: settings.generator())  # noqa: ARG005
WARM_RATE = 3e-3  #: learning rate of Adam before the players meet


class Adversarial:
    """One step of both players.

    The discriminator sees real and generated images in batches of their own; then the generator learns, published
    twice, with the conditions of the real batch. Weights at the start depend on the seed alone.
    """

    def __init__(self, settings: Gan, showers: ShowerTable, *, seed: int) -> None:
        torch.manual_seed(seed)
        self.settings, self.showers = settings, showers
        self.generator = settings.generator()
        self.discriminator = settings.discriminator()
        self.networks = nn.ModuleDict({"generator": self.generator, "discriminator": self.discriminator})
        self.networks.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]  # faster by half here
        self.rates = dict.fromkeys(self.networks, settings.lr)
        self.optimizers = {name: _optimizer(player, settings) for name, player in self.networks.items()}

    def step(self, batch: dict[str, Tensor], *, generator: torch.Generator) -> dict[str, Tensor]:
        """Improve both; their losses."""
        settings = self.settings
        image, energy, theta = self._real(batch, generator)
        with torch.no_grad():
            made = self._fake(energy, theta, generator)
        judged = torch.zeros_like(energy[0])
        for images, truth in ((image, 1.0), (made, 0.0)):
            flipped = torch.rand(len(images), generator=generator, device=generator.device) < settings.flip
            label = torch.where(flipped, 1 - truth, truth).to(images)
            loss = discriminator_loss(self.discriminator(images, energy), energy, label, settings.weights)
            judged += self._descend("discriminator", loss) / 2
        real_angle, total = shower_angle(image[:, 0]), image.sum(dim=(1, 2, 3, 4))
        self.discriminator.requires_grad_(False)
        wanted = torch.zeros_like(energy[0])
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
            image, energy, theta = self._real(self.showers[rows], generator)
            for group in optimizer.param_groups:
                group["lr"] = WARM_RATE * min(1.0, (step + 1) / 20) * (1 - step / steps)
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(warm_loss(self._fake(energy, theta, generator), image, energy))
            optimizer.step()

    def _real(self, showers: Batch, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Images, energies in units and angles of showers."""
        settings = self.settings
        image = (showers["ecal"] / settings.cell_unit).unsqueeze(1)
        if settings.mirror:
            turns = torch.rand(3, generator=generator, device=generator.device) < 0.5
            image = torch.where(
                turns[0], image.flip(2), image
            )  # chosen on the device, which need not be asked
            image = torch.where(turns[1], image.flip(3), image)
            image = torch.where(turns[2], image.transpose(2, 3), image)
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


def train_one(settings: Gan, data: Split[Showers], work: Path, part: Part, report: Report) -> Trained[Part]:
    """Train one GAN; the check kept has the least `mismatch` with the validation showers.

    Raises:
        InputError: A loss is not finite, or the checkpoint is damaged or of another model.
    """
    train, validation = (ShowerTable(each, window=settings.cells) for each in (data.train, data.validation))
    players, epochs = Adversarial(settings, train, seed=part.seed), settings.course.epochs
    if not (work / part.name / "last.ckpt").exists():
        players.warm_up(generator=torch.Generator().manual_seed(part.seed))
    history = fit_generator(
        players,
        train,
        lambda model, _: (mismatch(model.eval(), validation, settings, seed=part.seed), 0.0),
        course=settings.course,
        seed=part.seed,
        folder=work / part.name,
        device=settings.device,
        report=lambda row: report(int(row["epoch"]), epochs, f"mismatch {row['distance']:.3f}"),
    )
    return Trained(part, players.generator, history, min(row["distance"] for row in history))


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
    made = settings.cells_of(generator, batch["energy"], angles(batch), seed=seed)
    errors = []
    for axis in range(3):
        others = tuple({1, 2, 3} - {axis + 1})
        real, own = (each.sum(dim=others).double().mean(dim=0) for each in (batch["ecal"], made))
        errors.append(float((own - real).abs().sum() / real.sum()))
    real, own = (each.sum(dim=(1, 2, 3)).double() / batch["energy"] for each in (batch["ecal"], made))
    return float(np.mean(errors)) + float((own.std() - real.std()).abs() / real.mean())
