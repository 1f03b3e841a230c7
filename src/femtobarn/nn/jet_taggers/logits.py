"""Scores of many jets, a piece at a time."""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Float32, Float64
from torch import Tensor, nn

Frame = Callable[..., tuple[Tensor, ...]]  #: changes (momentum, mass, mask) into what a tagger is called with


@torch.no_grad()
def logits(
    tagger: nn.Module,
    momentum: Float[Tensor, "jet particle 4"],
    mass: Float[Tensor, "jet particle"],
    mask: Bool[Tensor, "jet particle"],
    *,
    frame: Frame | None = None,
    chunk: int = 64,
) -> Float32[Tensor, "jet class"]:
    """Logits of all jets.

    Args:
        tagger: In evaluation mode.
        momentum, mass, mask: As taggers take them.
        frame: Such as `moving_frame`; none for jets as they are.
        chunk: Jets at once; the pairs of more than some tens do not fit a processor's cache.
    """
    pieces = zip(*(torch.split(each, chunk) for each in (momentum, mass, mask)), strict=True)
    return torch.cat([tagger(*(frame(*piece) if frame else piece)).float() for piece in pieces])


def score(logits: Float[Tensor, "jet 2"]) -> Float64[Tensor, "jet"]:
    """Logit of top minus logit of other: above 0 a jet is taken for a top."""
    return (logits[:, 1] - logits[:, 0]).double()
