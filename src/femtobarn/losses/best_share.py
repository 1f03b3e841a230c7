"""A mean over the events that another quantity likes best."""

from jaxtyping import Float
from torch import Tensor

from femtobarn.errors import InputError
from femtobarn.losses._types import same_shapes


def mean_of_best(
    value: Float[Tensor, "event"], error: Float[Tensor, "event"], share: float
) -> Float[Tensor, ""]:
    """Mean of a value over that share of the events whose errors are smallest, at least one.

    The other events get exactly no gradient of the value, and the errors none of the choice. With the divergence of
    a variational autoencoder as value and its reconstruction error as error it is the clipped divergence of
    arXiv:2311.17162: what is badly reconstructed is not drawn towards the prior, and keeps a large divergence.

    Raises:
        InputError: Not an error for each value, none at all, or a share that is not from 0 to 1.
    """
    same_shapes("an error for each value", value=value, error=error)
    if not len(value) or not 0 <= share <= 1:
        raise InputError(f"expected events, and a share of them from 0 to 1, got {len(value)} and {share}")
    count = max(1, round(share * len(error)))
    best = error.detach().topk(count, largest=False).indices
    return value[best].mean()
