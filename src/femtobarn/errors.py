"""Errors that are told in one line: two that are a user's to mend, and one that says not to use what was made."""

import difflib
import importlib
from collections.abc import Iterable
from types import ModuleType


class InputError(ValueError):
    """A file, number or option from the user is not what was expected.

    The message is one line: what was expected, what came, what to do. The command line prints it
    and ends with exit code 2; library code raises it where a wrong input would otherwise give a
    wrong answer.
    """


class MissingExtraError(ImportError):
    """An optional dependency is not installed; the message names the extra that brings it."""


class VerificationError(Exception):
    """What was exported does not do what its model does; the command line ends with exit code 1."""


def require(module: str, *, extra: str) -> ModuleType:
    """Import an optional dependency, or say which extra of femtobarn installs it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"this needs the package {module.split('.')[0]}: pip install 'femtobarn[{extra}]'"
        ) from error


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the nearest known one, or all of them."""
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(names) or 'none'}"
