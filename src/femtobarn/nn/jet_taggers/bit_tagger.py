"""An MLP tagger whose bits are trained, bit for bit what its hardware computes (HGQ, arXiv:2405.00645)."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from femtobarn.nn.jet_taggers.features import first_particles
from femtobarn.nn.jet_taggers.mlp_tagger import MlpTagger
from femtobarn.nn.quantised import BitTrue, quantise
from femtobarn.nn.without_batch_norm import without_batch_norm


class BitTagger(nn.Module):
    """An MLP whose every weight and activation has bits of its own, all trained; in `eval()` it computes in integers.

    Args:
        tagger: Of ReLUs; its batch norms are folded into the linear layers behind them.
        example: Rows of inputs of some jets, for first ranges.
        fraction, weight_fraction: Fractional bits at the start.
    """

    def __init__(
        self,
        tagger: MlpTagger,
        example: Float[Tensor, "jet input"],
        *,
        fraction: float = 8.0,
        weight_fraction: float = 6.0,
    ) -> None:
        super().__init__()
        self.particles = tagger.particles
        net = quantise(
            without_batch_norm(tagger.net),
            example,
            fraction=fraction,
            weight_fraction=weight_fraction,
            overflow="SAT",
        )
        self.exact = BitTrue(net)

    def forward(
        self,
        momentum: Float[Tensor, "jet particle 4"],
        mass: Float[Tensor, "jet particle"],
        mask: Bool[Tensor, "jet particle"],
    ) -> Float[Tensor, "jet class"]:
        """Logits of each jet."""
        logits: Tensor = self.exact(first_particles(momentum, mass, mask, self.particles).to(torch.float32))
        return logits
