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

_SVG_DPI = 72  # an SVG counts in points
_IMAGE_DPI = 150
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

    _prepare(figure)
    try:
        # Fixed salt: equal figures give equal files.
        with mpl.rc_context({**_saving(), "svg.hashsalt": "femtobarn", "svg.fonttype": "none"}):
            return _drawn(figure)
    finally:
        pyplot.close(figure)


def _prepare(figure: "matplotlib.figure.Figure") -> None:
    """Let texts that cannot be drawn stand as they are, and draw many points as an image."""
    from matplotlib.collections import PathCollection
    from matplotlib.lines import Line2D

    from femtobarn.plots.text import settle_texts

    settle_texts(figure)
    for artist in figure.findobj(lambda artist: isinstance(artist, PathCollection | Line2D)):
        if isinstance(artist, PathCollection):
            _rasterise(artist, artist.get_offsets())
        else:
            _rasterise(artist, artist.get_xdata())


def _rasterise(artist: "matplotlib.artist.Artist", points: ArrayLike) -> None:
    if len(np.asarray(points)) > _MANY_POINTS:
        artist.set_rasterized(True)


def _drawn(figure: "matplotlib.figure.Figure") -> bytes:
    """What ``figure.savefig(format="svg", dpi=150, metadata={"Date": None})`` writes, in half its time.

    `savefig` draws twice, first for the layout, and parses and measures the texts for each of three renderers.
    """
    from matplotlib.backends.backend_mixed import MixedModeRenderer
    from matplotlib.backends.backend_svg import FigureCanvasSVG, RendererSVG

    class Canvas(FigureCanvasSVG):
        def get_renderer(self) -> MixedModeRenderer:
            return renderer  # that of the layout too

    figure.dpi = _SVG_DPI
    Canvas(figure)
    width, height = (float(x) for x in figure.get_size_inches())
    text = io.StringIO()
    vectors = RendererSVG(
        width * _SVG_DPI, height * _SVG_DPI, text, image_dpi=_IMAGE_DPI, metadata={"Date": None}
    )
    renderer = MixedModeRenderer(figure, width, height, _IMAGE_DPI, vectors)
    figure.draw(renderer)
    renderer.finalize()
    return text.getvalue().encode()


def _saving() -> dict[Any, Any]:
    """What matplotlib does on its own when it saves: a user's matplotlibrc must not change the figure."""
    import matplotlib as mpl

    names = [name for name in mpl.rcParamsDefault if name.startswith(("savefig.", "svg.", "path."))]
    return {name: mpl.rcParamsDefault[name] for name in names}
