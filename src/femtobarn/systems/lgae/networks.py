"""Sizes and training of each autoencoder."""

from dataclasses import dataclass, field
from typing import Literal

from torch import nn

from femtobarn.engine import Training
from femtobarn.nn.jet_autoencoders import GraphAutoencoder, ImageAutoencoder, LorentzAutoencoder


def _course(lr: float) -> Training:
    """As long for all; rates are the better ones of 2e-3 and 6e-3 on validation jets."""
    return Training(epochs=6, batch=25, lr=lr, clip=1.0)


@dataclass(frozen=True)
class Lgae:
    """The Lorentz group autoencoder."""

    aggregation: Literal["mix", "min & max", "mean"] = "mix"
    """How particles become one latent: a linear map of all in their order, the vectors of extreme norm, the mean."""
    vectors: int = 7
    """Complex latent four-vectors; "min & max" keeps twice as many. There is one latent scalar to them."""
    hidden: int = 3
    """Hidden layers of the network on the scalars after each level; six as published."""
    l1: float = 1e-8
    """Weight of the sum of absolute weights in the loss."""
    train: Training = field(default_factory=lambda: _course(6e-3))

    def network(self, particles: int) -> nn.Module:
        """The untrained network, in float64."""
        return LorentzAutoencoder(
            particles, aggregation=self.aggregation, vectors=self.vectors, hidden=self.hidden
        ).double()


@dataclass(frozen=True)
class Gnn:
    """The graph autoencoder."""

    level: Literal["particle", "jet"] = "particle"
    """Whether the latent holds numbers of each particle, or of the jet only."""
    latent: int = 2
    """Numbers of each particle, or of the jet."""
    units: tuple[float, float, float] = (0.13, 0.13, 0.05)
    """Units of eta, phi and pT relative to the jet: their standard deviations in QCD jets of 1 TeV."""
    train: Training = field(default_factory=lambda: _course(6e-3))

    def network(self, particles: int) -> nn.Module:
        """The untrained network."""
        return GraphAutoencoder(particles, level=self.level, latent=self.latent, deviation=self.units)


@dataclass(frozen=True)
class Cnn:
    """The autoencoder of images."""

    latent: int = 55
    """Numbers of the latent."""
    channels: int = 32
    """Channels of the convolutions; 128 as published."""
    train: Training = field(default_factory=lambda: _course(2e-3))

    def network(self, _: int) -> nn.Module:
        """The untrained network."""
        return ImageAutoencoder(self.latent, channels=self.channels)


Settings = Lgae | Gnn | Cnn
