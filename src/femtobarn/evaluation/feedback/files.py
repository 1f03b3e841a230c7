"""Recorded screens of a beam line: read as a history, and followed from file to file."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from femtobarn.data.hdf5 import Hdf5File
from femtobarn.data.source import check_columns
from femtobarn.datasets.beam_images import read_history
from femtobarn.errors import InputError
from femtobarn.evaluation.feedback.following import Follower
from femtobarn.simulate.beam_histories import BeamHistory
from femtobarn.study import write_predictions

RECORDED = "recorded"


def recorded(path: Path, *, pixels: int, size: int) -> BeamHistory:
    """Screens of a user's file; each is divided by its sum, and so is the virtual cathode if there is one.

    Args:
        path: See `femtobarn.datasets.beam_images.read_history`.
        pixels: Of the screen, a side.
        size: Pixels of the maps, a side.

    Raises:
        InputError: The file cannot be read, or has other sizes.
    """
    found = read_history(path)
    if found.screen.shape[1:] != (pixels, pixels):
        raise InputError(f"{path}: expected screens ({pixels}, {pixels}), got {found.screen.shape[1:]}")
    if found.cathode is not None and found.cathode.shape[1:] != (size, size):
        raise InputError(f"{path}: expected maps ({size}, {size}) in cathode, got {found.cathode.shape[1:]}")
    screen, truth = (None if each is None else _unit(each) for each in (found.screen, found.cathode))
    assert screen is not None
    return BeamHistory(RECORDED, screen, torch.from_numpy(found.settings[:, 0]).float(), truth)


def follow_files(
    files: Sequence[Path],
    output: Path,
    followers: Callable[[], tuple[Follower, Follower]],
    *,
    pixels: int,
    model: str,
    progress: bool,
) -> Path:
    """Write the map behind every screen of the files, which are one history in their order.

    Args:
        files: HDF5 with ``screen`` and ``settings``.
        output: File to write: map, vector, screen_error, and screen_error_without_feedback.
        followers: Makes one with feedback and one without, each for a single machine.
        pixels: Of the screen, a side.
        model: Name of the trained part.
        progress: Show a bar.

    Raises:
        InputError: A file cannot be read, has another layout, dark screens or numbers that are not finite.
    """
    both = followers()

    def opened(path: Path) -> Hdf5File:
        source = Hdf5File(path, known=("screen", "settings"))
        check_columns(("screen", "settings"), source.columns, str(path))
        if source.shapes["screen"] != (pixels, pixels) or source.shapes["settings"] != (1,):
            raise InputError(
                f"{path}: expected screen (shot, {pixels}, {pixels}) and settings (shot, 1), got rows of "
                f"{source.shapes['screen']} and {source.shapes['settings']}"
            )
        return source

    def answer(piece: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        screens, fields = (
            torch.from_numpy(piece[name].astype(np.float32)) for name in ("screen", "settings")
        )
        total = screens.sum(dim=(1, 2), keepdim=True)
        if not bool(torch.isfinite(screens).all() and torch.isfinite(fields).all() and (total > 0).all()):
            raise InputError("expected finite settings and screens with light, got others")
        shots = list(zip((screens / total)[:, None], fields, strict=True))
        ours, theirs = ([each.follow(*shot) for shot in shots] for each in both)
        maps, errors, vectors = (torch.cat(each).numpy() for each in zip(*ours, strict=True))
        without = torch.cat([error for _, error, _ in theirs]).numpy()
        return {
            "map": maps, "vector": vectors, "screen_error": errors, "screen_error_without_feedback": without,
        }  # fmt: skip

    return write_predictions(
        files, output, opened, answer, model=model, what="shots", rows=100, progress=progress
    )


def _unit(images: np.ndarray) -> Tensor:
    return torch.from_numpy(images / images.sum(axis=(1, 2), keepdims=True)).float()
