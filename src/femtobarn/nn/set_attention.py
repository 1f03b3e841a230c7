"""Attention blocks for sets of particles: every particle, or one vector for the set, looks at all others.

The names are those of the Set Transformer (Lee et al. 2018, arXiv:1810.00825) and of iGAPT
(arXiv:2312.04757). Padded particles are looked at by nobody; what stands in their own rows afterwards
means nothing. A set without particles is looked at as one particle at zero, so nothing becomes NaN.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F


class MAB(nn.Module):
    """Multi-head attention block: each query takes up what it looks for in a set, then one layer of its own.

    ``y = q + attention(q, set)``, then ``y + LeakyReLU(linear(y))``. Departing from arXiv:1810.00825 there is
    no layer norm unless asked for, as in GAPT (arXiv:2211.10295).

    Args:
        width: Features of queries and set.
        heads: Attention heads; they divide the width.
        dropout: Share of the output that is dropped in training.
        layer_norm: Normalise after each of the two sums.
    """

    def __init__(self, width: int, *, heads: int, dropout: float = 0.0, layer_norm: bool = False) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"the heads divide the width: got width {width}, {heads} heads")
        self.heads = heads
        self.query, self.key_value = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.merge, self.own = nn.Linear(width, width), nn.Linear(width, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) if layer_norm else nn.Identity() for _ in range(2))
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        queries: Float[Tensor, "event query width"],
        x: Float[Tensor, "event particle width"],
        mask: Bool[Tensor, "event particle"] | None = None,
    ) -> Float[Tensor, "event query width"]:
        """The queries after they have looked at the set; without a mask all of the set is real."""
        visible = None
        if mask is not None:
            x = torch.where(mask.unsqueeze(-1), x, 0.0)
            visible = (mask | ~mask.any(dim=1, keepdim=True))[:, None, None, :]
        q = self._split(self.query(queries))
        key, value = (self._split(part) for part in self.key_value(x).chunk(2, dim=-1))
        seen = F.scaled_dot_product_attention(q, key, value, attn_mask=visible)
        y = self.norms[0](queries + self.merge(seen.transpose(1, 2).flatten(2)))
        return self.dropout(self.norms[1](y + F.leaky_relu(self.own(y), 0.2)))

    def _split(self, x: Tensor) -> Tensor:
        return x.reshape(*x.shape[:2], self.heads, x.shape[2] // self.heads).transpose(1, 2)


class SAB(nn.Module):
    """Self-attention block: each particle looks at all; the cost grows with the square of their number."""

    def __init__(self, width: int, *, heads: int, dropout: float = 0.0, layer_norm: bool = False) -> None:
        super().__init__()
        self.block = MAB(width, heads=heads, dropout=dropout, layer_norm=layer_norm)

    def forward(
        self, x: Float[Tensor, "event particle width"], mask: Bool[Tensor, "event particle"] | None = None
    ) -> Float[Tensor, "event particle width"]:
        """The particles after they have looked at each other."""
        return self.block(x, x, mask)


class ISAB(nn.Module):
    """Induced self-attention block: particles look at a few learned vectors that have looked at them.

    The cost grows with the number of particles times `inducing`, not with its square.
    """

    def __init__(
        self, width: int, *, heads: int, inducing: int = 20, dropout: float = 0.0, layer_norm: bool = False
    ) -> None:
        super().__init__()
        self.points = nn.Parameter(nn.init.xavier_uniform_(torch.empty(1, inducing, width)))
        self.collect = MAB(width, heads=heads, dropout=dropout, layer_norm=layer_norm)
        self.spread = MAB(width, heads=heads, dropout=dropout, layer_norm=layer_norm)

    def forward(
        self, x: Float[Tensor, "event particle width"], mask: Bool[Tensor, "event particle"] | None = None
    ) -> Float[Tensor, "event particle width"]:
        """The particles after they have looked at the inducing vectors."""
        return self.spread(x, self.collect(self.points.expand(len(x), -1, -1), x, mask))


class IPAB(nn.Module):
    """Induced particle attention block: particles and one vector for the set look at each other in turn.

    As `ISAB` with a single inducing vector that is not learned but carried from block to block
    (arXiv:2312.04757, section 3).
    """

    def __init__(self, width: int, *, heads: int, dropout: float = 0.0, layer_norm: bool = False) -> None:
        super().__init__()
        self.collect = MAB(width, heads=heads, dropout=dropout, layer_norm=layer_norm)
        self.spread = MAB(width, heads=heads, dropout=dropout, layer_norm=layer_norm)

    def forward(
        self,
        x: Float[Tensor, "event particle width"],
        whole: Float[Tensor, "event width"],
        mask: Bool[Tensor, "event particle"] | None = None,
    ) -> tuple[Float[Tensor, "event particle width"], Float[Tensor, "event width"]]:
        """The particles and the vector of the set, each after it has looked at the other."""
        z = self.collect(whole.unsqueeze(1), x, mask)
        return self.spread(x, z), z.squeeze(1)


class PMA(nn.Module):
    """Pooling by multi-head attention: a learned seed looks at the set and becomes its summary."""

    def __init__(self, width: int, *, heads: int, dropout: float = 0.0, layer_norm: bool = False) -> None:
        super().__init__()
        self.seed = nn.Parameter(nn.init.xavier_uniform_(torch.empty(1, 1, width)))
        self.block = MAB(width, heads=heads, dropout=dropout, layer_norm=layer_norm)

    def forward(
        self, x: Float[Tensor, "event particle width"], mask: Bool[Tensor, "event particle"] | None = None
    ) -> Float[Tensor, "event width"]:
        """One vector for each set, whatever the order of its particles."""
        return self.block(self.seed.expand(len(x), -1, -1), x, mask).squeeze(1)
