"""What a trained autoencoder makes of a user's wafers, as one HDF5 file."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import torch

from femtobarn.data.source import Source
from femtobarn.datasets import hgcal
from femtobarn.errors import InputError
from femtobarn.systems.emd_compression import evaluation, study
from femtobarn.systems.emd_compression.sample import Sample, from_arrays

FORMAT = 1
_COLUMNS = ("charge", "eta", "layer", "shower")


def write(
    trained: study.Trained, files: Sequence[Path], output: Path, *, chunk: int = 20_000, progress: bool = True
) -> Path:
    """Write codes, decoded charges and EMD of every wafer to ``output``.

    The file holds, a row a wafer in the order of the files: ``file`` (index into the attribute "files"), ``row``
    (wafer's number in its file, empty ones not counted), ``codes`` uint16 (n, 16) as sent (float32 from a
    floating-point encoder), ``sum`` float32, the transmitted sum, ``decoded`` float32 (n, 48) in CALQ counts, and
    ``emd`` float32 in sensor-cell pitches. Wafers go through in chunks, so files may be larger than memory. The
    file appears when it is complete; the same call gives the same bytes.

    Raises:
        InputError: A file cannot be read, or the output cannot be written.
    """
    sources = [hgcal.open_wafers(path) for path in files]
    part = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        with h5py.File(part, "w", track_order=True) as file:
            file.attrs["format"] = FORMAT
            file.attrs["model"] = trained.part.name
            file.attrs["files"] = [str(path) for path in files]
            with _bar(sum(map(len, sources)), progress) as advance:
                for index, source in enumerate(sources):
                    for start in range(0, len(source), chunk):
                        columns = _predict(trained, source, start, min(start + chunk, len(source)))
                        rows = len(columns["emd"])
                        columns["file"] = np.full(rows, index, np.uint32)
                        _append(file, columns)
                        advance(rows)
        part.replace(output)
    except OSError as error:
        raise InputError(f"cannot write {output}: {error}; choose another with --output") from error
    finally:
        part.unlink(missing_ok=True)
    return output


@torch.no_grad()
def _predict(trained: study.Trained, source: Source, start: int, stop: int) -> dict[str, np.ndarray]:
    sample = from_arrays(source.read([name for name in _COLUMNS if name in source.columns], start, stop))
    decoded = study.decode(trained.model, sample)
    sent = trained.model.encoder.encode(torch.from_numpy(sample.charge))
    return {
        "row": np.arange(start, stop),
        "codes": _codes(trained, sample),
        "sum": sent.total.numpy(),
        "decoded": decoded,
        "emd": evaluation.exact_emd(sample.charge, decoded).astype(np.float32),
    }


def _codes(trained: study.Trained, sample: Sample) -> np.ndarray:
    encoder = trained.model.encoder
    charge = torch.from_numpy(sample.charge)
    if encoder.bits is None:
        return encoder(charge).numpy()
    return encoder.integer_codes(charge.long()).numpy().astype(np.uint16)


def _append(file: h5py.File, columns: dict[str, np.ndarray]) -> None:
    for name, values in columns.items():
        if name not in file:
            shape = values.shape[1:]
            file.create_dataset(
                name,
                (0, *shape),
                values.dtype,
                maxshape=(None, *shape),
                chunks=(1024, *shape),
                compression="gzip",
            )
        column = file[name]
        column.resize(len(column) + len(values), axis=0)
        column[-len(values) :] = values


@contextmanager
def _bar(total: int, show: bool) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), disable=not show) as progress:
        task = progress.add_task("wafers", total=total)
        yield lambda n: progress.advance(task, n)
