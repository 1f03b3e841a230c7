"""Numba compilation, cached on disk where a cache folder can be written."""

import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba


def njit(*function: Callable[..., Any], cache: bool = False, **options: Any) -> Any:
    """`numba.njit`, where ``cache=True`` falls back to no cache if no cache folder can be written.

    An installation may be read-only and its user without a home folder, as in containers. `NUMBA_CACHE_DIR`
    names another place. Compiled is the function itself: an import hook that checks types, such as jaxtyping's, may
    have put a wrapper around it.
    """

    def compiled(python: Callable[..., Any]) -> Any:
        python = inspect.unwrap(python)
        if cache and _may_have_a_place(python):
            try:
                return numba.njit(cache=True, **options)(python)
            except RuntimeError as error:
                if "no locator" not in str(error):
                    raise
        return numba.njit(**options)(python)

    return compiled(*function) if function else compiled


def _may_have_a_place(python: Callable[..., Any]) -> bool:
    """Without a home, numba would take "~" for the name of a folder and make it in the working directory."""
    if os.environ.get("NUMBA_CACHE_DIR"):
        return True
    try:
        Path.home()
    except RuntimeError:
        pass
    else:
        return True
    folder = Path(python.__code__.co_filename).parent
    beside = folder / "__pycache__"
    return os.access(beside if beside.is_dir() else folder, os.W_OK)
