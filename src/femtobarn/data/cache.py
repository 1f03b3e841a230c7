"""Where simulated events and tables are kept between runs, and how a file gets there whole."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def cache_folder() -> Path:
    """Folder for what is costly to make again: `FEMTOBARN_CACHE`, else ``~/.cache/femtobarn``.

    All of it may be deleted at any time; it is made again when needed.
    """
    folder = os.environ.get("FEMTOBARN_CACHE")
    return Path(folder).expanduser() if folder else Path.home() / ".cache" / "femtobarn"


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Have `write` fill a file or folder under another name, then rename it to `path`.

    A reader sees all of it or none, also when the writer is killed. When two processes write the same
    thing at once, the first to finish keeps its folder, the last to finish its file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".writing-", dir=path.parent) as scratch:
        unfinished = Path(scratch) / path.name
        write(unfinished)
        try:
            unfinished.replace(path)
        except OSError:
            if not (unfinished.is_dir() and path.is_dir()):
                raise
