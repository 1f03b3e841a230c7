"""GANs of electron showers in an ECAL, cell by cell: generators, discriminators and their losses; each works alone."""

from femtobarn.nn.shower_gans.compact import CELLS, CompactDiscriminator, CompactGenerator
from femtobarn.nn.shower_gans.images import NORMAL, Verdict, generate
from femtobarn.nn.shower_gans.losses import Weights, discriminator_loss, generator_loss, mape
from femtobarn.nn.shower_gans.published import AngleGenerator, Discriminator, FixedAngleGenerator

__all__ = [
    "CELLS",
    "NORMAL",
    "AngleGenerator",
    "CompactDiscriminator",
    "CompactGenerator",
    "Discriminator",
    "FixedAngleGenerator",
    "Verdict",
    "Weights",
    "discriminator_loss",
    "generate",
    "generator_loss",
    "mape",
]
