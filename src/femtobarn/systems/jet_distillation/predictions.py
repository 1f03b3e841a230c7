"""What a trained network makes of a user's jets, as one HDF5 file."""

import os
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
from rich.console import Console
from rich.progress import Progress

from femtobarn.errors import InputError
from femtobarn.systems.jet_distillation import study
from femtobarn.systems.jet_distillation.sample import from_arrays, open_padded

FORMAT = 1


def write(
    trained: study.Trained,
    files: Sequence[Path],
    output: Path,
    *,
    particles: int,
    chunk: int = 5_000,
    progress: bool = True,
) -> Path:
    """Write the score of every jet to ``output``, a row a jet in the order of the files.

    Columns: ``file`` (index into the attribute "files"), ``row`` in that file, ``score`` float32, the logit of a
    top minus that of another jet: above 0 it is taken for a top, and 1 / (1 + exp(-score)) is the probability for
    equal numbers of both. Files may be larger than memory; the output appears when it is complete.

    Raises:
        InputError: A file cannot be read, or the output cannot be written.
    """
    sources = [open_padded(path, particles) for path in files]
    part = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        with (
            h5py.File(part, "w") as file,
            Progress(console=Console(stderr=True), disable=not progress) as bar,
        ):
            file.attrs["format"], file.attrs["model"] = FORMAT, trained.part.name
            file.attrs["files"] = [str(path) for path in files]
            total = sum(map(len, sources))
            columns = {
                "file": file.create_dataset("file", total, np.uint32),
                "row": file.create_dataset("row", total, np.uint64),
                "score": file.create_dataset("score", total, np.float32),
            }
            task, at = bar.add_task("jets", total=total), 0
            for index, source in enumerate(sources):
                for start in range(0, len(source), chunk):
                    read = source.read(("momentum", "mask", "is_signal"), start, start + chunk)
                    logits = study.logits(trained.model, from_arrays(read, particles)).numpy()
                    rows = slice(at, at + len(logits))
                    columns["file"][rows] = index
                    columns["row"][rows] = np.arange(start, start + len(logits))
                    columns["score"][rows] = logits[:, 1] - logits[:, 0]
                    at += len(logits)
                    bar.advance(task, len(logits))
        part.replace(output)
    except OSError as error:
        raise InputError(f"cannot write {output}: {error}; choose another with --output") from error
    finally:
        part.unlink(missing_ok=True)
    return output
