"""Look-up tables counted by yosys, the open synthesis tool."""

import json
import re
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

from femtobarn.hardware.testbench import find_tool
from femtobarn.hardware.verilog import VerilogSources


class Synthesis(NamedTuple):
    """What a module needs on a Xilinx UltraScale+ device by yosys' own mapping, before place and route.

    Compare it with other counts of yosys only; a time in ns needs the vendor's tools.
    """

    luts: int
    flip_flops: int
    carries: int
    depth: int  #: cells on the longest path between registers or ports
    version: str


def synthesise(sources: VerilogSources, *, timeout: float = 600) -> Synthesis:
    """Cells that yosys maps the module to, without multipliers in hardware (DSP).

    Args:
        sources: The module.
        timeout: Seconds after which yosys is stopped; some 60 s for 10,000 look-up tables.

    Raises:
        MissingToolError: yosys is not installed.
        TimeoutError: yosys takes too long.
        RuntimeError: yosys refuses the module.
    """
    program = find_tool("yosys", package="yosys")
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "module.v").write_text(sources.text, encoding="utf-8")
        script = (
            "read_verilog module.v; "
            f"synth_xilinx -family xcup -flatten -nodsp -noiopad -noclkbuf -top {sources.module}; "
            "tee -q -o cells.json stat -json; tee -q -o path.txt ltp -noff"
        )
        command = [program, "-q", "-p", script]
        try:
            done = subprocess.run(
                command, cwd=name, capture_output=True, text=True, timeout=timeout, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise TimeoutError(f"yosys took longer than {timeout:.0f} s") from error
        if done.returncode != 0:
            raise RuntimeError(f"yosys failed: {(done.stderr or done.stdout).strip()[-500:]}")
        stored = json.loads((Path(name) / "cells.json").read_text(encoding="utf-8"))
        path = (Path(name) / "path.txt").read_text(encoding="utf-8")
    return _counted(stored["design"]["num_cells_by_type"], path, stored["creator"])


def _counted(cells: dict[str, int], path: str, version: str) -> Synthesis:
    length = re.search(r"length=(\d+)", path)
    return Synthesis(
        luts=_all(cells, r"LUT\d|INV"),  # an inverter before a carry chain sits in a look-up table
        flip_flops=_all(cells, r"FD[RSCP]E"),
        carries=_all(cells, r"CARRY\d"),
        depth=int(length[1]) if length else 0,
        version=version.split("(")[0].strip(),
    )


def _all(cells: dict[str, int], pattern: str) -> int:
    return sum(count for cell, count in cells.items() if re.fullmatch(pattern, cell))
