"""A photocathode, a solenoid and a screen: the image on the screen of any map of charge on the cathode.

Two models of the same line. `screen_image` is closed form and differentiable: without charge it is exact, with charge
it takes the linear part of the space charge (the rms envelope). `simulate.beam_tracking` follows particles.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from femtobarn.errors import InputError
from femtobarn.physics.solenoid import larmor_wavenumber, rigidity
from femtobarn.physics.space_charge import gaussian_slices, perveance

_FINE = 2  # points a pixel of the screen where the cathode is looked up
_STEPS = (3, 3, 8)  # pieces of the drift, the solenoid and the second drift between kicks of space charge


@dataclass(frozen=True)
class BeamLine:
    """Cathode, drift, solenoid, drift, screen; the axis of the beam is that of the solenoid."""

    kinetic: float = 735.0
    """Kinetic energy of the electrons, keV."""
    before: float = 300.0
    """From the cathode to the solenoid, mm."""
    length: float = 120.0
    """Length of the solenoid, mm."""
    after: float = 1000.0
    """From the solenoid to the screen, mm."""
    divergence: float = 2.8e-4
    """Standard deviation of the angles at the cathode in each plane, radians; they do not depend on the place."""
    pulse: float = 1.0
    """Standard deviation of the bunch along the beam, mm."""
    cathode: float = 1.75
    """Half the width of a map of the cathode, mm."""
    screen: float = 5.0
    """Half the width of the screen, mm."""
    resolution: float = 0.2
    """Standard deviation of the screen and its camera, mm."""
    pixels: int = 32
    """Along a side of the screen."""

    def __post_init__(self) -> None:
        lengths = (self.kinetic, self.length, self.pulse, self.cathode, self.screen, self.resolution)
        if not min(lengths) > 0 or min(self.before, self.after, self.divergence) < 0 or self.pixels < 4:
            raise InputError(f"expected energy, lengths and widths above 0 and 4 pixels or more, got {self}")

    @property
    def stiffness(self) -> float:
        """B rho, T m."""
        return rigidity(self.kinetic)

    def pieces(self) -> list[tuple[float, bool]]:
        """(length, whether in the solenoid) of the pieces that are tracked, each with a kick in its middle."""
        parts = zip((self.before, self.length, self.after), (False, True, False), _STEPS, strict=True)
        return [(length / steps, inside) for length, inside, steps in parts for _ in range(steps) if length]


class Optics(NamedTuple):
    """Where an electron from (x, x') arrives: position * x + angle * x', turned about the axis."""

    position: Float[Tensor, "shot"]
    angle: Float[Tensor, "shot"]
    """mm a radian."""
    rotation: Float[Tensor, "shot"]
    """Radians, from x towards -y, as the matrix of the solenoid has it."""


def optics(
    line: BeamLine,
    field: Float[Tensor, "shot"],
    *,
    charge: Float[Tensor, "shot"] | None = None,
    size: Float[Tensor, "shot"] | None = None,
) -> Optics:
    """The optics of the line for each field.

    With a charge each piece also gets a kick K x / (4 sigma^2), the linear part of the space charge of any round beam
    of this rms width about the axis (Sacherer 1971, IEEE Trans. Nucl. Sci. 18, 1105), K being that of the mean line
    charge.

    Args:
        line: The beam line.
        field: T.
        charge: fC.
        size: Standard deviation of the map along an axis, mm; needed with a charge.
    """
    k = larmor_wavenumber(field, line.stiffness)
    if charge is None:
        position, angle = _free(k, line)
    elif size is None:
        raise InputError("expected the size of the beam on the cathode beside its charge, got none")
    else:
        position, angle = _with_charge(k, line, charge, size)
    return Optics(position, angle, k * line.length)


def screen_image(
    charges: Float[Tensor, "shot row column"],
    field: Float[Tensor, "shot"],
    line: BeamLine,
    *,
    charge: Float[Tensor, "shot"] | None = None,
) -> Float[Tensor, "shot pixel pixel"]:
    """Charge in each pixel of the screen, in the unit of the map; what misses the screen is lost.

    Thermal angles do not depend on the place, so the image is the map, turned and magnified, blurred by a Gaussian.
    Between the middles of its pixels a map is interpolated linearly. Differentiable in all arguments.

    Args:
        charges: On the cathode; rows are y, columns x, both rising.
        field: Of the solenoid, T.
        line: The beam line.
        charge: Of the bunch, fC: adds the linear space charge.
    """
    found = optics(line, field, charge=charge, size=None if charge is None else rms_size(charges, line))
    fine = line.pixels * _FINE
    axis = line.screen * ((torch.arange(fine, dtype=charges.dtype) + 0.5) * 2 / fine - 1)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    cos, sin = (
        f(found.rotation)[:, None, None] / found.position[:, None, None] for f in (torch.cos, torch.sin)
    )
    back = torch.stack((cos * x - sin * y, sin * x + cos * y), dim=-1) / line.cathode
    # A charge in a pixel of the map, over the area of this pixel on the screen, times that of a fine pixel.
    rows, columns = charges.shape[1:]
    area = (line.screen / fine) ** 2 * rows * columns / line.cathode**2
    warped = F.grid_sample(charges[:, None], back, mode="bilinear", align_corners=False)[:, 0]
    warped = warped * (area / found.position**2)[:, None, None]
    width = torch.hypot(found.angle * line.divergence, torch.as_tensor(line.resolution).to(found.angle))
    edges = torch.linspace(-line.screen, line.screen, line.pixels + 1, dtype=charges.dtype)
    reached = torch.special.ndtr((edges[:, None] - axis) / width[:, None, None])
    blur = reached.diff(dim=1)
    return blur @ warped @ blur.transpose(1, 2)


def rms_size(charges: Float[Tensor, "shot row column"], line: BeamLine) -> Float[Tensor, "shot"]:
    """Standard deviation of maps of the cathode about the axis, the mean of both planes, mm."""
    rows, columns = (
        (line.cathode * ((torch.arange(n, dtype=charges.dtype) + 0.5) * 2 / n - 1)) ** 2
        for n in charges.shape[1:]
    )
    square = (charges * (rows[:, None] + columns) / 2).sum(dim=(1, 2)) / charges.sum(dim=(1, 2))
    return square.sqrt()


def _free(k: Tensor, line: BeamLine) -> tuple[Tensor, Tensor]:
    cos, sin = torch.cos(k * line.length), line.length * torch.sinc(k * line.length / math.pi)
    position = cos - line.after * k**2 * sin
    return position, line.before * position + sin + line.after * cos


def _with_charge(k: Tensor, line: BeamLine, charge: Tensor, size: Tensor) -> tuple[Tensor, Tensor]:
    """Two rays, (x, x') of (1, 0) and of (0, 1), in the frame that turns with the beam."""
    unit = float(gaussian_slices(1.0, line.pulse, 1))
    defocus = charge * perveance(unit, line.kinetic) / 4
    position, slope = (
        torch.stack((torch.ones_like(k), torch.zeros_like(k))),
        torch.zeros(2, len(k), dtype=k.dtype),
    )
    slope = slope + torch.tensor([[0.0], [1.0]], dtype=k.dtype)
    for length, inside in line.pieces():
        half = length / 2
        cos, sin, back = (
            (torch.cos(k * half), half * torch.sinc(k * half / math.pi), k**2) if inside else (1.0, half, 0.0)
        )
        position, slope = cos * position + sin * slope, cos * slope - back * sin * position
        square = (position[0] * size) ** 2 + (position[1] * line.divergence) ** 2
        slope = slope + length * defocus / square * position
        position, slope = cos * position + sin * slope, cos * slope - back * sin * position
    return position[0], position[1]
