"""Supervised classifier of whitened strain of several detectors by dilated convolutions (arXiv:2107.12698)."""

from collections.abc import Sequence
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor, nn

from femtobarn.errors import InputError


class Stage(NamedTuple):
    """A convolution with ReLU, and a pooling."""

    width: int
    kernel: int
    dilation: int
    pool: int


#: Of the authors' code (which gives its output by a ReLU to a binary cross-entropy: not copied).
PUBLISHED = (Stage(16, 4, 1, 2), Stage(32, 4, 2, 2), Stage(64, 4, 2, 4), Stage(128, 8, 2, 4))
#: A quarter of the weights, which learns from a thousand events.
SMALL = (Stage(16, 16, 1, 4), Stage(24, 8, 1, 4), Stage(32, 8, 1, 4))


class StrainClassifier(nn.Module):
    """Logit of a signal at any time in an event.

    Args:
        channels: Detectors.
        stages: Convolutions and poolings.
        dense: Widths of the layers after the stages.
        samples: Of an event: the features of all times go into the dense layers, as published. None keeps the largest
            of each feature over time, so that a signal is found wherever it stands.

    Raises:
        InputError: Events too short for the stages.
    """

    def __init__(
        self,
        channels: int = 2,
        stages: Sequence[Stage] = PUBLISHED,
        *,
        dense: Sequence[int] = (128, 64),
        samples: int | None = None,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width, left = channels, samples or 0
        for stage in stages:
            layers += [
                nn.Conv1d(width, stage.width, stage.kernel, dilation=stage.dilation),
                nn.ReLU(),
                nn.MaxPool1d(stage.pool),
            ]
            width, left = stage.width, (left - stage.dilation * (stage.kernel - 1)) // stage.pool
        if samples is not None and left < 1:
            raise InputError(f"events of {samples} samples are too short for these stages")
        layers += [nn.AdaptiveMaxPool1d(1)] if samples is None else []
        layers.append(nn.Flatten())
        width *= 1 if samples is None else left
        for size in dense:
            layers += [nn.Linear(width, size), nn.ReLU()]
            width = size
        self.net = nn.Sequential(*layers, nn.Linear(width, 1))

    def forward(self, strain: Float[Tensor, "event channel sample"]) -> Float[Tensor, "event"]:
        """One logit an event."""
        logit: Tensor = self.net(strain)[:, 0]
        return logit
