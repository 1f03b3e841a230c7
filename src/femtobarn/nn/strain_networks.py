"""Networks of whitened strain that give each event terms to be summed: autoencoders of windows, and a classifier.

Strain is (event, detector, sample), of unit variance. An autoencoder that sees one detector at a time has a term for
each of them, its largest error there; one of both detectors, and the classifier, have one.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64
from torch import Tensor, nn

from femtobarn.errors import InputError, check_known
from femtobarn.nn.recurrent_autoencoder import (
    ConvolutionalAutoencoder,
    DenseAutoencoder,
    RecurrentAutoencoder,
    ZeroAutoencoder,
    window_errors,
)
from femtobarn.physics.coherence import windowed

TOGETHER = "LSTM of both detectors"
#: Autoencoders by name, with the widths of their layers in arXiv:2107.12698 and widths that train in a minute here.
WIDTHS: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "LSTM": ((32, 8), (32, 8)),
    "GRU": ((64, 16), (32, 8)),
    "deep LSTM": ((64, 32, 8), (64, 32, 8)),
    TOGETHER: ((48, 24), (32, 12)),
    "CNN": ((256, 128), (16, 8)),
    "dense": ((), ()),
    "zero": ((), ()),
}
TRAINABLE = tuple(name for name in WIDTHS if name != "zero")
Strains = Float32[np.ndarray, "event detector sample"]
Terms = Float64[np.ndarray, "event term"]


class StrainAutoencoder(nn.Module):
    """An autoencoder and the windows side by side that it sees.

    Args:
        name: One of `WIDTHS`; "zero" gives zero, so that its terms are the power of the windows.
        window: Samples.
        published: Layers as wide as in the paper.

    Raises:
        InputError: Another name.
    """

    def __init__(self, name: str, *, window: int = 100, published: bool = True) -> None:
        super().__init__()
        check_known("autoencoder", [name], WIDTHS)
        widths = WIDTHS[name][0 if published else 1]
        self.together = name == TOGETHER
        self.input_shape = (window, 2 if self.together else 1)
        self.net: nn.Module
        if name == "zero":
            self.net = ZeroAutoencoder()
        elif name == "CNN":
            self.net = ConvolutionalAutoencoder(1, widths)
        elif name == "dense":
            self.net = DenseAutoencoder(window)
        else:
            self.net = RecurrentAutoencoder(
                self.input_shape[1], widths, cell="GRU" if name == "GRU" else "LSTM"
            )

    def forward(
        self, windows: Float[Tensor, "window sample channel"]
    ) -> Float[Tensor, "window sample channel"]:
        """The windows restored."""
        return self.net(windows)

    def windows(self, strain: Strains) -> Float32[np.ndarray, "event series window length channel"]:
        """Windows of each detector, or of both as channels of one series; a shorter rest is dropped."""
        cut = windowed(strain, self.input_shape[0])
        return np.moveaxis(cut, 1, -1)[:, None] if self.together else cut[..., None]

    def drawn(
        self, strain: Strains, count: int, *, generator: np.random.Generator
    ) -> Float[Tensor, "_ length channel"]:
        """So many windows of all events, drawn without replacement, or all if there are no more."""
        flat = _flat(self.windows(strain))
        return flat[np.sort(generator.permutation(len(flat))[:count])]

    def terms(self, strain: Strains, *, at_once: int = 500) -> Terms:
        """Largest error of the windows of each series, so many windows at once through the network."""
        series = self.windows(strain)
        flat = _flat(series)
        place = next(self.parameters(), flat).device
        with torch.inference_mode():
            errors = torch.cat([window_errors(self, piece.to(place)) for piece in torch.split(flat, at_once)])
        return errors.double().cpu().numpy().reshape(series.shape[:3]).max(axis=2)


class Stage(NamedTuple):
    """A convolution with ReLU, and a pooling."""

    width: int
    kernel: int
    dilation: int
    pool: int


#: Of the authors' code (which gives its output by a ReLU to a binary cross-entropy: not copied), and a dense end.
PUBLISHED = (Stage(16, 4, 1, 2), Stage(32, 4, 2, 2), Stage(64, 4, 2, 4), Stage(128, 8, 2, 4)), (128, 64)
#: Of 11,000 weights, which learns from a thousand events.
SMALL = (Stage(16, 16, 1, 4), Stage(24, 8, 1, 4), Stage(32, 8, 1, 4)), (32,)


class StrainClassifier(nn.Module):
    """Logit of a signal in an event: convolutions over time, all detectors as channels.

    Args:
        samples: Of an event.
        channels: Detectors.
        published: The layers of the authors, whose dense end sees the features of all times; else few of them, of
            which the largest over time is kept, so that a signal is found wherever it stands, in events of any length.

    Raises:
        InputError: Events too short for the stages.
    """

    def __init__(self, samples: int, *, channels: int = 2, published: bool = True) -> None:
        super().__init__()
        stages, dense = PUBLISHED if published else SMALL
        self.input_shape = (channels, samples)
        layers: list[nn.Module] = []
        width, left = channels, samples
        for stage in stages:
            conv = nn.Conv1d(width, stage.width, stage.kernel, dilation=stage.dilation)
            layers += [conv, nn.ReLU(), nn.MaxPool1d(stage.pool)]
            width, left = stage.width, (left - stage.dilation * (stage.kernel - 1)) // stage.pool
        if left < 1:
            raise InputError(f"events of {samples} samples are too short for these stages")
        layers += [nn.Flatten()] if published else [nn.AdaptiveMaxPool1d(1), nn.Flatten()]
        self.net = nn.Sequential(*layers, *_dense((width * left if published else width, *dense)))

    def forward(self, strain: Float[Tensor, "event channel sample"]) -> Float[Tensor, "event"]:
        """One logit an event."""
        logit: Tensor = self.net(strain)[:, 0]
        return logit

    def terms(self, strain: Strains, *, at_once: int = 100) -> Terms:
        """The logit as the only term, so many events at once through the network."""
        place = next(self.parameters()).device
        with torch.inference_mode():
            logits = [self(piece.to(place)) for piece in torch.split(torch.from_numpy(strain), at_once)]
        return torch.cat(logits).double().cpu().numpy()[:, None]


def _flat(series: Float32[np.ndarray, "event series window length channel"]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(series.reshape(-1, *series.shape[3:])))


def _dense(widths: Sequence[int]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for a, b in itertools.pairwise(widths):
        layers += [nn.Linear(a, b), nn.ReLU()]
    return [*layers, nn.Linear(widths[-1], 1)]
