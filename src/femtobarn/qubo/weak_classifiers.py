"""Weak classifiers of tabular events: one variable, or two of them multiplied or divided, and one cut each."""

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from femtobarn.errors import InputError

Events = Float[np.ndarray, "event feature"]
STEP = 0.0075  #: between neighbouring copies of a cut, in units of h
BINS = 8  #: quantiles of a binned classifier
_SMALL = 1e-3  # keeps a ratio finite


@dataclass(frozen=True)
class WeakClassifiers:
    """Maps h of events to [-1, 1], above 0 where they look like signal; all numbers of a fit, in plain lists.

    With cuts (arXiv:1908.04480, after Nature 550 375): the value is negated where the signal is the smaller; h is 0
    at the 70th percentile of the background, -1 at the 5th and +1 at the 95th percentile of all events, linear between.
    With bins: the logarithm of the ratio of densities in eight quantiles of the value, within [-1, 1], which can
    follow a signal in the middle.
    """

    names: tuple[str, ...]
    """Of the features."""
    pairs: tuple[tuple[int, int], ...]
    """Features that are multiplied where they point the same way, else divided; after the single ones."""
    flipped: tuple[bool, ...]
    """Features of which the signal has the smaller values."""
    negated: tuple[bool, ...]
    """Of each classifier, whether its value is."""
    edges: tuple[tuple[float, ...], ...]
    """Of each classifier: (low end, cut, high end), or the inner edges of the bins."""
    heights: tuple[tuple[float, ...], ...] = ()
    """Of each classifier with bins, h in each bin; none with cuts."""

    def __len__(self) -> int:
        return len(self.edges)

    def __call__(self, x: Events) -> Float[np.ndarray, "event classifier"]:
        """h of each event.

        Raises:
            InputError: Another number of features, or NaN.
        """
        if x.shape[1:] != (len(self.names),):
            raise InputError(
                f"{len(self.names)} features expected ({', '.join(self.names)}): got {x.shape[1:]}"
            )
        if not np.isfinite(x).all():
            raise InputError("finite features expected: got NaN or infinity; fill them or drop these events")
        values = _values(x, self.flipped, self.pairs) * np.where(self.negated, -1.0, 1.0)
        if self.heights:
            found = zip(values.T, self.edges, self.heights, strict=True)
            return np.stack([np.array(h)[np.searchsorted(e, v, side="right")] for v, e, h in found], axis=1)
        low, cut, high = np.array(self.edges).T
        with np.errstate(divide="ignore", invalid="ignore"):
            h = np.where(values < cut, (values - cut) / (cut - low), (values - cut) / (high - cut))
        return np.nan_to_num(h, posinf=1, neginf=-1).clip(-1, 1)

    def rule(self, index: int) -> str:
        """A classifier in words."""
        name = self.names[index] if index < len(self.names) else self._pair(index - len(self.names))
        if self.heights:
            return f"{name}: ratio of densities in {len(self.heights[index])} bins"
        cut = self.edges[index][1]
        return f"{name} < {-cut:.4g}" if self.negated[index] else f"{name} > {cut:.4g}"

    def _pair(self, index: int) -> str:
        one, two = self.pairs[index]
        sign = "*" if self.flipped[one] == self.flipped[two] else "/"
        return f"{self.names[one]} {sign} {self.names[two]}"


def fit_weak(
    x: Events,
    signal: Bool[np.ndarray, "event"],
    *,
    names: tuple[str, ...] = (),
    paired: tuple[int, ...] | None = None,
    bins: bool = False,
    ready: bool = False,
) -> WeakClassifiers:
    """Weak classifiers of training events: one for each feature and for each pair of those that are paired.

    Args:
        x: Features.
        signal: True for signal.
        names: Of the features; x0, x1, ... unless given.
        paired: Features among which all pairs are taken; all of them unless given.
        bins: Ratios of densities instead of cuts.
        ready: The features are outputs of weak classifiers already and stay as they are, within [-1, 1].

    Raises:
        InputError: Events of one class only, NaN, or names that do not fit.
    """
    count = x.shape[1]
    known = names or tuple(f"x{i}" for i in range(count))
    if len(known) != count or signal.shape != x.shape[:1] or signal.all() or not signal.any():
        raise InputError(
            f"a name for each of {count} features and events of both classes expected: "
            f"got {len(known)} names and {int(signal.sum())} signal events of {len(signal)}"
        )
    if not np.isfinite(x).all():
        raise InputError("finite features expected: got NaN or infinity; fill them or drop these events")
    if ready:
        same = (False,) * count
        return WeakClassifiers(known, (), same, same, edges=((-1.0, 0.0, 1.0),) * count)
    flipped = x[signal].mean(axis=0) < x[~signal].mean(axis=0)
    pairs = tuple(combinations(range(count) if paired is None else paired, 2))
    values = _values(x, tuple(flipped.tolist()), pairs)
    negated = values[signal].mean(axis=0) < values[~signal].mean(axis=0)
    values = np.where(negated, -values, values)
    shared: dict[str, Any] = {
        "names": known,
        "pairs": pairs,
        "flipped": tuple(flipped.tolist()),
        "negated": tuple(negated.tolist()),
    }
    if bins:
        edges, heights = zip(*(_binned(v, signal) for v in values.T), strict=True)
        return WeakClassifiers(**shared, edges=edges, heights=heights)
    low, high = np.percentile(values, (5, 95), axis=0)
    cut = np.percentile(values[~signal], 70, axis=0)
    ends = np.stack([low, cut, high], axis=1).tolist()
    return WeakClassifiers(**shared, edges=tuple(map(tuple, ends)))


def augmented(
    h: Float[np.ndarray, "event classifier"], *, offsets: int = 3, step: float = STEP
) -> Float[np.ndarray, "event column"]:
    """sgn(h + l step) / n for l from -offsets to offsets, with sgn(0) = +1, in n columns: what weights are trained for.

    Divided by their number the columns add up to 1 at most, with weights in [-1, 1]: more of them do not fit better at
    will.

    Args:
        h: Of the weak classifiers.
        offsets: Shifted copies on each side; the paper takes 3.
        step: Between neighbouring cuts.
    """
    shifts = step * np.arange(-offsets, offsets + 1)
    moved = h[:, :, None] + shifts
    columns = np.where(moved >= 0, 1.0, -1.0).reshape(len(h), -1)
    return columns / columns.shape[1]


def _values(x: Events, flipped: tuple[bool, ...], pairs: tuple[tuple[int, int], ...]) -> np.ndarray:
    """Features, then products and ratios of pairs."""
    columns = [x[:, i] for i in range(x.shape[1])]
    for one, two in pairs:
        same = flipped[one] == flipped[two]
        columns.append(x[:, one] * x[:, two] if same else x[:, one] / (x[:, two] + _SMALL))
    return np.nan_to_num(np.stack(columns, axis=1).astype(np.float64))


def _binned(
    value: np.ndarray, signal: Bool[np.ndarray, "event"]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Inner edges and the logarithm of the ratio of densities, of one event more in each bin, in [-1, 1]."""
    edges = np.unique(np.quantile(value, np.arange(1, BINS) / BINS))
    place = np.searchsorted(edges, value, side="right")
    share = [np.bincount(place[each], minlength=len(edges) + 1) + 1 for each in (signal, ~signal)]
    ratio = np.log(share[0] / share[0].sum()) - np.log(share[1] / share[1].sum())
    return tuple(edges.tolist()), tuple(ratio.clip(-1, 1).tolist())
