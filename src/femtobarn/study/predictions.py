"""What a model makes of a user's files, piece by piece, as one table."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from femtobarn.data.cache import write_whole
from femtobarn.data.source import Arrays, Source, stream
from femtobarn.data.table_output import check_ending, ending_of, new_table
from femtobarn.errors import InputError, printable
from femtobarn.runs import check_output

FORMAT = 1  #: of the file


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
    complete; the same call gives the same bytes (ROOT files differ in the time that they carry).

    Args:
        files: The user's files.
        output: File to write, in a format of `femtobarn.data.table_output`.
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
    check_ending(ending := ending_of(output))
    sources = [open_file(path) for path in files]
    total = sum(map(len, sources))
    if not total:
        raise InputError(f"no {what} in {', '.join(map(str, files)) or 'no file'}")

    def write(unfinished: Path) -> None:
        with (
            new_table(unfinished, ending=ending, units=units) as table,
            _bar(what, total, progress) as advance,
        ):
            names = [printable(str(path)) for path in files]
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
                    table.append({**place, **found})
                    start += count
                    advance(count)
            table.set_attributes({"format": FORMAT, "model": model, "files": names, **(attributes or {})})

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
