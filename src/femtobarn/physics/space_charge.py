"""How a beam of particles of one charge pushes itself apart, in slices that are long against their width."""

import functools
import math

import torch
from jaxtyping import Float
from torch import Tensor

from femtobarn.errors import InputError
from femtobarn.physics.solenoid import lorentz_factors

ELECTRON_RADIUS = 2.8179403e-12  #: mm (CODATA 2018)
ELECTRONS = 6241.509074  #: of 1 fC


def perveance(line_charge: float, kinetic: float) -> float:
    """Generalised perveance K = 2 N r_e / (beta^2 gamma^3), without a unit, of N electrons a mm.

    A round uniform beam of radius a has x'' = K x / a^2 (Reiser 2008, section 4.2.2).

    Args:
        line_charge: fC a mm.
        kinetic: keV.
    """
    beta, gamma = lorentz_factors(kinetic)
    return 2 * ELECTRON_RADIUS * ELECTRONS * line_charge / (beta**2 * gamma**3)


def gaussian_slices(charge: float, length: float, slices: int) -> Float[Tensor, "slice"]:
    """Mean line charge of slices of equal charge of a bunch that is Gaussian along the beam, fC a mm.

    Args:
        charge: Of the bunch, fC.
        length: Its standard deviation, mm.
        slices: Number of slices, in order along the beam.

    Raises:
        InputError: No slice or no length.
    """
    if slices < 1 or not length > 0:
        raise InputError(f"expected a slice or more and a length above 0, got {slices} and {length:g}")
    edges = torch.arange(slices + 1, dtype=torch.float64) / slices
    inside = torch.special.ndtr(math.sqrt(2) * torch.special.ndtri(edges)).diff()
    # The mean of the density over a slice, each electron counted once: slices x integral of the density squared.
    return charge / length * slices * inside / (2 * math.sqrt(math.pi))


def space_charge_kick(
    position: Float[Tensor, "slice particle 2"], strength: Float[Tensor, "slice"], *, cells: int = 64
) -> Float[Tensor, "slice particle 2"]:
    """Change of the angles for each mm along the beam, radians: K times the field of the slice's own particles.

    Charges are shared among the four cells around them, convolved with the field of a line charge, (x, y) / r^2, by FFT
    on twice the grid, so that nothing comes back over its edges, and interpolated alike. The grid is drawn around the
    particles of all slices.

    Args:
        position: mm; each particle of a slice has the same charge.
        strength: K of each slice, see `perveance`.
        cells: Of the grid along a side.

    Raises:
        InputError: Positions that are not finite, or a grid below 4 cells.
    """
    reach = position.detach().abs().amax()
    if not bool(torch.isfinite(reach)) or cells < 4:
        raise InputError(f"expected finite positions and 4 cells or more, got up to {reach:g} and {cells}")
    size = 2 * reach.clamp(min=1e-9) / (cells - 3)
    place = position / size + cells / 2
    corner = place.detach().floor().clamp(0, cells - 2)
    right, left = place - corner, 1 - (place - corner)
    first = (corner[..., 0] * cells + corner[..., 1]).long()
    weights = [a[..., 0] * b[..., 1] for a in (left, right) for b in (left, right)]
    places = [first + step for step in (0, 1, cells, cells + 1)]
    slices, particles = first.shape
    density = position.new_zeros(slices, cells * cells)
    for at, weight in zip(places, weights, strict=True):
        density = density.scatter_add(1, at, weight / particles)
    twice = (2 * cells, 2 * cells)
    spectrum = torch.fft.rfft2(density.view(slices, cells, cells), s=twice)
    field = torch.fft.irfft2(spectrum[:, None] * _kernel(cells, spectrum.dtype), s=twice)[..., :cells, :cells]
    parts = [
        sum(weight * each.gather(1, at) for at, weight in zip(places, weights, strict=True))
        for each in field.flatten(2).unbind(dim=1)
    ]
    return torch.stack(parts, dim=-1) * (strength / size)[:, None, None].to(position.dtype)


@functools.lru_cache(maxsize=4)
def _kernel(cells: int, kind: torch.dtype) -> Tensor:
    """Spectrum of the field of a unit line charge, for cells of side 1, both components."""
    offset = torch.fft.fftfreq(2 * cells, 1 / (2 * cells), dtype=torch.float64)
    x, y = offset[:, None], offset[None, :]
    square = (x**2 + y**2).clamp(min=1)  # no force on itself: there the numerators are zero
    return torch.fft.rfft2(torch.stack((x / square, y / square))).to(kind)
