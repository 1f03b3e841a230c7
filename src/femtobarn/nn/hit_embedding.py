"""Metric learning of hits: a space in which hits of a track that follow each other are near (arXiv:2103.06995, 3.2)."""

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.nn.input_scale import InputScale
from femtobarn.physics.neighbours import radius_pairs


class HitEmbedding(nn.Module):
    """A point for each hit.

    Layers of `width` with LayerNorm and tanh, then `outputs` coordinates; with `sphere` they are scaled to length 1.
    Defaults are those of the later code of the authors (TrackML_Quickstart, 2022); the paper's has six layers of 512
    without norms and 8 coordinates off the sphere.

    Inputs are physical numbers; `fit_scale` takes their means and spreads from a sample.

    Args:
        features: Of a hit.
        outputs: Dimensions of the space.
        width: Of the layers.
        layers: How many of them.
        sphere: Scale the points to length 1.
        norms: LayerNorm in every layer.
    """

    def __init__(
        self,
        features: int,
        outputs: int = 12,
        *,
        width: int = 1024,
        layers: int = 4,
        sphere: bool = True,
        norms: bool = True,
    ) -> None:
        super().__init__()
        self.sphere = sphere
        self.scale = InputScale(features)
        made: list[nn.Module] = []
        for i in range(layers):
            made += [
                nn.Linear(width if i else features, width),
                *([nn.LayerNorm(width)] if norms else []),
                nn.Tanh(),
            ]
        self.layers = nn.Sequential(*made, nn.Linear(width, outputs))

    def fit_scale(self, hit: Float[Tensor, "hit feature"]) -> None:
        """Take means and spreads of the inputs from these."""
        self.scale.fit(hit)

    def forward(self, hit: Float[Tensor, "hit feature"]) -> Float[Tensor, "hit output"]:
        """Coordinates of each hit."""
        point = self.layers(self.scale(hit))
        return F.normalize(point, dim=1) if self.sphere else point


def hard_pairs(
    point: Float[Tensor, "hit output"], radius: float, *, most: int, generator: np.random.Generator
) -> Int[Tensor, "pair 2"]:
    """Pairs of hits within a radius of each other, at most so many, drawn at random: those that an embedding confuses.

    An embedding that is not trained yet, or has collapsed, has nearly all hits within the radius. So that this costs no
    more time than a good one, pairs are then sought among hits drawn at random, fewer and fewer of them.

    Args:
        point: From `HitEmbedding`.
        radius: Of the space.
        most: Pairs.
        generator: Source of randomness.
    """
    point_here = point.detach().cpu()  # a tree on the processor finds the neighbours
    x = point_here.double().numpy()
    rows = generator.permutation(len(x))
    share = float(near_share(point_here, radius, generator=generator, tried=_TRIED)) if len(x) else 0.0
    count = len(x) if share <= 0 else min(len(x), int(np.sqrt(4 * most / share)) + 2)
    pair = np.sort(rows[:count][radius_pairs(x[rows[:count]], radius)], axis=1)
    if len(pair) > most:
        pair = pair[np.sort(generator.permutation(len(pair))[:most])]
    return torch.from_numpy(pair).to(point.device)


def pair_hinge(
    point: Float[Tensor, "hit output"],
    pair: Int[Tensor, "pair 2"],
    same: Bool[Tensor, "pair"],
    *,
    margin: float = 0.1,
    weight: float = 2.0,
) -> Float[Tensor, ""]:
    """Pulls pairs of one track together and pushes others out of the margin.

    ``weight * mean(d^2)`` over pairs of a track, plus ``mean(max(0, margin^2 - d^2))`` over the others; zero where
    there are none (TrackML_Quickstart; hinge_embedding of d^2 in the paper's code has a mean over all pairs instead).
    """
    square = (point.index_select(0, pair[:, 0]) - point.index_select(0, pair[:, 1])).square().sum(dim=1)
    near = torch.where(same, square, 0).sum() / same.sum().clamp(min=1)
    far = torch.where(same, 0, (margin**2 - square).clamp(min=0)).sum() / (~same).sum().clamp(min=1)
    return weight * near + far


def metric_loss(
    point: Float[Tensor, "hit output"],
    true: Int[Tensor, "true 2"],
    wanted: Bool[Tensor, "true"],
    *,
    margin: float = 0.1,
    most: int = 400_000,
    generator: np.random.Generator,
) -> Float[Tensor, ""]:
    """`pair_hinge` of the wanted pairs against `hard_pairs` and random ones, twice as many as there are true pairs.

    True pairs that are not wanted, those of particles with too little momentum, neither attract nor repel.

    Args:
        point: From `HitEmbedding`.
        true: All pairs of hits that follow each other on a track.
        wanted: Which of them are to be near.
        margin: Of the loss, and radius of the hard pairs.
        most: Hard pairs.
        generator: Source of randomness.
    """
    hits = point.shape[0]
    drawn = torch.from_numpy(generator.integers(hits, size=(2 * len(true), 2))).to(point.device)
    pair = torch.cat((hard_pairs(point, margin, most=most, generator=generator), drawn))
    names = torch.cat((true[:, 0] * hits + true[:, 1], true[:, 1] * hits + true[:, 0]))
    wrong = ~torch.isin(pair[:, 0] * hits + pair[:, 1], names) & (pair[:, 0] != pair[:, 1])
    every = torch.cat((pair[wrong], true[wanted]))
    return pair_hinge(
        point, every, torch.arange(len(every), device=point.device) >= wrong.sum(), margin=margin
    )


def true_radius(
    point: Float[Tensor, "hit output"], true: Int[Tensor, "true 2"], share: float
) -> Float[Tensor, ""]:
    """Distance within which that share of true pairs lies; 0 if there are none."""
    apart = (point[true[:, 0]] - point[true[:, 1]]).norm(dim=1).sort().values
    return apart[min(int(share * len(apart)), len(apart) - 1)] if len(apart) else apart.sum()


def crowded_radius(
    point: Float[Tensor, "hit output"],
    neighbours: float,
    *,
    generator: np.random.Generator,
    tried: int = 1_000_000,
) -> Float[Tensor, ""]:
    """Distance within which a hit has so many others, on average, from pairs drawn at random."""
    one, other = torch.from_numpy(generator.integers(max(1, point.shape[0]), size=(2, tried))).to(
        point.device
    )
    apart = (point[one] - point[other]).norm(dim=1)[one != other].sort().values
    place = int(neighbours / max(1, point.shape[0] - 1) * len(apart))
    return apart[min(place, len(apart) - 1)] if len(apart) else apart.sum()


def near_share(
    point: Float[Tensor, "hit output"],
    radius: float,
    *,
    generator: np.random.Generator,
    tried: int = 1_000_000,
) -> Float[Tensor, ""]:
    """Share of pairs of hits within a radius of each other, from some drawn at random."""
    one, other = torch.from_numpy(generator.integers(max(1, point.shape[0]), size=(2, tried))).to(
        point.device
    )
    near = (point[one] - point[other]).square().sum(dim=1) < radius**2
    return (near & (one != other)).float().mean()


_TRIED = 4000  # random pairs that tell how many are near
