"""From showers to the numbers that all networks here see, and back.

A shower becomes its energy split u and the voxels of each layer (`physics.energy_split`). Of u the logit is taken,
centred and scaled. A voxel is taken for a normal number that is read only above a cut (a Tobit model): with y the
logarithm of its energy over the threshold of the readout, ``z = cut + slope y`` where it is hit, and a random number
of the normal distribution below the cut where it reads zero. The cut is such that a normal number is above it as
often as the voxel is hit, and the slope such that hits have the mean of normal numbers above the cut; so z is nearly
normal however rarely a voxel is hit. On the way back the voxels are shares of their layer, which keeps its energy.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from femtobarn.physics.energy_split import join, join_layers, layer_energies, split_layers
from femtobarn.physics.voxels import VoxelGeometry

_BELOW, _SPREAD = -0.8, 0.15  # log10 of the energy of an empty layer over the threshold, mean and deviation
_LEAST = 1e-9  # distance of u from 0 and 1 at which its logit ends
_HIGHEST = 25.0  # logarithm of a voxel's energy over the threshold at which it ends
_GAP, _LOWEST = 1e-3, -8.0  # between the cut and what is empty, and where that ends
_ALWAYS = 0.98  # share of hits beyond which their deviation counts
_RARE = 2e-3  # share of hits, and of no hits, that a table has at least
_MOST = 5000  # showers behind the centres and widths of data sets 2 and 3


class Encoded(NamedTuple):
    """A shower in network units."""

    layers: Float32[Tensor, "shower layer"]
    voxels: Float32[Tensor, "shower voxel"]


class Preprocessing(nn.Module):
    """Energy split and voxels as numbers of mean 0 and deviation 1, at each of some incident energies.

    Centres and widths, cuts and slopes are tables at `knots` incident energies, evenly spaced in their logarithm,
    and linear in between; with one knot they are those of all showers. What changes most with the energy, such as
    the width of the response, is then known before any training. All tables are buffers, set by `learn`.

    Args:
        geometry: Of the voxels.
        knots: Incident energies in the tables.
        coloured: Give `noise` the correlations of the showers, in a table of voxels times voxels.
    """

    low: Tensor
    high: Tensor
    factor: Tensor
    layer_centre: Tensor
    layer_width: Tensor
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
        self.register_buffer("layer_centre", torch.zeros(knots, layers, dtype=torch.float64))
        self.register_buffer("layer_width", torch.ones(knots, layers, dtype=torch.float64))
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
        weights = self._weights(energies)
        self.layer_centre, self.layer_width = _moments(self._logits(energies, showers, generator), weights)
        self.voxel_cut, self.voxel_slope = _censored(self._logarithms(showers), weights)
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
        """Network units of showers in MeV; what is empty is filled at random."""
        weights, showers = self._weights(energies), read_out(showers, self.geometry.threshold)
        layers = self._logits(energies.double(), showers, generator)
        layers = (layers - weights @ self.layer_centre) / (weights @ self.layer_width)
        cut, height = weights @ self.voxel_cut, self._logarithms(showers)
        chance = torch.rand(height.shape, generator=generator, device=height.device).double()
        below = torch.special.ndtri((chance * torch.special.ndtr(cut)).clamp(min=1e-30))
        # One that is nearly always hit has its cut far out: empty for once, it is taken for very low.
        below = torch.minimum(below, cut - _GAP).clamp(min=_LOWEST)
        voxels = torch.where(showers > 0, cut + (weights @ self.voxel_slope) * height, below)
        return Encoded(layers.float(), voxels.float())

    def cut(self, energies: Float[Tensor, "shower"]) -> Float32[Tensor, "shower voxel"]:
        """Network units of a voxel below which it reads zero."""
        return (self._weights(energies) @ self.voxel_cut).float()

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
        weights, u = self._weights(energies), self.split(energies, layers)
        height = (voxels.double() - weights @ self.voxel_cut) / (weights @ self.voxel_slope)
        shares = height.clamp(max=_HIGHEST).exp()
        shares = torch.where((height >= 0) | self._largest(shares), shares, 0.0)
        shares = shares / self._to_voxels(layer_energies(shares, self.geometry))
        wanted = self._to_voxels(join_layers(energies, u, factor=float(self.factor)))
        # Scaled to their layer some may fall below the threshold; without them the others only grow.
        kept = (shares * wanted >= self.geometry.threshold) | self._largest(shares)
        shares = torch.where(kept, shares, 0.0)
        return join(energies, u, shares, self.geometry, factor=float(self.factor))

    def layer_energies(
        self, energies: Float[Tensor, "shower"], layers: Float[Tensor, "shower layer"]
    ) -> Float[Tensor, "shower layer"]:
        """Energies in MeV that `decode` gives the layers."""
        return join_layers(energies, self.split(energies, layers), factor=float(self.factor))

    def split(
        self, energies: Float[Tensor, "shower"], layers: Float[Tensor, "shower layer"]
    ) -> Float[Tensor, "shower layer"]:
        """The variables u, see `physics.energy_split`, of layers in network units."""
        weights = self._weights(energies)
        return torch.sigmoid(layers.double() * (weights @ self.layer_width) + weights @ self.layer_centre)

    def _logits(self, energies: Tensor, showers: Tensor, generator: torch.Generator) -> Tensor:
        """Of u, where an empty layer has a random energy well below the threshold."""
        layers = layer_energies(showers, self.geometry)
        layers = torch.where(layers > 0, layers, self._unseen(layers, generator))
        return split_layers(energies, layers, factor=float(self.factor)).logit(_LEAST)

    def _logarithms(self, showers: Tensor) -> Tensor:
        """Of the energies over the threshold; minus infinity where a voxel reads zero."""
        return (showers.double() / self.geometry.threshold).log()

    def _unseen(self, like: Tensor, generator: torch.Generator) -> Tensor:
        noise = torch.randn(like.shape, generator=generator, device=like.device)
        return self.geometry.threshold * 10 ** (_BELOW + _SPREAD * noise).double()

    def _place(self, energies: Tensor) -> Tensor:
        return (energies.double().log() - self.low) / (self.high - self.low).clamp(min=1e-9)

    def _weights(self, energies: Tensor) -> Tensor:
        """Share of each knot in a linear interpolation; beyond the ends the last knot counts."""
        if self.knots == 1:
            return torch.ones(len(energies), 1, dtype=torch.float64, device=energies.device)
        place = (self._place(energies).clamp(0, 1) * (self.knots - 1)).unsqueeze(1)
        knot = torch.arange(self.knots, device=energies.device)
        return (1 - (place - knot).abs()).clamp(min=0)

    def _to_voxels(self, layers: Tensor) -> Tensor:
        return layers[:, torch.from_numpy(self.geometry.layer).to(layers.device)]

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


def _moments(logits: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation of each column at each knot; a knot without showers has those of all."""
    weights = weights + 1e-6
    weights = weights / weights.sum(dim=0)
    mean = weights.T @ logits
    variance = weights.T @ logits.square() - mean.square()
    return mean, variance.clamp(min=1e-6).sqrt()


def _censored(heights: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Cut and slope of each column at each knot: ``cut + slope height`` of hits is like a normal number above the cut.

    So many normal numbers are above the cut as there are hits, and their mean is that of the hits. Where nearly all
    are hits, their mean and deviation are right instead. A knot without hits has those of all.
    """
    hits = heights > -torch.inf
    height = torch.where(hits, heights, 0.0)
    weights = weights + 1e-6
    share = (weights.T @ hits.double() / weights.sum(dim=0).unsqueeze(1)).clamp(_RARE, 1 - _RARE)
    seen = weights.T @ hits.double()
    mean = (weights.T @ height + 1e-6) / (seen + 1e-6)
    variance = (weights.T @ height.square() + 1e-6) / (seen + 1e-6) - mean.square()
    edge = torch.special.ndtri(1 - share)
    above = torch.exp(-0.5 * edge.square()) / (2 * torch.pi) ** 0.5 / share  # mean of normal numbers above it
    spread = (1 + edge * above - above.square()).sqrt() / variance.clamp(min=1e-2).sqrt()
    slope = torch.where(share > _ALWAYS, spread, (above - edge) / mean.clamp(min=0.05))
    return above - slope * mean.clamp(min=0.05), slope
