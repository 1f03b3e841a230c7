"""The lock of a run: one process at a time."""

import fcntl
import io
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from femtobarn.errors import InputError
from femtobarn.runs.files import own_path, writing

_NAME = "lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock a run folder for this process while the context lasts.

    Raises:
        InputError: Another process works on it; the message names it.
    """
    path = own_path(folder, _NAME)
    with writing(folder):
        file = path.open("a+", encoding="utf-8")
    with file:
        with writing(folder):
            if not _taken(file):
                file.seek(0)
                owner = f"process {file.read()}".strip()
                raise InputError(f"the run {folder} is in use by {owner}: wait for it or stop it")
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def in_use(folder: Path) -> bool | None:
    """Whether a process holds the lock; None if the run was never locked."""
    path = own_path(folder, _NAME)
    if not path.exists():
        return None
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _taken(file: io.TextIOWrapper) -> bool:
    """Take the lock if it is free; `in_use` may hold it for a moment, so look more than once."""
    for _ in range(5):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.01)
        else:
            return True
    return False
