"""Images beside what an autoencoder makes of them."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from femtobarn import plots
from femtobarn.runs import Run
from femtobarn.study import drawing

Pair = tuple[Float[np.ndarray, "row column"], Float[np.ndarray, "row column"]]


def draw_reconstructions(run: Run, pairs: Mapping[str, Pair], *, caption: str, name: str = "images") -> None:
    """A row for each image, with its reconstruction on the right, from white (0) to black (the largest value).

    Args:
        run: Where the figure is saved.
        pairs: Image and reconstruction by the name of the event.
        caption: Of the figure.
        name: Of its file.
    """
    with drawing(
        run, name, title="Events and their reconstruction", caption=caption, section="Images",
        shape=(len(pairs), 2), size=(6, 3.4 * len(pairs)), sharex=True, sharey=True,
    ) as d:  # fmt: skip
        columns: dict[str, np.ndarray] = {}
        for axes, (event, pair) in zip(d.axes, pairs.items(), strict=True):
            for ax, image, what in zip(axes, pair, ("event", "reconstruction"), strict=True):
                ax.imshow(image, origin="lower", cmap="Greys", aspect="auto")
                ax.set_title(plots.plain(f"{event}, {what}"), fontsize=9, loc="right")
                columns[f"{event}, {what}"] = image.ravel()
        d.table = columns
