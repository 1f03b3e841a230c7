"""Few-shot tasks: some classes, a few labelled examples of each (support), and others to be recognised (query)."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int, Shaped

from femtobarn.errors import InputError

#: ``draw(class, count, generator)``: so many different examples of a class, one a row: arrays, or rows of a table.
Draw = Callable[[int, int, np.random.Generator], np.ndarray]


class Episode(NamedTuple):
    """A task; label k stands for the k-th of its classes, which are in random order."""

    support: Shaped[np.ndarray, "support *shape"]
    support_label: Int[np.ndarray, " support"]
    query: Shaped[np.ndarray, "query *shape"]
    query_label: Int[np.ndarray, " query"]
    classes: Int[np.ndarray, " way"]


def draw_episode(
    draw: Draw, classes: Sequence[int], *, ways: int, shots: int, queries: int, generator: np.random.Generator
) -> Episode:
    """A task of some classes in random order, so that no weight can know which label is which class.

    Args:
        draw: Gives examples of a class; support and query of a class are one draw, so that none is in both.
        classes: To choose from.
        ways: Classes of the task.
        shots: Labelled examples of each.
        queries: Others of each.
        generator: Of the classes; handed on to `draw`.

    Raises:
        InputError: Fewer classes than ways, or nothing asked for.
    """
    if min(ways - 1, shots, queries) < 1 or len(set(classes)) < ways:
        got = f"{len(set(classes))} classes, {ways} ways, {shots} shots, {queries} queries"
        raise InputError(
            f"expected 2 ways, 1 shot, 1 query or more, and no fewer classes than ways: got {got}"
        )
    chosen = generator.choice(np.unique(classes), ways, replace=False)
    examples = [draw(int(each), shots + queries, generator) for each in chosen]
    label = np.arange(ways)
    return Episode(
        np.concatenate([each[:shots] for each in examples]),
        np.repeat(label, shots),
        np.concatenate([each[shots:] for each in examples]),
        np.repeat(label, queries),
        chosen,
    )
