"""The check at the public edge of all metrics: from arrays or tensors to float64 rows."""

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int64, Real, Shaped
from torch import Tensor

from femtobarn.errors import InputError
from femtobarn.physics.records import Records, relative

Array = np.ndarray | Tensor
Rows = Real[Array, "..."]
#: Padded jets: (particles, mask of true and false, or of 1 and 0), or awkward records of the particles of jets. No
#: names of axes: two samples have different numbers of jets.
Jets = tuple[Float[Array, "_ _ 3"], Shaped[Array, "_ _"]] | Records
#: True or false, or 1 and 0, of each event. No name of the axis: `labels` says better what does not fit.
Labels = Shaped[Array, "_"]

_EXACT = 2.0**53  # below it float64 holds every whole number


def numpy(x: Array) -> np.ndarray:
    """The same numbers as a NumPy array, from any device, without a copy where possible.

    Raises:
        InputError: Some of them are masked: without its mask an array would bring back what was taken out.
    """
    if not isinstance(x, Tensor):
        if np.ma.is_masked(x):
            raise InputError(
                f"expected all numbers, got {np.ma.getmaskarray(x).sum()} of {np.size(x)} masked: leave them out first"
            )
        return np.asarray(x)
    x = x.detach().cpu()
    return (x.float() if x.dtype == torch.bfloat16 else x).resolve_conj().resolve_neg().numpy()


def rows(
    x: Rows, name: str, *, features: int | None = None, least: int = 1
) -> Float64[np.ndarray, "row feature"]:
    """At least so many rows of finite features, in float64.

    Raises:
        InputError: Not a table of real numbers, too short, a number that is not finite, another count of features.
    """
    table = numpy(x)
    if table.dtype.kind not in "biuf":
        raise InputError(f"expected real numbers, got {table.dtype} in {name}")
    table = table.astype(np.float64, copy=False)
    if table.ndim != 2 or len(table) < least or table.shape[1] == 0:
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
        InputError: No jet, shapes that do not match, a mask of other numbers than 0 and 1, a particle that is
            not finite or of negative pt.
    """
    particles, mask = relative(sample) if isinstance(sample, Records) else (numpy(x) for x in sample)
    mask = flags(mask, name)
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


def scores(x: Real[Array, "..."], name: str, *, least: int = 1) -> Float64[np.ndarray, " event"]:
    """One finite score of each of at least so many events, in float64.

    Raises:
        InputError: Another shape, too few, or a score that is not finite.
    """
    line = numpy(x)
    if line.ndim != 1 or len(line) < least or line.dtype.kind not in "biuf":
        raise InputError(
            f"expected one score for each {name} event, {least} or more, got {line.dtype} of shape {line.shape}"
        )
    if not np.isfinite(line).all():
        bad = np.count_nonzero(~np.isfinite(line))
        raise InputError(f"expected finite scores, got {bad} {name} ones that are not")
    return line.astype(np.float64, copy=False)


def flags(x: Shaped[Array, "..."], name: str) -> Bool[np.ndarray, "..."]:
    """Truth values as such; files hold them as numbers 0 and 1, which would else be taken for the numbers of rows.

    Raises:
        InputError: Numbers that are neither.
    """
    given = numpy(x)
    if given.dtype != np.bool_ and not ((given == 0) | (given == 1)).all():
        raise InputError(
            f"expected a mask of true and false, or 1 and 0, for {name}, got other {given.dtype}"
        )
    return given.astype(np.bool_, copy=False)


def labels(x: Shaped[Array, "..."], name: str, *, count: int) -> Bool[np.ndarray, " event"]:
    """True or false of each of so many events, as `flags`.

    Raises:
        InputError: Numbers that are neither 0 nor 1, or another number of events.
    """
    found = flags(x, name)
    if found.shape != (count,):
        raise InputError(
            f"expected true or false for each of {count} events, got {name} of shape {found.shape}"
        )
    return found


def whole_numbers(x: Shaped[Array, "..."], name: str) -> Int64[np.ndarray, "..."]:
    """Whole numbers of any type as int64: in narrower types their products overflow without a word.

    Raises:
        InputError: Fractions, NaN, or numbers that int64 does not hold, or float64 not exactly.
    """
    given = numpy(x)
    match given.dtype.kind:
        case "b" | "i":
            whole = True
        case "u":
            whole = int(given.max(initial=0)) <= np.iinfo(np.int64).max
        case "f":
            wide = given.astype(np.float64)
            whole = bool(((np.abs(wide) < _EXACT) & (wide == np.round(wide))).all())
        case _:
            whole = False
    if not whole:
        raise InputError(
            f"expected whole numbers (below 2^63, as floats below 2^53) for {name}, got other {given.dtype}"
        )
    return given.astype(np.int64, copy=False)


def check_seed(seed: int) -> None:
    """Refuse what is no seed of every generator in use.

    Raises:
        InputError: Negative, or 2^64 and more.
    """
    if not 0 <= seed < 2**64:
        raise InputError(f"expected a seed from 0 to 2^64 - 1, got {seed}")
