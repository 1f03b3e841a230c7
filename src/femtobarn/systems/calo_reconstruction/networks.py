"""Size and training of the three networks: settings, each of which builds its network."""

from dataclasses import dataclass, field
from typing import ClassVar

from torch import nn

from femtobarn.engine import Training
from femtobarn.nn.cell_networks import CellCnn, CellDnn, CellGoogLeNet
from femtobarn.nn.googlenet_3d import PUBLISHED


def _training(epochs: int, batch: int, lr: float) -> Training:
    return Training(epochs=epochs, batch=batch, lr=lr, schedule="constant", clip=None)


@dataclass(frozen=True)
class Dnn:
    """Size and training of the dense network."""

    title: ClassVar[str] = "DNN"
    hidden: int = 512
    """Width of all layers."""
    layers: int = 4
    """Hidden layers after the first."""
    dropout: float = 0.04
    """Dropout after each hidden layer."""
    train: Training = field(default_factory=lambda: _training(100, 1000, 2e-4))

    def build(self, *, window: int, given: int) -> nn.Module:
        """The untrained network."""
        sizes = {"hidden": self.hidden, "layers": self.layers}
        return CellDnn(window=window, given=given, **sizes, dropout=self.dropout)


@dataclass(frozen=True)
class Cnn:
    """Size and training of the convolutional network."""

    title: ClassVar[str] = "CNN"
    filters: int = 3
    """Channels of the ECAL and of the HCAL convolution."""
    kernel: int = 4
    """Kernel size of the ECAL convolution along each axis, in cells."""
    hidden: int = 512
    """Width of the dense layers."""
    layers: int = 4
    """Dense layers."""
    dropout: float = 0.12
    """Dropout after each dense layer."""
    train: Training = field(default_factory=lambda: _training(100, 1000, 4e-4))

    def build(self, *, window: int, given: int) -> nn.Module:
        """The untrained network."""
        sizes = {"filters": self.filters, "kernel": self.kernel, "hidden": self.hidden, "layers": self.layers}
        return CellCnn(window=window, given=given, **sizes, dropout=self.dropout)


@dataclass(frozen=True)
class GoogLeNet:
    """Size and training of the 3-D GoogLeNet."""

    title: ClassVar[str] = "GoogLeNet"
    width: float = 1.0
    """Factor by which all channels are multiplied."""
    stride: int = 1
    """Stride of the first convolution."""
    blocks: tuple[tuple[str, ...], ...] = PUBLISHED
    """Inception blocks, in groups with pooling between them."""
    hidden: int = 1024
    """Width of the dense layer."""
    dropout: float = 0.01
    """Dropout after the dense layer."""
    train: Training = field(default_factory=lambda: _training(10, 100, 1e-4))

    def build(self, *, window: int, given: int) -> nn.Module:
        """The untrained network; any window will do."""
        return CellGoogLeNet(
            given=given,
            width=self.width,
            stride=self.stride,
            blocks=self.blocks,
            hidden=self.hidden,
            dropout=self.dropout,
        )
