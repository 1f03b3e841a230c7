"""How many particles a jet has: chances that there are more than 0, 1, 2 ..., the slots of a list, hardest first."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F


def count_loss(logit: Float[Tensor, "jet slot"], mask: Bool[Tensor, "jet slot"]) -> Float[Tensor, ""]:
    """Mean over the jets of the summed binary cross-entropies of "there is a particle in this slot", in nats.

    Each slot is a proper score of one point of the distribution of the multiplicity, so the least is where all of
    them are right.

    Args:
        logit: Of each chance.
        mask: True for the slots that are taken, the first ones.
    """
    return F.binary_cross_entropy_with_logits(logit, mask.to(logit.dtype), reduction="none").sum(dim=1).mean()


def draw_count(logit: Float[Tensor, "jet slot"], *, generator: torch.Generator) -> Bool[Tensor, "jet slot"]:
    """Slots taken: the first n, with n the number of chances above one uniform number for each jet.

    If the chances fall from slot to slot, as those of a distribution do, n is drawn from that distribution.
    """
    u = torch.rand((len(logit), 1), generator=generator, device=logit.device, dtype=logit.dtype)
    number = (torch.sigmoid(logit) > u).sum(dim=1, keepdim=True)
    return torch.arange(logit.shape[1], device=logit.device) < number
