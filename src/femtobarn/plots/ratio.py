"""Distributions of several samples on top of each other, and their ratio to one of them below."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.typing import ColorType
from numpy.typing import ArrayLike

from femtobarn.errors import InputError
from femtobarn.plots.style import long_form
from femtobarn.plots.text import plain


def ratio_histograms(
    main: Axes,
    below: Axes,
    reference: ArrayLike,
    samples: Mapping[str, ArrayLike],
    bins: ArrayLike,
    *,
    label: str,
    weights: Mapping[str, float] | None = None,
) -> dict[str, np.ndarray]:
    """Draw the reference as a filled histogram, the samples as lines, and below their ratios to it.

    What is drawn is the share of all entries per bin, those outside the bins counted in the total. Bars and the
    band around a ratio of one are square roots of counts.

    Args:
        main: Axes of the distributions.
        below: Axes of the ratios; it shows 0.5 to 1.5.
        reference: Values of the reference sample, finite.
        samples: Values of the others, by the name they have in the legend; one named as the reference is called
            so with "(sample)" behind.
        bins: Edges of the bins.
        label: Name of the reference in the legend.
        weights: Total that a sample is divided by, instead of its number of values; by name.

    Returns:
        The columns drawn: sample, low, high, entries, share, error, ratio, ratio error.

    Raises:
        InputError: A sample is empty or a value not finite, or the edges do not rise.
    """
    edges = np.asarray(bins, dtype=float)
    if edges.ndim != 1 or len(edges) < 2 or not np.all(np.diff(edges) > 0):
        raise InputError(f"bin edges are two or more rising numbers, got shape {edges.shape}")
    totals = weights or {}
    truth = _columns(label, reference, edges, None if label in samples else totals.get(label))
    others = {
        name if name != label else f"{name} (sample)": _columns(name, values, edges, totals.get(name))
        for name, values in samples.items()
    }
    for each in (truth, *others.values()):
        each["ratio"], each["ratio error"] = _quotient(each, truth)
    main.stairs(truth["share"], edges, fill=True, color="0.85", label=plain(label))
    main.stairs(truth["share"], edges, color="0.4", linewidth=0.8)
    band = np.nan_to_num(truth["error"] / np.where(truth["share"] > 0, truth["share"], np.nan))
    below.stairs(1 + band, edges, baseline=1 - band, fill=True, color="0.85")
    below.axhline(1, color="0.4", linewidth=0.8)
    middle = (edges[:-1] + edges[1:]) / 2
    for name, each in others.items():
        drawn = main.stairs(each["share"], edges, linewidth=1.4, label=plain(name), color=_next(main))
        below.errorbar(
            middle,
            each["ratio"],
            each["ratio error"],
            fmt=".",
            markersize=3,
            elinewidth=0.8,
            capsize=0,
            color=drawn.get_edgecolor(),
        )
    main.tick_params(labelbottom=False)
    main.set_xlim(edges[0], edges[-1])
    below.set(xlim=(edges[0], edges[-1]), ylim=(0.5, 1.5), ylabel="ratio")
    return long_form({label: truth} | others, name="sample")


def _next(ax: Axes) -> ColorType:
    """The next colour of the cycle; stairs are patches, which do not take one by themselves."""
    (line,) = ax.plot([], [])
    line.remove()
    return line.get_color()


def _columns(name: str, values: ArrayLike, edges: np.ndarray, total: float | None) -> dict[str, np.ndarray]:
    values = np.asarray(values, dtype=float)
    if not values.size or not np.isfinite(values).all():
        bad = int(np.sum(~np.isfinite(values)))
        raise InputError(f"{name}: finite values expected, got shape {values.shape}, {bad} not finite")
    entries = np.histogram(values.ravel(), edges)[0]
    whole = values.size if total is None else total
    share, error = entries / whole, np.sqrt(entries) / whole
    return {"low": edges[:-1], "high": edges[1:], "entries": entries, "share": share, "error": error}


def _quotient(
    each: Mapping[str, np.ndarray], truth: Mapping[str, np.ndarray]
) -> tuple[Float[np.ndarray, "bin"], Float[np.ndarray, "bin"]]:
    """Ratio of the shares and the error of the numerator alone; NaN where the reference is empty."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio, error = each["share"] / truth["share"], each["error"] / truth["share"]
    empty = truth["entries"] == 0
    return np.where(empty, np.nan, ratio), np.where(empty, np.nan, error)
