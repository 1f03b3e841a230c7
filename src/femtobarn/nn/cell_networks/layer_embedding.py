"""Energies of calorimeter layers as inputs of a network: each through one small network after a stair of steps.

Not published. One or two minimum ionising particles in the first layer tell electrons from photons: a narrow line
that thousands of showers, not hundreds of thousands, do not teach a network that sees the energies as they are.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from femtobarn.physics.calorimeter_cells import ECAL, HCAL

# GeV; the lowest is half of what a minimum ionising particle leaves in a layer of the ECAL.
_LOWEST, _HIGHEST = 0.004, 4.0
_STEPS = 27


class LayerEmbedding(nn.Module):
    """Energies of the layers as they are and each as some learned numbers, and a logit that is linear in these.

    Args:
        numbers: That the energy of a layer becomes; the weights are common to the layers of a calorimeter.
    """

    edges: Tensor

    def __init__(self, numbers: int) -> None:
        super().__init__()
        rising = _LOWEST * (_HIGHEST / _LOWEST) ** torch.linspace(0, 1, _STEPS)
        self.register_buffer("edges", torch.cat((torch.zeros(1), rising)), persistent=False)
        self.ecal, self.hcal = (nn.Linear(_STEPS, numbers) for _ in "eh")
        self.outputs = (ECAL[2] + HCAL[2]) * (1 + numbers)
        self.logit = nn.Linear(self.outputs, 1)

    def forward(
        self, ecal: Float[Tensor, "shower x y layer"], hcal: Float[Tensor, "shower u v depth"]
    ) -> tuple[Float[Tensor, "shower number"], Float[Tensor, "shower"]]:
        """Numbers and logit of calibrated cells, GeV."""
        embedded = []
        for cells, network in ((ecal, self.ecal), (hcal, self.hcal)):
            layers = cells.sum(dim=(1, 2))
            embedded += [0.1 * layers, torch.relu(network(stairs(layers, self.edges))).flatten(1)]
        numbers = torch.cat(embedded, dim=1)
        return numbers, self.logit(numbers)[:, 0]


def stairs(x: Float[Tensor, "*any"], edges: Float[Tensor, "edge"]) -> Float[Tensor, "*any step"]:
    """How far x has climbed each step, 0 to 1: linear pieces (arXiv:2203.05556, section 3.2) show narrow lines."""
    return ((x.unsqueeze(-1) - edges[:-1]) / edges.diff()).clamp(0, 1)
