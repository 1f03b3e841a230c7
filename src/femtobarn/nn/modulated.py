"""Residual blocks steered by a context: it sets scale, shift and gate of each (adaLN-Zero).

Peebles and Xie 2022, arXiv:2212.09748, section 3.2; for showers in CaloDREAM, arXiv:2405.09629. The gates start
at 0, so every block starts as the identity.
"""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


class Modulation(nn.Module):
    """Scale, shift and gate of `parts` sub-blocks from the context; all 0 at the start."""

    def __init__(self, context: int, width: int, *, parts: int) -> None:
        super().__init__()
        self.parts = parts
        self.linear = nn.Linear(context, 3 * parts * width)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, context: Float[Tensor, "row context"]) -> tuple[Float[Tensor, "row width"], ...]:
        """Scale, shift, gate of the first sub-block, then of the next."""
        return self.linear(F.silu(context)).chunk(3 * self.parts, dim=1)


class ModulatedMlpBlock(nn.Module):
    """A vector, layer-normalised, scaled and shifted, goes through two linear layers and is added gated."""

    def __init__(self, width: int, *, context: int, hidden: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.modulation = Modulation(context, width, parts=1)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.SiLU(), nn.Linear(hidden, width))

    def forward(
        self, x: Float[Tensor, "row width"], context: Float[Tensor, "row context"]
    ) -> Float[Tensor, "row width"]:
        """The vectors after the block."""
        scale, shift, gate = self.modulation(context)
        return x + gate * self.mlp(self.norm(x) * (1 + scale) + shift)


class DiTBlock(nn.Module):
    """Self-attention between tokens, then an MLP on each, both steered by the context of the row.

    Args:
        width: Features of a token.
        context: Features of the context.
        heads: Of the attention; they divide the width.
        ratio: Width of the MLP's hidden layer over `width`.
    """

    def __init__(self, width: int, *, context: int, heads: int, ratio: int = 4) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"the heads divide the width: got width {width}, {heads} heads")
        self.heads = heads
        self.norms = nn.ModuleList(nn.LayerNorm(width, elementwise_affine=False) for _ in range(2))
        self.modulation = Modulation(context, width, parts=2)
        self.look, self.merge = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, ratio * width), nn.GELU(approximate="tanh"), nn.Linear(ratio * width, width)
        )

    def forward(
        self, x: Float[Tensor, "row token width"], context: Float[Tensor, "row context"]
    ) -> Float[Tensor, "row token width"]:
        """The tokens after the block."""
        steer = [part.unsqueeze(1) for part in self.modulation(context)]
        x = x + steer[2] * self._attend(self.norms[0](x) * (1 + steer[0]) + steer[1])
        return x + steer[5] * self.mlp(self.norms[1](x) * (1 + steer[3]) + steer[4])

    def _attend(self, x: Tensor) -> Tensor:
        q, k, v = (part.unflatten(2, (self.heads, -1)).transpose(1, 2) for part in self.look(x).chunk(3, -1))
        return self.merge(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class ModulatedMlp(nn.Module):
    """Vectors to vectors under a context: linear, modulated blocks, modulated linear that starts at 0."""

    def __init__(self, inputs: int, outputs: int, *, context: int, width: int, blocks: int) -> None:
        super().__init__()
        self.entrance = nn.Linear(inputs, width)
        self.blocks = nn.ModuleList(
            ModulatedMlpBlock(width, context=context, hidden=width) for _ in range(blocks)
        )
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.modulation = nn.Linear(context, 2 * width)
        self.exit = nn.Linear(width, outputs)
        for layer in (self.modulation, self.exit):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(
        self, x: Float[Tensor, "row input"], context: Float[Tensor, "row context"]
    ) -> Float[Tensor, "row output"]:
        """The outputs."""
        h = self.entrance(x)
        for block in self.blocks:
            h = block(h, context)
        scale, shift = self.modulation(F.silu(context)).chunk(2, dim=1)
        return self.exit(self.norm(h) * (1 + scale) + shift)
