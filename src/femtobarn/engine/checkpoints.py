"""Files of tensors and plain data: written whole or not at all, read without running code from them."""

import os
from pathlib import Path
from typing import Any

import torch

from femtobarn.errors import InputError


def save_tensors(content: dict[str, Any], path: Path) -> None:
    """Write tensors and plain data to ``path``: whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with part.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except (OSError, RuntimeError) as error:
        part.unlink(missing_ok=True)
        raise InputError(f"cannot write the checkpoint {path}: {error}") from error


def load_tensors(path: Path) -> dict[str, Any]:
    """Read a file of tensors and plain data. Anything else in it is refused, never executed."""
    if not path.is_file():
        raise InputError(f"no checkpoint at {path}: give the folder of a finished run")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise InputError(
            f"{path} is not a femtobarn checkpoint or is damaged: expected a file of tensors and plain data"
        ) from error
    if not isinstance(content, dict):
        raise InputError(
            f"{path} is not a femtobarn checkpoint: expected a dict, got {type(content).__name__}"
        )
    return content
