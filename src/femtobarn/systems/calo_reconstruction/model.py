"""The three networks from cells to particle and energy: DNN, CNN and 3-D GoogLeNet (arXiv:1912.06794)."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.datasets.clic import Calibration
from femtobarn.engine import Batch
from femtobarn.physics.calorimeter_cells import ECAL, HCAL, SAMPLING_WEIGHTS
from femtobarn.physics.resampling import Geometry, Resampling
from femtobarn.systems.calo_reconstruction import compensation
from femtobarn.systems.calo_reconstruction.layer_embedding import LayerEmbedding

SCALARS = 4  # direction and sums, given to the dense part and again to the last layer

#: Channels of the inception blocks: 1 x 1, reduction and 3 x 3, reduction and twice 3 x 3, pool.
BLOCKS: dict[str, tuple[int, int, int, int, int, int]] = {
    "a3": (64, 96, 128, 16, 32, 32),
    "b3": (128, 128, 192, 32, 96, 64),
    "a4": (192, 96, 208, 16, 48, 64),
    "b4": (160, 112, 224, 24, 64, 64),
    "c4": (128, 128, 256, 24, 64, 64),
    "d4": (112, 144, 288, 32, 64, 64),
    "e4": (256, 160, 320, 32, 128, 128),
    "a5": (256, 160, 320, 32, 128, 128),
    "b5": (384, 192, 384, 48, 128, 128),
}


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
        compensating: Tell the dense part and the last layer the columns of `compensation`, from which the energy
            can start, see `begin`; not published.
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
        told, logit = given, torch.zeros_like(given[:, 0])
        if self.embedding is not None:
            layers, logit = self.embedding(ecal, hcal)
            told = torch.cat((given, layers), dim=1)
        seen = [part if self.power == 1 else _power(part, self.power) for part in (ecal, hcal)]
        features = self.body(*seen, told)
        out = self.last(torch.cat((features, given, torch.ones_like(given[:, :1])), dim=1))
        energy = whole.sum(dim=1) + 10 * out[:, 2]
        eta, phi = (direction[:, axis] + 0.1 * out[:, 3 + axis] for axis in (0, 1))
        return Output(logit + out[:, 1] - out[:, 0], energy, eta, phi, out[:, 2])

    @torch.no_grad()
    def begin(self, batches: Iterable[Batch]) -> None:
        """Let the energy of an untrained network be that of software compensation fitted on these showers."""
        found, sums, energy = [], [], []
        for batch in batches:
            ecal = self.resampling(batch["ecal"] * (self.scale[0] * self.weights))
            found.append(compensation.columns(ecal, batch["hcal"] * self.scale[1]))
            sums.append((batch["sums"] * self.scale).sum(dim=1))
            energy.append(batch["energy"])
        weights = compensation.fit(torch.cat(found), torch.cat(sums), torch.cat(energy))
        first = self.features + SCALARS
        self.last.weight[2, first : first + len(weights)] = weights.float()  # seen in 10 GeV, told in 10 GeV


def scalars(embedding: int, compensating: bool) -> int:
    """Numbers that are given to the dense part beside the cells."""
    layers = LayerEmbedding(embedding).outputs if embedding else 0
    return SCALARS + (compensation.COLUMNS if compensating else 0) + layers


class Dnn(nn.Module):
    """All cells in a row through dense layers; the first has no activation, as in the published code."""

    def __init__(
        self, *, window: int, given: int, hidden: int = 512, layers: int = 4, dropout: float = 0.04
    ) -> None:
        super().__init__()
        inputs = window * window * ECAL[2] + HCAL[0] * HCAL[1] * HCAL[2] + given
        self.first = nn.Linear(inputs, hidden)
        self.dense = dense(hidden, hidden, layers, dropout)

    def forward(
        self,
        ecal: Float[Tensor, "shower x y layer"],
        hcal: Float[Tensor, "shower u v depth"],
        given: Float[Tensor, "shower given"],
    ) -> Float[Tensor, "shower feature"]:
        """Features of the last hidden layer."""
        return self.dense(self.first(torch.cat((ecal.flatten(1), hcal.flatten(1), given), dim=1)))


class Cnn(nn.Module):
    """One convolution and pooling for each calorimeter, then dense layers."""

    def __init__(
        self,
        *,
        window: int,
        given: int,
        filters: int = 3,
        kernel: int = 4,
        hidden: int = 512,
        layers: int = 4,
        dropout: float = 0.12,
    ) -> None:
        super().__init__()
        self.ecal = nn.Conv3d(1, filters, kernel)
        self.hcal = nn.Conv3d(1, filters, (2, 2, 6))
        across, deep = (window - kernel + 1) // 2, (ECAL[2] - kernel + 1) // 2
        flat = filters * (across * across * deep + 5 * 5 * 27)
        self.dense = dense(flat + given, hidden, layers, dropout)

    def forward(
        self,
        ecal: Float[Tensor, "shower x y layer"],
        hcal: Float[Tensor, "shower u v depth"],
        given: Float[Tensor, "shower given"],
    ) -> Float[Tensor, "shower feature"]:
        """Features of the last hidden layer."""
        seen = [
            F.max_pool3d(F.relu(convolution(part.unsqueeze(1))), 2).flatten(1)
            for convolution, part in ((self.ecal, ecal), (self.hcal, hcal))
        ]
        return self.dense(torch.cat((*seen, given), dim=1))


class GoogLeNet(nn.Module):
    """Inception blocks on the ECAL alone, in three dimensions; the HCAL enters by its sum.

    Args:
        given: Numbers given beside the cells.
        width: By which all channels are multiplied.
        stride: Of the first convolution; 1 as published.
        blocks: Names of `BLOCKS`, in three groups with pooling between them.
        hidden: Width of the dense layer.
        dropout: After it.
    """

    def __init__(
        self,
        *,
        given: int,
        width: float = 1.0,
        stride: int = 1,
        blocks: Sequence[Sequence[str]] = (("a3", "b3"), ("a4", "b4", "c4", "d4", "e4"), ("a5", "b5")),
        hidden: int = 1024,
        dropout: float = 0.01,
    ) -> None:
        super().__init__()
        channels = _scaled(192, width)
        stages: list[nn.Module] = [nn.InstanceNorm3d(1), _convolution(1, channels, 3, stride=stride)]
        for place, group in enumerate(blocks):
            if place:
                stages.append(MaxPool(stride=2))
            for name in group:
                stages.append(Inception(channels, *(_scaled(c, width) for c in BLOCKS[name])))
                channels = sum(_scaled(BLOCKS[name][i], width) for i in (0, 2, 4, 5))
        self.blocks = nn.Sequential(*stages, nn.AdaptiveAvgPool3d(1), nn.Flatten())
        self.dense = dense(channels + given, hidden, 1, dropout)

    def forward(
        self,
        ecal: Float[Tensor, "shower x y layer"],
        hcal: Float[Tensor, "shower u v depth"],
        given: Float[Tensor, "shower given"],
    ) -> Float[Tensor, "shower feature"]:
        """Features of the dense layer."""
        return self.dense(torch.cat((self.blocks(ecal.unsqueeze(1)), given), dim=1))


class Inception(nn.Module):
    """Four ways through a block side by side; the third has two 3 x 3 x 3 convolutions in place of a 5 x 5 x 5."""

    def __init__(
        self, channels: int, one: int, reduce3: int, three: int, reduce5: int, five: int, pool: int
    ) -> None:
        super().__init__()
        self.one = _convolution(channels, one, 1)
        self.three = nn.Sequential(_convolution(channels, reduce3, 1), _convolution(reduce3, three, 3))
        self.five = nn.Sequential(
            _convolution(channels, reduce5, 1), _convolution(reduce5, five, 3), _convolution(five, five, 3)
        )
        self.pool = nn.Sequential(MaxPool(stride=1), _convolution(channels, pool, 1))

    def forward(self, x: Float[Tensor, "shower channel x y layer"]) -> Float[Tensor, "shower out x y layer"]:
        """The channels of all four."""
        return torch.cat((self.one(x), self.three(x), self.five(x), self.pool(x)), dim=1)


class MaxPool(nn.Module):
    """The largest of 3 x 3 x 3 cells, channels kept last in memory: a CPU is some ten times faster there."""

    def __init__(self, *, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Float[Tensor, "shower channel x y layer"]) -> Float[Tensor, "shower channel u v w"]:
        """Padded with nothing at the faces."""
        x = x.contiguous(memory_format=torch.channels_last_3d)
        return F.max_pool3d(x, 3, stride=self.stride, padding=1)


def dense(inputs: int, hidden: int, layers: int, dropout: float) -> nn.Sequential:
    """Hidden layers with ReLU and dropout."""
    parts: list[nn.Module] = []
    for place in range(layers):
        parts += [nn.Linear(hidden if place else inputs, hidden), nn.ReLU(), nn.Dropout(dropout)]
    return nn.Sequential(*parts)


def _convolution(inputs: int, outputs: int, kernel: int, *, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False),
        nn.BatchNorm3d(outputs, eps=1e-7),
        nn.ReLU(),
    )


def _scaled(channels: int, width: float) -> int:
    return max(2, round(channels * width))


def _power(x: Tensor, power: float) -> Tensor:
    """x^power of non-negative energies; rounding may have left a resampled cell just below 0."""
    return x.clamp(min=0).pow(power) if power != 0.5 else x.clamp(min=0).sqrt()
