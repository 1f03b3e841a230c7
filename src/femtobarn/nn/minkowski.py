"""The product of four-vectors that no boost and no rotation changes."""

from jaxtyping import Float
from torch import Tensor

from femtobarn.physics._constant import numbers

METRIC = (1.0, -1.0, -1.0, -1.0)  #: of (E, px, py, pz)


def minkowski(p: Float[Tensor, "*batch 4"], q: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*batch"]:
    """E_p E_q - px_p px_q - py_p py_q - pz_p pz_q.

    For light particles it is the small difference of large numbers: float32 leaves nothing of it at rapidities
    above about 4.
    """
    return (p * q * numbers(METRIC, p.device, p.dtype)).sum(dim=-1)
