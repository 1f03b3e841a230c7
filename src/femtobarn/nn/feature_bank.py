"""A few features of clean images that stand for all of them, and how far others are from these.

The idea is that of PatchCore (Roth et al., arXiv:2106.08265): a coreset chosen by furthest points, and the distance to
the nearest of it.
"""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from femtobarn.errors import InputError


class FeatureBank:
    """Features of clean images, each scaled to unit variance, thinned out to those farthest from each other.

    Args:
        vectors: Features of clean images, a row each.
        size: How many are kept.
        generator: Of the first of them.

    Raises:
        InputError: Fewer rows than are to be kept.
    """

    def __init__(
        self, vectors: Float[Tensor, "vector feature"], size: int, *, generator: torch.Generator
    ) -> None:
        scale = vectors.std(dim=0).clamp(min=torch.finfo(vectors.dtype).tiny)
        self.scale = scale
        self.bank = (vectors / scale)[furthest_points(vectors / scale, size, generator=generator)]

    @classmethod
    def from_tensors(
        cls, bank: Float[Tensor, "vector feature"], scale: Float[Tensor, "feature"]
    ) -> "FeatureBank":
        """The bank with this content, as it was stored."""
        made = cls.__new__(cls)
        made.bank, made.scale = bank, scale
        return made

    def score(self, vectors: Float[Tensor, "vector feature"]) -> Float[Tensor, "vector"]:
        """Distance of each row from the nearest one that is kept, in standard deviations of the features."""
        pieces = torch.split(vectors / self.scale, 4096)
        return torch.cat([torch.cdist(piece, self.bank).amin(dim=1) for piece in pieces])


def furthest_points(
    points: Float[Tensor, "point axis"], count: int, *, generator: torch.Generator
) -> Int64[Tensor, "count"]:
    """Rows of which each is the farthest from all before it; the first is drawn.

    No choice of as many points covers all with balls of less than half the radius (Gonzalez 1985,
    doi:10.1016/0304-3975(85)90224-5).

    Raises:
        InputError: Fewer points than are asked for.
    """
    if not 1 <= count <= len(points):
        raise InputError(f"expected 1 to {len(points)} points to choose, got {count}")
    chosen = torch.empty(count, dtype=torch.int64)
    chosen[0] = torch.randint(len(points), (1,), generator=generator)[0]
    length = points.square().sum(dim=1)
    nearest = torch.full_like(length, torch.inf)
    for place in range(1, count):
        last = points[chosen[place - 1]]
        nearest = torch.minimum(nearest, length - 2 * (points @ last) + last @ last)
        nearest[chosen[place - 1]] = -torch.inf
        chosen[place] = nearest.argmax()
    return chosen
