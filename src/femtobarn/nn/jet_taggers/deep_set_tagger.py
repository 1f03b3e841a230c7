"""A Deep Set as a tagger of jets (arXiv:2311.14160)."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from femtobarn.nn.deep_set import DeepSet
from femtobarn.nn.jet_taggers.features import features


class DeepSetTagger(nn.Module):
    """Deep Set on the features, summed with the shares of pT as weights."""

    def __init__(self, *, width: int = 128, leak: float = 0.01) -> None:
        super().__init__()
        self.net = DeepSet(4, 2, width=width, leak=leak)

    def forward(
        self,
        momentum: Float[Tensor, "jet particle 4"],
        mass: Float[Tensor, "jet particle"],
        mask: Bool[Tensor, "jet particle"],
    ) -> Float[Tensor, "jet class"]:
        """Logits of each jet."""
        x = torch.stack(features(momentum, mass, mask), dim=-1).to(self.net.norm.weight.dtype)
        return self.net(x, mask, x[..., 0])
