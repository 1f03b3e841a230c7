"""Invented short messages of two classes from templates: requests for help, and entries of a control-room logbook."""

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import numpy as np
from jaxtyping import Bool

from femtobarn.errors import InputError, check_known

Topic = Literal["requests", "logbook"]

#: For each topic the templates of messages that need action, of those that do not, and the words to fill in.
_TEMPLATES: dict[str, tuple[Sequence[str], Sequence[str], Mapping[str, Sequence[str]]]] = {
    "requests": (
        (
            "We are {n} people in {place}, we have no {good} since {n} days, please help us",
            "Please send {good} to {place}, {n} children are here and nobody has come",
            "My {kin} is trapped near {street} in {place}, we need a rescue team",
            "Can somebody bring {good}? We are {n} families on {street}",
            "There are {n} injured at {street}, we need a doctor and {good}",
            "I am asking for {good} for my {kin}, we sleep in the street in {place}",
        ),
        (
            "Where can I read news about {place}? I live on {street}",
            "Thank you for the {good}, we are {n} people and all is well in {place}",
            "The road to {place} is open again since {n} days",
            "Volunteers met on {street} to talk about the {good} of next year",
            "Good evening, how can I find work in {place}? I am {n} years old",
            "My {kin} came home to {place}, greetings to all on {street}",
        ),
        {
            "place": ("Arlen", "Bexhall", "Corvo", "Dunmere", "Eastfold", "Farrow"),
            "street": ("Mill Street", "Harbour Road", "Station Square", "Hill Lane"),
            "good": ("water", "food", "tents", "medicine", "blankets", "milk"),
            "kin": ("mother", "brother", "daughter", "neighbour", "uncle"),
        },
    ),
    "logbook": (
        (
            "{part} tripped {n} times on {sector}, cannot recover, please call the expert",
            "High voltage of {sector} does not ramp, expert needed for {part}",
            "{part} of {sector} lost communication, data taking stopped",
            "Temperature of {part} above limit for {n} minutes on {sector}, alarm does not clear",
        ),
        (
            "Shift started, {part} of {sector} nominal, {n} runs taken",
            "Run {n} ended after the end of the fill, {sector} in standby as planned",
            "{part} restarted by the shifter on {sector}, all fine since {n} minutes",
            "Calibration of {part} done for {sector}, {n} channels masked as usual",
        ),
        {
            "part": ("power supply", "readout crate", "cooling plant", "gas rack", "trigger board"),
            "sector": ("endcap A", "endcap C", "barrel sector 4", "barrel sector 11"),
        },
    ),
}


def short_messages(
    count: int, topic: str = "requests", *, generator: np.random.Generator, share: float = 0.4
) -> tuple[list[str], Bool[np.ndarray, " message"]]:
    """Messages, no two alike, and whether each needs action; nobody wrote them and no place is real.

    Args:
        count: Of messages.
        topic: "requests" or "logbook".
        generator: Of the draws.
        share: Of messages that need action.

    Raises:
        InputError: An unknown topic, or more messages than can differ.
    """
    check_known("topic", [topic], get_args(Topic))
    needed, other, words = _TEMPLATES[topic]
    texts: dict[str, bool] = {}
    for _ in range(50 * count):
        if len(texts) == count:
            break
        action = bool(generator.random() < share)
        template = str(generator.choice(needed if action else other))
        filled = {name: str(generator.choice(some)) for name, some in words.items()}
        texts.setdefault(template.format(n=generator.integers(2, 500), **filled), action)
    if len(texts) < count:
        raise InputError(
            f"the templates of {topic} give fewer than {count} messages that differ: ask for fewer"
        )
    return list(texts), np.array(list(texts.values()), dtype=bool)
