"""Graph autoencoder of jets: messages between all pairs of particles on both sides (arXiv:2212.07347, baseline)."""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.errors import InputError
from femtobarn.nn.message_passing import MessagePassing

Level = Literal["particle", "jet"]
_START = 30  #: features of a particle before the first round, as published
#: Outputs, widths of the edge network and of the hidden layer of the node network of each round, as published.
_ROUNDS = ((15, (50, 40, 30), 30), (8, (30, 30, 30), 15))
_INNERMOST = (16, 20, 30), 8


class GraphAutoencoder(nn.Module):
    """Particles of a jet (eta_rel, phi_rel, pt_rel) that went through the latent space.

    Args:
        particles: Of a jet, padding included.
        level: "particle": the latent holds `latent` numbers of each particle. "jet": it holds `latent` numbers, the
            mean over the particles.
        latent: See `level`.
        deviation: Standard deviations of the three features, the units that the network works in.
    """

    deviation: Tensor

    def __init__(
        self,
        particles: int = 30,
        *,
        level: Level = "particle",
        latent: int = 2,
        deviation: Sequence[float] = (1.0, 1.0, 1.0),
    ) -> None:
        super().__init__()
        if level not in get_args(Level):
            raise InputError(f"expected one of {', '.join(get_args(Level))}: got {level!r}")
        self.level, self.particles, self.latent = level, particles, latent
        self.register_buffer("deviation", torch.tensor(deviation))
        edge, node = _INNERMOST
        inner = latent if level == "particle" else _ROUNDS[-1][0]
        self.embed, self.read = nn.Linear(3, _START), nn.Linear(_START, 3)
        widths = (_START, *(outputs for outputs, *_ in _ROUNDS))
        self.encoder = nn.ModuleList(
            _round(features, outputs, edge, node)
            for features, (outputs, edge, node) in zip(widths[:-1], _ROUNDS, strict=True)
        )
        self.encoder.append(_round(widths[-1], latent, edge, node))
        self.spread = nn.Linear(latent, particles * inner) if level == "jet" else None
        self.decoder = nn.ModuleList([_round(inner, widths[-1], edge, node)])
        for outputs, (features, edge, node) in zip(reversed(widths[:-1]), reversed(_ROUNDS), strict=True):
            self.decoder.append(_round(features, outputs, edge, node))

    @property
    def latent_numbers(self) -> int:
        """Real numbers of the latent."""
        return self.latent * (self.particles if self.level == "particle" else 1)

    def compress(
        self, x: Float[Tensor, "jet particle 3"], mask: Bool[Tensor, "jet particle"]
    ) -> Float[Tensor, "jet number"]:
        """The latent of each jet."""
        h = self.embed(x / self.deviation)
        for layer in list(self.encoder)[:-1]:
            h = F.leaky_relu(layer(h, mask), 0.2)
        h = torch.where(mask.unsqueeze(-1), self.encoder[-1](h, mask), 0.0)
        if self.level == "particle":
            return h.flatten(1)
        return h.sum(dim=1) / mask.sum(dim=1, keepdim=True).clamp(min=1)

    def rebuild(self, latent: Float[Tensor, "jet number"]) -> Float[Tensor, "jet particle 3"]:
        """The particles of each jet."""
        h = (latent if self.spread is None else self.spread(latent)).unflatten(1, (self.particles, -1))
        every = torch.ones(h.shape[:2], dtype=torch.bool, device=h.device)
        for layer in self.decoder:
            h = F.leaky_relu(layer(h, every), 0.2)
        return self.read(h) * self.deviation

    def forward(
        self, x: Float[Tensor, "jet particle 3"], mask: Bool[Tensor, "jet particle"]
    ) -> Float[Tensor, "jet particle 3"]:
        """The particles that come out, as many as go in with padding; what is to be none has pt_rel near 0."""
        return self.rebuild(self.compress(x, mask))


def _round(features: int, outputs: int, edge: Sequence[int], node: int) -> MessagePassing:
    return MessagePassing(features, outputs, edge=edge, node=(node,), distance=True)
