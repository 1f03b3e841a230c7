"""A compiled kernel over many rows in several threads.

The threads are Python's, and the kernels release the GIL: numba's own cannot be used after a fork, and their number
is a global setting.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import Any

from femtobarn.errors import InputError


def in_threads(kernel: Callable[..., None], threads: int, rows: tuple[Any, ...], *shared: Any) -> None:
    """Run a kernel over arrays of equally many rows, cut into one block per thread."""
    if threads < 1:
        raise InputError(f"expected at least one thread, got {threads}")
    if threads == 1:
        kernel(*rows, *shared)
        return
    edges = [len(rows[0]) * k // threads for k in range(threads + 1)]
    blocks = [[array[i:j] for array in rows] for i, j in pairwise(edges)]
    others = [_helpers(threads - 1).submit(kernel, *block, *shared) for block in blocks[1:]]
    kernel(*blocks[0], *shared)
    for other in others:
        other.result()


@cache
def _helpers(threads: int) -> ThreadPoolExecutor:
    """Threads that wait for work: to start new ones takes as long as 20 pairs of wafers."""
    return ThreadPoolExecutor(threads)


os.register_at_fork(after_in_child=_helpers.cache_clear)  # threads do not survive a fork
