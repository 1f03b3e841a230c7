"""Messages sent in disasters, with labels of what they ask for; and any CSV of texts with one column of labels.

`read_messages` reads either; `stand_in` gives invented messages of two topics.
"""

import hashlib
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

from femtobarn.data.source import stream
from femtobarn.data.text_table import TextTable
from femtobarn.data.words import cleaned, words_of
from femtobarn.errors import InputError
from femtobarn.simulate.short_messages import short_messages

NAME = "disaster_messages"
SUMMARY = "Disaster response messages: short texts sent in disasters, labelled by what they ask for"
RECORD = (
    "rmunro/disaster_response_messages: disaster_response_validation.csv (2337 rows), _test.csv (2397), "
    "_training.csv (about 21 000); cite R. Munro, PhD thesis, Stanford 2012"
)
LICENCE = (
    "CC BY 4.0; the author removed personal data and asks not to look for the people behind the messages"
)
POSITIVE, NEGATIVE = ("1", "true", "yes"), ("0", "false", "no")  #: labels, in small letters
_WORD = re.compile(r"\w+")
_PASSED_ON = {"rt", "user", "http"}
COLUMNS = (
    ("message", "the text in English, as sent or translated", "message"),
    ("request", "whether it asks for something: 1 or 0", "request"),
    ("genre", "direct (sent by people), news, social", "genre"),
    ("event", "the disaster, such as haiti_earthquake", "event"),
    ("...", "36 other labels of 0 or 1; related has a third value, 2: unsure", "as named"),
)


class LabelledTexts(NamedTuple):
    """Texts with labels, and what was left out."""

    text: list[str]
    label: Bool[np.ndarray, " text"]
    others: dict[str, list[str]]
    """Values of further columns."""
    left_out: dict[str, int]
    """Rows, by the reason."""


def read_messages(
    path: str | Path,
    *,
    text: str = "message",
    label: str = "request",
    keep: str = "",
    others: Sequence[str] = (),
    positive: Collection[str] = POSITIVE,
    negative: Collection[str] = NEGATIVE,
) -> LabelledTexts:
    """The texts and labels of a CSV file, see `femtobarn.data.text_table.TextTable`; columns may have any names.

    Args:
        path: The file.
        text, label: Names of columns. Rows without a label are left out.
        keep: Rows to keep, as ``genre=direct``; all if empty.
        others: Names of further columns to read.
        positive, negative: Labels in small letters; without any negative ones all others are.

    Raises:
        InputError: No such column, no row of that kind, or a label that is neither or of blanks; the message names the
            row, and does not repeat what stands there.
    """
    table, start = TextTable(Path(path)), 0
    column, _, value = keep.partition("=")
    names = list(dict.fromkeys([text, label, *others, *filter(None, [column])]))
    found: dict[str, list[str]] = {name: [] for name in names}
    rows: list[int] = []
    for piece in stream(table, names, rows=5_000):
        kept = [i for i in range(len(piece[text])) if not column or piece[column][i].strip() == value]
        rows += [start + i for i in kept]
        for name in names:
            found[name] += [piece[name][i] for i in kept]
        start += len(piece[text])
    if not rows:
        raise InputError(f"{path}: none of {start} rows has {keep}")
    labels = [each.strip().lower() for each in found[label]]
    for row, given, each in zip(rows, found[label], labels, strict=True):
        if given and not each:
            raise InputError(
                f"{path}, row {row + 1}: expected a label or nothing at all in {label}, got blanks"
            )
        if each and each not in positive and negative and each not in negative:
            known = f"{', '.join(positive)} or {', '.join(negative)}"
            raise InputError(f"{path}, row {row + 1}: expected a {label} of {known}, got another")
    there = [i for i, each in enumerate(labels) if each]
    return LabelledTexts(
        [found[text][i] for i in there],
        np.array([labels[i] in positive for i in there], dtype=bool),
        {name: [found[name][i].strip() for i in there] for name in others},
        {"without label": len(labels) - len(there)},
    )


def distinct(read: LabelledTexts) -> LabelledTexts:
    """One text of each wording, in the order of a hash of it, so that the order in the file does not matter.

    Texts are of one wording if they differ by case, punctuation, links, names of users and marks of a text that was
    passed on. It is positive if one of them is. Texts without words are left out.
    """
    same: dict[str, list[int]] = {}
    for place, text in enumerate(read.text):
        words = _WORD.findall(cleaned(text).lower())  # with those of one character: sector 4 is not sector 5
        same.setdefault(" ".join(word for word in words if word not in _PASSED_ON), []).append(place)
    empty = len(same.pop("", []))
    keys = sorted(same, key=lambda key: (_hash(key), key))
    first = [min(same[key], key=lambda place: (read.text[place], *_values(read, place))) for key in keys]
    return LabelledTexts(
        [read.text[place] for place in first],
        np.array([read.label[same[key]].any() for key in keys], dtype=bool),
        {name: [values[place] for place in first] for name, values in read.others.items()},
        read.left_out | {"without words": empty, "said before": len(read.text) - empty - len(keys)},
    )


def _hash(wording: str) -> bytes:
    words = " ".join(words_of(wording))
    return hashlib.blake2b(words.encode("utf-8", "surrogatepass")).digest()


def _values(read: LabelledTexts, place: int) -> list[str]:
    return [values[place] for values in read.others.values()]


def stand_in(count: int, topic: str = "requests", *, seed: int) -> LabelledTexts:
    """Invented messages, see `femtobarn.simulate.short_messages.short_messages`."""
    texts, label = short_messages(count, topic, generator=np.random.default_rng(seed))
    return LabelledTexts(texts, label, {}, {})


def describe() -> str:
    """The data set in plain text: where it is, its layout, its columns."""
    lines = [SUMMARY, "", f"published: {RECORD}", f"licence: {LICENCE}", "", f"{'column':9} {'from':16} what"]
    return "\n".join([*lines, *(f"{name:9} {source:16} {what}" for name, what, source in COLUMNS)])
