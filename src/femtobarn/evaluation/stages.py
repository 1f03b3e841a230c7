"""Time and memory of each stage of a chain."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class Cost(NamedTuple):
    """What a stage took."""

    seconds: float  # of the processor, in this process
    megabytes: float  # at its peak beyond what was in use before; NaN where the system does not tell


@contextlib.contextmanager
def costs(found: dict[str, Cost], stage: str) -> Iterator[None]:
    """Fill in `found[stage]` when the block ends; several blocks of one name add their times, the largest peak counts.

    Memory is the peak of the resident pages of the process, which Linux can reset: pages that other threads take
    meanwhile count as well.
    """
    before, start = _peak(reset=True), time.process_time()
    yield
    seconds, megabytes = time.process_time() - start, _peak() - before
    old = found.get(stage, Cost(0.0, 0.0))
    found[stage] = Cost(old.seconds + seconds, max(old.megabytes, megabytes))


def _peak(*, reset: bool = False) -> float:
    """Largest resident size since the last reset, megabytes."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        if reset:
            _RESET.write_text("5")  # Linux: proc(5), clear_refs
        line = next(row for row in _STATUS.read_text().splitlines() if row.startswith("VmHWM:"))
        return float(line.split()[1]) / 1e3
    return float("nan")
