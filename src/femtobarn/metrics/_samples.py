"""The check at the public edge of all metrics: from arrays or tensors to float64 rows."""

import numpy as np
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from femtobarn.errors import InputError

Array = np.ndarray | Tensor
Rows = Float[Array, "..."]
#: Padded jets: (particles, mask). No names of axes: two samples have different numbers of jets.
Jets = tuple[Float[Array, "_ _ 3"], Bool[Array, "_ _"]]


def numpy(x: Array) -> np.ndarray:
    """The same numbers as a NumPy array, from any device, without a copy where possible."""
    return x.detach().cpu().numpy() if isinstance(x, Tensor) else np.asarray(x)


def rows(x: Rows, name: str, *, features: int | None = None) -> Float64[np.ndarray, "row feature"]:
    """Rows of finite features in float64.

    Raises:
        InputError: Not a table, empty, a number that is not finite, another count of features.
    """
    table = numpy(x).astype(np.float64, copy=False)
    if table.ndim != 2 or 0 in table.shape:
        raise InputError(f"expected rows of features, (row, feature), got {name} of shape {table.shape}")
    if features is not None and table.shape[1] != features:
        raise InputError(f"expected {features} features in each row, got {table.shape[1]} in {name}")
    if not np.isfinite(table).all():
        row, feature = np.argwhere(~np.isfinite(table))[0]
        raise InputError(f"expected finite features, got {table[row, feature]} in {name}[{row}, {feature}]")
    return table


def two_samples(
    real: Rows, generated: Rows
) -> tuple[Float64[np.ndarray, "real feature"], Float64[np.ndarray, "generated feature"]]:
    """Both samples as `rows`, with the same features."""
    first = rows(real, "real")
    return first, rows(generated, "generated", features=first.shape[1])


def jets(
    sample: Jets, name: str
) -> tuple[Float64[np.ndarray, "jet particle 3"], Bool[np.ndarray, "jet particle"]]:
    """Padded jets in float64, with zeros where there is no particle.

    Raises:
        InputError: No jet, shapes that do not match, a particle that is not finite or of negative pt.
    """
    particles, mask = (numpy(x) for x in sample)
    if particles.ndim != 3 or particles.shape[2] != 3 or mask.shape != particles.shape[:2] or 0 in mask.shape:
        shapes = f"{particles.shape} and {mask.shape}"
        raise InputError(f"expected {name} as (jet, particle, 3) and mask (jet, particle), got {shapes}")
    clean = np.where(mask[..., None], particles, 0).astype(np.float64, copy=False)
    if not np.isfinite(clean).all():
        jet, particle, _ = np.argwhere(~np.isfinite(clean))[0]
        raise InputError(f"expected finite particles, got {name}[{jet}, {particle}] = {clean[jet, particle]}")
    if clean[..., 2].min() < 0:
        jet, particle = np.argwhere(clean[..., 2] < 0)[0]
        raise InputError(f"expected pt >= 0, got {name}[{jet}, {particle}] of {clean[jet, particle, 2]}")
    return clean, mask
