"""Files of tensors and plain data: written whole or not at all, read without running code from them."""

from pathlib import Path
from typing import Any

import torch

from femtobarn.data.atomic import write_whole
from femtobarn.errors import InputError


def save_tensors(content: dict[str, Any], path: Path) -> None:
    """Write tensors and plain data to ``path``: whole or not at all."""

    def write(unfinished: Path) -> None:
        with unfinished.open("wb") as file:
            try:
                torch.save(content, file)
            except RuntimeError as error:  # torch's own words for what the file system refused
                raise OSError(str(error)) from error

    write_whole(path, write, place=f"the checkpoint {path}")


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
