"""Networks of flows and diffusion: voxels at a time, under a condition, to as many numbers.

All are called as ``net(voxels, time, condition)``. `FlatNet` knows nothing of the geometry, `TokenNet` sees
patches of neighbouring voxels, `GridNet` a cylinder of cells.
"""

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.nn.modulated import DiTBlock, ModulatedMlp
from femtobarn.nn.unet_3d import UNet3d
from femtobarn.physics.voxels import VoxelGeometry, VoxelLayer
from femtobarn.systems.calo_challenge.model import Context


class FlatNet(nn.Module):
    """All numbers as one vector through residual blocks, which then steer a little network for each number.

    The little networks have weights of their own, one input and one hidden layer; so each number can have the
    distribution it needs without a width of the large network for each.

    Args:
        numbers, condition: How many there are.
        width, blocks: Of the residual blocks.
        each: Hidden width of the network of one number.
        context: Width of the vector of time and condition.
    """

    def __init__(
        self,
        numbers: int,
        condition: int,
        *,
        width: int = 512,
        blocks: int = 4,
        each: int = 4,
        context: int = 128,
    ) -> None:
        super().__init__()
        self.context = Context(condition, context)
        self.steer = ModulatedMlp(
            numbers + condition, numbers * each, context=context, width=width, blocks=blocks
        )
        self.inward = nn.Parameter(torch.randn(numbers, each))
        self.middle = nn.Parameter(torch.randn(numbers, each))
        self.outward = nn.Parameter(torch.zeros(numbers, each))

    def forward(
        self,
        x: Float[Tensor, "shower number"],
        time: Float[Tensor, "shower"],
        condition: Float[Tensor, "shower condition"],
    ) -> Float[Tensor, "shower number"]:
        """As many numbers as there are in `x`; all 0 before any training."""
        steered = self.steer(torch.cat((x, condition), dim=1), self.context(time, condition))
        hidden = self.inward * x.unsqueeze(2) + self.middle + steered.view(*x.shape, -1)
        return (F.silu(hidden) * self.outward).sum(dim=2)


class TokenNet(nn.Module):
    """Transformer on patches of voxels: the shape network of CaloDREAM (arXiv:2405.09629).

    Args:
        geometry: Of the voxels.
        condition: Numbers of the condition.
        patch: Layers, slices and rings of a patch; at the edges, and in layers with fewer, patches are smaller.
        width, depth, heads, ratio: Of the transformer blocks, see `nn.modulated.DiTBlock`.
    """

    cells: Tensor
    place: Tensor
    centres: Tensor

    def __init__(
        self,
        geometry: VoxelGeometry,
        condition: int,
        *,
        patch: Sequence[int] = (3, 16, 1),
        width: int = 480,
        depth: int = 6,
        heads: int = 6,
        ratio: int = 4,
    ) -> None:
        super().__init__()
        cells = torch.from_numpy(patches(geometry, patch))
        self.register_buffer("cells", cells.clamp(min=0), persistent=False)
        self.register_buffer("filled", cells >= 0, persistent=False)
        order = torch.zeros(geometry.voxels, dtype=torch.long)
        order[cells[cells >= 0]] = torch.arange(cells.numel()).view_as(cells)[cells >= 0]
        self.register_buffer("place", order, persistent=False)
        self.register_buffer("centres", _centres(geometry, cells), persistent=False)
        self.frequencies = nn.Linear(3, width // 2)
        self.entrance = nn.Linear(cells.shape[1], width)
        self.context = Context(condition, width, features=256)
        self.blocks = nn.ModuleList(
            DiTBlock(width, context=width, heads=heads, ratio=ratio) for _ in range(depth)
        )
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.modulation, self.exit = nn.Linear(width, 2 * width), nn.Linear(width, cells.shape[1])
        for layer in (self.modulation, self.exit):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(
        self,
        x: Float[Tensor, "shower voxel"],
        time: Float[Tensor, "shower"],
        condition: Float[Tensor, "shower condition"],
    ) -> Float[Tensor, "shower voxel"]:
        """A number for each voxel."""
        context = self.context(time, condition)
        phase = self.frequencies(self.centres)
        tokens = torch.where(self.filled, x[:, self.cells], 0.0)  # type: ignore[arg-type]
        h = self.entrance(tokens) + torch.cat((phase.sin(), phase.cos()), dim=1)
        for block in self.blocks:
            h = block(h, context)
        scale, shift = (part.unsqueeze(1) for part in self.modulation(F.silu(context)).chunk(2, dim=1))
        return self.exit(self.norm(h) * (1 + scale) + shift).flatten(1)[:, self.place]


class GridNet(nn.Module):
    """U-Net on a cylinder (layer, azimuth, ring) with circular convolutions: the network of CaloDiffusion.

    Layers of unlike rings are mapped to common ones by learned linear maps that start as copies, and back by
    their pseudo-inverses (arXiv:2308.03876, section III C); layers without slices are the same in all.

    Args:
        geometry: Of the voxels.
        condition: Numbers of the condition.
        channels, blocks: Of the U-Net.
        fold: Neighbouring rings that become channels of one cell: a coarser, cheaper grid.
        context: Width of the vector of time and condition.
    """

    images: Tensor

    def __init__(
        self,
        geometry: VoxelGeometry,
        condition: int,
        *,
        channels: Sequence[int] = (32, 32, 64, 32),
        blocks: int = 2,
        fold: int = 1,
        context: int = 128,
    ) -> None:
        super().__init__()
        layers = geometry.layers
        self.shapes = [(layer.slices, layer.rings) for layer in layers]
        self.slices = max(layer.slices for layer in layers)
        self.fold = fold
        self.regular = len({layer[1:] for layer in layers}) == 1
        maps = [_to_common_rings(layer, layers) for layer in layers]
        self.rings = len(maps[0])
        if not self.regular:
            self.inward = nn.ParameterList(m.T.contiguous() for m in maps)
            self.outward = nn.ParameterList(torch.linalg.pinv(m).T.contiguous() for m in maps)
        self.register_buffer("images", self._images(len(layers)), persistent=False)
        self.context = Context(condition, context)
        self.network = UNet3d(
            fold + len(self.images), fold, channels=channels, context=context, blocks=blocks
        )

    def forward(
        self,
        x: Float[Tensor, "shower voxel"],
        time: Float[Tensor, "shower"],
        condition: Float[Tensor, "shower condition"],
    ) -> Float[Tensor, "shower voxel"]:
        """A number for each voxel."""
        grid = self._folded(self._grid(x))
        images = self.images.expand(len(x), -1, -1, -1, -1)
        out = self.network(torch.cat((grid, images), dim=1), self.context(time, condition))
        return self._voxels(self._unfolded(out))

    def _grid(self, x: Tensor) -> Tensor:
        if self.regular:
            return x.view(len(x), len(self.shapes), self.slices, self.rings)
        parts = torch.split(x, [slices * rings for slices, rings in self.shapes], dim=1)
        layers = [
            (part.reshape(len(x), *shape) @ inward).expand(-1, self.slices, -1)
            for part, shape, inward in zip(parts, self.shapes, self.inward, strict=True)
        ]
        return torch.stack(layers, dim=1)

    def _voxels(self, grid: Tensor) -> Tensor:
        if self.regular:
            return grid.flatten(1)
        layers = [
            (layer if slices > 1 else layer.mean(dim=1, keepdim=True)) @ outward
            for layer, (slices, _), outward in zip(grid.unbind(1), self.shapes, self.outward, strict=True)
        ]
        return torch.cat([layer.flatten(1) for layer in layers], dim=1)

    def _folded(self, grid: Tensor) -> Tensor:
        grid = F.pad(grid, (0, -self.rings % self.fold))
        return grid.view(*grid.shape[:3], -1, self.fold).permute(0, 4, 1, 2, 3)

    def _unfolded(self, cells: Tensor) -> Tensor:
        return cells.permute(0, 2, 3, 4, 1).flatten(3)[..., : self.rings]

    def _images(self, layers: int) -> Tensor:
        """Depth and radius of each cell from -1 to 1; in unlike layers also cosine and sine of its azimuth."""
        rings = -(-self.rings // self.fold)
        azimuth = torch.arange(self.slices) * (2 * torch.pi / self.slices)
        axes = torch.linspace(-1, 1, layers), azimuth, torch.linspace(-1, 1, rings)
        depth, angle, radius = torch.meshgrid(*axes, indexing="ij")
        images = (depth, radius) if self.regular else (depth, radius, angle.cos(), angle.sin())
        return torch.stack(images)


def patches(geometry: VoxelGeometry, patch: Sequence[int]) -> Int[np.ndarray, "token cell"]:
    """Voxels of each patch of (layers, slices, rings), -1 where a patch has fewer.

    A patch holds several layers only where they are cut alike.
    """
    depth, width, height = patch
    tokens: list[np.ndarray] = []
    for _, alike in itertools.groupby(range(len(geometry.layers)), lambda n: geometry.layers[n][1:]):
        places = list(alike)
        shape = geometry.layers[places[0]].slices, geometry.layers[places[0]].rings
        block = np.stack(
            [np.arange(geometry.spans[n].start, geometry.spans[n].stop).reshape(shape) for n in places]
        )
        steps = (range(0, size, step) for size, step in zip(block.shape, patch, strict=True))
        tokens += [
            block[z : z + depth, a : a + width, r : r + height].ravel()
            for z, a, r in itertools.product(*steps)
        ]
    most = max(map(len, tokens))
    return np.stack([np.pad(token, (0, most - len(token)), constant_values=-1) for token in tokens])


def _centres(geometry: VoxelGeometry, cells: Tensor) -> Tensor:
    """Depth, azimuth and radius of the middle of each patch, each about from -pi to pi."""
    known = (cells >= 0).double()
    radius = np.log1p(geometry.radius)  # rings of irregular layers widen outwards
    axes = [
        2 * np.pi * geometry.layer / max(len(geometry.layers) - 1, 1) - np.pi,
        geometry.alpha,
        2 * np.pi * radius / radius.max() - np.pi,
    ]
    place = torch.from_numpy(np.stack(axes))[:, cells.clamp(min=0)]
    return ((place * known).sum(dim=2) / known.sum(dim=1)).T.float()


def _to_common_rings(layer: VoxelLayer, layers: Sequence[VoxelLayer]) -> Tensor:
    """Which rings between all edges of all layers lie in which ring of this one, as 0 and 1."""
    edges = np.unique(np.concatenate([each.r_edges for each in layers]))
    middle, own = (edges[1:] + edges[:-1]) / 2, np.asarray(layer.r_edges)
    inside = (middle[:, None] > own[:-1]) & (middle[:, None] < own[1:])
    return torch.from_numpy(inside.astype(np.float32))
