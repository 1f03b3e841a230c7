"""Electrons from a photocathode to a screen, one by one, with the space charge of their slices."""

import math

import numpy as np
import torch
from jaxtyping import Float
from scipy.stats import qmc
from torch import Tensor

from femtobarn.errors import InputError
from femtobarn.physics.solenoid import drift_matrix, solenoid_matrix
from femtobarn.physics.space_charge import gaussian_slices, perveance, space_charge_kick
from femtobarn.simulate.beam_line import BeamLine


def emitted(
    charges: Float[Tensor, "row column"], line: BeamLine, particles: int, *, seed: int, quiet: bool = True
) -> Float[Tensor, "particle 4"]:
    """Particles (x, x', y, y') of equal charge as they leave the cathode, mm and radians, in random order.

    Between the middles of its pixels the map is interpolated linearly, as `beam_line.screen_image` does. A quiet start
    draws from a Sobol sequence, so that images have little of the noise that so few particles would have.

    Args:
        charges: Map of the cathode.
        line: The beam line.
        particles: How many.
        seed: Of the sequence, or of the random numbers.
        quiet: Whether the start is quiet.

    Raises:
        InputError: No particles, or a map without charge or with charges of both signs.
    """
    share = charges.double().flatten().numpy()
    if particles < 1 or not (np.isfinite(share).all() and share.min() >= 0 and share.sum() > 0):
        raise InputError(
            f"expected particles and a map of charges of 0 or more with a sum, got {particles} and a map"
        )
    draw = np.random.default_rng(seed)
    if quiet:
        power = max(math.ceil(math.log2(particles)), 1)
        numbers = qmc.Sobol(6, rng=draw).random_base2(power)[:particles]
        pixel = np.searchsorted(np.cumsum(share) / share.sum(), (np.arange(particles) + 0.5) / particles)
    else:
        numbers = draw.random((particles, 6))
        pixel = draw.choice(len(share), particles, p=share / share.sum())
    row, column = np.divmod(pixel.clip(max=len(share) - 1), charges.shape[1])
    # A sum of two uniform numbers falls off linearly to the neighbouring middles: linear interpolation.
    y, x = (
        line.cathode * ((place + numbers[:, i] + numbers[:, i + 1] - 0.5) * 2 / size - 1)
        for place, size, i in zip((row, column), charges.shape, (0, 2), strict=True)
    )
    angles = torch.special.ndtri(torch.from_numpy(numbers[:, 4:].clip(1e-12, 1 - 1e-12))) * line.divergence
    beam = torch.stack((torch.from_numpy(x), angles[:, 0], torch.from_numpy(y), angles[:, 1]), dim=1)
    return beam[torch.from_numpy(draw.permutation(particles))]


def tracked(
    beam: Float[Tensor, "particle 4"],
    field: float,
    line: BeamLine,
    *,
    charge: float = 0.0,
    slices: int = 1,
) -> Float[Tensor, "particle 4"]:
    """The particles at the screen.

    Every piece of the line is a matrix, with the kick of the space charge in its middle. Slices along a Gaussian bunch
    do not see each other and keep their length; particles are dealt to them in turn. Some are left out, fewer than
    slices, if these do not divide their number.

    Args:
        beam: At the cathode, see `emitted`.
        field: Of the solenoid, T.
        line: The beam line.
        charge: Of the bunch, fC.
        slices: Of equal charge.

    Raises:
        InputError: Fewer particles than slices.
    """
    if slices < 1 or len(beam) < slices:
        raise InputError(f"expected as many particles as slices, got {len(beam)} for {slices}")
    groups = beam[: len(beam) // slices * slices].view(-1, slices, 4).transpose(0, 1)
    strength = gaussian_slices(perveance(charge, line.kinetic), line.pulse, slices)
    at = torch.tensor(field, dtype=beam.dtype)
    for length, inside in line.pieces():
        half = solenoid_matrix(at, length / 2, line.stiffness) if inside else drift_matrix(length / 2)
        groups = groups @ half.to(beam.dtype).T
        if charge:
            kick = length * space_charge_kick(groups[..., ::2], strength)
            groups = groups + torch.stack((torch.zeros_like(kick), kick), dim=-1).flatten(2)
        groups = groups @ half.to(beam.dtype).T
    return groups.transpose(0, 1).flatten(0, 1)


def screen_of(beam: Float[Tensor, "particle 4"], line: BeamLine) -> Float[Tensor, "pixel pixel"]:
    """Share of the particles in each pixel of the screen; each is seen as a Gaussian of the screen's resolution."""
    # Bins of a fifth of the resolution or less, a whole number of them in a pixel.
    fine = line.pixels * math.ceil(10 * line.screen / (line.resolution * line.pixels))
    place = ((beam[:, [2, 0]] / line.screen + 1) * fine / 2).floor().long()
    inside = ((place >= 0) & (place < fine)).all(dim=1)
    flat = place[inside, 0] * fine + place[inside, 1]
    count = torch.bincount(flat, minlength=fine * fine).view(fine, fine).to(beam.dtype) / len(beam)
    axis = line.screen * ((torch.arange(fine, dtype=beam.dtype) + 0.5) * 2 / fine - 1)
    edges = torch.linspace(-line.screen, line.screen, line.pixels + 1, dtype=beam.dtype)
    blur = torch.special.ndtr((edges[:, None] - axis) / line.resolution).diff(dim=0)
    return blur @ count @ blur.T
