"""How long one event takes on one core of a processor, or on all of them."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from femtobarn.errors import InputError, require


class Latency(NamedTuple):
    """Microseconds of single calls, one event each."""

    median: float
    percentile_95: float
    longest: float
    calls: int
    percentile_99: float


def single_event_latency(
    call: Callable[[], object], *, calls: int = 1000, threads: int | None = 1
) -> Latency:
    """Time of `call`, which computes one event, on one core.

    A tenth as many calls come before, uncounted.

    Args:
        call: Computes one event.
        calls: Times that it is timed.
        threads: Of torch; with 1 the process is kept on one core meanwhile where the system allows it, None takes
            all cores.
    """
    if calls < 1:
        raise InputError(f"expected at least one call, got {calls}")
    if threads is not None and threads < 1:
        raise InputError(f"expected at least one thread, got {threads}")
    with _threads(threads):
        for _ in range(calls // 10 + 1):
            call()
        seconds = np.empty(calls)
        for i in range(calls):
            start = time.perf_counter()
            call()
            seconds[i] = time.perf_counter() - start
    median, high, higher = np.percentile(1e6 * seconds, (50, 95, 99))
    return Latency(float(median), float(high), float(1e6 * seconds.max()), calls, float(higher))


def onnx_latency(path: Path, event: np.ndarray, *, calls: int = 1000) -> Latency:
    """Time of an ONNX model in onnxruntime, with one thread, for one event (1, *shape)."""
    session = onnx_session(path)
    feed = {session.get_inputs()[0].name: event}
    return single_event_latency(lambda: session.run(None, feed), calls=calls)


def onnx_session(path: Path) -> Any:
    """The model in onnxruntime on one thread of the processor.

    Raises:
        InputError: An operation that onnxruntime lacks, such as a convolution in float64.
    """
    onnxruntime = require("onnxruntime", extra="hardware")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except onnxruntime.capi.onnxruntime_pybind11_state.NotImplemented as error:
        reason = str(error).rpartition(" : ")[2]
        raise InputError(
            f"onnxruntime cannot run {path}: {reason}; try float32 instead of float64"
        ) from error


def processors() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _threads(wanted: int | None) -> Iterator[None]:
    import torch

    threads = torch.get_num_threads()
    alone = wanted == 1 and hasattr(os, "sched_getaffinity")
    cores = os.sched_getaffinity(0) if alone else None
    torch.set_num_threads(wanted or processors())
    if cores:
        os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        if cores:
            os.sched_setaffinity(0, cores)
