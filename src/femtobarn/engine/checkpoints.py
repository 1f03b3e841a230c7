"""Checkpoint files of tensors and plain data: written atomically, read without executing code."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as trees

from femtobarn import __version__
from femtobarn.data.atomic import write_whole
from femtobarn.errors import InputError

FORMAT = 1  #: of these files; raised when a reader of the old one would misread the new one

_FORMAT, _VERSION = "femtobarn format", "femtobarn version"


def save_tensors(content: dict[str, Any], path: Path) -> None:
    """Write tensors of any device, as on the CPU, and plain data to ``path`` atomically, with a format number."""
    content = trees.tree_map_only(Tensor, lambda each: each.detach().cpu(), content)
    numbered = {**content, _FORMAT: FORMAT, _VERSION: __version__}

    def write(unfinished: Path) -> None:
        with unfinished.open("wb") as file:
            try:
                torch.save(numbered, file)
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
    found, writer = content.pop(_FORMAT, FORMAT), content.pop(_VERSION, "an earlier one")
    if found != FORMAT:
        raise InputError(
            f"{path} has checkpoint format {found}, written by femtobarn {writer}; "
            f"this femtobarn {__version__} reads format {FORMAT}: use that version"
        )
    return content


def check_course(folder: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuse to resume a training with changed settings, which would mix two trainings.

    Raises:
        InputError: A setting has changed; those that an older checkpoint does not name are not compared.
    """
    for name, value in now.items():
        if before.get(name, value) != value:
            raise InputError(
                f"{folder} holds a training with {name} {before[name]}, now {value}: choose another folder, "
                "or remove it to train anew"
            )
