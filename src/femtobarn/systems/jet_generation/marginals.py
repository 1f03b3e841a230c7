"""Baselines without training: particles drawn from the marginal distributions of the training jets.

Every feature is right by itself and nothing knows of anything else, so what a trained generator does better
is what it has learned of correlations.
"""

import torch
from jaxtyping import Int
from torch import Tensor

from femtobarn.nn.jet_generators.sets import FEATURES, Jets, finish, first


def from_all_particles(train: Jets, multiplicity: Int[Tensor, "jet"], *, generator: torch.Generator) -> Jets:
    """Jets whose every feature is that of a random particle of a random training jet."""
    real = train.particles[train.mask]
    shape = (len(multiplicity), train.mask.shape[1], FEATURES)
    row = (torch.rand(shape, generator=generator) * len(real)).long().clamp(max=len(real) - 1)
    return finish(Jets(real.gather(0, row.flatten(0, 1)).view(shape), first(shape[1], multiplicity)))


def from_each_rank(train: Jets, multiplicity: Int[Tensor, "jet"], *, generator: torch.Generator) -> Jets:
    """Jets whose k-th particle has features of the k-th hardest particles of random training jets."""
    most = train.mask.sum(dim=1).argsort(descending=True)
    particles = train.particles[most]  # so that the jets with a k-th particle are the first ones
    available = train.mask.sum(dim=0).clamp(min=1)
    shape = (len(multiplicity), train.mask.shape[1], FEATURES)
    row = (torch.rand(shape, generator=generator) * available[:, None]).long()
    row = torch.minimum(row, available[:, None] - 1)
    return finish(Jets(particles.gather(0, row), first(shape[1], multiplicity)))
