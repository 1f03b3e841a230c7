"""Autoencoders of short windows of a series: recurrent, convolutional, dense (arXiv:2107.12698), and what gives zero.

Each takes windows (window, sample, channel) and gives windows of the same shape; channels are detectors.
"""

import itertools
from collections.abc import Sequence
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from femtobarn.errors import InputError

Cell = Literal["LSTM", "GRU"]
Windows = Float[Tensor, "window sample channel"]
_CELLS = {"LSTM": nn.LSTM, "GRU": nn.GRU}


class RecurrentAutoencoder(nn.Module):
    """Layers of cells down to the last state of the narrowest, which is repeated and unrolled through mirrored layers.

    With the published widths of 32 and 8 the LSTM has 11,489 parameters in Keras and 320 more here, where every gate
    has two biases. The bias of the forget gate starts at 1, as in Keras.

    Args:
        channels: Of the series.
        widths: Of the layers of the encoder, the last one that of the code.
        cell: LSTM or GRU.

    Raises:
        InputError: No layers, or another cell.
    """

    def __init__(self, channels: int = 1, widths: Sequence[int] = (32, 8), *, cell: Cell = "LSTM") -> None:
        super().__init__()
        if not widths or cell not in get_args(Cell):
            raise InputError(f"expected widths of layers of LSTM or GRU, got {tuple(widths)} of {cell!r}")
        down, up = [channels, *widths], [widths[-1], *reversed(widths)]
        layer = _CELLS[cell]
        self.encoder, self.decoder = (
            nn.ModuleList(layer(a, b, batch_first=True) for a, b in itertools.pairwise(sizes))
            for sizes in (down, up)
        )
        self.output = nn.Linear(widths[0], channels)
        if cell == "LSTM":
            self._remember()

    def forward(self, windows: Windows) -> Windows:
        """The windows as the code remembers them."""
        x = windows
        for layer in self.encoder:
            x, _ = layer(x)
        x = x[:, -1:].expand(-1, windows.shape[1], -1)
        for layer in self.decoder:
            x, _ = layer(x)
        restored: Tensor = self.output(x)
        return restored

    @torch.no_grad()
    def _remember(self) -> None:
        for layer in (*self.encoder, *self.decoder):
            width = layer.hidden_size
            for bias in (layer.bias_ih_l0, layer.bias_hh_l0):
                bias.zero_()
            layer.bias_ih_l0[width : 2 * width] = 1.0


class ConvolutionalAutoencoder(nn.Module):
    """Convolutions with pooling by 2 after each but the last, and the same back with upsampling.

    The authors end in a sigmoid, for strain scaled to (0, 1); here the end is linear, for strain of unit variance.

    Args:
        channels: Of the series.
        widths: Channels of the encoder's convolutions, the last one of the code.
        kernel: Samples that a convolution sees.
    """

    def __init__(self, channels: int = 1, widths: Sequence[int] = (256, 128), *, kernel: int = 3) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for a, b in zip([channels, *widths], widths, strict=False):
            layers += [nn.Conv1d(a, b, kernel, padding="same"), nn.ReLU(), nn.MaxPool1d(2)]
        mirrored = list(reversed(widths))
        for a, b in zip(mirrored, [*mirrored[1:], mirrored[-1]], strict=True):
            layers += [nn.Conv1d(a, b, kernel, padding="same"), nn.ReLU(), nn.Upsample(scale_factor=2)]
        self.net = nn.Sequential(*layers, nn.Conv1d(mirrored[-1], channels, kernel, padding="same"))
        self.factor = 2 ** len(widths)

    def forward(self, windows: Windows) -> Windows:
        """The windows restored.

        Raises:
            InputError: A length that the poolings do not divide.
        """
        if windows.shape[1] % self.factor:
            raise InputError(
                f"expected windows of a multiple of {self.factor} samples, got {windows.shape[1]}"
            )
        restored: Tensor = self.net(windows.transpose(1, 2)).transpose(1, 2)
        return restored


class DenseAutoencoder(nn.Module):
    """Fully connected: half the inputs, a tenth of them, and back.

    Args:
        samples: Of a window.
        channels: Of the series.
    """

    def __init__(self, samples: int = 100, channels: int = 1) -> None:
        super().__init__()
        size = samples * channels
        wide, narrow = max(size // 2, 1), max(size // 10, 1)
        self.net = nn.Sequential(
            nn.Linear(size, wide), nn.ReLU(), nn.Linear(wide, narrow), nn.ReLU(),
            nn.Linear(narrow, wide), nn.ReLU(), nn.Linear(wide, size),
        )  # fmt: skip

    def forward(self, windows: Windows) -> Windows:
        """The windows restored."""
        return self.net(windows.flatten(1)).reshape(windows.shape)


class ZeroAutoencoder(nn.Module):
    """Gives zero: its error is the power of the window, which an autoencoder of noise has to beat."""

    def forward(self, windows: Windows) -> Windows:
        """Zeros of the same shape."""
        return torch.zeros_like(windows)


def window_errors(model: nn.Module, windows: Windows) -> Float[Tensor, "window"]:
    """Mean squared error of each window: its score, larger for what is restored badly."""
    return (model(windows) - windows).square().mean(dim=(1, 2))
