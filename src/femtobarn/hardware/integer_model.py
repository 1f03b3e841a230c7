"""A network as exact integers: the contract between the trained model and the hardware."""

import dataclasses
import json
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int64, Integer

from femtobarn.data.atomic import write_whole
from femtobarn.errors import InputError
from femtobarn.hardware import integer_nodes
from femtobarn.hardware.fixed_point import FixedPoint
from femtobarn.hardware.integer_nodes import Input, Node, Quantise, Value

FORMAT = 1  #: of the file
EVENTS = 2048  #: computed at a time, so that the windows of a convolution fit into memory


class IntegerModel:
    """Int64 arithmetic that equals a quantised network bit for bit.

    A list of nodes in the order of computation (`femtobarn.hardware.integer_nodes`): the first is the `Input`,
    the last gives the output, and each names its sources by their place in the list. `values[j]` holds, for
    every element of node j, its fractional bits and the exact range of its integers, which is all that a
    hardware description needs to size its wires.

    Args:
        nodes: The first an `Input`; the sources of every other one stand before it.

    Raises:
        InputError: Nodes that do not fit together, or a value that may need more than 63 bits.

    Example:
        >>> from femtobarn.hardware.fixed_point import FixedPoint
        >>> from femtobarn.hardware.integer_nodes import Input, Linear, Relu
        >>> two = np.array([2, 2])
        >>> quarters = FixedPoint(np.array([True, True]), two, two)
        >>> row = Linear("sum", (0,), np.array([[1, -3]]), np.array([5]), np.array([2]))
        >>> model = IntegerModel([Input("x", quarters), row, Relu("relu", (1,))])
        >>> model(np.array([[1.25, -0.5]]))
        array([[4.]])
    """

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.nodes = tuple(nodes)
        if not self.nodes or not isinstance(self.nodes[0], Input):
            raise InputError("an integer model starts with its Input node")
        self.values: list[Value] = []
        for place, node in enumerate(self.nodes):
            if any(not 0 <= source < place for source in node.sources) or (place > 0) != bool(node.sources):
                raise InputError(f"{node.name}: sources must be earlier nodes: got {node.sources}")
            try:
                self.values.append(node.value(*(self.values[source] for source in node.sources)))
            except (IndexError, TypeError, ValueError) as error:
                raise (
                    error if isinstance(error, InputError) else InputError(f"{node.name}: {error}")
                ) from error

    @property
    def input(self) -> FixedPoint:
        """Format of the input integers."""
        first = self.nodes[0]
        assert isinstance(first, Input)
        return first.format

    @property
    def output(self) -> Value:
        """Fractional bits and range of the output integers."""
        return self.values[-1]

    def __call__(self, x: Float[np.ndarray, "event *shape"]) -> Float[np.ndarray, "event *output"]:
        """Numbers of the network for numbers `x`, in float64; exact for outputs of up to 53 bits.

        Raises:
            InputError: A wrong shape, or a NaN or infinity.
        """
        return np.ldexp(self.run_integers(self.encode(x)).astype(np.float64), -self.output.fraction)

    def encode(self, x: Float[np.ndarray, "event *shape"]) -> Int64[np.ndarray, "event *shape"]:
        """Input integers of the numbers `x`: what a test bench feeds."""
        return self.input.fitted(self.input.rounded(self._checked(x)))

    def run_integers(self, n: Integer[np.ndarray, "event *shape"]) -> Int64[np.ndarray, "event *output"]:
        """Output integers for input integers.

        Raises:
            InputError: A wrong shape, no integers, or one outside the input format.
        """
        if n.dtype.kind not in "iu":
            raise InputError(f"expected integers, made with encode(): got {n.dtype}")
        if n.shape[1:] != self.input.shape:
            raise InputError(f"expected events of shape {self.input.shape}: got {n.shape[1:]}")
        if np.any((n < self.input.low) | (n > self.input.high)):
            raise InputError("input integers outside the input format: make them with encode()")
        # In 64 bits, whatever they came in: sums of narrow integers would wrap.
        outputs = [self.trace(part)[-1] for part in _parts(n.astype(np.int64, copy=False))]
        return np.concatenate(outputs) if outputs else np.zeros((0, *self.output.shape), np.int64)

    def trace(self, n: Int64[np.ndarray, "event *shape"]) -> list[np.ndarray]:
        """Integers of every node, in the order of the nodes, for input integers within the input format."""
        seen = [n]
        for node in self.nodes[1:]:
            assert not isinstance(node, Input)
            seen.append(node.run(*(seen[source] for source in node.sources)))
        return seen

    def overflows(self, x: Float[np.ndarray, "event *shape"]) -> dict[str, int]:
        """How many numbers wrapped or were cut off, at the input and at each quantiser, by its name.

        With WRAP every one is an error without warning; with SAT it is a cut. Zero bits are not counted.
        """
        counts = {node.name: 0 for node in self.nodes if isinstance(node, Input | Quantise)}
        for part in _parts(self._checked(x)):
            rounded = self.input.rounded(part)
            counts[self.nodes[0].name] += int(self.input.misfits(rounded).sum())
            seen = self.trace(self.input.fitted(rounded))
            for node in self.nodes:
                if isinstance(node, Quantise):
                    counts[node.name] += int(node.misfits(seen[node.sources[0]]).sum())
        return counts

    def save(self, path: str | Path) -> None:
        """Write the model as `.npz`: one array of each field of each node, and one line of JSON that names them."""
        arrays: dict[str, np.ndarray] = {}
        records = [_record(node, f"{place}", arrays) for place, node in enumerate(self.nodes)]
        text = json.dumps({"format": FORMAT, "nodes": records})

        def write(unfinished: Path) -> None:
            with unfinished.open("wb") as file:
                np.savez_compressed(file, model=np.array(text), **arrays)  # type: ignore[arg-type]

        write_whole(Path(path), write)

    @classmethod
    def load(cls, path: str | Path) -> "IntegerModel":
        """The model that `save` wrote; nothing in the file is executed.

        Raises:
            InputError: No such file, or not one of ours.
        """
        try:
            with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as members:
                arrays = {name: members[name] for name in members.files}
            content = json.loads(str(arrays.pop("model")))
            if content["format"] != FORMAT:
                raise InputError(f"{path} has format {content['format']}, this version reads {FORMAT}")
            return cls([_node(record, f"{place}", arrays) for place, record in enumerate(content["nodes"])])
        except InputError:
            raise
        except (OSError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
            raise InputError(f"cannot read an integer model from {path}: {error}") from error

    def _checked(self, x: np.ndarray) -> np.ndarray:
        if x.shape[1:] != self.input.shape:
            raise InputError(f"expected events of shape {self.input.shape}: got {x.shape[1:]}")
        if not np.isfinite(x).all():
            raise InputError("the input holds NaN or infinity: remove those events")
        return x.astype(np.float64)


def _parts(events: np.ndarray) -> Iterator[np.ndarray]:
    return (events[start : start + EVENTS] for start in range(0, len(events), EVENTS))


def _record(item: Any, prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Plain fields of a node; its arrays go to `arrays` under `prefix.field`."""
    record: dict[str, Any] = {"class": type(item).__name__}
    for field in dataclasses.fields(item):
        content = getattr(item, field.name)
        if isinstance(content, np.ndarray):
            arrays[f"{prefix}.{field.name}"] = content
        elif isinstance(content, FixedPoint):
            record[field.name] = _record(content, f"{prefix}.{field.name}", arrays)
        else:
            record[field.name] = content
    return record


def _node(record: dict[str, Any], prefix: str, arrays: dict[str, np.ndarray]) -> Any:
    kinds = {kind.__name__: kind for kind in (*integer_nodes.Node.__args__, FixedPoint)}
    kind = kinds[record["class"]]
    fields: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        content = record.get(field.name)
        if isinstance(content, dict):
            fields[field.name] = _node(content, f"{prefix}.{field.name}", arrays)
        else:
            fields[field.name] = arrays[f"{prefix}.{field.name}"] if content is None else _tuples(content)
    return kind(**fields)


def _tuples(content: Any) -> Any:
    return tuple(_tuples(each) for each in content) if isinstance(content, list) else content
