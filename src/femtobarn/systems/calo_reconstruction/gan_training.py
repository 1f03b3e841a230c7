"""Training of the 3-D GAN: batches, two updates of the generator to one of the discriminator, checks, checkpoints.

Order of the batches, noise and dropout depend on (seed, step) alone, so a training that was stopped needs no state
of a random generator to go on to the numbers it would have reached.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from femtobarn.engine import ShuffledBatches, load_tensors, save_tensors
from femtobarn.errors import InputError
from femtobarn.physics.calorimeter_cells import ECAL, shower_angle
from femtobarn.systems.calo_reconstruction.gan import (
    AngleGenerator,
    Discriminator,
    FixedAngleGenerator,
    discriminator_loss,
    generate,
    generator_loss,
)
from femtobarn.systems.calo_reconstruction.sample import ShowerTable

FORMAT = 1


@dataclass(frozen=True)
class Gan:
    """Size and training of the 3-D GAN."""

    showers: int = 2000
    """Electrons it is simulated with; 0: no GAN. Of a run on files the electrons of the training part are used."""
    angle: bool = True
    """Showers of any angle in 51 x 51 x 25 cells, or along the normal in 25 x 25 x 25."""
    latent: int = 256
    """Latent numbers."""
    wide: int = 8
    """Channels of the generator's first convolution."""
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
    flip: float = 0.05
    """Share of the discriminator's labels that are flipped."""
    least: float = 0.1
    """Real showers whose ECAL sum in file units over their energy is less are left out."""
    epochs: int = 120
    """Passes over the training showers."""
    batch: int = 64
    """Showers a step."""
    lr: float = 1e-3
    """Learning rate of RMSprop, of both."""

    def __post_init__(self) -> None:
        if self.showers < 0 or self.epochs < 1 or self.batch < 2:
            raise InputError("expected showers of 0 or more, at least one epoch and batches of at least two")
        if not 0 < self.power <= 1 or min(self.unit, self.cell_unit, self.lr) <= 0:
            raise InputError("expected a power above 0 and up to 1, positive units and learning rate")

    @property
    def cells(self) -> int:
        """Cells of an image in x and y."""
        return ECAL[0] if self.angle else 25


class Players(nn.Module):
    """Generator and discriminator of some settings; weights depend on the seed alone."""

    def __init__(self, settings: Gan, *, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        s = settings
        self.generator: nn.Module = (
            AngleGenerator(latent=s.latent, first=s.wide, narrow=s.narrow)
            if s.angle
            else FixedAngleGenerator(latent=s.latent, wide=s.wide, narrow=s.narrow)
        )
        self.discriminator = Discriminator(cells=s.cells, power=s.power, first=s.first, narrow=s.others)
        self.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]  # faster by half here


def train_gan(
    train: ShowerTable,
    validation: ShowerTable,
    *,
    settings: Gan,
    seed: int,
    folder: Path,
    report: Callable[[int, int, str], None] = lambda *_: None,
) -> None:
    """Train, and leave the generator of the best epoch as ``gan.pt`` in the folder.

    The best epoch has the least `mismatch` with the validation showers. ``last.ckpt`` is written after each epoch;
    training goes on from it to the numbers of an unbroken run.

    Raises:
        InputError: A loss is not finite, or the checkpoint is damaged or of another model.
    """
    if (folder / "gan.pt").exists():
        return
    players = Players(settings, seed=seed)
    optimizers: dict[str, torch.optim.Optimizer] = {
        name: torch.optim.RMSprop(player.parameters(), lr=settings.lr)
        for name, player in (("generator", players.generator), ("discriminator", players.discriminator))
    }
    step, history = 0, list[dict[str, float]]()
    if (folder / "last.ckpt").exists():
        step, history = _load(folder / "last.ckpt", players, optimizers)
    batches = ShuffledBatches(len(train), settings.batch, seed=seed, steps_done=lambda: step)
    noise = torch.Generator()
    start = time.perf_counter()
    for epoch in range(step // len(batches), settings.epochs):
        sums = torch.zeros(2, dtype=torch.float64)
        players.train()
        for rows in batches:
            torch.manual_seed(seed * 1_000_003 + step)  # of dropout
            noise.manual_seed(seed * 1_000_003 + step)
            sums += torch.tensor(_step(players, optimizers, train[rows], settings, noise))
            step += 1
        means = (sums / len(batches)).tolist()
        if not all(map(math.isfinite, means)):
            raise InputError(f"the GAN diverged in epoch {epoch} (losses {means}): lower its learning rate")
        value = mismatch(players.generator.eval(), validation, settings, seed=seed)
        row = {"epoch": float(epoch), "discriminator": means[0], "generator": means[1], "mismatch": value}
        row["seconds"] = time.perf_counter() - start
        if all(value < old["mismatch"] for old in history):
            save_tensors({"generator": players.generator.state_dict()}, folder / "best.ckpt")
        history.append(row)
        content = {
            "players": players.state_dict(),
            "optimizers": {name: each.state_dict() for name, each in optimizers.items()},
            "step": step,
            "history": history,
        }
        save_tensors(content, folder / "last.ckpt")
        report(epoch + 1, settings.epochs, f"mismatch of the profiles {value:.3f}")
    best = load_tensors(folder / "best.ckpt")["generator"]
    save_tensors({"generator": best, "history": history, "format": FORMAT}, folder / "gan.pt")
    for name in ("last.ckpt", "best.ckpt"):
        (folder / name).unlink(missing_ok=True)


def load_gan(folder: Path, settings: Gan) -> tuple[nn.Module, list[dict[str, float]]]:
    """The trained generator and its history.

    Raises:
        InputError: The file is missing, damaged, or of another model.
    """
    content = load_tensors(folder / "gan.pt")
    generator = Players(settings, seed=0).generator
    try:
        generator.load_state_dict(content["generator"])
        return generator.eval(), content["history"]
    except (KeyError, RuntimeError) as error:
        raise InputError(f"{folder / 'gan.pt'} does not hold a generator of these settings") from error


def mismatch(
    generator: nn.Module, showers: ShowerTable, settings: Gan, *, seed: int, most: int = 300
) -> float:
    """Mean relative error of the mean profiles along x, y and depth, each weighted by the real one.

    For each axis: sum of |generated - real| over the sum of the real profile; the mean over the axes. It plays the
    part of the published metric for hyper-parameters, and is 0 for equal profiles and responses.
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
    return float(np.mean(errors))


def angles(batch: dict[str, Tensor]) -> Float[Tensor, "shower"]:
    """Polar angle of the particles, of their pseudorapidity; the normal where it is not known."""
    if "eta" not in batch:
        return torch.full_like(batch["energy"], math.pi / 2)
    return 2 * torch.atan(torch.exp(-batch["eta"]))


def _step(
    players: Players,
    optimizers: dict[str, torch.optim.Optimizer],
    batch: dict[str, Tensor],
    settings: Gan,
    noise: torch.Generator,
) -> tuple[float, float]:
    """One step of the discriminator on real and on generated images in batches of their own, two of the generator."""
    energy, theta = batch["energy"] / settings.unit, angles(batch)
    image = (batch["ecal"] / settings.cell_unit).unsqueeze(1)
    generator, discriminator = players.generator, players.discriminator

    def fake() -> Tensor:
        return generator(generator.draw(energy, theta, generator=noise))  # type: ignore[operator]

    with torch.no_grad():
        made = fake()
    judged = 0.0
    for images, truth in ((image, 1.0), (made, 0.0)):
        flipped = torch.rand(len(images), generator=noise) < settings.flip
        label = torch.where(flipped, 1 - truth, torch.tensor(truth))
        loss = discriminator_loss(discriminator(images), energy, label, settings.weights)
        judged += _descend(optimizers["discriminator"], loss)
    real_angle = shower_angle(batch["ecal"])
    discriminator.requires_grad_(False)
    wanted, total = 0.0, image.sum(dim=(1, 2, 3, 4))
    for _ in range(2):
        loss = generator_loss(discriminator(fake()), energy, real_angle, total, settings.weights)
        wanted += _descend(optimizers["generator"], loss) / 2
    discriminator.requires_grad_(True)
    return judged / 2, wanted


def _descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> float:
    optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    optimizer.step()
    return float(loss.detach())


def _load(path: Path, players: Players, optimizers: dict[str, Any]) -> tuple[int, list[dict[str, float]]]:
    content = load_tensors(path)
    try:
        players.load_state_dict(content["players"])
        for name, optimizer in optimizers.items():
            optimizer.load_state_dict(content["optimizers"][name])
        return int(content["step"]), list(content["history"])
    except (KeyError, RuntimeError, ValueError) as error:
        raise InputError(
            f"{path} is the checkpoint of another model: remove it or choose another folder"
        ) from error
