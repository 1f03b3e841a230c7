"""A figure of a run in one block: axes in, the numbers drawn out; style, labels and saving are done around it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from femtobarn import plots
from femtobarn.runs import DataKind, Run


@dataclass
class Drawing:
    """What the block of `drawing` draws on and fills."""

    figure: Figure
    axes: np.ndarray
    """Rows and columns of Axes."""
    drawn: dict[str, Mapping[str, ArrayLike]] = field(default_factory=dict)
    """The numbers drawn: columns by the name of their series; all series have the same columns."""
    table: Mapping[str, ArrayLike] | None = None
    """The numbers drawn as one table, where they are no series."""

    @property
    def ax(self) -> Axes:
        """The first Axes."""
        first: Axes = self.axes.flat[0]
        return first


@contextmanager
def drawing(
    run: Run,
    name: str,
    *,
    title: str,
    caption: str,
    section: str,
    by: str = "series",
    shape: tuple[int, int] = (1, 1),
    size: tuple[float, float] | None = None,
    text: str = "",
    legend: Mapping[str, Any] | None = None,
    lines: Sequence[Mapping[str, Any]] = (),
    kind: DataKind | None = None,
    **subplots: Any,
) -> Iterator[Drawing]:
    """Axes to draw on; afterwards the figure gets its legend and label and is saved with the numbers drawn.

    A block that leaves ``drawn`` and ``table`` empty draws nothing: no figure is saved.

    Args:
        run: Where the figure is saved; it also knows whether the data are real.
        name: File name without ending.
        title, caption, section: Texts of the report.
        by: Name of the column that tells the series apart.
        shape: Rows and columns of Axes.
        size: Inches.
        text: Above the first Axes, on the right.
        legend: Arguments of the first Axes' legend; `{}` for the usual one, None for none.
        lines: Looks of the lines in the order in which they are drawn, such as ``{"color": "0.5", "linestyle": "--"}``,
            all with the same keys; the usual colours if there are none.
        kind: Kind of the data drawn, where it is not that of the run.
        subplots: Arguments of `pyplot.subplots`.

    A block reads ``with drawing(run, "mass", ...) as d``, draws on ``d.ax`` and sets
    ``d.drawn["tops"] = {"mass": ..., "share": ...}``.
    """
    with plots.style():
        figure, axes = pyplot.subplots(*shape, figsize=size, squeeze=False, **subplots)
        made = Drawing(figure, axes)
        if lines:
            for ax in axes.flat:
                ax.set_prop_cycle(**{key: [look[key] for look in lines] for key in lines[0]})
        try:
            yield made
            if made.drawn or made.table is not None:
                if legend is not None:
                    made.ax.legend(**{"fontsize": 8} | dict(legend))
                plots.label(made.ax, kind or run.kind, text=text)
                data = made.table if made.table is not None else plots.long_form(made.drawn, name=by)
                run.save_figure(name, figure, title=title, caption=caption, section=section, data=data)
        finally:
            pyplot.close(figure)
