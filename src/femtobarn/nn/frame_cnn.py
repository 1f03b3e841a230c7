"""Convolutions on a few frames of event counts: the network without spikes that spiking ones have to beat."""

import itertools
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from femtobarn.errors import InputError


class FrameCnn(nn.Module):
    """Sums over groups of time bins as channels; convolutions of 3 x 3 with ReLU and pooling by 2; flattened.

    Args:
        steps: Time bins of an input.
        polarities: Channels of a bin.
        frames: Groups of bins; divides `steps`.
        channels: Of each layer.
    """

    def __init__(
        self, steps: int, polarities: int = 2, *, frames: int = 6, channels: Sequence[int] = (24, 48, 64)
    ) -> None:
        super().__init__()
        if steps % frames:
            raise InputError(f"expected a number of frames that divides {steps} time bins, got {frames}")
        self.frames = frames
        widths = [frames * polarities, *channels]
        self.layers = nn.Sequential()
        for one, other in itertools.pairwise(widths):
            self.layers += nn.Sequential(nn.Conv2d(one, other, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))

    def forward(self, x: Float[Tensor, "event step channel row column"]) -> Float[Tensor, "event feature"]:
        """Features; counts come in as log(1 + count)."""
        events, steps, *shape = x.shape
        frames = x.reshape(events, self.frames, steps // self.frames, *shape).sum(dim=2).flatten(1, 2)
        features: Tensor = self.layers(torch.log1p(frames))
        return features.flatten(1)
