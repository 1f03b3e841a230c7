"""Atomic writing of files and folders; errors of the file system become one line."""

import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from femtobarn.errors import InputError

_ADVICE = "choose another place or make room"


def write_whole(
    path: Path, write: Callable[[Path], object], *, place: str | None = None, advice: str = _ADVICE
) -> None:
    """Have `write` fill a file or folder under another name, then rename it to `path`.

    A reader sees all of it or none, also after a crash of the machine. When two processes write the same
    thing at once, the first to finish keeps its folder, the last to finish its file. The folder around `path`
    is made if need be; a symbolic link at `path` is replaced, not followed.

    Args:
        path: The file or folder.
        write: Called with the path to fill, in a folder of its own.
        place: What a message calls the place, by default `path`.
        advice: What a message tells the user to do.

    Raises:
        InputError: The place cannot be written, the disk is full, or `path` is a device or a pipe.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise InputError(f"cannot write {place or path}: it is not a plain file; {advice}")
    with writing(place or str(path), advice=advice):
        if path.parent.exists() and not path.parent.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "")  # mkdir would say "File exists"
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".writing-", dir=path.parent) as scratch:
            unfinished = Path(scratch) / path.name
            with _naming_files_outside(scratch):
                write(unfinished)
            _flush(unfinished)
            try:
                unfinished.replace(path)
            except OSError:
                if not (unfinished.is_dir() and path.is_dir()):
                    raise


@contextmanager
def writing(place: str, *, advice: str = _ADVICE) -> Iterator[None]:
    """Turn what the file system refuses into one line of InputError."""
    try:
        yield
    except OSError as error:
        raise InputError(f"cannot write {place}: {reason(error)}; {advice}") from error


def reason(error: OSError) -> str:
    """Why the system refused, in its own words and on one line."""
    if error.errno:
        return os.strerror(error.errno)
    return " ".join(str(error).split())


@contextmanager
def _naming_files_outside(scratch: str) -> Iterator[None]:
    """A writer may also read: an error about another file must not be reported as one about the place."""
    try:
        yield
    except OSError as error:
        if isinstance(error.filename, str | os.PathLike) and not Path(error.filename).is_relative_to(scratch):
            raise InputError(f"{error.filename}: {reason(error)}") from error
        raise


def _flush(path: Path) -> None:
    """Bring the content to the disk before the name: after a crash a name must not lead to an empty file."""
    for file in path.rglob("*") if path.is_dir() else [path]:
        if file.is_file():
            descriptor = os.open(file, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
