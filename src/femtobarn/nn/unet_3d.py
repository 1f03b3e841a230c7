"""U-Net on a cylinder of cells (layer, azimuth, ring), conditioned on a context such as energy and time.

The network of CaloDiffusion (arXiv:2308.03876, section III): at each level ResNet blocks with circular
convolutions and linear attention; the grid is halved along all axes from level to level and enlarged again,
with the finer grid of the way down beside it.
"""

import itertools
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.nn.circular_conv import CircularConv3d, CircularUpsample3d


class ContextResBlock(nn.Module):
    """Two convolutions with group norm and SiLU around a skip; the context is added between them."""

    def __init__(self, inputs: int, outputs: int, *, context: int, groups: int = 8) -> None:
        super().__init__()
        self.first, self.second = CircularConv3d(inputs, outputs), CircularConv3d(outputs, outputs)
        self.norms = nn.ModuleList(nn.GroupNorm(groups, outputs) for _ in range(2))
        self.context = nn.Linear(context, outputs)
        self.skip = CircularConv3d(inputs, outputs, kernel=1) if inputs != outputs else nn.Identity()

    def forward(
        self,
        x: Float[Tensor, "shower channel layer azimuth ring"],
        context: Float[Tensor, "shower context"],
    ) -> Float[Tensor, "shower output layer azimuth ring"]:
        """Channels of the same grid."""
        h = F.silu(self.norms[0](self.first(x))) + self.context(F.silu(context))[..., None, None, None]
        return F.silu(self.norms[1](self.second(h))) + self.skip(x)


class LinearAttention3d(nn.Module):
    """Every cell looks at all others at a cost that grows with their number, around a skip.

    The softmax is taken of queries over features and of keys over cells (Shen et al. 2018, arXiv:1812.01243).
    """

    def __init__(self, channels: int, *, heads: int = 1, width: int = 32) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.GroupNorm(1, channels)
        self.look = nn.Conv3d(channels, 3 * heads * width, 1, bias=False)
        self.merge = nn.Conv3d(heads * width, channels, 1)

    def forward(
        self, x: Float[Tensor, "shower channel layer azimuth ring"]
    ) -> Float[Tensor, "shower channel layer azimuth ring"]:
        """Channels of the same grid."""
        looks = self.look(self.norm(x)).flatten(2).unflatten(1, (3, self.heads, -1))
        query, key, value = looks.unbind(dim=1)  # (shower, head, feature, cell)
        query, key = query.softmax(dim=-2), key.softmax(dim=-1)
        seen = (key @ value.transpose(-1, -2)).transpose(-1, -2) @ query
        return x + self.merge(seen.flatten(1, 2).unflatten(2, x.shape[2:]))


class UNet3d(nn.Module):
    """From channels to channels on a grid of any size; the answer is 0 before any training.

    Args:
        inputs, outputs: Channels.
        channels: At the entrance, then at each level; the last level stays at the size of the one before.
        context: Features of the context.
        blocks: ResNet blocks at each level of either way.
        attention: Linear attention after each level and in the middle.
        groups: Of the group norms; they divide all channels.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        channels: Sequence[int] = (32, 32, 64, 32),
        context: int,
        blocks: int = 2,
        attention: bool = True,
        groups: int = 8,
    ) -> None:
        super().__init__()

        def level(first: int, last: int, extra: int = 0) -> nn.ModuleList:
            ins = [first + extra, *[last] * (blocks - 1)]
            return nn.ModuleList(ContextResBlock(n, last, context=context, groups=groups) for n in ins)

        def look(n: int) -> nn.Module:
            return LinearAttention3d(n) if attention else nn.Identity()

        self.entrance = CircularConv3d(inputs, channels[0])
        pairs = list(itertools.pairwise(channels))
        self.down = nn.ModuleList(level(a, b) for a, b in pairs)
        self.down_attention = nn.ModuleList(look(b) for _, b in pairs)
        self.shrink = nn.ModuleList(CircularConv3d(b, b, stride=2) for _, b in pairs[:-1])
        middle = channels[-1]
        self.middle = level(middle, middle)
        self.middle_attention = look(middle)
        self.up = nn.ModuleList(level(b, a, extra=b) for a, b in reversed(pairs))
        self.up_attention = nn.ModuleList(look(a) for a, _ in reversed(pairs))
        self.enlarge = nn.ModuleList(CircularUpsample3d(a, a) for a, _ in reversed(pairs[1:]))
        self.exit = CircularConv3d(channels[0], outputs, kernel=1)
        nn.init.zeros_(self.exit.conv.weight)
        nn.init.zeros_(self.exit.conv.bias)  # type: ignore[arg-type]

    def forward(
        self,
        x: Float[Tensor, "shower channel layer azimuth ring"],
        context: Float[Tensor, "shower context"],
    ) -> Float[Tensor, "shower output layer azimuth ring"]:
        """Output channels of the same grid."""
        h, finer = self.entrance(x), list[Tensor]()
        for place, (blocks, look) in enumerate(zip(self.down, self.down_attention, strict=True)):
            h = look(_through(blocks, h, context))
            finer.append(h)
            if place < len(self.shrink):
                h = self.shrink[place](h)
        h = self.middle_attention(_through(self.middle, h, context))
        for place, (blocks, look) in enumerate(zip(self.up, self.up_attention, strict=True)):
            beside = finer.pop()
            h = look(_through(blocks, torch.cat((h, beside), dim=1), context))
            if place < len(self.enlarge):
                layers, azimuths, rings = finer[-1].shape[2:]
                h = self.enlarge[place](h, (layers, azimuths, rings))
        return self.exit(h)


def _through(blocks: nn.Module, x: Tensor, context: Tensor) -> Tensor:
    for block in blocks.children():
        x = block(x, context)
    return x
