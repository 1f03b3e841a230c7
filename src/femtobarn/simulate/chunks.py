"""Bulk simulation in chunks that are made by several processes and kept as files.

A chunk is what a function makes of (settings, items, seed) and of nothing else. Hence the sample does not
depend on the number of processes, an interrupted run goes on where it stopped, and a second run only reads.
"""

import dataclasses
import hashlib
import json
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import as_completed
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from femtobarn import __version__
from femtobarn.data.cache import cache_folder, write_whole
from femtobarn.errors import InputError
from femtobarn.parts import cluster_workers, fresh_processes

Arrays = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Chunks:
    """`total` items, `per_chunk` to a chunk, each chunk a file in the cache once it is made.

    `function` is called as ``function(settings, items, seed)`` with the range of its items and a
    `numpy.random.SeedSequence` of its own; it has to be importable by its module and name. Files are found
    again by the function's name, the settings (a dataclass of plain values), the seed, femtobarn's version and the
    version given here: raise it when the function changes its results between two versions of femtobarn.
    """

    function: Callable[[Any, range, np.random.SeedSequence], Arrays]
    settings: Any
    total: int
    per_chunk: int
    seed: int
    version: tuple[int, ...]

    def __len__(self) -> int:
        return -(-self.total // self.per_chunk)

    def items(self, chunk: int) -> range:
        """The items of one chunk; the last may hold fewer."""
        return range(chunk * self.per_chunk, min((chunk + 1) * self.per_chunk, self.total))

    def path(self, chunk: int) -> Path:
        """Where the chunk is kept."""
        key = [self._name(), __version__, self.version, self.seed, dataclasses.asdict(self.settings)]
        digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
        items = self.items(chunk)
        return cache_folder() / self._name() / digest / f"{items.start:06d}-{items.stop:06d}.npz"

    def is_made(self, chunk: int) -> bool:
        """Whether the chunk is kept and whole (a zip file ends with its directory)."""
        return zipfile.is_zipfile(self.path(chunk))

    def get(self, chunk: int) -> Arrays:
        """The chunk's arrays, read if they are kept, else made in this process and kept."""
        if not self.is_made(chunk):
            self.keep(chunk, self.make(chunk))
        with np.load(self.path(chunk)) as file:
            return dict(file)

    def make(self, chunk: int) -> Arrays:
        """The chunk's arrays, made here and not kept."""
        return self.function(self.settings, self.items(chunk), self._seed(chunk))

    def keep(self, chunk: int, arrays: Arrays) -> None:
        """Store the chunk's arrays in the cache."""
        write_whole(self.path(chunk), lambda unfinished: np.savez(unfinished, **arrays))  # type: ignore[arg-type]

    def _name(self) -> str:
        return f"{self.function.__module__}.{self.function.__qualname__}"

    def _seed(self, chunk: int) -> np.random.SeedSequence:
        # The name keeps two kinds of chunk of the same sample apart.
        return np.random.SeedSequence([self.seed, zlib.crc32(self._name().encode()), self.items(chunk).start])


def run_chunks(
    chunks: Chunks,
    *,
    workers: int = 2,
    scheduler: str | None = None,
    progress: bool = False,
    label: str = "items",
) -> list[Arrays]:
    """All chunks in their order; those that are not kept yet are made, and Ctrl-C keeps the finished ones.

    Args:
        chunks: What to make.
        workers: Number of processes, at most one a core; with one, this process does the work.
        scheduler: Address of a Dask scheduler whose workers do the work instead; the files are kept here.
        progress: Show a bar with the rate, and at the end one line, on standard error.
        label: What the items are.

    Raises:
        InputError: No workers, no scheduler at the address, or what the function found wrong with its settings.
    """
    if workers < 1:
        raise InputError(f"expected at least one worker process, got {workers}")
    missing = [chunk for chunk in range(len(chunks)) if not chunks.is_made(chunk)]
    if missing:
        total = sum(len(chunks.items(chunk)) for chunk in missing)
        with _bar(label, total, show=progress) as advance:
            made = (
                _make_on_cluster(chunks, missing, scheduler) if scheduler else _make(chunks, missing, workers)
            )
            for chunk in made:
                advance(len(chunks.items(chunk)))
    return [chunks.get(chunk) for chunk in range(len(chunks))]


def _make(chunks: Chunks, missing: list[int], workers: int) -> Iterator[int]:
    """Make the chunks, each by the process that is free next; gives their numbers as they get ready."""
    if workers == 1 or len(missing) == 1:
        yield from (_make_one(chunks, chunk) for chunk in missing)
        return
    with fresh_processes(min(workers, len(missing))) as pool:
        for future in as_completed([pool.submit(_make_one, chunks, chunk) for chunk in missing]):
            yield future.result()


def _make_on_cluster(chunks: Chunks, missing: list[int], scheduler: str) -> Iterator[int]:
    """The same by the workers of a Dask cluster. They may have no disk in common with us: arrays come back."""
    with cluster_workers(scheduler) as pool:
        futures = {pool.submit(chunks.make, chunk): chunk for chunk in missing}
        for future in as_completed(futures):
            chunk = futures.pop(future)  # forgetting the future frees its arrays
            chunks.keep(chunk, future.result())
            yield chunk


def _make_one(chunks: Chunks, chunk: int) -> int:
    chunks.get(chunk)
    return chunk


@contextmanager
def _bar(label: str, total: int, *, show: bool) -> Iterator[Callable[[int], None]]:
    if not show:
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    words, rates = TextColumn("{task.description}"), TextColumn("{task.fields[rate]}")
    columns = (words, BarColumn(), MofNCompleteColumn(), rates, TimeRemainingColumn())
    console, start, done = Console(stderr=True), time.monotonic(), 0

    def rate() -> str:
        return f"{done / (time.monotonic() - start):.3g}/s"

    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(label, total=total, rate="")

        def advance(items: int) -> None:
            nonlocal done
            done += items
            bar.update(task, advance=items, rate=rate())

        yield advance
    console.print(f"{done} {label} in {time.monotonic() - start:.1f} s, {rate()}", highlight=False)
