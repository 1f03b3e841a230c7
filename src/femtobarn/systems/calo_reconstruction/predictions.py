"""What a trained network makes of a user's showers, as one HDF5 file."""

import os
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import torch
from rich.console import Console
from rich.progress import Progress

from femtobarn.data.source import Source
from femtobarn.datasets import clic
from femtobarn.errors import InputError
from femtobarn.systems.calo_reconstruction import study
from femtobarn.systems.calo_reconstruction.sample import TASKS, ShowerTable

FORMAT = 1
_UNITS = {"probability": "", "energy": "GeV", "eta": "", "phi": "rad"}


def write(
    trained: study.Trained, files: Sequence[Path], output: Path, *, chunk: int = 500, progress: bool = True
) -> Path:
    """Write class probability, energy and direction of every shower, a row a shower in the order of the files.

    Columns: ``file`` (index into the attribute "files"), ``row`` in that file, ``probability`` of the signal for
    equal numbers of both species (the attributes "signal" and "background" name them), ``energy`` in GeV, ``eta``,
    ``phi`` in rad; each column has its unit as the attribute "unit". Cells are taken to be in the unit of the
    network's training files. Files may be larger than memory; the output appears when it is complete.

    Raises:
        InputError: A file cannot be read or holds cells that are negative or not finite, or the output cannot be
            written.
    """
    task = TASKS[trained.part.task]
    sources = [clic.open_showers([path]) for path in files]
    part = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        with (
            h5py.File(part, "w") as file,
            Progress(console=Console(stderr=True), disable=not progress) as bar,
        ):
            file.attrs["format"], file.attrs["model"] = FORMAT, trained.part.name
            file.attrs["signal"], file.attrs["background"] = task.signal, task.background
            file.attrs["files"] = [str(path) for path in files]
            total = sum(map(len, sources))
            columns = {
                "file": file.create_dataset("file", total, np.uint32),
                "row": file.create_dataset("row", total, np.uint64),
            }
            for name, unit in _UNITS.items():
                columns[name] = file.create_dataset(name, total, np.float32)
                columns[name].attrs["unit"] = unit
            bars, at = bar.add_task("showers", total=total), 0
            for index, source in enumerate(sources):
                for start in range(0, len(source), chunk):
                    found = _of_piece(trained, source, start, start + chunk)
                    rows = slice(at, at + len(found["energy"]))
                    columns["file"][rows] = index
                    columns["row"][rows] = np.arange(start, start + len(found["energy"]))
                    for name, values in found.items():
                        columns[name][rows] = values
                    at = rows.stop
                    bar.advance(bars, rows.stop - rows.start)
        part.replace(output)
    except OSError as error:
        raise InputError(f"cannot write {output}: {error}; choose another with --output") from error
    finally:
        part.unlink(missing_ok=True)
    return output


def _of_piece(trained: study.Trained, source: Source, start: int, stop: int) -> dict[str, np.ndarray]:
    try:
        showers = clic.sparse(source.read(source.columns, start, stop))
    except InputError as error:
        raise InputError(f"from row {start} on: {error}") from error
    out = study.outputs(trained.model, ShowerTable(showers, window=trained.window))
    return {
        "probability": torch.sigmoid(out.logit).numpy(),
        "energy": out.energy.numpy(),
        "eta": out.eta.numpy(),
        "phi": out.phi.numpy(),
    }
