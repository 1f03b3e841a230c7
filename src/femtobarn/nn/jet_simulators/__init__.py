"""Networks that stand in for a detector: from the particles of a generated jet to those that are reconstructed.

A simulator is a module with two methods: ``loss(batch, generator)``, and ``draw(generated, mask, generator)``, which
gives raw particles; `simulate` calls it and finishes the jets. Momenta are (px, py, pz) in GeV everywhere.
"""

from femtobarn.nn.jet_simulators.clouds import columns_of, mean_loss, simulated, units_of
from femtobarn.nn.jet_simulators.flow import FlowSimulator
from femtobarn.nn.jet_simulators.momenta import Particles, simulate
from femtobarn.nn.jet_simulators.multiplicity import count_loss, draw_count
from femtobarn.nn.jet_simulators.vae import JetVae, LossWeights

__all__ = [
    "FlowSimulator",
    "JetVae",
    "LossWeights",
    "Particles",
    "columns_of",
    "count_loss",
    "draw_count",
    "mean_loss",
    "simulate",
    "simulated",
    "units_of",
]
