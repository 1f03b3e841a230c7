"""From showers to the numbers that all networks here see, and back.

A shower becomes its energy split u and the voxels of each layer (`physics.energy_split`). Of u the logit is taken and
given the distribution of normal numbers, at one incident energy after the other; or, as published, centred and
scaled. A layer that is often empty has two peaks, between which a network makes too many numbers, and FPD sees how
often a layer is empty before all else. A voxel is taken for a normal number that is read only above a cut (a
Tobit model): with y the logarithm of its energy over the threshold of the readout, ``z = cut + slope y`` where it is
hit, and a random number of the normal distribution below the cut where it reads zero. The cut is such that a normal
number is above it as often as the voxel is hit in layers of this energy, and the slope such that hits have the mean
of normal numbers above the cut; so z is nearly normal however rarely a voxel is hit. On the way back the voxels are
shares of their layer, which keeps its energy.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from femtobarn.nn.shower_generators.tables import (
    GRID,
    censored,
    grid_on,
    hat_weights,
    interpolated,
    quantiles,
    standard,
)
from femtobarn.physics.energy_split import join, join_layers, layer_energies, layer_index, split_layers
from femtobarn.physics.voxels import VoxelGeometry

_BELOW, _SPREAD = -0.8, 0.15  # log10 of the energy of an empty layer over the threshold, mean and deviation
_LEAST = 1e-9  # distance of u from 0 and 1 at which its logit ends
_HIGHEST = 25.0  # logarithm of a voxel's energy over the threshold at which it ends
_GAP, _LOWEST = 1e-3, -8.0  # between the cut and what is empty, and where that ends
_WEAK = 0.005  # share of the layers with energy whose voxels are given by the first knot alone
_MOST = 5000  # showers behind the tables of data sets 2 and 3


class Encoded(NamedTuple):
    """A shower in network units."""

    layers: Float32[Tensor, "shower layer"]
    voxels: Float32[Tensor, "shower voxel"]


class Preprocessing(nn.Module):
    """Energy split and voxels as normal numbers, at each of some incident energies.

    Quantiles of the logits are tables at `knots` incident energies, cuts and slopes of the voxels at as many energies
    of their layer, both evenly spaced in the logarithm and linear in between. What changes most with these, such as
    the width of the response or the number of hits, is then known before any training. With one knot, as published,
    the tables are those of all showers, and the logits are centred and scaled only. All tables are buffers, set by
    `learn`.

    Args:
        geometry: Of the voxels.
        knots: Energies in the tables.
        coloured: Give `noise` the correlations of the showers, in a table of voxels times voxels.
    """

    low: Tensor
    high: Tensor
    factor: Tensor
    faintest: Tensor
    brightest: Tensor
    layer_table: Tensor
    voxel_cut: Tensor
    voxel_slope: Tensor
    layer_root: Tensor
    voxel_root: Tensor

    def __init__(self, geometry: VoxelGeometry, *, knots: int = 15, coloured: bool = False) -> None:
        super().__init__()
        self.geometry, self.knots, self.coloured = geometry, knots, coloured
        self.register_buffer("low", torch.zeros((), dtype=torch.float64))
        self.register_buffer("high", torch.ones((), dtype=torch.float64))
        self.register_buffer("factor", torch.ones((), dtype=torch.float64))
        layers = len(geometry.layers)
        self.register_buffer("faintest", torch.zeros(layers, dtype=torch.float64))
        self.register_buffer("brightest", torch.ones(layers, dtype=torch.float64))
        self.register_buffer("layer_table", GRID.repeat(knots, layers, 1))
        self.register_buffer("voxel_cut", torch.zeros(knots, geometry.voxels, dtype=torch.float64))
        self.register_buffer("voxel_slope", torch.ones(knots, geometry.voxels, dtype=torch.float64))
        if coloured:
            self.register_buffer("layer_root", torch.eye(layers))
            self.register_buffer("voxel_root", torch.eye(geometry.voxels))

    def learn(
        self,
        energies: Float[Tensor, "shower"],
        showers: Float[Tensor, "shower voxel"],
        *,
        generator: torch.Generator,
    ) -> None:
        """Set range, factor and tables to those of the training showers, in MeV."""
        energies, showers = energies.double(), read_out(showers, self.geometry.threshold)
        self.low, self.high = energies.log().aminmax()
        response = showers.sum(dim=1, dtype=torch.float64) / energies
        self.factor = 1.25 * response.max().clamp(min=0.1)
        if self.geometry.voxels > _MOST:  # the tables of many voxels need no more
            energies, showers = energies[:_MOST], showers[:_MOST]
        logits = self._logits(energies, showers, generator)
        self.layer_table = standard(logits) if self.knots == 1 else quantiles(logits, self._weights(energies))
        self._learn_voxels(showers)
        if self.coloured:
            self.layer_root, self.voxel_root = map(_root, self.encode(energies, showers, generator=generator))

    def condition(self, energies: Float[Tensor, "shower"]) -> Float32[Tensor, "shower 1"]:
        """Logarithm of the incident energy, 0 at the lowest of the training and 1 at the highest."""
        return self._place(energies).unsqueeze(1).float()

    def encode(
        self,
        energies: Float[Tensor, "shower"],
        showers: Float[Tensor, "shower voxel"],
        *,
        generator: torch.Generator,
    ) -> Encoded:
        """Network units of showers in MeV; what is empty is filled at random.

        A voxel of a layer without energy says nothing, wherever its cut: it is a plain normal number.
        """
        showers = read_out(showers, self.geometry.threshold)
        logits = self._logits(energies.double(), showers, generator).unsqueeze(-1)
        layers = interpolated(logits, self._layer_values(energies), grid_on(logits.device)).squeeze(-1)
        seen = layer_energies(showers, self.geometry)
        cut, slope = self._voxel_table(seen)
        cut = torch.where(self._to_voxels(seen) > 0, cut, -_LOWEST)  # so far above that it cuts nothing
        height = self._logarithms(showers)
        chance = torch.rand(height.shape, generator=generator, device=height.device).double()
        below = torch.special.ndtri((chance * torch.special.ndtr(cut)).clamp(min=1e-30))
        # One that is nearly always hit has its cut far out: empty for once, it is taken for very low.
        below = torch.minimum(below, cut - _GAP).clamp(min=_LOWEST)
        voxels = torch.where(showers > 0, cut + slope * height, below)
        return Encoded(layers.float(), voxels.float())

    def cut(
        self, energies: Float[Tensor, "shower"], layers: Float[Tensor, "shower layer"]
    ) -> Float32[Tensor, "shower voxel"]:
        """Network units of a voxel below which it reads zero; layers in network units."""
        return self._voxel_table(self.layer_energies(energies, layers))[0].float()

    def noise(self, count: int, *, generator: torch.Generator) -> Encoded:
        """Normal noise of deviation 1, with the correlations of the training showers if it is coloured."""
        sizes = len(self.geometry.layers), self.geometry.voxels
        parts = [torch.randn(count, n, generator=generator, device=generator.device) for n in sizes]
        if self.coloured:
            parts = [
                part @ root.T for part, root in zip(parts, (self.layer_root, self.voxel_root), strict=True)
            ]
        return Encoded(*parts)

    def decode(
        self,
        energies: Float[Tensor, "shower"],
        layers: Float[Tensor, "shower layer"],
        voxels: Float[Tensor, "shower voxel"],
    ) -> Float[Tensor, "shower voxel"]:
        """Showers in MeV before the threshold: the layers hold `layer_energies` of the same arguments."""
        u = self.split(energies, layers)
        wanted = join_layers(energies, u, factor=self.factor)
        cut, slope = self._voxel_table(wanted)
        height = (voxels.double() - cut) / slope
        # Of a layer that has energy but no hit, the voxel that is hit most often has it.
        likely = self._largest(torch.where(height < 0, -_HIGHEST - cut, height))
        height = torch.where((height < 0) & likely, 0.0, height)
        shares = torch.where(height >= 0, height.clamp(max=_HIGHEST).exp(), 0.0)
        shares = shares / self._to_voxels(layer_energies(shares, self.geometry))
        # Scaled to their layer some may fall below the threshold; without them the others only grow.
        kept = (shares * self._to_voxels(wanted) >= self.geometry.threshold) | self._largest(shares)
        shares = torch.where(kept, shares, 0.0)
        return join(energies, u, shares, self.geometry, factor=self.factor)

    def layer_energies(
        self, energies: Float[Tensor, "shower"], layers: Float[Tensor, "shower layer"]
    ) -> Float[Tensor, "shower layer"]:
        """Energies in MeV that `decode` gives the layers."""
        return join_layers(energies, self.split(energies, layers), factor=self.factor)

    def split(
        self, energies: Float[Tensor, "shower"], layers: Float[Tensor, "shower layer"]
    ) -> Float[Tensor, "shower layer"]:
        """The variables u, see `physics.energy_split`, of layers in network units."""
        numbers = layers.double().unsqueeze(-1)
        return (
            interpolated(numbers, grid_on(layers.device), self._layer_values(energies)).squeeze(-1).sigmoid()
        )

    def _learn_voxels(self, showers: Float[Tensor, "shower voxel"]) -> None:
        layers, heights = layer_energies(showers, self.geometry), self._logarithms(showers)
        for number, span in enumerate(self.geometry.spans):
            seen = layers[:, number] > 0
            if not bool(seen.any()):
                continue
            logarithms = layers[seen, number].log()
            self.faintest[number] = logarithms.quantile(_WEAK)
            self.brightest[number] = logarithms.max()
            weights = hat_weights(self._layer_place(layers)[seen, number], self.knots)
            self.voxel_cut[:, span], self.voxel_slope[:, span] = censored(heights[seen, span], weights)

    def _voxel_table(self, layers: Float[Tensor, "shower layer"]) -> tuple[Tensor, Tensor]:
        """Cut and slope of each voxel of layers of these energies in MeV."""
        if self.knots == 1:
            return self.voxel_cut.expand(len(layers), -1), self.voxel_slope.expand(len(layers), -1)
        place = self._to_voxels(self._layer_place(layers).clamp(0, 1) * (self.knots - 1))
        knot = place.long().clamp(max=self.knots - 2)
        column = torch.arange(self.geometry.voxels, device=layers.device)
        tables = (self.voxel_cut, self.voxel_slope)
        cut, slope = (torch.lerp(t[knot, column], t[knot + 1, column], place - knot) for t in tables)
        return cut, slope

    def _layer_values(self, energies: Float[Tensor, "shower"]) -> Float[Tensor, "shower layer point"]:
        """Logits at the points of the grid, at each incident energy."""
        return torch.einsum("sk,klp->slp", self._weights(energies), self.layer_table)

    def _logits(self, energies: Tensor, showers: Tensor, generator: torch.Generator) -> Tensor:
        """Of u, where an empty layer has a random energy well below the threshold."""
        layers = layer_energies(showers, self.geometry)
        layers = torch.where(layers > 0, layers, self._unseen(layers, generator))
        return split_layers(energies, layers, factor=self.factor).logit(_LEAST)

    def _logarithms(self, showers: Tensor) -> Tensor:
        """Of the energies over the threshold; minus infinity where a voxel reads zero."""
        return (showers.double() / self.geometry.threshold).log()

    def _unseen(self, like: Tensor, generator: torch.Generator) -> Tensor:
        noise = torch.randn(like.shape, generator=generator, device=like.device)
        return self.geometry.threshold * 10 ** (_BELOW + _SPREAD * noise).double()

    def _place(self, energies: Tensor) -> Tensor:
        return (energies.double().log() - self.low) / (self.high - self.low).clamp(min=1e-9)

    def _layer_place(self, layers: Tensor) -> Tensor:
        """Logarithm of the energies of layers, 0 for a faint one of the training and 1 for its brightest."""
        height = layers.clamp(min=1e-9).log() - self.faintest
        return height / (self.brightest - self.faintest).clamp(min=1e-9)

    def _weights(self, energies: Tensor) -> Tensor:
        return hat_weights(self._place(energies), self.knots)

    def _to_voxels(self, layers: Tensor) -> Tensor:
        return layers[:, layer_index(self.geometry, layers.device)]

    def _largest(self, shares: Tensor) -> Tensor:
        """True for the voxel with the largest share of its layer."""
        parts = (shares[:, span] for span in self.geometry.spans)
        return torch.cat([part == part.amax(dim=1, keepdim=True) for part in parts], dim=1)


def read_out(showers: Float[Tensor, "shower voxel"], threshold: float) -> Float[Tensor, "shower voxel"]:
    """The showers with zero in every voxel below the threshold."""
    return torch.where(showers >= threshold, showers, 0.0)


def _root(numbers: Tensor) -> Tensor:
    """Matrix that gives independent unit noise the correlations of these numbers."""
    matrix = numbers.double().T.corrcoef()
    return torch.linalg.cholesky(0.98 * matrix + 0.02 * torch.eye(len(matrix))).float().contiguous()
