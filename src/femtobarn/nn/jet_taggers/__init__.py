"""Taggers of jets: all take (momentum, mass, mask) of a jet's particles and give two logits: other, top.

Momenta are (E, px, py, pz) in GeV. Masses are an input of their own: of a boosted light particle
sqrt(E^2 - p^2) is rounding noise.
"""

from femtobarn.nn.jet_taggers.bit_tagger import BitTagger
from femtobarn.nn.jet_taggers.deep_set_tagger import DeepSetTagger
from femtobarn.nn.jet_taggers.features import Features, features, first_particles
from femtobarn.nn.jet_taggers.logits import logits, score
from femtobarn.nn.jet_taggers.lorentz_tagger import BEAMS, LorentzTagger
from femtobarn.nn.jet_taggers.mlp_tagger import MlpTagger
from femtobarn.nn.jet_taggers.moving_frame import Axis, moving_frame
from femtobarn.nn.jet_taggers.particle_tagger import ParticleTagger

__all__ = [
    "BEAMS",
    "Axis",
    "BitTagger",
    "DeepSetTagger",
    "Features",
    "LorentzTagger",
    "MlpTagger",
    "ParticleTagger",
    "features",
    "first_particles",
    "logits",
    "moving_frame",
    "score",
]
