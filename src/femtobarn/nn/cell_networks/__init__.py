"""Networks that tell the particle, its energy and its direction from calorimeter cells; each body works alone."""

from femtobarn.nn.cell_networks.bodies import CellCnn, CellDnn, CellGoogLeNet
from femtobarn.nn.cell_networks.layer_embedding import LayerEmbedding
from femtobarn.nn.cell_networks.network import CellNetwork, Output, scalars
from femtobarn.nn.cell_networks.shower_table import ShowerTable

__all__ = [
    "CellCnn",
    "CellDnn",
    "CellGoogLeNet",
    "CellNetwork",
    "LayerEmbedding",
    "Output",
    "ShowerTable",
    "scalars",
]
