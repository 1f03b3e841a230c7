"""Sizes and training of each autoencoder, and what each is trained to make small."""

from dataclasses import dataclass, field
from typing import Literal

from jaxtyping import Float, Float64
from torch import Tensor, nn

from femtobarn.engine import Batch, Training
from femtobarn.evaluation.jet_clouds import Jets, four_momenta
from femtobarn.losses import point_chamfer
from femtobarn.nn.jet_autoencoders import (
    GraphAutoencoder,
    ImageAutoencoder,
    LorentzAutoencoder,
    jet_images,
    pixel_particles,
)


def _course(lr: float) -> Training:
    return Training(epochs=12, batch=50, lr=lr, clip=1.0)


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
    train: Training = field(default_factory=lambda: _course(3e-3))

    def network(self, jets: Jets) -> nn.Module:
        """The untrained network, in float64."""
        return LorentzAutoencoder(
            jets.mask.shape[1], aggregation=self.aggregation, vectors=self.vectors, hidden=self.hidden
        ).double()


@dataclass(frozen=True)
class Gnn:
    """The graph autoencoder."""

    level: Literal["particle", "jet"] = "particle"
    """Whether the latent holds numbers of each particle, or of the jet only."""
    latent: int = 2
    """Numbers of each particle, or of the jet."""
    train: Training = field(default_factory=lambda: _course(3e-3))

    def network(self, jets: Jets) -> nn.Module:
        """The untrained network, in units of these jets."""
        deviation = jets.relative[jets.mask].std(dim=0).tolist()
        return GraphAutoencoder(jets.mask.shape[1], level=self.level, latent=self.latent, deviation=deviation)


@dataclass(frozen=True)
class Cnn:
    """The autoencoder of images."""

    latent: int = 55
    """Numbers of the latent."""
    channels: int = 32
    """Of the convolutions; 128 as published."""
    train: Training = field(default_factory=lambda: _course(1e-3))

    def network(self, _: Jets) -> nn.Module:
        """The untrained network."""
        return ImageAutoencoder(self.latent, channels=self.channels)


Settings = Lgae | Gnn | Cnn


def inputs(model: nn.Module, jets: Jets) -> Batch:
    """What the network is given of each jet, in the order of its arguments."""
    if isinstance(model, ImageAutoencoder):
        return {"x": jet_images(jets.relative, jets.mask)}
    x = jets.momentum / jets.unit if isinstance(model, LorentzAutoencoder) else jets.relative
    return {"x": x, "mask": jets.mask}


def errors(model: nn.Module, batch: Batch) -> Float[Tensor, "jet"]:
    """What a network is trained to make small: its error of each jet.

    Squared distance of particles in their order (LGAE mix, GNN of particles), or Chamfer (the others), over the
    particles, padding included; of images the squared distance of all pixels. Graph networks measure in standard
    deviations of their three features.
    """
    if isinstance(model, ImageAutoencoder):
        return (model(batch["x"]) - batch["x"]).square().sum(dim=(1, 2))
    found, x = model(batch["x"], batch["mask"]), batch["x"]
    if isinstance(model, GraphAutoencoder):
        found, x, ordered = found / model.deviation, x / model.deviation, model.level == "particle"
    else:
        assert isinstance(model, LorentzAutoencoder)
        ordered = model.encoder.aggregation == "mix"
    each = (found - x).square().sum(dim=(1, 2)) if ordered else point_chamfer(found, x)
    return each / x.shape[1]


def rebuilt(model: nn.Module, jets: Jets) -> Float64[Tensor, "jet particle 4"]:
    """The momenta that come out, in units of the largest that went in; of images, a particle for each pixel."""
    found: Tensor = model(*inputs(model, jets).values())
    if isinstance(model, LorentzAutoencoder):
        return found
    relative = pixel_particles(found) if isinstance(model, ImageAutoencoder) else found
    return four_momenta(relative, jets.axis) / jets.unit
