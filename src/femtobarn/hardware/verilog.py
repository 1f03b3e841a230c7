"""Verilog of an integer model: a wire of exact width for every operation, registers between stages if asked."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from femtobarn.errors import InputError
from femtobarn.hardware.circuit import Circuit, Node, Signal
from femtobarn.hardware.integer_model import IntegerModel
from femtobarn.hardware.unrolled import circuit_of
from femtobarn.hardware.verilog_expressions import expression, passed_bits


@dataclass(frozen=True)
class Port:
    """One number in the input or output word: so many bits, two's complement if signed, times 2^exponent."""

    width: int
    signed: bool
    exponent: int


@dataclass(frozen=True)
class VerilogSources:
    """A module and how to talk to it; the words hold their elements one after the other from the lowest bit up."""

    module: str
    text: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    latency: int  #: clock cycles from a word to its answer, a new word in every cycle; 0 without registers
    levels: int  #: adders on the longest path
    adders: int
    luts: int  #: estimate: one for each bit of an adder, a comparison or a choice
    register_bits: int

    def __post_init__(self) -> None:
        # The name becomes a file name and a word in a script of yosys.
        if not re.fullmatch(r"[A-Za-z_]\w*", self.module, re.ASCII):
            raise InputError(f'expected letters, digits and _ as the name of a module: got "{self.module}"')

    @property
    def input_width(self) -> int:
        """Bits of the input word."""
        return sum(port.width for port in self.inputs)

    @property
    def output_width(self) -> int:
        """Bits of the output word."""
        return sum(port.width for port in self.outputs)


def verilog(
    model: IntegerModel, *, pipeline: int = 0, optimise: bool = True, module: str = "femtobarn"
) -> VerilogSources:
    """One Verilog module that takes the integers of the model's input and gives those of its output.

    Every multiplication is unrolled into additions, so a new event can enter in every clock cycle.

    Args:
        model: What to write.
        pipeline: Most adders between two registers; 0 for no registers at all. With registers the outputs are
            registered, the inputs are not.
        optimise: Share sums between outputs with alkaid; otherwise every weight is written by itself, which
            needs no package.
        module: Name of the module.

    Raises:
        MissingExtraError: `optimise` without alkaid.
        InputError: A sum of more than 63 bits, a negative `pipeline` or no name for a module.
    """
    return verilog_of(circuit_of(model, optimise=optimise), pipeline=pipeline, module=module)


def verilog_of(circuit: Circuit, *, pipeline: int = 0, module: str = "femtobarn") -> VerilogSources:
    """The Verilog of any circuit; the arguments are those of `verilog`."""
    if not re.fullmatch(r"[A-Za-z_]\w*", module, re.ASCII):
        raise InputError(f'expected letters, digits and _ as the name of a module: got "{module}"')
    if pipeline < 0:
        raise InputError(
            f"expected pipeline as the number of adders between registers, 0 or more: got {pipeline}"
        )
    stages = _Stages(circuit, pipeline)
    widths = {index: width for index, width in circuit.needed_bits().items() if width}
    wires = {index: _wire(circuit, index, width, stages) for index, width in widths.items()}
    outputs = [stages.name(signal.node, stages.latency) for signal in circuit.outputs]
    lines = [
        line for index, wire in wires.items() for line in (wire, *stages.registers(index, widths[index]))
    ]
    ports = _ports(circuit, circuit.inputs), _ports(circuit, circuit.outputs)
    text = _module(module, ports, outputs, lines, clocked=pipeline > 0)
    return VerilogSources(
        module,
        text,
        *ports,
        latency=stages.latency,
        levels=circuit.levels,
        adders=sum(circuit.nodes[i].kind in ("add", "offset") for i in widths),
        luts=sum(estimated_luts(circuit, circuit.nodes[i], width) for i, width in widths.items()),
        register_bits=sum(width * stages.delays(i) for i, width in widths.items()),
    )


def estimated_luts(circuit: Circuit, node: Node, width: int) -> int:
    """Bits of a node that need a look-up table; wires, constants and the gate of a ReLU come free.

    The highest bit of a sum comes from the carry. For trained dense networks of 12,000 to 21,000 EBOPs the total
    was within 5 % of yosys' count.
    """
    if node.kind == "add":
        a = circuit.nodes[node.operands[0]]
        shift, sign = node.data
        overlap = a.width > shift or a.low < 0 or sign < 0
        return max(0, width - passed_bits(node, width) - 1) if overlap else 0
    if node.kind == "offset":
        return max(0, width - passed_bits(node, width) - 1)
    return width if node.kind in ("clip", "larger") else 0


class _Stages:
    """Which stage of the pipeline each wire is made in, and how often it is handed on."""

    def __init__(self, circuit: Circuit, pipeline: int) -> None:
        self.circuit, self.pipeline = circuit, pipeline
        self.latency = -(-max(circuit.levels, 1) // pipeline) if pipeline else 0
        self._needed: dict[int, int] = {}

    def made(self, index: int) -> int:
        level = self.circuit.nodes[index].level
        return (max(level, 1) - 1) // self.pipeline if self.pipeline else 0

    def name(self, index: int, stage: int) -> str:
        """Name of the wire as it is in a stage; registers up to there are written later."""
        delay = 0 if self.circuit.nodes[index].kind == "constant" else stage - self.made(index)
        self._needed[index] = max(self._needed.get(index, 0), delay)
        return f"n{index}" + (f"_{delay}" if delay else "")

    def delays(self, index: int) -> int:
        return self._needed.get(index, 0)

    def registers(self, index: int, width: int) -> list[str]:
        names = [f"n{index}"] + [f"n{index}_{k}" for k in range(1, self.delays(index) + 1)]
        return [
            f"  reg {_span(width)} {after}; always @(posedge clock) {after} <= {before};"
            for before, after in pairwise(names)
        ]


def _wire(circuit: Circuit, index: int, width: int, stages: _Stages) -> str:
    node = circuit.nodes[index]
    operands = [(stages.name(i, stages.made(index)), circuit.nodes[i]) for i in node.operands]
    return f"  wire {_span(width)} n{index} = {expression(node, width, operands)};"


def _span(width: int) -> str:
    return f"[{width - 1}:0]"


def _ports(circuit: Circuit, signals: Iterable[Signal]) -> tuple[Port, ...]:
    nodes = ((circuit.nodes[signal.node], signal.exponent) for signal in signals)
    return tuple(Port(node.width, node.low < 0, exponent) for node, exponent in nodes)


def _module(
    name: str,
    ports: tuple[tuple[Port, ...], tuple[Port, ...]],
    outputs: list[str],
    lines: list[str],
    *,
    clocked: bool,
) -> str:
    """A word without bits is given one, as Verilog knows no empty ports."""
    wide = [max(1, sum(port.width for port in side)) for side in ports]
    parts = [output for output, port in zip(outputs, ports[1], strict=True) if port.width]
    head = ["  input wire clock,"] if clocked else []
    head += [f"  input wire {_span(wide[0])} in,", f"  output wire {_span(wide[1])} out"]
    word = f"{{{', '.join(reversed(parts))}}}" if parts else "1'd0"
    return "\n".join(
        [
            "`default_nettype none",
            f"module {name} (",
            *head,
            ");",
            *lines,
            f"  assign out = {word};",
            "endmodule",
            "`default_nettype wire",
            "",
        ]
    )
