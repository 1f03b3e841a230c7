"""Voxels in patches of neighbours: the shape network of CaloDREAM (arXiv:2405.09629)."""

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.nn.modulated import DiTBlock
from femtobarn.nn.shower_generators.context import Context
from femtobarn.physics.voxels import VoxelGeometry


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
