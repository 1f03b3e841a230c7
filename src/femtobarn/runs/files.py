"""Files of a run folder: plain files only, read and written whole, each mistake reported in one line."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from femtobarn.data.atomic import reason, write_whole
from femtobarn.data.atomic import writing as writing_place
from femtobarn.errors import InputError

_ADVICE = "choose another with --out"
_NAME = re.compile(r"\w[\w.+-]*(/\w[\w.+-]*)*")


def own_path(folder: Path, name: str | Path) -> Path:
    """Path of a file or folder in a run folder, which need not be there yet.

    Run folders are passed around, so what lies in one is not trusted: a symbolic link would have us read,
    extend or empty a file elsewhere, a pipe would have us wait.

    Raises:
        InputError: It, or a folder on the way to it, is a symbolic link or neither file nor folder.
    """
    path = folder
    for part in Path(name).parts:
        path = path / part
        if path.is_symlink():
            raise InputError(f"{path} is a symbolic link: a run is read only with copies in place of links")
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise InputError(f"{path} is neither a file nor a folder: take it out of the run")
    return path


def own_folder(folder: Path, name: str | Path) -> Path:
    """A folder in a run folder, made if need be; see `own_path`."""
    path = own_path(folder, name)
    with writing(folder):
        path.mkdir(parents=True, exist_ok=True)
    return path


def check_name(name: str) -> None:
    """Names become files: keep them inside the run folder and easy to type."""
    if not _NAME.fullmatch(name):
        raise InputError(f"a name in a run is letters, digits and . + - _ / inside, got {name!r}")


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file into an existing folder so that it is there whole or not at all.

    Raises:
        InputError: The folder cannot be written, or the disk is full.
    """
    with writing(path.parent):
        path.parent.stat()
    write_whole(
        path, lambda file: file.write_bytes(content), place=f"the run folder {path.parent}", advice=_ADVICE
    )


def write_json(path: Path, content: Any) -> None:
    """Write plain JSON, NaN and infinities excluded."""
    text = json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False)
    # Bytes of a path that are not UTF-8 are halves of characters here; an escape of JSON brings them back.
    write_atomically(path, f"{text}\n".encode(errors="backslashreplace"))


def read_json(path: Path) -> Any:
    """Content of a JSON file.

    Raises:
        InputError: It cannot be read, or is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {reason(error)}") from error
    except (ValueError, RecursionError) as error:  # JSONDecodeError, UnicodeDecodeError, [[[[...
        raise InputError(f"{path} is damaged: {error}") from error


def writing(folder: Path) -> AbstractContextManager[None]:
    """Tell in one line what the file system refuses in a run folder."""
    return writing_place(f"the run folder {folder}", advice=_ADVICE)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Tell in one line that a file is valid JSON, but not what it should be."""
    try:
        yield
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(f"{path} is damaged: {' '.join(str(error).split())}") from error


def plain(value: Any) -> Any:
    """Plain JSON: arrays become lists, NaN becomes null, and what is None is left out."""
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items() if each is not None}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if hasattr(value, "tolist"):  # NumPy and torch
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"a run stores numbers, text, arrays and lists of them, got {type(value).__name__}")


def restored(value: Any) -> Any:
    """What `plain` was given: null is NaN again."""
    if isinstance(value, dict):
        return {key: restored(each) for key, each in value.items()}
    if isinstance(value, list):
        return [restored(each) for each in value]
    if isinstance(value, str) and value in ("inf", "-inf"):
        return float(value)
    return math.nan if value is None else value
