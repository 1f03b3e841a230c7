"""How long one event takes on one core of a processor."""

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


def single_event_latency(call: Callable[[], object], *, calls: int = 1000) -> Latency:
    """Time of `call`, which computes one event, on one core.

    A tenth as many calls come before, uncounted. The process is kept on one core meanwhile where the system
    allows it, and torch to one thread.
    """
    if calls < 1:
        raise InputError(f"expected at least one call, got {calls}")
    with _one_core():
        for _ in range(calls // 10 + 1):
            call()
        seconds = np.empty(calls)
        for i in range(calls):
            start = time.perf_counter()
            call()
            seconds[i] = time.perf_counter() - start
    median, high = np.percentile(1e6 * seconds, (50, 95))
    return Latency(float(median), float(high), float(1e6 * seconds.max()), calls)


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


@contextmanager
def _one_core() -> Iterator[None]:
    import torch

    threads = torch.get_num_threads()
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    torch.set_num_threads(1)
    if cores:
        os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        if cores:
            os.sched_setaffinity(0, cores)
