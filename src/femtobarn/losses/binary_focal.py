"""Cross entropy that counts easy cases little (Lin et al., arXiv:1708.02002, equation 5)."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from femtobarn.losses._types import same_shapes, true_or_false


def binary_focal(
    logits: Float[Tensor, "_"], target: Bool[Tensor, "_"], *, gamma: float = 2.0, alpha: float = 0.25
) -> Float[Tensor, ""]:
    """Mean of -a (1 - p)^gamma log p, with p the probability of the true class and a its weight.

    With gamma 0 and alpha 0.5 it is half the binary cross entropy. The mean of nothing is NaN.

    Args:
        logits: Of the class that is true in `target`.
        target: The truth.
        gamma: Larger ones make easy cases count less.
        alpha: Weight of the true class; the other one has the rest of 1.

    Raises:
        InputError: Not a truth for each of the logits.
    """
    same_shapes("true or false for each of the logits", logits=logits, target=target)
    true_or_false(target=target)
    sign = torch.where(target, 1.0, -1.0).to(logits.dtype)
    weight = torch.where(target, alpha, 1 - alpha).to(logits.dtype)
    missing = torch.sigmoid(-sign * logits)
    return (weight * missing**gamma * -F.logsigmoid(sign * logits)).mean()
