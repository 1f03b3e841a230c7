"""The gate that every file of a user passes: what kind of file it is, how large it says to be, what breaks in it."""

import contextlib
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from femtobarn.errors import InputError, MissingExtraError

_KINDS = {
    stat.S_ISDIR: "a folder",
    stat.S_ISFIFO: "a named pipe",
    stat.S_ISSOCK: "a socket",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
}
_WORDS = {"V": "records", "O": "text or lists", "S": "text", "U": "text", "c": "complex numbers"}
_CGROUP = Path("/sys/fs/cgroup/memory.max")


def check_file(path: Path) -> None:
    """Refuse what is no regular file: a pipe would be waited for, a device read without an end.

    Raises:
        InputError: Nothing of this name, something else than a file, or one that may not be read.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode):
            with path.open("rb"):
                return
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    except ValueError as error:  # a null character
        raise InputError(f"{str(path)!r}: no name of a file ({error})") from error
    kind = next((words for test, words in _KINDS.items() if test(mode)), "something else")
    raise InputError(f"{path}: expected a file, got {kind}")


@contextlib.contextmanager
def reading(path: Path, kind: str) -> Iterator[None]:
    """Turn whatever the library of a file format stumbles over into one line about the file.

    Such libraries raise nearly every built-in error for damaged bytes, so nothing else than reading belongs
    inside.

    Raises:
        InputError: As said.
    """
    try:
        yield
    except (InputError, MissingExtraError):
        raise
    except MemoryError as error:
        raise InputError(f"{path}: says to hold more than fits into memory") from error
    except Exception as error:
        words = " ".join(str(error).split())[:120] or type(error).__name__
        raise InputError(
            f"{path}: not a readable {kind} file, is it cut short or is it damaged? ({words})"
        ) from error


def check_memory(size: int, place: str) -> None:
    """Refuse to read more bytes than this machine could hold; `place` says what they are of.

    Raises:
        InputError: As said.
    """
    if size > (most := _memory()):
        raise InputError(
            f"{place}: says to hold {size / 1e9:.3g} GB, more than the {most / 1e9:.3g} GB of memory here"
        )


def numbers(array: np.ndarray, place: str) -> np.ndarray:
    """The array in the byte order of the machine; `place` says which it is.

    Raises:
        InputError: It does not hold real numbers or truth values.
    """
    if array.dtype.kind not in "fiub":
        raise InputError(f"{place}: expected numbers, got {type_words(array.dtype)}")
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def as_float32(array: np.ndarray) -> np.ndarray:
    """The array as float32; numbers too large for it become infinite, for the reader to refuse with their place."""
    with np.errstate(over="ignore"):
        return array.astype(np.float32, copy=False)


def type_words(kind: np.dtype) -> str:
    """A type that is no number, in words."""
    return f"{_WORDS.get(kind.kind, 'something else')} ({' '.join(str(kind).split())[:60]})"


def given_files(files: str | Path | Sequence[str | Path], *endings: str) -> list[Path]:
    """Paths of files: those given, or all in a folder, by name, that have one of the endings.

    Raises:
        InputError: No files, or the same file twice under whatever names: its rows would count twice, and
            could be trained and tested on.
    """
    if isinstance(files, str | Path):
        folder = Path(files)
        files = [folder]
        if folder.is_dir():
            files = sorted(file for file in folder.iterdir() if file.suffix in endings)
            if not files:
                raise InputError(f"{folder}: the folder holds no file that ends in {' or '.join(endings)}")
    paths = [Path(file) for file in files]
    if not paths:
        raise InputError("expected at least one file, got none")
    check_distinct(paths)
    return paths


def check_distinct(paths: Sequence[Path]) -> None:
    """Refuse the same file twice, under whatever names.

    Raises:
        InputError: As said.
    """
    seen: dict[tuple[int, int], Path] = {}
    for path in paths:
        try:
            status = path.stat()
        except (OSError, ValueError):
            continue  # whoever opens it says what is wrong
        key = status.st_dev, status.st_ino
        if key in seen:
            other = "" if seen[key] == path else f", also as {seen[key]}"
            raise InputError(f"{path}: given twice{other}; give each file once")
        seen[key] = path


def _memory() -> int:
    """Bytes of memory, or what the process is allowed of it."""
    found = [2**63]
    with contextlib.suppress(AttributeError, ValueError, OSError):  # elsewhere than on Unix
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    with contextlib.suppress(ImportError):
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        found += [limit] if limit != resource.RLIM_INFINITY else []
    with contextlib.suppress(OSError, ValueError):
        found.append(int(_CGROUP.read_text()))  # "max" without a limit
    return min(found)
