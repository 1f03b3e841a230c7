"""Independent trainings of a run, or other independent work, in parallel processes.

One thread a process: small models train faster side by side than on many threads each.
"""

import os
import queue
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, as_completed
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from femtobarn.errors import InputError, require

P = TypeVar("P")
R = TypeVar("R")

#: Called by a part with (steps done, steps in total, short status text) while it runs.
Report = Callable[[int, int, str], None]

_reports: Any = None


def run_parts(
    work: Callable[[P, Report], R],
    parts: Sequence[P],
    *,
    name: Callable[[P], str] = str,
    title: str,
    workers: int = 2,
    scheduler: str | None = None,
    progress: bool = True,
) -> list[R]:
    """Results of ``work(part, report)`` for each part, in the order of the parts.

    With one worker, or one part, everything runs in this process. Otherwise the processes are fresh
    interpreters, and ``work`` and the parts must be picklable. The first part that fails stops the rest and
    raises here; Ctrl-C stops the processes at once, so a part has to leave its own checkpoints.

    Args:
        work: Function that computes one part.
        parts: Argument of each part.
        name: Name of a part in the progress display.
        title: Name of all parts together in the progress display.
        workers: Number of processes.
        scheduler: Address of a Dask scheduler whose workers do the work instead, see `cluster_workers`.
        progress: Show a progress bar for all parts and one for each running here.
    """
    with _display(title, len(parts), progress) as display:
        if scheduler is not None:
            return _far(work, parts, [name(part) for part in parts], scheduler, display)
        if workers == 1 or len(parts) <= 1:
            return [_here(work, part, name(part), display) for part in parts]
        return _spread(work, parts, [name(part) for part in parts], workers, display)


class _Display:
    """A progress bar for each running part, above the bar for all of them."""

    def __init__(self, progress: Any, title: str, parts: int) -> None:
        self.progress, self.bars = progress, dict[str, Any]()
        self.all = progress.add_task(title, total=parts, words="")

    def update(self, name: str, done: int, total: int, words: str) -> None:
        if name not in self.bars:
            self.bars[name] = self.progress.add_task(f"  {name}", total=total, words=words)
        self.progress.update(self.bars[name], completed=done, total=total, words=words)

    def finish(self, name: str) -> None:
        if name in self.bars:
            self.progress.remove_task(self.bars.pop(name))
        self.progress.advance(self.all)


@contextmanager
def _display(title: str, parts: int, show: bool) -> Iterator[_Display]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[words]}", style="dim", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True), disable=not show) as progress:
        yield _Display(progress, title, parts)


def _here(work: Callable[[P, Report], R], part: P, name: str, display: _Display) -> R:
    result = work(part, lambda *args: display.update(name, *args))
    display.finish(name)
    return result


def _spread(
    work: Callable[[P, Report], R], parts: Sequence[P], names: list[str], workers: int, display: _Display
) -> list[R]:
    from loky.backend import get_context

    reports = get_context("loky").Queue()
    listener = threading.Thread(target=_listen, args=(reports, display), daemon=True)
    listener.start()
    try:
        with fresh_processes(min(workers, len(parts)), _set_reports, reports) as pool:
            futures: list[Future[R]] = [
                pool.submit(_there, work, part, name) for part, name in zip(parts, names, strict=True)
            ]
            for future in as_completed(futures):
                future.result()  # the first error ends all
            return [future.result() for future in futures]
    finally:
        reports.put(None)
        listener.join(timeout=5)
        reports.close()


def _far(
    work: Callable[[P, Report], R], parts: Sequence[P], names: list[str], scheduler: str, display: _Display
) -> list[R]:
    with cluster_workers(scheduler) as pool:
        futures = {
            pool.submit(_in_silence, work, part): name for part, name in zip(parts, names, strict=True)
        }
        for future in as_completed(futures):
            future.result()  # the first error ends all
            display.finish(futures[future])
        return [future.result() for future in futures]


def _in_silence(work: Callable[[P, Report], R], part: P) -> R:
    return work(part, lambda *_: None)


@contextmanager
def fresh_processes(
    workers: int, first: Callable[..., None] | None = None, *arguments: Any
) -> Iterator[Executor]:
    """A pool of new Python processes with one thread each; an error or Ctrl-C inside the context kills them.

    A fork would copy the threads of torch and numba in whatever state they are, and multiprocessing's spawn
    would run the caller's script again. ``first(*arguments)`` is called in each process before its work.
    There are never more processes than processors (but two on one), and none outlives this one.
    """
    from loky import ProcessPoolExecutor
    from loky.backend import get_context

    pool = ProcessPoolExecutor(
        min(workers, max(2, processors())),
        context=get_context("loky"),
        initializer=_prepare,
        initargs=(os.getpid(), first, arguments),
        env={"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
    )
    with warnings.catch_warnings():
        # Loky puts a new process in the place of one whose memory has grown, and need not say so.
        warnings.filterwarnings("ignore", message="A worker was restarted")
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=True, kill_workers=True)
            raise
        pool.shutdown(wait=True)  # a killed process would leave semaphores behind, and a warning about them


@contextmanager
def cluster_workers(address: str) -> Iterator[Executor]:
    """The workers of a Dask cluster as a pool; if a worker dies, its work is rerun on another.

    Functions and arguments travel as pickles, so femtobarn must be installed on the workers, in the same version.

    Args:
        address: Of the scheduler, as ``tcp://host:8786``, or the path of a scheduler file (JSON).

    Raises:
        MissingExtraError: `distributed` is not installed.
        InputError: No scheduler answers there.
    """
    distributed = require("distributed", extra="cluster")
    place = {"scheduler_file": address} if address.endswith(".json") else {"address": address}
    if address.endswith(".json") and not Path(address).is_file():
        raise InputError(
            f"{address}: no such scheduler file; `dask scheduler --scheduler-file {address}` makes one"
        )
    try:
        client = distributed.Client(**place, timeout=5, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(
            f"no Dask scheduler answers at {address}: {error}; start one with `dask scheduler`"
        ) from error
    with client:
        pool = client.get_executor()
        try:
            yield pool
        finally:
            pool.shutdown(wait=False)


def processors() -> int:
    """Number of processors available to this process."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def end_with(parent: int) -> None:
    """End this process when its parent process, given by its id, has ended, even in the middle of a computation."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="end with the parent").start()


def end_with_launcher() -> None:
    """End a worker process of a distributed training when the process that launched it has ended."""
    if int(os.environ.get("LOCAL_RANK", 0)) > 0:
        end_with(os.getppid())


def _prepare(parent: int, first: Callable[..., None] | None, arguments: tuple[Any, ...]) -> None:
    end_with(parent)
    # Ctrl-C reaches every process of the terminal; the first one decides what happens to the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if first is not None:
        first(*arguments)


def _set_reports(reports: Any) -> None:
    global _reports
    _reports = reports


def _there(work: Callable[[P, Report], R], part: P, name: str) -> R:
    def report(done: int, total: int, words: str) -> None:
        _reports.put((name, done, total, words))

    result = work(part, report)
    _reports.put((name,))
    return result


def _listen(reports: Any, display: _Display) -> None:
    while True:
        try:
            message = reports.get(timeout=3600)
        except (queue.Empty, EOFError, OSError):
            return
        if message is None:
            return
        if len(message) == 1:
            display.finish(*message)
        else:
            display.update(*message)
