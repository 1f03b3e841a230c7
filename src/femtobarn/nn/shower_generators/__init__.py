"""Generators of calorimeter showers in voxels, with the networks and units they are made of; each works alone.

A generator gets its units from a `Preprocessing` fitted to training showers; `generate` makes showers.
"""

from femtobarn.nn.shower_generators.coupling_flow import CaloInn
from femtobarn.nn.shower_generators.diffusion import CaloDiffusion
from femtobarn.nn.shower_generators.energy_transformer import EnergyTransformer
from femtobarn.nn.shower_generators.flat_net import FlatNet
from femtobarn.nn.shower_generators.flow_matching import CaloDream, Start
from femtobarn.nn.shower_generators.gan import BoloGan, Critic
from femtobarn.nn.shower_generators.grid_net import GridNet
from femtobarn.nn.shower_generators.preprocessing import Encoded, Preprocessing, read_out
from femtobarn.nn.shower_generators.showers import Batch, generate
from femtobarn.nn.shower_generators.token_net import TokenNet
from femtobarn.nn.shower_generators.vae import CaloVae, CaloVaeTraining

__all__ = [
    "Batch",
    "BoloGan",
    "CaloDiffusion",
    "CaloDream",
    "CaloInn",
    "CaloVae",
    "CaloVaeTraining",
    "Critic",
    "Encoded",
    "EnergyTransformer",
    "FlatNet",
    "GridNet",
    "Preprocessing",
    "Start",
    "TokenNet",
    "generate",
    "read_out",
]
