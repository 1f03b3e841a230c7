"""The numbers by which the table of all systems shows one."""

from typing import NamedTuple


class Headline(NamedTuple):
    """Results of one quantity, by their labels: those of the system, and the strongest baselines beside them."""

    quantity: str
    ours: tuple[dict[str, str], ...]
    baselines: tuple[dict[str, str], ...]


def headline(
    quantity: str, label: str, ours: tuple[str, ...], baselines: tuple[str, ...], /, **common: str
) -> Headline:
    """A headline whose results differ in one label.

    Args:
        quantity: Name of the results.
        label: That they differ in.
        ours, baselines: Values of this label.
        common: Labels that all of them have.
    """
    sides = ([{label: value} | common for value in side] for side in (ours, baselines))
    return Headline(quantity, *map(tuple, sides))
