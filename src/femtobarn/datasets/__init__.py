"""One file per public data set: columns, units, reader, checks and its stand-in."""

import importlib
import pkgutil

from femtobarn.errors import check_known


def summaries() -> str:
    """A line for each data set: its name and what it is."""
    width = max(map(len, _names()))
    lines = [f"{name:{width}} {importlib.import_module(f'{__name__}.{name}').SUMMARY}" for name in _names()]
    return "\n".join(lines)


def describe(name: str) -> str:
    """What a data set holds: columns, units, formats, where it is published.

    Raises:
        InputError: There is no data set of this name.
    """
    check_known("data set", [name], _names())
    text: str = importlib.import_module(f"{__name__}.{name}").describe()
    return text


def _names() -> list[str]:
    return [module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")]
