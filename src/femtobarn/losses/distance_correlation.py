"""How much two numbers of an event depend on each other in any way, as a loss that decorrelates them."""

import torch
from jaxtyping import Float
from torch import Tensor

from femtobarn.errors import InputError


def distance_correlation(
    x: Float[Tensor, "event"], y: Float[Tensor, "event"], weight: Float[Tensor, "event"] | None = None
) -> Float[Tensor, ""]:
    """Squared distance correlation of two numbers over the events: 0 to 1, and 0 only if they are independent.

    dCov^2(x, y) / sqrt(dCov^2(x, x) dCov^2(y, y)), the decorrelation loss of arXiv:2001.05310 (eq. 8; Szekely, Rizzo,
    Bakirov 2007, doi:10.1214/009053607000000505). That of a finite batch of independent numbers is not 0 but
    of order 1 / events; `femtobarn.metrics.distance_correlation` says how much. A number that is the same for all
    events has 0, without a gradient. Memory grows as the square of the events.

    Args:
        x, y: One number of each event each; differentiable in both.
        weight: Of the events, 0 or more; default: all alike.

    Raises:
        InputError: Shapes that differ, or weights that are negative or sum to nothing.
    """
    weight = torch.ones_like(x) if weight is None else weight
    if x.ndim != 1 or not x.shape == y.shape == weight.shape:
        shapes = f"{tuple(x.shape)}, {tuple(y.shape)} and {tuple(weight.shape)}"
        raise InputError(f"expected one x, y and weight of each event, got {shapes}")
    if not bool((weight >= 0).all()) or not bool(weight.sum() > 0):
        raise InputError("expected weights of 0 or more, some of them above")
    share = weight / weight.sum()
    a, b = _centred(x, share), _centred(y, share)
    pairs = share[:, None] * share
    both, of_x, of_y = ((pairs * product).sum() for product in (a * b, a * a, b * b))
    same = (of_x <= 0) | (of_y <= 0)  # NaN is not: it stays, and says that something is wrong
    # Root by root: the product of the squares of energies in eV is beyond float32.
    spread = torch.where(same, 1.0, of_x).sqrt() * torch.where(same, 1.0, of_y).sqrt()
    return torch.where(same, 0.0, both / spread)


def _centred(x: Tensor, share: Tensor) -> Tensor:
    """Distances of all pairs less their means over either event, so that all rows have mean 0."""
    distance = (x[:, None] - x).abs()
    mean = distance @ share
    return distance - mean[:, None] - mean + mean @ share
