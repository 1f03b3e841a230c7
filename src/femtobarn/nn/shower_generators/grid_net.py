"""Voxels as a cylinder of cells: the network of CaloDiffusion (arXiv:2308.03876)."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.nn.shower_generators.context import Context
from femtobarn.nn.unet_3d import UNet3d
from femtobarn.physics.voxels import VoxelGeometry, VoxelLayer


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


def _to_common_rings(layer: VoxelLayer, layers: Sequence[VoxelLayer]) -> Tensor:
    """Which rings between all edges of all layers lie in which ring of this one, as 0 and 1."""
    edges = np.unique(np.concatenate([each.r_edges for each in layers]))
    middle, own = (edges[1:] + edges[:-1]) / 2, np.asarray(layer.r_edges)
    inside = (middle[:, None] > own[:-1]) & (middle[:, None] < own[1:])
    return torch.from_numpy(inside.astype(np.float32))
