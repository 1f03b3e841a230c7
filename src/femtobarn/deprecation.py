"""Old names that keep working for one minor release."""

import importlib
import warnings
from collections.abc import Callable, Mapping
from typing import Any


def moved(module: str, names: Mapping[str, str], *, removed_in: str) -> Callable[[str], Any]:
    """The ``__getattr__`` of a module whose `names` have moved to the dotted names given.

    Each use of an old name gives a DeprecationWarning with the new name and the version in which the old one is
    removed, the minor release after the next.

    Example:
        >>> __getattr__ = moved("femtobarn.old", {"emd": "femtobarn.losses.emd"}, removed_in="0.3")
    """

    def find(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        message = f"{module}.{name} is now {names[name]}; the old name is removed in femtobarn {removed_in}"
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        place, _, attribute = names[name].rpartition(".")
        return getattr(importlib.import_module(place), attribute)

    return find
