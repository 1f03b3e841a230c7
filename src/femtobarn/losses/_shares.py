"""What all distances between two charge distributions ask of their input, and the scaling to unit sum."""

import torch
from jaxtyping import Bool, Float, Real
from torch import Tensor

from femtobarn.errors import InputError
from femtobarn.losses._types import result_type


def shares(
    a: Real[Tensor, "*batch n"], b: Real[Tensor, "*batch n"], *, dtype: torch.dtype = torch.float64
) -> tuple[Float[Tensor, "*batch n"], Float[Tensor, "*batch n"], Bool[Tensor, "*batch"]]:
    """Both sides as shares of their sum, in this type, and the rows in which neither side is empty.

    An empty side becomes uniform without a gradient, so that what is computed from it stays finite until
    `torch.where(valid, distance, nan)` replaces it.

    Raises:
        InputError: Shapes differ, there is no cell, or a charge is negative, NaN, infinite or complex.
    """
    if a.shape != b.shape or a.ndim == 0 or a.shape[-1] == 0:
        raise InputError(
            f"expected two charge tensors of one shape (..., n), n > 0, got {(*a.shape,)} and {(*b.shape,)}"
        )
    result_type(a, b)  # refuses complex numbers
    for name, charge in (("a", a), ("b", b)):
        if not bool(((charge >= 0) & (charge < torch.inf)).all()):
            raise InputError(
                f"expected finite charges >= 0, got {name} from {charge.min()} to {charge.max()}"
            )
    a, full_a = _share(a.to(dtype))
    b, full_b = _share(b.to(dtype))
    return a, b, full_a & full_b


def _share(charge: Tensor) -> tuple[Tensor, Tensor]:
    total = charge.sum(dim=-1, keepdim=True)
    full = total > 0
    share = torch.where(full, charge / torch.where(full, total, 1.0), 1.0 / charge.shape[-1])
    return share, full.squeeze(-1)
