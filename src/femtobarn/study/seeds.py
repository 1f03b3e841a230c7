"""Numbers over several trainings: their mean, its error, and gains over another method, as rows of results.

One rule for all systems. A number over seeds carries the standard deviation over the seeds, what another
training would give, joined in quadrature with the error of the test sample. A gain of one method over
another is taken pair by pair, on the same events and where possible the same seed; its error is the standard
error over the seeds joined with a bootstrap of the events, whole units (showers, wafers, images) at a time.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

import numpy as np
from jaxtyping import Bool, Int

from femtobarn.errors import InputError
from femtobarn.runs import Result

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)
Value = tuple[
    float, float
]  #: a number of one training, with the error that the test sample gives it; 0 for none
Rows = Int[np.ndarray, "_"]


def grouped(items: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    """Items by key, in the order in which the keys first appear."""
    groups: dict[K, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups


def over_seeds(values: Sequence[Value], *, of_mean: bool = False) -> Value:
    """Mean over the trainings, and its error: that of the sample, averaged, and the spread between trainings.

    The spread is the standard deviation: what another training would give. With `of_mean` it is the standard
    error of the mean: right for the gain of one method over another.
    """
    each, sampling = np.array(values, dtype=float).reshape(-1, 2).T
    between = each.std(ddof=1) / np.sqrt(len(each) if of_mean else 1) if len(each) > 1 else 0.0
    return float(each.mean()), float(np.hypot(sampling.mean(), between))


def row(
    name: str,
    values: Sequence[Value],
    labels: Mapping[str, str],
    *,
    seeds: Iterable[int] = (),
    n: int = 0,
    unit: str = "",
    split: str = "test",
    sample: str = "test sample",
    of_mean: bool = False,
) -> Result:
    """A result over seeds.

    Args:
        name: Of the quantity.
        values: One for each training.
        labels: Of the result.
        seeds: Of the trainings.
        n: Events behind the value.
        unit: Of the value.
        split: The sample that the value is measured on.
        sample: What the errors of the single values are errors of.
        of_mean: See `over_seeds`.
    """
    value, error = over_seeds(values, of_mean=of_mean)
    spread = "standard error" if of_mean else "standard deviation"
    kinds = [sample] if any(each > 0 for _, each in values) else []
    kinds += [f"{spread} over {len(values)} seeds"] if len(values) > 1 else []
    known = error if kinds else None
    return Result(
        name, value, known, unit, n, split,
        labels=dict(labels), seeds=tuple(seeds), error_kind=" and ".join(kinds),
    )  # fmt: skip


def bootstrapped(
    statistic: Callable[[T, Rows], float], outcomes: Sequence[T], draws: Sequence[Rows]
) -> list[Value]:
    """A number of each outcome on all rows, with its bootstrap error; for numbers without an error of their own.

    Args:
        statistic: Of one outcome on some rows of the test sample.
        outcomes: Of several seeds.
        draws: Rows of the test sample, as for `gain`.
    """
    values = np.array([[statistic(each, rows) for each in outcomes] for rows in draws])
    return list(zip(values[0].tolist(), map(_spread, values[1:].T), strict=True))


def gain(
    statistic: Callable[[T, Rows], float],
    pairs: Sequence[tuple[T, T]],
    draws: Sequence[Rows],
    *,
    ratio: bool = False,
) -> list[Value]:
    """Gain of the first of each pair over the second on the same rows, with the bootstrap error of their mean.

    Args:
        statistic: Of one outcome on some rows of the test sample.
        pairs: Outcomes of the same seed, or of a seed and of a method without one.
        draws: Rows of the test sample; the first holds all of them, the others are drawn with replacement, see
            `draws_of_units` and `draws_of_classes`.
        ratio: Divide instead of subtracting.

    Returns:
        A value for each pair; all have the same error, so that `row(..., of_mean=True)` joins it once.
    """
    values = np.array([[[statistic(each, rows) for each in pair] for pair in pairs] for rows in draws])
    with np.errstate(all="ignore"):  # a draw may leave nothing to divide by
        found = values[..., 0] / values[..., 1] if ratio else values[..., 0] - values[..., 1]
    error = _spread(found[1:].mean(axis=1))
    return [(float(value), error) for value in found[0]]


def draws_of_units(unit: Int[np.ndarray, "row"], *, count: int, seed: int) -> list[Rows]:
    """All rows, then `count` bootstrap samples of whole units: rows of one shower or wafer are not independent.

    Args:
        unit: What each row belongs to; `np.arange(n)` for independent rows. If all are the same (no numbers
            known), each row counts for itself.
        count: Samples drawn with replacement.
        seed: Of the draws.
    """
    _check(len(unit), count)
    generator = np.random.default_rng(seed)
    order = np.argsort(unit, kind="stable")
    units = np.split(order, np.flatnonzero(np.diff(unit[order])) + 1)
    if len(units) == 1:
        units = list(order[:, None])
    drawn = generator.integers(len(units), size=(count, len(units)))
    return [np.arange(len(unit)), *(np.concatenate([units[i] for i in each]) for each in drawn)]


def draws_of_classes(is_signal: Bool[np.ndarray, "row"], *, count: int, seed: int) -> list[Rows]:
    """All rows, then `count` bootstrap samples with as many signal and background events as there are."""
    _check(len(is_signal), count)
    generator = np.random.default_rng(seed)
    classes = np.flatnonzero(is_signal), np.flatnonzero(~is_signal)
    return [
        np.concatenate(classes),
        *(np.concatenate([generator.choice(each, len(each)) for each in classes]) for _ in range(count)),
    ]


def by_name(rows: Iterable[Result], first: Sequence[str] = ()) -> list[Result]:
    """Rows of one quantity together: those named first, then the others as they come."""
    rows = list(rows)
    order = list(dict.fromkeys([*first, *(each.name for each in rows)]))
    return sorted(rows, key=lambda each: order.index(each.name))


def _spread(drawn: np.ndarray) -> float:
    """Standard deviation of what bootstrap samples gave; those that left nothing to divide by do not count."""
    finite = drawn[np.isfinite(drawn)]
    return float(finite.std(ddof=1)) if len(finite) > 1 else 0.0


def _check(rows: int, count: int) -> None:
    if rows < 1 or count < 1:
        raise InputError(f"a bootstrap needs at least one row and one draw: got {rows} and {count}")
