"""A figure as files: the drawing as SVG, and the numbers drawn as CSV."""

import csv
import io
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from femtobarn.errors import InputError, printable

if TYPE_CHECKING:
    import matplotlib.figure

_MANY_POINTS = 5000  # drawn as one image: as vectors they would take some 100 bytes each


def csv_text(data: Mapping[str, ArrayLike]) -> str:
    """The columns drawn as CSV, in characters that a page can show.

    Raises:
        InputError: They are not columns of one length.
    """
    columns = {name: np.asarray(column) for name, column in data.items()}
    shapes = {column.shape for column in columns.values()}
    if len(shapes) != 1 or len(next(iter(shapes))) != 1:
        got = ", ".join(f"{name} {column.shape}" for name, column in columns.items()) or "none"
        raise InputError(f"the numbers of a figure are columns of one length, got {got}")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))
    return printable(text.getvalue())


@contextmanager
def _patient() -> Iterator[None]:
    """matplotlib warns if the best place of a legend took a second, as it does on a busy machine."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Creating legend with loc=")
        yield


@_patient()
def svg_bytes(figure: "matplotlib.figure.Figure") -> bytes:
    """The drawing as SVG; the figure is closed. Equal figures give equal bytes."""
    import matplotlib as mpl
    from matplotlib import pyplot
    from matplotlib.collections import PathCollection
    from matplotlib.lines import Line2D

    from femtobarn.plots.text import settle_texts

    settle_texts(figure)
    for points in figure.findobj(PathCollection):
        if isinstance(points, PathCollection) and len(np.asarray(points.get_offsets())) > _MANY_POINTS:
            points.set_rasterized(True)
    for line in figure.findobj(Line2D):
        if isinstance(line, Line2D) and len(np.asarray(line.get_xdata())) > _MANY_POINTS:
            line.set_rasterized(True)
    stream = io.BytesIO()
    try:
        # Fixed salt and no date: equal figures give equal files.
        with mpl.rc_context({**_saving(), "svg.hashsalt": "femtobarn", "svg.fonttype": "none"}):
            figure.savefig(stream, format="svg", dpi=150, metadata={"Date": None})
    finally:
        pyplot.close(figure)
    return stream.getvalue()


def _saving() -> dict[Any, Any]:
    """What matplotlib does on its own when it saves: a user's matplotlibrc must not change the figure."""
    import matplotlib as mpl

    names = [name for name in mpl.rcParamsDefault if name.startswith(("savefig.", "svg.", "path."))]
    return {name: mpl.rcParamsDefault[name] for name in names}
