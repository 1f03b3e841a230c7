"""Message passing between all pairs of particles (MPGAN, Kansal et al. 2021, arXiv:2106.11535)."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.physics.differentiable import safe_sqrt


class MessagePassing(nn.Module):
    """Every particle hears from every other and itself, and is updated by the sum of what it hears.

    ``m_ij = f_e(h_i, h_j)``, ``h_i' = f_n(sum_j m_ij, h_i)``, arXiv:2106.11535 section 4. LeakyReLU (0.2) follows
    every linear layer but the last of f_n. Memory is that of particle x particle x `edge` numbers an event.

    Args:
        features: Features of a particle before.
        outputs: Features after.
        edge: Widths of the layers of f_e.
        node: Widths of the hidden layers of f_n.
        dropout: Share dropped after every linear layer in training.
        distance: f_e is given |h_i - h_j| as well, as in arXiv:2212.07347.
    """

    def __init__(
        self,
        features: int,
        outputs: int,
        *,
        edge: Sequence[int] = (96, 160, 192),
        node: Sequence[int] = (256, 256),
        dropout: float = 0.0,
        distance: bool = False,
    ) -> None:
        super().__init__()
        self.features, self.dropout, self.distance = features, nn.Dropout(dropout), distance
        self.edge = _layers((2 * features + distance, *edge))
        self.node = _layers((edge[-1] + features, *node, outputs))

    def forward(
        self, x: Float[Tensor, "event particle feature"], mask: Bool[Tensor, "event particle"]
    ) -> Float[Tensor, "event particle output"]:
        """The updated particles; rows of padded ones mean nothing, and no particle hears from them."""
        x = torch.where(mask.unsqueeze(-1), x, 0.0)
        message = self._first(x)
        for layer in list(self.edge)[1:]:
            message = self.dropout(F.leaky_relu(layer(message), 0.2))
        # The sum over the senders j, as a product with the mask: messages of zeros are finite.
        heard = torch.matmul(mask.to(x.dtype)[:, None, None, :], message).squeeze(-2)
        h = torch.cat((heard, x), dim=-1)
        for layer in list(self.node)[:-1]:
            h = self.dropout(F.leaky_relu(layer(h), 0.2))
        return self.dropout(self.node[-1](h))

    def _first(self, x: Tensor) -> Tensor:
        """First layer of f_e, without building all pairs: ``W (h_i, h_j) = W_1 h_i + W_2 h_j``."""
        layer = self.edge[0]
        assert isinstance(layer, nn.Linear)
        receiver, sender, apart = torch.split(
            layer.weight, [self.features, self.features, int(self.distance)], dim=1
        )
        pairs = F.linear(x, receiver, layer.bias).unsqueeze(2) + F.linear(x, sender).unsqueeze(1)
        if self.distance:
            square = (x.unsqueeze(2) - x.unsqueeze(1)).square().sum(dim=-1, keepdim=True)
            pairs = pairs + F.linear(safe_sqrt(square), apart)
        return self.dropout(F.leaky_relu(pairs, 0.2))


def _layers(widths: Sequence[int]) -> nn.ModuleList:
    return nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
