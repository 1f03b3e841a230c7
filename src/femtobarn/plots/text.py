r"""Texts from outside in figures, such as names of files: matplotlib would take what stands between two $ for TeX."""

from functools import lru_cache
from typing import TYPE_CHECKING

from matplotlib.mathtext import MathTextParser
from matplotlib.text import Text

from femtobarn.errors import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plain(text: str) -> str:
    r"""A name such that matplotlib draws it as it is: without mathematics, never hidden, in characters that exist.

    Example:
        >>> plain("a$^^$b.hdf5")
        'a\\$^^\\$b.hdf5'
    """
    shown = printable(text).replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown  # a legend leaves out what starts with _


def readable(text: str) -> str:
    """A label that may hold mathtext, as it is if matplotlib can draw it, else as `plain`."""
    return text if printable(text) == text and _is_drawable(text) else plain(text)


def settle_texts(figure: "Figure") -> None:
    """Let every text of a figure that matplotlib could not draw stand as it is, whoever put it there."""
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        words = text.get_text()
        if printable(words) != words:
            text.set_text(printable(words))
        if not _is_drawable(words):
            text.set_parse_math(False)


@lru_cache(maxsize=256)
def _is_drawable(text: str) -> bool:
    dollars = text.count("$") - text.count(r"\$")
    if dollars == 0 or dollars % 2:
        return True
    try:
        MathTextParser("path").parse(text)
    except ValueError:
        return False
    return True
