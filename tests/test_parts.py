import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from child_process import started
from femtobarn.errors import InputError
from femtobarn.parts import Report, fresh_processes, processors, run_parts


def square(x: int, report: Report) -> tuple[int, int]:
    report(1, 2, "half way")
    if x < 0:
        raise InputError(f"x must not be negative: got {x}")
    return x * x, os.getpid()


def hoard(part: int, report: Report) -> int:
    held.append(bytearray(200_000_000))
    time.sleep(0.6)
    report(1, 1, "")
    return part


held: list[bytearray] = []


def forever(folder: Path, report: Report) -> None:
    (folder / f"pid-{os.getpid()}").touch()
    report(0, 1, "")
    time.sleep(600)


def test_a_process_whose_memory_grows_is_replaced_in_silence() -> None:
    assert run_parts(hoard, range(10), title="parts", workers=2, progress=False) == list(range(10))


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_the_parts(workers: int) -> None:
    results = run_parts(square, range(5), title="squares", workers=workers, progress=False)
    assert [value for value, _ in results] == [0, 1, 4, 9, 16]
    assert (os.getpid() in {pid for _, pid in results}) == (workers == 1)


@pytest.mark.parametrize("workers", [1, 2])
def test_the_error_of_a_part_is_raised_here(workers: int) -> None:
    with pytest.raises(InputError, match="got -1"):
        run_parts(square, [1, -1, 2, 3], title="squares", workers=workers, progress=False)


_INTERRUPTED = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_parts import forever
from femtobarn.parts import run_parts
run_parts(forever, [Path({folder!r})] * 3, title="x", workers=2, progress=False)
"""


def test_ctrl_c_ends_every_process(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(_INTERRUPTED.format(tests=str(Path(__file__).parent), folder=str(tmp_path)))
    with started([sys.executable, str(script)], stderr=subprocess.PIPE) as process:
        while len(pids := [int(p.name[4:]) for p in tmp_path.glob("pid-*")]) < 2:
            assert process.poll() is None
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: every process of the group
        _, error = process.communicate(timeout=120)
    assert b"KeyboardInterrupt" in error
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_killed_parent_leaves_no_process(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(_INTERRUPTED.format(tests=str(Path(__file__).parent), folder=str(tmp_path)))
    with started([sys.executable, str(script)], stderr=subprocess.DEVNULL) as process:
        while len(pids := [int(p.name[4:]) for p in tmp_path.glob("pid-*")]) < 2:
            assert process.poll() is None
            time.sleep(0.05)
        process.kill()
        process.wait()
        end = time.monotonic() + 60
        while (left := [pid for pid in pids if _runs(pid)]) and time.monotonic() < end:
            time.sleep(0.1)
        assert not left


def _runs(pid: int) -> bool:
    """Whether a process is there and more than an entry that nobody has asked for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_no_more_processes_than_processors() -> None:
    with fresh_processes(4000) as pool:
        assert pool._max_workers == max(2, processors())
