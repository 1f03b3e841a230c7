"""Images of a cylinder turned and reflected: what a training may do to them without changing what they show."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


def turned(
    x: Float[Tensor, "event 1 phi eta"], steps: Int[Tensor, "event"], flip: Bool[Tensor, "event"]
) -> Float[Tensor, "event 1 phi eta"]:
    """Images turned in phi by so many pixels, and those of `flip` with the sign of eta changed."""
    phi, eta = (torch.arange(n, device=x.device) for n in x.shape[2:])
    rows = (phi - steps[:, None]) % len(phi)
    columns = torch.where(flip[:, None], eta.flip(0), eta)
    event = torch.arange(len(x), device=x.device)[:, None, None]
    return x[event, 0, rows[:, :, None], columns[:, None, :]].unsqueeze(1)


def randomly_turned(
    x: Float[Tensor, "event 1 phi eta"], *, step: int = 8
) -> Float[Tensor, "event 1 phi eta"]:
    """Each image in one of six ways of equal chance: as it is or turned up or down in phi, flipped in eta or not.

    Args:
        x: Images.
        step: Turns are one to seven times so many pixels, or fewer where the image has not as many (arXiv:2306.12955).
    """
    way = torch.randint(6, (len(x),), device=x.device)
    times = torch.randint(1, max(2, min(8, x.shape[2] // step)), (len(x),), device=x.device)
    return turned(x, step * times * (way % 3 - 1), way >= 3)
