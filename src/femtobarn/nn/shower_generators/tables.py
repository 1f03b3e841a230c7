"""Tables that make numbers normal: what `preprocessing` learns of the training showers, and how it is read."""

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from femtobarn.physics._constant import constant

GRID = torch.linspace(
    -3.0, 3.0, 31, dtype=torch.float64
)  #: normal numbers whose values are in a table of quantiles
_ALWAYS = 0.98  # share of hits beyond which their deviation counts
_RAREST, _SUREST = 1e-4, 0.998  # shares of hits that a table has at least and at most


def grid_on(device: torch.device) -> Float64[Tensor, "point"]:
    """`GRID` on a device."""
    return constant(_grid, device, torch.float64)


def _grid() -> Tensor:
    return GRID


def hat_weights(place: Float[Tensor, "*shower"], knots: int) -> Float[Tensor, "*shower knot"]:
    """Share of each knot in a linear interpolation at a place from 0 to 1; beyond, the last knot counts."""
    if knots == 1:
        return torch.ones_like(place).unsqueeze(-1)
    knot = torch.arange(knots, device=place.device)
    return (1 - ((place.clamp(0, 1) * (knots - 1)).unsqueeze(-1) - knot).abs()).clamp(min=0)


def standard(numbers: Float64[Tensor, "shower column"]) -> Float64[Tensor, "1 column point"]:
    """Values at the grid that centre and scale each column."""
    width = numbers.std(dim=0, correction=0).clamp(min=1e-3)
    return (numbers.mean(dim=0)[:, None] + width[:, None] * grid_on(numbers.device))[None]


def quantiles(
    numbers: Float64[Tensor, "shower column"], weights: Float64[Tensor, "shower knot"]
) -> Float64[Tensor, "knot column point"]:
    """Values at the grid that make each column normal at each knot; a knot without showers has those of all."""
    values, order = numbers.T.sort()
    share = (weights + 1e-6).T[:, order]  # of knot, column, shower
    below = (share.cumsum(dim=-1) - 0.5 * share) / share.sum(dim=-1, keepdim=True)
    normal = torch.special.ndtri(below)
    grid = grid_on(numbers.device).expand(*normal.shape[:2], -1)
    inside = torch.minimum(torch.maximum(grid, normal[..., :1]), normal[..., -1:])
    table = interpolated(inside, normal, values)
    rise = table.diff(dim=-1)
    # Where no shower tells, a twentieth of the mean slope is left: the way back has to be known too.
    rise = torch.maximum(rise, (0.05 * rise.mean(dim=-1, keepdim=True)).clamp(min=1e-6))
    return torch.cat((table[..., :1], table[..., :1] + rise.cumsum(dim=-1)), dim=-1)


def interpolated(
    x: Float64[Tensor, "... x"], points: Float64[Tensor, "... point"], values: Float64[Tensor, "... point"]
) -> Float64[Tensor, "... x"]:
    """Values at x, on straight lines between the points, which rise, and beyond them."""
    shape = (x[..., 0] + points[..., 0] + values[..., 0]).shape
    x, points, values = (each.expand(*shape, -1).contiguous() for each in (x, points, values))
    right = torch.searchsorted(points, x).clamp(1, points.shape[-1] - 1)
    x0, x1, y0, y1 = (each.gather(-1, at) for each in (points, values) for at in (right - 1, right))
    return y0 + (x - x0) * (y1 - y0) / (x1 - x0)


def censored(
    heights: Float64[Tensor, "shower column"], weights: Float64[Tensor, "shower knot"]
) -> tuple[Float64[Tensor, "knot column"], Float64[Tensor, "knot column"]]:
    """Cut and slope of each column at each knot: ``cut + slope height`` of hits is like a normal number above the cut.

    So many normal numbers are above the cut as there are hits, and their mean is that of the hits. Where nearly all
    are hits, their mean and deviation are right instead. One more hit of height 1 is taken for seen everywhere: where
    none is known, one that is made by mistake is faint.

    Args:
        heights: Minus infinity where there is no hit.
        weights: Of each shower at each knot.
    """
    hits = heights > -torch.inf
    height = torch.where(hits, heights, 0.0)
    weights = weights + 1e-6
    share = (weights.T @ hits.double() / weights.sum(dim=0).unsqueeze(1)).clamp(_RAREST, _SUREST)
    seen = weights.T @ hits.double()
    mean = (weights.T @ height + 1.0) / (seen + 1.0)
    variance = (weights.T @ height.square() + 2.0) / (seen + 1.0) - mean.square()
    edge = torch.special.ndtri(1 - share)
    above = torch.exp(-0.5 * edge.square()) / (2 * torch.pi) ** 0.5 / share  # mean of normal numbers above it
    spread = (1 + edge * above - above.square()).sqrt() / variance.clamp(min=1e-2).sqrt()
    slope = torch.where(share > _ALWAYS, spread, (above - edge) / mean)
    return above - slope * mean, slope
