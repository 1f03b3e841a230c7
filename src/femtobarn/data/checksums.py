"""Fingerprints of data files, so that a result can be traced to its input."""

import hashlib
from pathlib import Path

from femtobarn.errors import InputError

LARGE = 2 * 1024**3  #: bytes; of larger files only the head is hashed
HEAD = 64 * 1024**2  #: bytes of that head


def checksum(path: Path) -> str:
    """SHA-256 of a file in hexadecimal; of a large one its size, time of change and the SHA-256 of its head.

    The second form reads ``size 5000000000, changed 1700000000, head sha256 ...``: good enough to notice
    another file, not to prove that two are the same.
    """
    if path.exists() and not path.is_file():  # a pipe would have us wait, a device never ends
        raise InputError(f"{path}: expected a file, it is none")
    try:
        with path.open("rb") as file:
            status = path.stat()
            if status.st_size <= LARGE:
                return hashlib.file_digest(file, "sha256").hexdigest()
            head = hashlib.sha256(file.read(HEAD)).hexdigest()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    return f"size {status.st_size}, changed {int(status.st_mtime)}, head sha256 {head}"
