"""Verilog run on test vectors in Icarus Verilog or Verilator."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from femtobarn.errors import InputError
from femtobarn.hardware.verilog import Port, VerilogSources

#: Older ones may miscompile the arithmetic of adder graphs (verilator/verilator#7012).
OLDEST_VERILATOR = (5, 48)


class MissingToolError(OSError):
    """A program is not installed; the message names the Debian package that brings it."""


def find_tool(program: str, *, package: str) -> str:
    """Path of a program.

    Raises:
        MissingToolError: It is not installed.
    """
    path = shutil.which(program)
    if path is None:
        raise MissingToolError(f"{program} is not installed: apt install {package} (Debian, Ubuntu)")
    return path


def simulate(
    sources: VerilogSources, inputs: Int64[np.ndarray, "event input"], *, simulator: str = "icarus"
) -> Int64[np.ndarray, "event output"]:
    """Output integers of the module for input integers, one event in each clock cycle.

    Args:
        sources: The module.
        inputs: Integers that fit the input ports, flattened.
        simulator: "icarus", or "verilator" of version 5.048 or later.

    Raises:
        MissingToolError: The simulator is not installed.
        InputError: Integers that do not fit the ports, an unknown or too old simulator.
        RuntimeError: The simulator refuses the module, or an output bit is unknown.
    """
    words = to_words(inputs, sources.inputs)
    if not words:
        return np.zeros((0, len(sources.outputs)), dtype=np.int64)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / f"{sources.module}.v").write_text(sources.text, encoding="utf-8")
        (folder / "testbench.v").write_text(test_bench(sources, events=len(words)), encoding="utf-8")
        (folder / "inputs.hex").write_text("\n".join(words) + "\n", encoding="utf-8")
        for command in _commands(simulator, sources.module):
            _run(command, folder)
        answers = (folder / "outputs.hex").read_text(encoding="utf-8").split()
    return from_words(answers, sources.outputs)


def test_bench(sources: VerilogSources, *, events: int) -> str:
    """Verilog that reads `inputs.hex`, gives the module a word in each cycle and writes `outputs.hex`.

    The words are to be those of `expected.hex`, digit by digit.
    """
    clock = ".clock(clock), " if sources.latency else ""
    return f"""// iverilog -g2005 -o simulation {sources.module}.v testbench.v
// vvp simulation && cmp outputs.hex expected.hex
`timescale 1ns/1ps
module testbench;
  reg [{max(sources.input_width, 1) - 1}:0] words [0:{events - 1}];
  reg [{max(sources.input_width, 1) - 1}:0] in;
  wire [{max(sources.output_width, 1) - 1}:0] out;
  reg clock;
  integer i, file;
  {sources.module} device ({clock}.in(in), .out(out));
  initial begin
    $readmemh("inputs.hex", words);
    file = $fopen("outputs.hex", "w");
    clock = 0;
    for (i = 0; i < {events + sources.latency}; i = i + 1) begin
      in = words[i < {events} ? i : {events - 1}];
      #1 if (i >= {sources.latency}) $fdisplay(file, "%h", out);
      #1 clock = 1;
      #1 clock = 0;
    end
    $fclose(file);
    $finish;
  end
endmodule
"""


def to_words(numbers: Int64[np.ndarray, "event element"], ports: Sequence[Port]) -> list[str]:
    """One hexadecimal word for each event, as the ports lie in it.

    Raises:
        InputError: A number that does not fit its port.
    """
    if numbers.shape[1] != len(ports):
        raise InputError(f"expected {len(ports)} numbers an event, got {numbers.shape[1]}")
    bits = []
    for column, port in zip(numbers.T, ports, strict=True):
        zeros = np.int64(1) << port.exponent
        low = -(1 << port.width >> 1) if port.signed else 0
        integers = column // zeros
        if np.any(column % zeros) or np.any((integers < low) | (integers >= low + (1 << port.width))):
            raise InputError(f"expected numbers for {port}, got {column.min()} to {column.max()}")
        bits.append(integers[:, None] >> np.arange(port.width) & 1)
    return _hexadecimal(np.concatenate([np.zeros((len(numbers), 0), np.int64), *bits], axis=1))


def from_words(words: Sequence[str], ports: Sequence[Port]) -> Int64[np.ndarray, "event element"]:
    """Integers of each event's word.

    Raises:
        RuntimeError: A bit of a word is unknown.
    """
    if unknown := next((word for word in words if not re.fullmatch("[0-9a-fA-F]+", word)), None):
        raise RuntimeError(f"the simulation gave unknown bits: {unknown}")
    numbers = np.zeros((len(words), len(ports)), dtype=np.int64)
    bits = _binary(words, sum(port.width for port in ports))
    first = 0
    for column, port in zip(numbers.T, ports, strict=True):
        part = bits[:, first : first + port.width].astype(np.int64)
        column[:] = (part << np.arange(port.width)).sum(axis=1) << port.exponent
        if port.signed:
            column -= part[:, -1] << (port.width + port.exponent)
        first += port.width
    return numbers


def _hexadecimal(bits: np.ndarray) -> list[str]:
    """Words of bits, lowest first, with the digits that $fdisplay writes."""
    digits = max(1, -(-bits.shape[1] // 4))
    padded = np.zeros((len(bits), 8 * (digits + 1)), dtype=np.uint8)
    padded[:, padded.shape[1] - bits.shape[1] :] = bits[:, ::-1]
    return [row.tobytes().hex()[-digits:] for row in np.packbits(padded, axis=1)]


def _binary(words: Sequence[str], width: int) -> np.ndarray:
    """Bits, lowest first, of hexadecimal words."""
    size = -(-max(width, 1) // 8)
    octets = b"".join(int(word, 16).to_bytes(size, "little") for word in words)
    return np.unpackbits(np.frombuffer(octets, np.uint8).reshape(-1, size), axis=1, bitorder="little")[
        :, :width
    ]


def _commands(simulator: str, module: str) -> list[list[str]]:
    files = [f"{module}.v", "testbench.v"]
    if simulator == "icarus":
        compiler = find_tool("iverilog", package="iverilog")
        return [
            [compiler, "-g2005", "-Wall", "-o", "simulation", *files],
            [find_tool("vvp", package="iverilog"), "simulation"],
        ]
    if simulator == "verilator":
        program = find_tool("verilator", package="verilator")
        if (version := verilator_version(program)) < OLDEST_VERILATOR:
            raise InputError(
                f"expected Verilator 5.048 or later, got {version[0]}.{version[1]:03d}: use Icarus"
            )
        build = ["--binary", "--timing", "-Wno-fatal", "-O0", "--top-module", "testbench", "-o", "simulation"]
        return [[program, *build, *files], ["obj_dir/simulation"]]
    raise InputError(f'expected simulator "icarus" or "verilator", got "{simulator}"')


@cache
def verilator_version(program: str) -> tuple[int, int]:
    """Major and minor version."""
    text = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    major, minor = re.search(r"Verilator (\d+)\.(\d+)", text).groups()  # type: ignore[union-attr]
    return int(major), int(minor)


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{Path(command[0]).name} failed: {(done.stderr or done.stdout).strip()[:500]}")
