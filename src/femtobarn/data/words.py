"""Words of short messages, without what says nothing: links and names of users."""

import re

_LINK, _USER = re.compile(r"(?:https?://|www\.)\S+"), re.compile(r"(?<!\S)@\w+")
_WORD = re.compile(r"\b\w\w+\b")


def cleaned(text: str) -> str:
    """The text with links as "http" and names of users as "@user"; place names and numbers stay: they carry the signal.

    Example:
        >>> cleaned("@anna  help at 12 Main St https://t.co/x")
        '@user help at 12 Main St http'
    """
    return " ".join(_USER.sub("@user", _LINK.sub("http", text)).split())


def words_of(text: str) -> list[str]:
    """Words of two letters or more, in small letters.

    Example:
        >>> words_of("Water at 12 Main St!")
        ['water', 'at', '12', 'main', 'st']
    """
    return _WORD.findall(cleaned(text).lower())
