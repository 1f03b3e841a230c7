"""The numbers by which the table of all systems shows one."""

from typing import NamedTuple


class Headline(NamedTuple):
    """Results of one quantity, by their labels: those of the system, and the strongest baselines beside them."""

    quantity: str
    ours: tuple[dict[str, str], ...]
    baselines: tuple[dict[str, str], ...]


Values = tuple[str, ...]


def headline(
    quantity: str,
    label: str | Values,
    ours: tuple[str | Values, ...],
    baselines: tuple[str | Values, ...],
    /,
    **common: str,
) -> Headline:
    """A headline whose results differ in one label, or in a few.

    Args:
        quantity: Name of the results.
        label: That they differ in.
        ours, baselines: Values of this label; of several labels a tuple for each result.
        common: Labels that all of them have.
    """
    names = (label,) if isinstance(label, str) else label

    def labels(value: str | Values) -> dict[str, str]:
        values = (value,) if isinstance(value, str) else value
        return dict(zip(names, values, strict=True)) | common

    return Headline(quantity, tuple(map(labels, ours)), tuple(map(labels, baselines)))
