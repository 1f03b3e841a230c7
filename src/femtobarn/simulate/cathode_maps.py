"""Where a photocathode emits: spots of a laser, and a place whose quantum efficiency is burnt away."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from femtobarn.errors import InputError


def spots(
    count: int,
    *,
    generator: np.random.Generator,
    size: int = 32,
    box: float = 0.35,
    widths: tuple[float, float] = (0.1, 0.2),
) -> Float[Tensor, "map row column"]:
    """Maps of three Gaussian spots each, which sum to one.

    Args:
        count: Number of maps.
        generator: Of places, widths and amplitudes (0.2 to 1.2).
        size: Pixels a side.
        box: Spots are centred within so much of the half-width of the map.
        widths: Smallest and largest standard deviation, in half-widths.

    Raises:
        InputError: No maps, or a box or widths that are not above 0.
    """
    if count < 1 or not 0 < box <= 1 or not 0 < widths[0] <= widths[1]:
        raise InputError(
            f"expected maps, a box in (0, 1] and rising widths above 0, got {count}, {box:g}, {widths}"
        )
    centre = generator.uniform(-box, box, (count, 3, 2))
    return spot_maps(
        centre, generator.uniform(*widths, (count, 3)), generator.uniform(0.2, 1.2, (count, 3)), size=size
    )


def spot_maps(
    centre: Float[np.ndarray, "map spot 2"],
    width: Float[np.ndarray, "map spot"],
    amplitude: Float[np.ndarray, "map spot"],
    *,
    size: int = 32,
) -> Float[Tensor, "map row column"]:
    """Maps of Gaussian spots at (x, y), in half-widths of the map; each map sums to one."""
    axis = (np.arange(size) + 0.5) * 2 / size - 1
    x, y = (np.exp(-0.5 * ((axis - centre[..., i, None]) / width[..., None]) ** 2) for i in (0, 1))
    charges = np.einsum("msy,msx,ms->myx", y, x, amplitude)
    return torch.from_numpy(charges / charges.sum(axis=(1, 2), keepdims=True)).float()


def leaving_spots(
    shots: int, *, generator: np.random.Generator, size: int = 32
) -> Float[Tensor, "shot row column"]:
    """Three spots that move out of the box of `spots` in straight lines, by 0.75, 0.8 and 0.5 half-widths in all; the
    third grows from 0.2 to 1.2 in amplitude."""
    share = np.linspace(0, 1, shots)[:, None]
    start = generator.uniform(-0.2, 0.2, (3, 2))
    angle = generator.uniform(0, 2 * np.pi) + np.arange(3) * 2.1
    way = np.array([0.75, 0.8, 0.5])[:, None] * np.stack((np.cos(angle), np.sin(angle)), axis=1)
    centre = start + share[..., None] * way
    width = np.broadcast_to(generator.uniform(0.1, 0.2, 3), (shots, 3))
    amplitude = np.concatenate((np.full((shots, 2), 0.7), 0.2 + share), axis=1)
    return spot_maps(centre, width, amplitude, size=size)


def burning(
    charges: Float[Tensor, "row column"],
    shots: int,
    *,
    deepest: float = 0.7,
    width: float = 0.3,
    way: float = 0.6,
) -> Float[Tensor, "shot row column"]:
    """A map whose quantum efficiency is lost in a Gaussian spot that moves along x and deepens; each sums to one.

    Args:
        charges: The map before.
        shots: Number of maps, evenly spaced in time.
        deepest: Share lost in the centre of the spot at the end.
        width: Standard deviation of the spot, half-widths.
        way: The spot moves from -way/2 to way/2, half-widths.

    Raises:
        InputError: No shot, or a loss that is no share.
    """
    if shots < 1 or not 0 <= deepest <= 1 or not width > 0:
        raise InputError(
            f"expected shots, a share lost and a width above 0, got {shots}, {deepest:g}, {width:g}"
        )
    share = torch.linspace(0, 1, shots)[:, None, None]
    y, x = ((torch.arange(n) + 0.5) * 2 / n - 1 for n in charges.shape)
    square = (x - way * (share - 0.5)) ** 2 + (y[:, None] + 0.1) ** 2
    left = charges.float() * (1 - deepest * share * torch.exp(-0.5 * square / width**2))
    return left / left.sum(dim=(1, 2), keepdim=True)
