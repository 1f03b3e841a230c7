"""Generators of jets as sets of particles, with their discriminators and units; each works alone.

A generator is a module with two methods: ``noise(jets, generator)`` draws what it starts from, and
``forward(multiplicity, *noise)`` makes raw jets of it; `generate` calls both and finishes the jets.
"""

from femtobarn.nn.jet_generators.epic_flow import EpicFlow, EpicVelocity, flow_matching_loss
from femtobarn.nn.jet_generators.fully_connected import FullyConnectedGenerator
from femtobarn.nn.jet_generators.gapt import GaptDiscriminator, GaptGenerator
from femtobarn.nn.jet_generators.igapt import IgaptDiscriminator, IgaptGenerator
from femtobarn.nn.jet_generators.mpgan import MpganDiscriminator, MpganGenerator
from femtobarn.nn.jet_generators.sets import (
    FEATURES,
    Jets,
    Scaling,
    finish,
    generate,
    scaling_by_maxima,
    scaling_by_moments,
    scaling_by_range,
)

__all__ = [
    "FEATURES",
    "EpicFlow",
    "EpicVelocity",
    "FullyConnectedGenerator",
    "GaptDiscriminator",
    "GaptGenerator",
    "IgaptDiscriminator",
    "IgaptGenerator",
    "Jets",
    "MpganDiscriminator",
    "MpganGenerator",
    "Scaling",
    "finish",
    "flow_matching_loss",
    "generate",
    "scaling_by_maxima",
    "scaling_by_moments",
    "scaling_by_range",
]
