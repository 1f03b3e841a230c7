"""Where simulated events and tables are kept between runs."""

import contextlib
import os
import tempfile
from pathlib import Path

from femtobarn.data.atomic import write_whole, writing
from femtobarn.errors import InputError

__all__ = ["cache_folder", "write_whole"]

_ADVICE = "name a folder for simulated events in FEMTOBARN_CACHE"


def cache_folder() -> Path:
    """Folder for what is costly to make again: `FEMTOBARN_CACHE`, else ``~/.cache/femtobarn``.

    All of it may be deleted at any time; it is made again when needed. A user without a home folder that can
    be written, as in containers, gets one in the system's folder for temporary files.

    Raises:
        InputError: That temporary folder belongs to somebody else.
    """
    chosen = os.environ.get("FEMTOBARN_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    with contextlib.suppress(RuntimeError):  # no home folder is known
        folder = Path.home() / ".cache" / "femtobarn"
        if os.access(next(each for each in (folder, *folder.parents) if each.exists()), os.W_OK):
            return folder
    return _temporary()


def _temporary() -> Path:
    folder = Path(tempfile.gettempdir()) / f"femtobarn-{os.getuid()}"
    with writing(str(folder), advice=_ADVICE):
        folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise InputError(f"{folder} belongs to another user: {_ADVICE}")
    return folder
