"""The one writer: whole or not at all, told in one line, nothing left over."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from femtobarn.data.atomic import write_whole
from femtobarn.errors import InputError

WRITERS = {
    "run": "from femtobarn.runs import write_atomically; write_atomically(path, bytes(8192))",
    "text": "from femtobarn.data.cache import write_whole; write_whole(path, lambda p: p.write_bytes(bytes(8192)))",
    "folder": (
        "from femtobarn.data.cache import write_whole; "
        "write_whole(path, lambda p: [p.mkdir(), (p / 'a').write_bytes(bytes(8192))])"
    ),
    "checkpoint": (
        "import torch; from femtobarn.engine import save_tensors; save_tensors({'w': torch.zeros(4096)}, path)"
    ),
    "hdf5": (
        "import numpy as np; from femtobarn.data.hdf5 import write_hdf5; "
        "write_hdf5(path, {'x': np.random.default_rng(0).normal(size=4096)}, {})"
    ),
    "hdf5 in many pieces": (
        "import numpy as np; from femtobarn.data.cache import write_whole; "
        "from femtobarn.data.hdf5_output import new_hdf5; rows = np.random.default_rng(0).normal(size=9999); "
        "write_whole(path, lambda p: grow(p, new_hdf5, rows))"
    ),
}
_GROW = """
def grow(path, new_hdf5, rows):
    with new_hdf5(path, track_order=True) as file:
        for name in map(str, range(8)):
            column = file.create_dataset(name, (0,), "f8", maxshape=(None,), chunks=(512,), compression="gzip")
            for _ in range(6):
                column.resize(len(column) + len(rows), axis=0)
                column[-len(rows):] = rows
"""
_LIMITED = """
import resource, signal, sys
from pathlib import Path
from femtobarn.errors import InputError
path = Path(sys.argv[1])
{imports}
{grow}
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))  # to a process this is a full disk
try:
    {write}
except InputError as error:
    print(error)
"""


@pytest.mark.parametrize("writer", WRITERS)
def test_a_full_disk_is_one_line_and_leaves_the_old_file(tmp_path: Path, writer: str) -> None:
    *imports, write = WRITERS[writer].split("; ")
    script = _LIMITED.format(imports="; ".join(imports), grow=_GROW, write=write)
    path = tmp_path / "out"
    if writer != "folder":
        path.write_bytes(b"old")
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("cannot write "), done.stdout
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""
    assert [each.name for each in tmp_path.iterdir()] == ([] if writer == "folder" else ["out"])
    assert writer == "folder" or path.read_bytes() == b"old"


def test_a_place_that_cannot_be_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"cannot write .*inside: Not a directory; choose another place"):
        write_whole(tmp_path / "file" / "inside", lambda path: path.write_text("x"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_one_line(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(InputError, match="Permission denied; choose another place"):
            write_whole(tmp_path / "out", lambda path: path.write_text("x"))
    finally:
        tmp_path.chmod(0o700)


def test_an_input_that_is_missing_is_not_told_as_an_output(tmp_path: Path) -> None:
    def copy(path: Path) -> None:
        path.write_bytes((tmp_path / "in").read_bytes())

    with pytest.raises(InputError, match=r"/in: No such file or directory$"):
        write_whole(tmp_path / "out", copy)
    assert not list(tmp_path.iterdir())


def test_a_link_is_replaced_and_what_it_points_to_stays(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    foreign.write_text("kept")
    (tmp_path / "out").symlink_to(foreign)
    write_whole(tmp_path / "out", lambda path: path.write_text("new"))
    assert foreign.read_text() == "kept"
    assert (tmp_path / "out").read_text() == "new"
    assert not (tmp_path / "out").is_symlink()


def test_a_pipe_or_device_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "out")
    with pytest.raises(InputError, match="not a plain file"):
        write_whole(tmp_path / "out", lambda path: path.write_text("x"))
    assert (tmp_path / "out").is_fifo()
