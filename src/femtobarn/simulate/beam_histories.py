"""A beam line over time: screens of a machine that drifts, with what is read back and what is hidden."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from femtobarn.errors import InputError
from femtobarn.physics.solenoid import momentum_error
from femtobarn.simulate.beam_line import BeamLine, screen_image
from femtobarn.simulate.beam_tracking import emitted, screen_of, tracked
from femtobarn.simulate.cathode_maps import spots


class BeamHistory(NamedTuple):
    """One machine over time."""

    name: str
    screen: Float[Tensor, "shot pixel pixel"]
    """As it is measured; its sum is about one."""
    field: Float[Tensor, "shot"]
    """Of the solenoid as it is read back, T."""
    truth: Float[Tensor, "shot row column"] | None
    """The hidden maps, where they are known; each sums to one."""


@dataclass(frozen=True)
class Machine:
    """A beam line and how well it is known."""

    line: BeamLine = field(default_factory=BeamLine)
    field_range: tuple[float, float] = (0.034, 0.042)
    """Fields of the solenoid in training, T; a history goes to and fro within."""
    jitter: float = 1e-3
    """Relative standard deviation of the kinetic energy from shot to shot."""
    noise: float = 0.005
    """Noise of the camera, as a share of the brightest pixel."""
    particles: int = 16384
    """Tracked for each shot."""

    def __post_init__(self) -> None:
        low, high = self.field_range
        if not 0 < low < high or self.particles < 100 or min(self.noise, self.jitter) < 0:
            raise InputError(
                f"expected rising fields above 0 T, 100 particles or more, noise and jitter of 0 or more, got {self}"
            )


def beam_history(
    name: str,
    maps: Float[Tensor, "shot row column"],
    machine: Machine,
    *,
    charge: float = 0.0,
    lens_error: float = 0.0,
    seed: int,
) -> BeamHistory:
    """Screens by tracked particles of maps that change from shot to shot; the field goes to and fro three times.

    Args:
        name: Of the history.
        maps: On the cathode; each sums to one.
        machine: The beam line; its energy jitters and its camera is noisy.
        charge: Of the bunch, fC.
        lens_error: The true field is larger by this share than what is read back.
        seed: Of all that is random.
    """
    draw, shots = np.random.default_rng((seed, 4)), len(maps)
    low, high = machine.field_range
    read = (low + high) / 2 + 0.4 * (high - low) * np.sin(6 * np.pi * np.arange(shots) / shots)
    shift = momentum_error(machine.line.kinetic, 1.0) * machine.jitter * draw.normal(size=shots)
    true, line, screens = read * (1 + lens_error) * (1 - shift), machine.line, []
    for each, strength in zip(maps, true.tolist(), strict=True):
        beam = emitted(each, line, machine.particles, seed=int(draw.integers(2**31))).float()
        screens.append(screen_of(tracked(beam, strength, line, charge=charge), line))
    return BeamHistory(name, _seen(torch.stack(screens), machine, draw), torch.from_numpy(read).float(), maps)


def training_pairs(
    count: int, machine: Machine, *, size: int, wide: bool, generator: np.random.Generator
) -> dict[str, Tensor]:
    """Maps of spots, their screens at random fields without charge, and the fields as (shot, 1).

    Args:
        count: Number of pairs.
        machine: The beam line and its camera.
        size: Pixels of the maps along a side.
        wide: Spots twice as far out, and half to twice as large.
        generator: Of all that is random.
    """
    box, widths = (0.7, (0.08, 0.4)) if wide else (0.35, (0.1, 0.2))
    maps = spots(count, generator=generator, size=size, box=box, widths=widths)
    fields = torch.from_numpy(generator.uniform(*machine.field_range, count)).float()
    pieces = zip(torch.split(maps, 500), torch.split(fields, 500), strict=True)
    screens = torch.cat([screen_image(*piece, machine.line) for piece in pieces])
    return {"map": maps, "screen": _seen(screens, machine, generator), "settings": fields[:, None]}


def _seen(screens: Tensor, machine: Machine, generator: np.random.Generator) -> Tensor:
    peak = screens.amax(dim=(1, 2), keepdim=True)
    return screens + machine.noise * peak * torch.from_numpy(generator.normal(size=screens.shape)).float()
