"""Where simulated events and tables are kept between runs."""

import os
from pathlib import Path

from femtobarn.data.atomic import write_whole

__all__ = ["cache_folder", "write_whole"]


def cache_folder() -> Path:
    """Folder for what is costly to make again: `FEMTOBARN_CACHE`, else ``~/.cache/femtobarn``.

    All of it may be deleted at any time; it is made again when needed.
    """
    folder = os.environ.get("FEMTOBARN_CACHE")
    return Path(folder).expanduser() if folder else Path.home() / ".cache" / "femtobarn"
