"""ParticleNet as a tagger of jets (arXiv:1902.08570)."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from femtobarn.nn.jet_taggers.features import features
from femtobarn.nn.particle_net import ParticleNet


class ParticleTagger(nn.Module):
    """ParticleNet on (eta, phi, log of the share of pT, mass), the first two relative to the jet."""

    def __init__(
        self,
        *,
        neighbours: int = 16,
        widths: tuple[int, ...] = (64, 128, 256),
        hidden: int = 256,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.net = ParticleNet(
            4, 2, neighbours=neighbours, widths=widths, hidden=hidden, coordinates=2, dropout=dropout
        )

    def forward(
        self,
        momentum: Float[Tensor, "jet particle 4"],
        mass: Float[Tensor, "jet particle"],
        mask: Bool[Tensor, "jet particle"],
    ) -> Float[Tensor, "jet class"]:
        """Logits of each jet."""
        share, eta, phi, mass = features(momentum, mass, mask)
        log_share = torch.where(mask & (share > 0), share, 1).log()
        x = torch.stack((eta, phi, log_share, mass), dim=-1)
        return self.net(x.to(self.net.scores.weight.dtype), mask)
