"""HDF5 files that can be written on a disk that runs full."""

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py


@contextlib.contextmanager
def new_hdf5(path: Path, **options: Any) -> Iterator[h5py.File]:
    """A new HDF5 file; what the file system refused is raised when the context ends.

    The HDF5 library crashes the process if it cannot write what it still holds, so it is told that every write
    succeeds.

    Args:
        path: The file, which is replaced. Let `femtobarn.data.atomic.write_whole` choose it.
        options: Of `h5py.File`, as ``track_order=True``.

    Raises:
        OSError: The disk is full, or the file cannot be written.
    """
    with _Patient(path, "w+") as raw:
        try:
            with h5py.File(raw, "w", **options) as file:
                yield file
        finally:
            if raw.error is not None:
                raise raw.error


class _Patient(io.FileIO):
    """A file that keeps its first error, and from then on drops what is written."""

    error: OSError | None = None

    def write(self, data: Any) -> int:
        content = memoryview(data).cast("B")
        done = 0
        try:
            while self.error is None and done < len(content):
                done += super().write(content[done:]) or 0
        except OSError as error:
            self.error = error
        self.seek(len(content) - done, io.SEEK_CUR)
        return len(content)

    def readinto(self, buffer: Any) -> int:
        done = super().readinto(buffer) or 0
        if self.error is not None and done < len(buffer):  # it was dropped
            buffer[done:] = bytes(len(buffer) - done)
            return len(buffer)
        return done

    def truncate(self, size: int | None = None) -> int:
        try:
            return super().truncate(size)
        except OSError as error:
            self.error = self.error or error
            return size or 0
