"""LorentzNet as a tagger of jets: particles and beams in, two logits out (arXiv:2201.08187)."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from femtobarn.nn.lorentz_net import LorentzNet

BEAMS = ((2**0.5, 0.0, 0.0, 1.0), (2**0.5, 0.0, 0.0, -1.0))  #: with mass 1 GeV (arXiv:2201.08187)


class LorentzTagger(nn.Module):
    """LorentzNet on the particles and the two beams.

    Its logits stay the same in every frame if the beams are seen from there too: give them as `beams`.
    Without beams they need no such help, and know nothing of the z axis.
    """

    beams: Tensor

    def __init__(self, *, width: int = 72, blocks: int = 6, dropout: float = 0.2, beams: bool = True) -> None:
        super().__init__()
        self.net = LorentzNet(2, 2, width=width, blocks=blocks, dropout=dropout)
        vectors = torch.tensor(BEAMS if beams else [], dtype=torch.float64).view(-1, 4)
        self.register_buffer("beams", vectors, persistent=False)

    def forward(
        self,
        momentum: Float[Tensor, "jet particle 4"],
        mass: Float[Tensor, "jet particle"],
        mask: Bool[Tensor, "jet particle"],
        beams: Float[Tensor, "jet beam 4"] | None = None,
    ) -> Float[Tensor, "jet class"]:
        """Logits of each jet."""
        if beams is None:
            beams = self.beams.expand(len(mask), -1, -1)
        ones = torch.ones(beams.shape[:2], device=mask.device, dtype=mass.dtype)
        scalars = torch.cat(
            (torch.stack((torch.zeros_like(ones), ones), dim=-1), torch.stack((mass, 0 * mass), dim=-1)),
            dim=1,
        )
        together = torch.cat((beams, momentum.double()), dim=1)
        return self.net(together, scalars, torch.cat((ones > 0, mask), dim=1))
