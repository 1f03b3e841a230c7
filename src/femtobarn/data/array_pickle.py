"""Pickles that hold dictionaries, lists and NumPy arrays, read without running anything that they say.

A pickle is a program. Python's own reader runs it, and may thus be made to call any function. Here the instructions are
read one by one, and only those are known that build plain data and arrays of numbers; the names that pickled arrays
contain are recognised as words and are never imported or called. All else is refused with its name.
"""

import io
import pickletools
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from femtobarn.data.opening import check_file, check_memory, reading
from femtobarn.errors import InputError, printable

_ARRAY, _KIND, _BYTES, _BUFFER, _CLASS = "array", "kind", "bytes", "buffer", "class"
_SCALAR = "scalar"
#: What the names in a pickled array stand for; modules have moved between versions of NumPy.
_NAMES = {
    ("numpy.core.multiarray", "_reconstruct"): _ARRAY,
    ("numpy._core.multiarray", "_reconstruct"): _ARRAY,
    ("numpy.core.numeric", "_frombuffer"): _BUFFER,
    ("numpy._core.numeric", "_frombuffer"): _BUFFER,
    ("numpy", "ndarray"): _CLASS,
    ("numpy", "dtype"): _KIND,
    ("numpy.core.multiarray", "scalar"): _SCALAR,
    ("numpy._core.multiarray", "scalar"): _SCALAR,
    ("_codecs", "encode"): _BYTES,
    ("__builtin__", "bytes"): _BYTES,  # called with nothing where there are none
}
_PLAIN = frozenset((
    "NONE", "NEWTRUE", "NEWFALSE", "INT", "BININT", "BININT1",
    "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT",
    "STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE",
    "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8",
))  # fmt: skip
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_LEVELS = 8  # of lists within each other


class _Mark:
    """Where a list or a dictionary begins on the stack."""


class _Name(str):
    """What a name stands for; see `_NAMES`."""


class _Kind:
    """A type of numbers, whose byte order comes later."""

    def __init__(self, letters: str) -> None:
        self.letters, self.order = letters, "="

    @property
    def numpy(self) -> np.dtype[Any]:
        return np.dtype(self.order + self.letters)


class _Array:
    """An array that is announced, and filled later."""

    values: np.ndarray | None = None
    objects: list[Any] | None = None
    shape: Any = ()


def read_array_pickle(content: bytes | bytearray, place: str | Path) -> Any:
    """The dictionary, list or array that a pickle holds.

    Args:
        content: The pickle.
        place: What messages call it.

    Raises:
        InputError: It holds something else than plain data and arrays of numbers, such as a call of a function.
    """
    return _Reader(place).read(io.BytesIO(content))


def read_object_array(path: Path) -> np.ndarray:
    """The array of objects of a ``.npy`` file, a pickle to NumPy; each object is plain data or an array of numbers.

    Raises:
        InputError: No such file, not NumPy's format, or it holds something else.
    """
    check_file(path)
    check_memory(path.stat().st_size, str(path))
    with reading(path, "NumPy"), path.open("rb") as file:
        if np.lib.format.read_magic(file) != (1, 0):
            raise InputError(f"{path}: expected NumPy's format 1.0")
        shape, _, kind = np.lib.format.read_array_header_1_0(file)
        content = file.read()
    if not kind.hasobject or kind.fields:
        raise InputError(f"{path}: expected an array of objects, got one of {kind}")
    found = _Reader(path, objects=True).read(io.BytesIO(content))
    if not isinstance(found, np.ndarray) or found.shape != shape:
        raise InputError(
            f"{path}: expected an array of shape {shape}, its pickle holds another: is it damaged?"
        )
    return found


class _Reader:
    def __init__(self, place: str | Path, *, objects: bool = False) -> None:
        self.place, self.objects = place, objects
        self.stack, self.memo = list[Any](), dict[int, Any]()

    def read(self, stream: io.BytesIO) -> Any:
        try:
            for opcode, argument, _ in pickletools.genops(stream):
                if opcode.name == "STOP":
                    (found,) = self.stack
                    if stream.read(1):
                        self.refuse("bytes after its end")
                    return _finished(found, _LEVELS)
                self.step(opcode.name, argument)
        except InputError:
            raise
        except (ValueError, IndexError, KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
            words = " ".join(str(error).split())[:80]
            raise InputError(
                f"{self.place}: not a whole pickle of arrays, is it damaged? ({words})"
            ) from error
        return self.refuse("no end")

    def refuse(self, what: str) -> NoReturn:
        raise InputError(
            f"{self.place}: expected a pickle of dictionaries, lists and arrays of numbers alone; it holds "
            f"{printable(what)}, which is not read"
        )

    def step(self, name: str, argument: Any) -> None:
        if name in _PLAIN:
            self.stack.append(_CONSTANTS.get(name, argument))
        elif name in ("PROTO", "FRAME"):
            pass
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = self.stack[-1]
        elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
            self.memo[int(argument)] = self.stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            self.stack.append(self.memo[int(argument)])
        elif name == "GLOBAL":
            self.name(*argument.split(" ", 1))
        elif name == "STACK_GLOBAL":
            word = self.stack.pop()
            self.name(self.stack.pop(), word)
        elif name == "REDUCE":
            arguments = self.stack.pop()
            self.stack.append(self.made(self.stack.pop(), arguments))
        elif name == "BUILD":
            state = self.stack.pop()
            self.fill(self.stack[-1], state)
        elif not self.container(name):
            self.refuse(f"the instruction {name}")

    def container(self, name: str) -> bool:
        """Do what builds lists, tuples and dictionaries; false for any other instruction."""
        if name == "MARK":
            self.stack.append(_Mark())
        elif name in ("EMPTY_LIST", "EMPTY_DICT", "EMPTY_TUPLE"):
            self.stack.append({"EMPTY_LIST": [], "EMPTY_DICT": {}, "EMPTY_TUPLE": ()}[name])
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            count = int(name[-1])
            self.stack[-count:] = [tuple(self.stack[-count:])]
        elif name in ("TUPLE", "LIST", "DICT"):
            values = self.since_mark()
            made = tuple(values) if name == "TUPLE" else values if name == "LIST" else _pairs(values)
            self.stack.append(made)
        elif name in ("APPEND", "APPENDS"):
            values = self.since_mark() if name == "APPENDS" else [self.stack.pop()]
            _a(list, self.stack[-1]).extend(values)
        elif name in ("SETITEM", "SETITEMS"):
            values = self.since_mark() if name == "SETITEMS" else [self.stack.pop() for _ in "ab"][::-1]
            _a(dict, self.stack[-1]).update(_pairs(values))
        elif name == "POP":
            self.stack.pop()
        else:
            return False
        return True

    def since_mark(self) -> list[Any]:
        values: list[Any] = []
        while not isinstance(self.stack[-1], _Mark):
            values.append(self.stack.pop())
        self.stack.pop()
        return values[::-1]

    def name(self, module: Any, word: Any) -> None:
        known = _NAMES.get((module, word)) if isinstance(module, str) and isinstance(word, str) else None
        if known is None:
            self.refuse(f"the name {module}.{word}"[:120])
        self.stack.append(_Name(known))

    def made(self, name: Any, arguments: Any) -> Any:
        """What a name and its arguments stand for: an empty array, a type, bytes or a filled array."""
        arguments = _a(tuple, arguments)
        if not isinstance(name, _Name):
            self.refuse("a call of a value")
        if name == _ARRAY and arguments[0] == _Name(_CLASS):
            return _Array()
        if (
            name == _KIND
            and isinstance(arguments[0], str)
            and arguments[0][:1] in "fiub"
            and len(arguments[0]) < 4
        ):
            return _Kind(arguments[0])
        if name == _KIND and arguments[0] == "O8" and self.objects:
            return _Kind("O8")
        if name == _SCALAR:
            kind, data = arguments
            return _values(_a(bytes, data), _a(_Kind, kind), (), False).item()
        if name == _BYTES and not arguments:
            return b""
        if name == _BYTES and arguments[1:] == ("latin1",):
            return _a(str, arguments[0]).encode("latin1")
        if name == _BUFFER:
            data, kind, shape, order = arguments
            made = _Array()
            made.values = _values(_a((bytes, bytearray), data), _a(_Kind, kind), shape, order == "F")
            return made
        return self.refuse(f"{name} of {arguments!r}"[:120])

    def fill(self, target: Any, state: Any) -> None:
        """Give a type its byte order, or an array its numbers."""
        state = _a(tuple, state)
        if isinstance(target, _Kind):
            flags = (None, -1, 0, 63) if target.letters == "O8" else (None, -1, 0)  # 63: holds objects
            if state[1] not in ("<", ">", "=", "|") or any(part not in flags for part in state[2:]):
                self.refuse("a type with fields")
            target.order = state[1]
        elif isinstance(target, _Array) and target.values is None:
            _, shape, kind, fortran, data = state
            if isinstance(data, list) and self.objects and _a(_Kind, kind).letters == "O8" and not fortran:
                target.objects, target.shape = data, shape
                return
            if isinstance(data, list):
                self.refuse("an array of objects")
            target.values = _values(_a((bytes, bytearray), data), _a(_Kind, kind), shape, fortran is True)
        else:
            self.refuse("a state of an object")


def _values(data: bytes | bytearray, kind: _Kind, shape: Any, fortran: bool) -> np.ndarray:
    sizes = tuple(_a(int, size) for size in _a(tuple, shape))
    values: np.ndarray = np.frombuffer(data, kind.numpy)
    return values.reshape(sizes, order="F" if fortran else "C")


def _of_objects(values: list[Any], shape: Any) -> np.ndarray:
    made = np.empty(len(values), object)
    for place, each in enumerate(values):
        made[place] = each
    return made.reshape(tuple(_a(int, size) for size in _a(tuple, shape)))


def _pairs(values: list[Any]) -> dict[Any, Any]:
    keys = [_a(str, key) for key in values[::2]]
    return dict(zip(keys, values[1::2], strict=True))


def _a(kind: Any, value: Any) -> Any:
    if not isinstance(value, kind) or isinstance(value, _Name):
        raise TypeError(f"unexpected {type(value).__name__.strip('_').lower()}")
    return value


def _finished(value: Any, levels: int) -> Any:
    """The value with arrays in the place of what announced them."""
    if isinstance(value, _Array):
        if value.objects is not None and levels:
            return _of_objects([_finished(each, levels - 1) for each in value.objects], value.shape)
        if value.values is None:
            raise ValueError("an array without numbers")
        return value.values
    if isinstance(value, (_Name, _Kind, _Mark)):
        raise ValueError(f"a {type(value).__name__.strip('_').lower()} in the place of data")
    if isinstance(value, (dict, list, tuple)):
        if not levels:
            raise ValueError(f"more than {_LEVELS} levels")
        if isinstance(value, dict):
            return {key: _finished(each, levels - 1) for key, each in value.items()}
        return [_finished(each, levels - 1) for each in value]
    return value
