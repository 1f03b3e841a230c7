"""One-line errors for the user: bad input, a missing package, an export that differs from its model."""

import difflib
import importlib
import re
from collections.abc import Collection, Iterable
from types import ModuleType

#: Controls of ASCII and Latin-1 but the line feed, those that turn the direction of text, halves of
#: characters, and what XML excludes.
_UNPRINTABLE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


class InputError(ValueError):
    """A file, number or option from the user is not what was expected.

    The message is one line: what was expected, what came, what to do. The command line prints it
    and ends with exit code 2; library code raises it where a wrong input would otherwise give a
    wrong answer. Line breaks and control characters, which names in files may hold, are taken out.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(printable(" ".join(str(message).splitlines())))


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


def check_known(what: str, names: Iterable[str], known: Collection[str]) -> None:
    """Raise an InputError for the first name that is not known; `what` is what it names, such as "network"."""
    for name in names:
        if name not in known:
            raise InputError(f"there is no {what} {name!r}: {nearest(name, known)}")


def printable(text: str) -> str:
    """A text from outside as it may be shown: control characters and halves of characters are replaced.

    They would break an SVG or an HTML page, steer a terminal, or not be encodable at all, as the bytes of a file
    name that is not UTF-8.
    """
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)
