"""Command-line parsing: settings and arguments; each mistake is one line."""

import contextlib
import dataclasses
import functools
import io
import itertools
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import tyro

from femtobarn.errors import InputError, nearest

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Place:
    """Output folder."""

    out: Path = Path("runs")
    """Output folder; each run gets a new folder in it."""


def read_settings(default: Any, place: T, flags: list[str], *, prog: str) -> tuple[Any, T]:
    """The settings with the flags applied, and where the run goes."""
    nameless = tyro.conf.arg(name="")
    both = dataclasses.make_dataclass(
        "Settings",
        [
            ("config", Annotated[type(default), nameless], dataclasses.field(default=default)),
            ("flags", Annotated[type(place), nameless], dataclasses.field(default=place)),
        ],
        frozen=True,
    )
    parsed = parse(both, flags, prog=prog)
    return parsed.config, parsed.flags


def parse(what: Callable[..., T], arguments: list[str], *, prog: str) -> T:
    """Call ``what`` with the arguments; whatever is wrong with them becomes one line."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            result, unknown = tyro.cli(what, args=arguments, prog=prog, return_unknown_args=True)
    except SystemExit as end:
        if end.code in (0, None):
            raise
        raise InputError(f"{_one_line(said.getvalue())} (see {prog} --help)") from None
    if unknown:
        if not dataclasses.is_dataclass(result):
            raise InputError(f"unknown option {unknown[0]} (see {prog} --help)")
        known = [f"--{name}" for name in _flag_names(result)]
        flag = unknown[0].split("=")[0].replace("_", "-")
        if not flag.startswith("-"):
            raise InputError(f"{_whose_value(unknown[0], arguments)} (see {prog} --help)")
        raise InputError(f"unknown option {unknown[0]}: {nearest(flag, known)}")
    return result


def _whose_value(word: str, arguments: list[str]) -> str:
    """What is said of a word that no option takes: often True or False behind a flag."""
    before = next((flag for flag, after in itertools.pairwise(arguments) if after == word), "")
    if not before.startswith("--") or word.lower() not in ("true", "false"):
        return f"unexpected {word}: no option before it takes it"
    *group, name = before[2:].split(".")
    opposite = name[3:] if name.startswith("no-") else f"no-{name}"
    return f"{before} takes no value, got {word}: its opposite is --{'.'.join([*group, opposite])}"


def recorder(function: Callable[..., None]) -> Callable[..., tuple[tuple[Any, ...], dict[str, Any]]]:
    """Something with the function's signature that returns the arguments it was called with."""

    @functools.wraps(function)
    def record(*positional: Any, **named: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return positional, named

    return record


def _flag_names(settings: Any, prefix: str = "") -> list[str]:
    names = []
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        name = f"{prefix}{field.name}".replace("_", "-")
        if dataclasses.is_dataclass(value):
            names += _flag_names(
                value, "" if not prefix and field.name in ("config", "flags") else f"{name}."
            )
        else:
            names.append(name)
    return names


def leading_words(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Leading words, and everything from the first flag on."""
    first = next((i for i, word in enumerate(arguments) if word.startswith("-")), len(arguments))
    return list(arguments[:first]), list(arguments[first:])


def value_of(flag: str, arguments: Sequence[str]) -> str | None:
    """Value of a flag that must be known before the others can be read; None if it is not given."""
    for i, word in enumerate(arguments):
        if word.startswith(f"{flag}="):
            return word.split("=", 1)[1]
        if word == flag and i + 1 < len(arguments):
            return arguments[i + 1]
    return None


def _one_line(message: str) -> str:
    """Tyro draws its messages in a box; keep the words."""
    words = re.sub(r"\x1b\[[0-9;]*m", "", message)
    words = re.sub(r"[╭╮╰╯│─┌┐└┘|]+|[-+]{3,}", " ", words)
    lines = [line.strip() for line in words.splitlines()]
    kept = [line for line in lines if line and "full helptext" not in line and line != "Parsing error"]
    said = re.sub(r"^(Parsing error|Value error|Missing argument) ", "", " ".join(kept)).strip()
    said = re.sub(r"^Required options Missing from ", "missing from ", said).replace(" (required)", "")
    said = re.sub(r"( femtobarn[\w ]*)? --help$", "", said)
    return re.sub(
        r"^Error parsing (config|flags)\.?([\w.]*): ", lambda found: f"{found[2]}: " * bool(found[2]), said
    )
