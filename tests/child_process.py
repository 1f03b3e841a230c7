"""Processes that tests stop: Ctrl-C works in them wherever the suite was started, and none outlives its test."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

# A shell starts its background jobs with SIGINT ignored, every child inherits that, and Python then installs no
# handler of its own. The process becomes the command after this, so its number stays the same.
_WITH_CTRL_C = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""


@contextmanager
def started(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """The command in a process group of its own; at the end its pipes are closed and the group is killed.

    Args:
        command: Path of the program, and its arguments.
        options: As `subprocess.Popen` takes them.
    """
    command = [sys.executable, "-c", _WITH_CTRL_C, *command]
    with subprocess.Popen(command, start_new_session=True, **options) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
