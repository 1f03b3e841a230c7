"""Particle, energy and direction from cells and additional inputs (arXiv:1912.06794)."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from femtobarn.datasets.clic import Calibration
from femtobarn.nn.cell_networks.layer_embedding import LayerEmbedding
from femtobarn.physics import software_compensation as compensation
from femtobarn.physics.calorimeter_cells import SAMPLING_WEIGHTS
from femtobarn.physics.resampling import Geometry, Resampling

SCALARS = 4  # direction and sums, given to the dense part and again to the last layer


class Output(NamedTuple):
    """What a network says about each shower."""

    logit: Float[Tensor, "shower"]
    """Of class 1 minus that of class 0: above 0 it is taken for the signal."""
    energy: Float[Tensor, "shower"]
    """GeV."""
    eta: Float[Tensor, "shower"]
    phi: Float[Tensor, "shower"]
    correction: Float[Tensor, "shower"]
    """To the calibrated sum, in units of 10 GeV: what the loss on the energy acts on."""


class CellNetwork(nn.Module):
    """A body on the cells, and one last layer that sees the body's features, direction, sums and a constant.

    ``energy = calibrated sum + 10 GeV x correction``, so an untrained last layer gives the calibrated sum.

    Args:
        body: Called with (ecal, hcal, scalars) of calibrated cells; gives `features` numbers.
        features: Number of features of the body.
        calibration: GeV per file unit.
        window: Cells of the ECAL in x and y.
        geometry: Granularity in which the ECAL is seen.
        power: To which energies of cells are raised; 1 as published, less shows faint cells.
        embedding: Tell the dense part the energies of the layers, each as so many numbers, and add
            their own logit; 0 as published, without.
        compensating: Tell the dense part and the last layer the columns of `physics.software_compensation`,
            from which the energy can start, see `begin`; not published.
    """

    weights: Tensor
    scale: Tensor

    def __init__(
        self,
        body: nn.Module,
        features: int,
        *,
        calibration: Calibration,
        window: int = 25,
        geometry: Geometry = "clic",
        power: float = 1.0,
        embedding: int = 0,
        compensating: bool = False,
    ) -> None:
        super().__init__()
        self.register_buffer("weights", torch.from_numpy(SAMPLING_WEIGHTS).float())
        self.register_buffer("scale", torch.tensor(calibration, dtype=torch.float32))
        self.resampling = Resampling(window, geometry)
        self.body, self.power = body, power
        self.embedding = LayerEmbedding(embedding) if embedding else None
        self.compensating, self.features = compensating, features
        self.last = nn.Linear(features + scalars(0, compensating) + 1, 5)
        nn.init.zeros_(self.last.weight[2:])
        nn.init.zeros_(self.last.bias[2:])

    def forward(
        self,
        ecal: Float[Tensor, "shower x y 25"],
        hcal: Float[Tensor, "shower 11 11 60"],
        sums: Float[Tensor, "shower 2"],
        direction: Float[Tensor, "shower 2"],
    ) -> Output:
        """Cells and sums in file units; direction is (reco eta, reco phi)."""
        ecal = self.resampling(ecal * (self.scale[0] * self.weights))
        hcal, whole = hcal * self.scale[1], sums * self.scale
        given = torch.cat((10 * direction.flip(1), 0.01 * whole), dim=1)
        if self.compensating:
            given = torch.cat((given, 0.1 * compensation.columns(ecal, hcal)), dim=1)
        inputs, logit = given, torch.zeros_like(given[:, 0])
        if self.embedding is not None:
            layers, logit = self.embedding(ecal, hcal)
            inputs = torch.cat((given, layers), dim=1)
        seen = [part if self.power == 1 else _power(part, self.power) for part in (ecal, hcal)]
        features = self.body(*seen, inputs)
        out = self.last(torch.cat((features, given, torch.ones_like(given[:, :1])), dim=1))
        energy = whole.sum(dim=1) + 10 * out[:, 2]
        eta, phi = (direction[:, axis] + 0.1 * out[:, 3 + axis] for axis in (0, 1))
        return Output(logit + out[:, 1] - out[:, 0], energy, eta, phi, out[:, 2])

    @torch.no_grad()
    def begin(self, batches: Iterable[Mapping[str, Tensor]]) -> None:
        """Let the energy of an untrained network be that of software compensation fitted on these showers."""
        found, sums, energy = [], [], []
        for batch in batches:
            ecal = self.resampling(batch["ecal"] * (self.scale[0] * self.weights))
            found.append(compensation.columns(ecal, batch["hcal"] * self.scale[1]))
            sums.append((batch["sums"] * self.scale).sum(dim=1))
            energy.append(batch["energy"])
        weights = compensation.fit(torch.cat(found), torch.cat(sums), torch.cat(energy))
        first = self.features + SCALARS
        self.last.weight[2, first : first + len(weights)] = weights.float()  # input and output in 10 GeV


def scalars(embedding: int, compensating: bool) -> int:
    """Numbers that are given to the dense part beside the cells."""
    layers = LayerEmbedding(embedding).outputs if embedding else 0
    return SCALARS + (compensation.COLUMNS if compensating else 0) + layers


def _power(x: Tensor, power: float) -> Tensor:
    """x^power of non-negative energies; rounding may have left a resampled cell just below 0."""
    return x.clamp(min=0).pow(power) if power != 0.5 else x.clamp(min=0).sqrt()
