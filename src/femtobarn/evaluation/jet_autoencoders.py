"""Autoencoders of jets, whatever they see of one: what they are given, their error, the momenta that come out."""

from jaxtyping import Float, Float64
from torch import Tensor, nn

from femtobarn.engine import Batch
from femtobarn.evaluation.jet_clouds import Jets, four_momenta
from femtobarn.losses import point_chamfer
from femtobarn.nn.jet_autoencoders import (
    GraphAutoencoder,
    ImageAutoencoder,
    LorentzAutoencoder,
    jet_images,
    pixel_particles,
)


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
