"""What a model makes of a user's files, piece by piece, as one HDF5 file."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from femtobarn.data.cache import write_whole
from femtobarn.data.hdf5_output import new_hdf5
from femtobarn.data.source import Arrays, Source, stream
from femtobarn.errors import InputError, printable
from femtobarn.runs import check_output

FORMAT = 1  #: of the file
_ROWS = 1024  # compressed together


def write_predictions(
    files: Sequence[Path],
    output: Path,
    open_file: Callable[[Path], Source],
    predict: Callable[[Arrays], Mapping[str, np.ndarray]],
    *,
    model: str,
    columns: Sequence[str] | None = None,
    what: str = "events",
    units: Mapping[str, str] | None = None,
    attributes: Mapping[str, Any] | None = None,
    rows: int = 5_000,
    progress: bool = True,
) -> Path:
    """Write ``predict(columns of some rows)`` for every row of the files, in their order.

    The file has the columns that `predict` gives, one row an event, and before them ``file`` (index into the
    attribute "files") and ``row`` (in that file). Files may be larger than memory; the output appears when it is
    complete; the same call gives the same bytes.

    Args:
        files: The user's files.
        output: HDF5 file to write.
        open_file: A source of one file.
        predict: Arrays with one row an event, by name.
        model: Name of the trained part.
        columns: Columns to read; all of the source if not given.
        what: The rows as the progress bar calls them.
        units: Units of the columns.
        attributes: More attributes of the file. They are written last, so that `predict` may count in them.
        rows: Rows read together.
        progress: Show a bar.

    Raises:
        InputError: A file cannot be read or has no rows, or the output cannot be written or is one of the files.
    """
    check_output(output, files)
    sources = [open_file(path) for path in files]
    total = sum(map(len, sources))
    if not total:
        raise InputError(f"no {what} in {', '.join(map(str, files)) or 'no file'}")

    def write(unfinished: Path) -> None:
        with (
            new_hdf5(unfinished, track_order=True) as file,
            _bar(what, total, progress) as advance,
        ):
            file.attrs["format"], file.attrs["model"] = FORMAT, model
            file.attrs["files"] = [printable(str(path)) for path in files]
            for index, source in enumerate(sources):
                start = 0
                wanted = columns or source.columns
                for piece in stream(source, [c for c in wanted if c in source.columns], rows=rows):
                    count = len(next(iter(piece.values())))
                    place: Arrays = {
                        "file": np.full(count, index, np.uint32),
                        "row": np.arange(start, start + count),
                    }
                    try:
                        found = predict(piece)
                    except InputError as error:
                        raise InputError(f"{files[index]}, from row {start} on: {error}") from error
                    written: dict[str, np.ndarray] = {**place, **found}
                    for name, values in written.items():
                        _append(file, name, values, (units or {}).get(name))
                    start += count
                    advance(count)
            file.attrs.update(attributes or {})

    try:
        write_whole(output, write)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"cannot write {output}: {reason}; choose another with --output") from error
    return output


@contextmanager
def _bar(title: str, total: int, show: bool) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), disable=not show) as progress:
        task = progress.add_task(title, total=total)
        yield lambda n: progress.advance(task, n)


def _append(file: h5py.File, name: str, values: np.ndarray, unit: str | None) -> None:
    if name not in file:
        shape = values.shape[1:]
        column = file.create_dataset(
            name,
            (0, *shape),
            values.dtype,
            maxshape=(None, *shape),
            chunks=(_ROWS, *shape),
            compression="gzip",
        )
        if unit is not None:
            column.attrs["unit"] = unit
    column = file[name]
    column.resize(len(column) + len(values), axis=0)
    column[-len(values) :] = values
