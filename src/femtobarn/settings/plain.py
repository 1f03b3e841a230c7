"""Settings to plain JSON and back: nested frozen dataclasses, each mistake named by its dotted path."""

import dataclasses
import difflib
import functools
import math
import reprlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from femtobarn.errors import InputError

C = TypeVar("C")

_NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_WANTED = {bool: "true or false", int: "an integer", float: "a number", str: "a text", Path: "a path"}


def to_dict(config: object) -> dict[str, Any]:
    """Plain JSON of a dataclass: tuples become lists, paths text, NaN and infinities "nan", "inf", "-inf".

    Raises:
        TypeError: A value is of a kind that `from_dict` could not read back.
    """
    if not dataclasses.is_dataclass(config) or isinstance(config, type):
        raise TypeError(f"settings are an instance of a dataclass, got {reprlib.repr(config)}")
    return {
        field.name: _plain(getattr(config, field.name)) for field in dataclasses.fields(config) if field.init
    }


def from_dict(cls: type[C], data: Mapping[str, object]) -> C:
    """The dataclass that `to_dict` made `data` from; a setting left out keeps its default.

    Read are bool, int, float, str, Path, None, Literal, tuple, dict with text keys, dataclasses and
    unions of these. A union is read as the first of its members that accepts the value as it is.

    Raises:
        InputError: An unknown name, a missing or an unfit value: the message gives its dotted path.
        TypeError: The dataclass itself has a field of another kind.
    """
    return cast(C, _read(cls, data, ""))


def flatten(data: Mapping[str, Any]) -> dict[str, Any]:
    """Nested settings as one level with dotted names: ``{"train": {"lr": 1}}`` gives ``{"train.lr": 1}``."""
    flat: dict[str, Any] = {}
    for name, value in data.items():
        if isinstance(value, Mapping) and value:
            flat |= {f"{name}.{rest}": inner for rest, inner in flatten(value).items()}
        else:
            flat[name] = value
    return flat


def _plain(value: object) -> Any:
    if dataclasses.is_dataclass(value):
        return to_dict(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(float(value))
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _plain(each) for key, each in value.items()}
    raise TypeError(f"cannot store a {type(value).__name__} as plain JSON: {reprlib.repr(value)}")


def _read(kind: Any, value: object, path: str) -> object:
    """The value as the annotation `kind` wants it; `path` is where it stands, empty at the top."""
    origin, arguments = get_origin(kind), get_args(kind)
    if dataclasses.is_dataclass(kind):
        return _read_dataclass(cast(type, kind), value, path)
    if origin in (Union, UnionType):
        return _read_union(arguments, value, path)
    if origin is Literal:
        return _read_literal(arguments, value, path)
    if origin is tuple:
        return _read_tuple(arguments, value, path)
    if origin is dict and arguments[0] is str:
        group = _mapping(value, path)
        return {name: _read(arguments[1], each, _join(path, name)) for name, each in group.items()}
    if kind in _WANTED:
        return _read_scalar(kind, value, path)
    if kind in (None, NoneType):
        if value is None:
            return None
        raise _unfit("nothing", value, path)
    raise TypeError(f"{path}: settings cannot be of type {kind}")


def _read_dataclass(cls: type, value: object, path: str) -> object:
    data = _mapping(value, path)
    hints = _hints(cls)
    fields = {field.name: field for field in dataclasses.fields(cls) if field.init}
    for name in data:
        if name not in fields:
            raise InputError(f"unknown setting {_join(path, name)}: {_nearest(name, fields, path)}")
    for name, field in fields.items():
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if required and name not in data:
            raise InputError(f"the setting {_join(path, name)} is missing")
    return cls(**{name: _read(hints[name], each, _join(path, name)) for name, each in data.items()})


@functools.cache  # a table of results is a thousand of the same dataclass
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls)


def _read_union(members: tuple[Any, ...], value: object, path: str) -> object:
    if value is None and NoneType in members:
        return None
    members = tuple(member for member in members if member is not NoneType)
    if len(members) == 1:
        return _read(members[0], value, path)
    if sum(dataclasses.is_dataclass(member) for member in members) > 1:
        raise TypeError(f"{path}: a union of two dataclasses cannot be told apart in JSON")
    # `type(value) is member` first, so that the 1 of `float | int` stays an integer.
    for member in sorted(members, key=lambda member: type(value) is not member):
        try:
            return _read(member, value, path)
        except InputError:
            continue
    raise _unfit(" or ".join(_name(member) for member in members), value, path)


def _read_literal(choices: tuple[Any, ...], value: object, path: str) -> object:
    for choice in choices:
        if type(choice) is type(value) and choice == value:  # True == 1, but they are two settings
            return choice
    raise _unfit(_name(Literal[choices]), value, path)


def _read_tuple(kinds: tuple[Any, ...], value: object, path: str) -> object:
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        raise _unfit("a list", value, path)
    if kinds[-1:] == (Ellipsis,):
        kinds = kinds[:1] * len(value)
    if len(kinds) != len(value):
        raise InputError(f"{path or 'settings'}: expected {len(kinds)} values, got {len(value)}")
    pairs = enumerate(zip(kinds, value, strict=True))
    return tuple(_read(kind, each, _join(path, str(index))) for index, (kind, each) in pairs)


def _read_scalar(kind: type, value: object, path: str) -> object:
    if type(value) is kind:
        return value
    if kind is float and isinstance(value, str) and value in _NOT_FINITE:
        return _NOT_FINITE[value]
    if kind is float and type(value) is int and abs(value) < 2**1023:
        return float(value)
    if kind is Path and isinstance(value, str | Path):
        return Path(value)
    raise _unfit(_WANTED[kind], value, path)


def _mapping(value: object, path: str) -> Mapping[str, object]:
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return value
    raise _unfit("a group of named values", value, path)


def _unfit(wanted: str, value: object, path: str) -> InputError:
    return InputError(f"{path or 'settings'}: expected {wanted}, got {reprlib.repr(value)}")


def _name(kind: Any) -> str:
    """What a message calls this annotation."""
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(repr(choice) for choice in get_args(kind))
    return _WANTED.get(kind) or ("a list" if get_origin(kind) is tuple else "a group of named values")


def _nearest(name: str, known: Mapping[str, object], path: str) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f"did you mean {_join(path, close[0])}?"
    return "known here are " + ", ".join(known)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
