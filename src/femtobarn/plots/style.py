"""The look of all figures: ticks inside, colours that colour-blind readers can tell apart, text as text."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from femtobarn.plots.text import readable

PALETTE = (
    "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6",
    "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd",
)  # fmt: skip
"""Ten colours chosen for colour-vision deficiency by Petroff, arXiv:2107.02270."""

MARKERS = "os^DvP<X>p"
"""One for each colour, so that a figure can be read without colours."""

_STYLE: dict[Any, Any] = {
    "figure.figsize": (5.4, 3.9),  # inches: at this size 10 pt stays legible on a phone
    "figure.constrained_layout.use": True,
    "text.usetex": False,
    "text.parse_math": True,
    "font.size": 10,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "mathtext.fontset": "dejavusans",
    "svg.fonttype": "none",
    "axes.prop_cycle": cycler(color=PALETTE),
    "axes.linewidth": 0.9,
    "axes.labelsize": 11,
    "axes.formatter.limits": (-3, 4),
    "axes.formatter.use_mathtext": False,  # only labels with powers need the slow parser
    "xaxis.labellocation": "right",
    "yaxis.labellocation": "top",
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "xtick.minor.visible": True,
    "ytick.minor.visible": True,
    "xtick.major.size": 6,
    "ytick.major.size": 6,
    "xtick.minor.size": 3,
    "ytick.minor.size": 3,
    "lines.linewidth": 1.6,
    "lines.markersize": 5,
    "errorbar.capsize": 2,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "legend.handlelength": 1.6,
}


@contextmanager
def style() -> Iterator[None]:
    """Draw in femtobarn's style while the context lasts, whatever the user's matplotlibrc says.

    Example:
        >>> from matplotlib import pyplot
        >>> with style():
        ...     figure, axes = pyplot.subplots()
    """
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        yield


def label(ax: Axes, data: Literal["real", "stand-in"], *, text: str = "") -> None:
    """Say above the axes whose figure it is and of which kind the data are; `text` stands on the right."""
    kind = "real data" if data == "real" else "stand-in"
    above: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "bottom"}
    name = ax.annotate("femtobarn", (0, 1), (0, 4), weight="bold", size=11, **above)
    ax.annotate(kind, (1, 0), (5, 0), xycoords=name, textcoords="offset points", va="bottom", style="italic")
    ax.annotate(readable(text), (1, 1), (0, 4), ha="right", size=9, **above)


def long_form(
    series: Mapping[str, Mapping[str, ArrayLike]], *, name: str = "series"
) -> dict[str, np.ndarray]:
    """One table of several drawn series of the same columns; a first column `name` tells them apart.

    Example:
        >>> long_form({"a": {"x": [1, 2]}, "b": {"x": [3]}})["series"].tolist()
        ['a', 'a', 'b']
    """
    columns = {
        key: [np.asarray(each[key]) for each in series.values()] for key in next(iter(series.values()))
    }
    lengths = [len(column) for column in next(iter(columns.values()))]
    joined = {key: np.concatenate(parts) for key, parts in columns.items()}
    return {name: np.repeat(list(series), lengths), **joined}
