"""Tracks of a user's events of the TrackML challenge as columns: one row a hit, with the helix of its track."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int

from femtobarn.data.source import InMemory
from femtobarn.datasets import trackml
from femtobarn.errors import InputError
from femtobarn.physics.tracks import Hits, fit_helix
from femtobarn.physics.tracks.helix_fit import PARAMETERS

#: Of the columns; `curvature` is positive for a turn to the left.
UNITS = {"curvature": "1/mm", "phi": "rad", "d0": "mm", "z0": "mm"}


def hit_files(paths: Sequence[Path]) -> list[Path]:
    """Files of hits: those given, and of a folder those of all its events in order.

    Raises:
        InputError: A folder without events.
    """
    return [file for path in paths for file in (_of_folder(path) if path.is_dir() else [path])]


def read_hits(path: Path) -> Hits:
    """The hits of a file, with the cells and the truth that lie beside it.

    Raises:
        InputError: The file is no file of hits, or the files of the event are not as published.
    """
    if "-hits" not in path.name:
        raise InputError(f"{path}: expected a file of hits such as event000001000-hits.csv")
    return trackml.hits_of(trackml.open_event(path.parent, path.name.split("-hits")[0]))


def track_columns(hits: Hits, label: Int[np.ndarray, "hit"]) -> InMemory:
    """``hit_id`` and ``track`` (-1 for none) of every hit, and the helix of its track, NaN where there is none."""
    fits = fit_helix(hits, label)
    row = np.full(label.max(initial=-1) + 2, -1)
    row[fits.label] = np.arange(len(fits.label))
    parameter = np.concatenate([fits.parameter, np.full((1, 5), np.nan)])[row[label]]
    return InMemory(
        {"hit_id": hits.number, "track": label, **dict(zip(PARAMETERS, parameter.T, strict=True))}
    )


def _of_folder(folder: Path) -> list[Path]:
    names = trackml.event_names(folder)
    ends = (".csv", ".csv.gz")
    return [next(p for end in ends if (p := folder / f"{name}-hits{end}").exists()) for name in names]
