"""Places of tiles to train on, cut out of maps in which events are rare."""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from femtobarn.errors import InputError


def event_tiles(
    target: Float[np.ndarray, "map *channel row column"],
    side: int,
    count: int,
    *,
    anywhere: float = 0.0,
    generator: np.random.Generator,
) -> Int[np.ndarray, "tile 3"]:
    """Map, first row and first column of tiles that hold an event of any channel, and of some drawn anywhere.

    An event pixel is drawn, then where in the tile it lies: tiles drawn anywhere are mostly empty, and a loss that
    divides by the events learns nothing from a batch of these. With events in all of them a network learns that there
    is always one, and predicts too many on whole maps; a share anywhere works against it.

    Args:
        target: Above 0 where there is an event.
        side: Pixels of a tile, at most those of the map.
        count: Number of tiles; the same may come twice.
        anywhere: Share of the tiles that are drawn anywhere.
        generator: Of the draws.

    Raises:
        InputError: No event, or maps smaller than a tile.
    """
    if min(target.shape[-2:]) < side or side < 1:
        raise InputError(f"expected maps of {side} pixels a side or more, got {target.shape[-2:]}")
    middle = tuple(range(1, target.ndim - 2))
    events = np.argwhere((target > 0).any(axis=middle))
    if not len(events):
        raise InputError("expected some events to cut tiles around, got none: lower the threshold")
    chosen = events[generator.integers(len(events), size=count)]
    last = np.array(target.shape[-2:]) - side
    first = (chosen[:, 1:] - generator.integers(0, side, (count, 2))).clip(0, last)
    around = np.column_stack((chosen[:, 0], first))
    free = np.column_stack(
        (generator.integers(len(target), size=count), generator.integers(0, last + 1, (count, 2)))
    )
    return np.where(generator.random((count, 1)) < anywhere, free, around)


def tile_maker(
    columns: Mapping[str, Tensor], places: Int[np.ndarray, "tile 3"], side: int
) -> Callable[[np.ndarray], dict[str, Tensor]]:
    """A function that cuts some of the tiles out of maps (map, channel, row, column) when they are asked for."""

    def make(rows: np.ndarray) -> dict[str, Tensor]:
        cuts = [(i, slice(None), slice(y, y + side), slice(x, x + side)) for i, y, x in places[rows].tolist()]
        return {name: torch.stack([column[cut] for cut in cuts]) for name, column in columns.items()}

    return make
