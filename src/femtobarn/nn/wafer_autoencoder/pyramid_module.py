"""The encoder of the pyramid code as a Verilog module: the integer shares of a wafer in, the payload of its frame out.

What it computes is `PyramidCode.counts_of` and `PyramidCode.words`, one wire after the other. The tables of binomials
do not depend on the layout, so that there is one of them for each place, whichever layout is chosen.
"""

from collections.abc import Iterable, Iterator
from math import comb

from femtobarn.hardware.verilog import Port, VerilogSources
from femtobarn.nn.wafer_autoencoder.pyramid_code import STEP, Layout, PyramidCode, crowding
from femtobarn.physics.wafer import CELLS, PATH

SHARE = STEP + 1  #: bits of a share, of their sum, and of the part of the sum up to a place
_WORD = 32  # bits of an output number: frames are longer than what can be compared as one


# Bit by bit, as no part is above one: a general quotient would have twice the look-up tables.
_QUOTIENT = f"""function [{STEP}:0] part(input [{STEP}:0] upto, input [{STEP}:0] total);
    integer i;
    reg [{STEP + 1}:0] rest;
    begin
      rest = upto;
      for (i = {STEP}; i >= 0; i = i - 1) begin
        part[i] = rest >= total;
        rest = (part[i] ? rest - total : rest) << 1;
      end
    end
  endfunction""".splitlines()


def pyramid_module(code: PyramidCode, *, module: str = "pyramid") -> VerilogSources:
    """The Verilog of an encoder, without registers.

    Args:
        code: With at least two layouts.
        module: Name of the module.
    """
    head, layouts = (len(code.layouts) - 1).bit_length(), code.layouts
    width = head + max(layout.words.bit_length() - 1 for layout in layouts)
    lines = [
        *_shares(),
        *_ranks(),
        *_running_sums(),
        *_choice(layouts, head),
        *_places(layouts),
        *_bars(layouts),
        *_frame(layouts, head, width),
    ]
    text = "\n".join(
        [
            "`default_nettype none",
            f"module {module} (",
            f"  input wire [{CELLS * SHARE - 1}:0] in,",
            f"  output wire [{width - 1}:0] out",
            ");",
            *(f"  {line}" for line in lines),
            "endmodule",
            "`default_nettype wire",
            "",
        ]
    )
    outputs = tuple(Port(min(_WORD, width - first), False, 0) for first in range(0, width, _WORD))
    inputs = (Port(SHARE, False, 0),) * CELLS
    return VerilogSources(
        module, text, inputs, outputs, latency=0, levels=0, adders=0, luts=0, register_bits=0
    )


def numbers_of(words: Iterable[int], outputs: tuple[Port, ...]) -> list[list[int]]:
    """Output numbers of the module for the payloads of frames."""
    return [
        [word >> _WORD * place & (1 << port.width) - 1 for place, port in enumerate(outputs)]
        for word in words
    ]


def _shares() -> Iterator[str]:
    """Shares of the cells; the first of a wafer without any gets all."""
    yield f"wire [{SHARE - 1}:0] x0 = |in ? in[{SHARE - 1}:0] : {SHARE}'d{1 << STEP};"
    for cell in range(1, CELLS):
        yield f"wire [{SHARE - 1}:0] x{cell} = in[{SHARE * cell} +: {SHARE}];"


def _ranks() -> Iterator[str]:
    """How many cells are larger; of equal ones the first counts as larger."""
    for one in range(CELLS):
        for other in range(one + 1, CELLS):
            yield f"wire g{one}_{other} = x{other} > x{one};"
    for cell in range(CELLS):
        before = [f"!g{other}_{cell}" for other in range(cell)]
        after = [f"g{cell}_{other}" for other in range(cell + 1, CELLS)]
        yield f"wire [5:0] rank{cell} = {_count(before + after)};"


def _running_sums() -> Iterator[str]:
    """Sums along the path, and their part of the whole in steps of 2^-12."""
    yield f"wire [{SHARE - 1}:0] c0 = x{PATH[0]};"
    for place in range(1, CELLS):
        yield f"wire [{SHARE - 1}:0] c{place} = c{place - 1} + x{PATH[place]};"
    yield from _QUOTIENT
    for place in range(CELLS - 1):
        yield f"wire [{SHARE - 1}:0] u{place} = part(c{place}, c{CELLS - 1});"
    yield f"wire [{SHARE - 1}:0] u{CELLS - 1} = {SHARE}'d{1 << STEP};"


def _choice(layouts: list[Layout], head: int) -> Iterator[str]:
    """The layout with the lowest price, of equal ones the first."""
    yield f"wire [5:0] filled = {_count([f'(|x{cell})' for cell in range(CELLS)])};"
    wide = 2 * SHARE + 20
    for number, (cells, _) in enumerate(layouts):
        left = " + ".join(f"(rank{cell} < {cells} ? {SHARE}'d0 : x{cell})" for cell in range(CELLS))
        yield f"wire [{SHARE - 1}:0] left{number} = {left if cells < CELLS else 0};"
        yield f"wire [5:0] shared{number} = filled < {cells} ? filled : 6'd{cells};"
        price = (
            f"({wide}'d0 + left{number} << 16) + c{CELLS - 1} * shared{number} * {crowding(layouts[number])}"
        )
        yield f"wire [{wide - 1}:0] price{number} = {price};"
    # The last of those that are lower than all before them.
    choice = " : ".join(
        f"({' && '.join(f'price{number} < price{other}' for other in range(number))}) ? {head}'d{number}"
        for number in range(len(layouts) - 1, 0, -1)
    )
    yield f"wire [{head - 1}:0] layout = {choice} : {head}'d0;"


def _places(layouts: list[Layout]) -> Iterator[str]:
    """Places on the path of the cells that are sent, one after the other."""
    most = _by_layout([layout.cells for layout in layouts], 6)
    yield f"wire [5:0] most = {most};"
    for place, cell in enumerate(PATH):
        yield f"wire s{place} = rank{cell} < most;"
        before = f"before{place - 1} + s{place - 1}" if place else "0"
        yield f"wire [5:0] before{place} = {before};"
    for number in range(CELLS):
        found = " | ".join(
            f"({{6{{s{place} && before{place} == {number}}}}} & 6'd{place})" for place in range(number, CELLS)
        )
        yield f"wire [5:0] place{number} = {found};"


def _bars(layouts: list[Layout]) -> Iterator[str]:
    """Quanta given up to the middle between one cell that is sent and the next, of all layouts with so many cells."""
    sums = ", ".join(f"u{place}" for place in reversed(range(CELLS)))
    yield f"wire [{CELLS * SHARE - 1}:0] upto = {{{sums}}};"
    for number in range(CELLS - 1):
        yield f"wire [5:0] middle{number} = (7'd0 + place{number} + place{number + 1}) >> 1;"
        yield f"wire [{SHARE - 1}:0] part{number} = upto[{SHARE} * middle{number} +: {SHARE}];"
        quanta = [layout.quanta if layout.cells > number + 1 else 0 for layout in layouts]
        wide = SHARE + 12
        given = f"({wide}'d0 + part{number} * ({_by_layout(quanta, 12)}) + {1 << STEP >> 1}) >> {STEP}"
        yield f"wire [11:0] bar{number} = {given};"


def _frame(layouts: list[Layout], head: int, width: int) -> Iterator[str]:
    """The numbers of the cells and of the bars, sums of binomials, and where they lie in the frame."""
    cells, bars = [], []
    for number in range(CELLS):
        mine = [layout for layout in layouts if number < layout.cells < CELLS]
        if mine:
            yield from _table(f"cell_table{number}", number + 1, 0, CELLS, 6)
            used = _any_of(layouts, mine)
            cells.append(f"({used} ? cell_table{number}(place{number}) : 0)")
        mine = [layout for layout in layouts if number + 1 < layout.cells]
        if mine:
            largest = max(layout.quanta for layout in mine)
            yield from _table(f"bar_table{number}", number + 1, number, largest + 1, 12)
            used = _any_of(layouts, mine)
            bars.append(f"({used} ? bar_table{number}(bar{number}) : 0)")
    yield f"wire [{width - 1}:0] of_cells = {' + '.join(cells) or 0};"
    yield f"wire [{width - 1}:0] of_bars = {' + '.join(bars) or 0};"
    shifted = " : ".join(
        f"layout == {number} ? of_cells << {layout.field}" for number, layout in enumerate(layouts[:-1])
    )
    yield f"wire [{width - 1}:0] fields = of_bars | ({shifted} : of_cells << {layouts[-1].field});"
    yield f"assign out = fields << {head} | layout;"


def _table(name: str, many: int, offset: int, count: int, width: int) -> Iterator[str]:
    """A function with the binomials of number + offset over so many, for all numbers below the count."""
    entries = [comb(number + offset, many) for number in range(count)]
    bits = max(1, entries[-1].bit_length())
    yield f"function [{bits - 1}:0] {name}(input [{width - 1}:0] number);"
    yield "  case (number)"
    for number, entry in enumerate(entries):
        yield f"    {width}'d{number}: {name} = {bits}'d{entry};"
    yield f"    default: {name} = {bits}'dx;"
    yield "  endcase"
    yield "endfunction"


def _any_of(layouts: list[Layout], mine: list[Layout]) -> str:
    if len(mine) == len(layouts):
        return "1'b1"
    return (
        "(" + " || ".join(f"layout == {number}" for number, each in enumerate(layouts) if each in mine) + ")"
    )


def _by_layout(values: list[int], width: int) -> str:
    choices = "".join(f"layout == {number} ? {width}'d{value} : " for number, value in enumerate(values[:-1]))
    return f"{choices}{width}'d{values[-1]}"


def _count(bits: list[str]) -> str:
    return " + ".join(f"{{5'd0, {bit}}}" for bit in bits)
