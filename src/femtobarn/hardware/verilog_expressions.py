"""The Verilog expression of one operation on wires.

All wires are plain bit vectors. Sums are exact modulo 2^width and every operand is extended by its own sign, so
nothing depends on Verilog's rules for signed expressions.
"""

from femtobarn.hardware.circuit import Node, trailing_zeros

Wire = tuple[str, Node]  #: name and operation of an operand


def expression(node: Node, width: int, operands: list[Wire]) -> str:
    """Right-hand side of the wire of this operation, exactly as wide as the wire."""
    match node.kind:
        case "input":
            first = node.data[0]
            return f"in[{first + width - 1}:{first}]"
        case "constant":
            return _constant(node.low, width)
        case "add":
            return _add(node, width, *operands)
        case "offset":
            return _offset(node, width, operands[0])
        case "floor":
            return _slice(operands[0], node.data[0], width)
        case "wrap":
            return _slice(operands[0], 0, width)
        case "shift":
            return _joined(_slice(operands[0], 0, width - node.data[0]), f"{node.data[0]}'d0")
        case "relu":
            name, source = operands[0]
            return f"{_slice(operands[0], 0, width)} & {{{width}{{~{name}[{source.width - 1}]}}}}"
        case "clip":
            return _clip(node, width, operands[0])
        case "larger":
            return _larger(width, *operands)
    raise AssertionError(node.kind)


def passed_bits(node: Node, width: int) -> int:
    """Lowest bits of a sum that are copied from one side."""
    if node.kind == "add":
        return max(0, min(node.data[0], width))
    if node.kind == "offset" and node.data[1] > 0:
        return min(max(node.data[2], trailing_zeros(node.data[0])), width)
    return 0


def _add(node: Node, width: int, a: Wire, b: Wire) -> str:
    shift, sign = node.data
    operator = "+" if sign > 0 else "-"
    if shift < 0:
        left = _joined(_slice(a, 0, width + shift), f"{-shift}'d0")
        return f"{left} {operator} {_slice(b, 0, width)}"
    passed = passed_bits(node, width)
    upper = width - passed
    if upper == 0:
        return _slice(a, 0, width)
    return _joined(f"{_slice(a, shift, upper)} {operator} {_slice(b, 0, upper)}", _slice(a, 0, passed))


def _offset(node: Node, width: int, a: Wire) -> str:
    value, sign, up = node.data
    if sign < 0:
        right = _joined(_slice(a, 0, width - up), f"{up}'d0")
        return f"{_constant(value, width)} - {right}"
    passed = passed_bits(node, width)
    upper = width - passed
    lower = _constant(value, passed) if up else _slice(a, 0, passed)
    if upper == 0:
        return lower
    return _joined(f"{_slice(a, passed - up, upper)} + {_constant(value >> passed, upper)}", lower)


def _clip(node: Node, width: int, a: Wire) -> str:
    whole = a[1].width + 1
    wide = f"$signed({_slice(a, 0, whole)})"
    ends = (f"$signed({_constant(end, whole)})" for end in (node.low, node.high))
    low, high = (_constant(end, width) for end in (node.low, node.high))
    below, above = (f"{wide} {sign} {end}" for sign, end in zip("<>", ends, strict=True))
    return f"{below} ? {low} : {above} ? {high} : {_slice(a, 0, width)}"


def _larger(width: int, a: Wire, b: Wire) -> str:
    whole = max(a[1].width, b[1].width) + 1
    wide = [f"$signed({_slice(x, 0, whole)})" for x in (a, b)]
    return f"{wide[0]} > {wide[1]} ? {_slice(a, 0, width)} : {_slice(b, 0, width)}"


def _slice(wire: Wire, first: int, count: int) -> str:
    """Bits of a wire from `first` on, as if its sign went on for ever."""
    name, node = wire
    width, sign = node.width, f"{name}[{node.width - 1}]"
    if count <= 0:
        return ""
    if width == 0:
        return f"{count}'d0"
    inside = max(0, min(width - first, count))
    fill = count - inside
    padding = "" if fill == 0 else f"{{{fill}{{{sign}}}}}" if node.low < 0 else f"{fill}'d0"
    if inside == width:
        return _joined(padding, name)
    return _joined(padding, f"{name}[{first + inside - 1}:{first}]" if inside else "")


def _joined(*parts: str) -> str:
    """Concatenation, without the parts of no bits."""
    filled = [part for part in parts if part and not part.startswith("0'd")]
    return filled[0] if len(filled) == 1 else f"{{{', '.join(filled)}}}"


def _constant(value: int, width: int) -> str:
    return f"{width}'d{value % (1 << width)}"
