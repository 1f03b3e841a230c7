"""A dense network as an hls4ml project, for those who have the vendor's tools.

hls4ml (arXiv:2103.05579) is given its own list of layers, with a quantiser layer that keeps the bits of each
element apart, so that its bit-exact flow applies to a network that was trained in torch.
"""

import contextlib
import io
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from femtobarn.errors import InputError, require
from femtobarn.hardware.fixed_point import FixedPoint
from femtobarn.hardware.integer_model import IntegerModel
from femtobarn.hardware.integer_nodes import Input, Linear, Quantise, Relu, Shift, Value


class Hls4mlCheck(NamedTuple):
    """How hls4ml's emulation in C++ compares with the integer model; None stands for not run."""

    vectors: int
    mismatches: int | None
    note: str


def export_hls4ml(
    model: IntegerModel,
    folder: Path,
    *,
    vectors: Float[np.ndarray, "vector *shape"],
    part: str = "xcvu13p-flga2577-2-e",
    clock: float = 5.0,
    emulate: bool = True,
) -> Hls4mlCheck:
    """Write an hls4ml project for Vitis HLS with the strategy of full unrolling, and emulate it with g++.

    Args:
        model: A chain of linear layers, ReLUs and quantisers of one axis.
        folder: Of the project; is made if need be.
        vectors: Input numbers to emulate.
        part: Name of the device.
        clock: Period in ns.
        emulate: Compile hls4ml's C++ and compare it; needs g++ and no vendor tools.

    Raises:
        MissingExtraError: hls4ml is not installed.
        InputError: A node that has no counterpart here, such as a convolution: export it to Verilog.
    """
    layers = hls4ml_layers(model)
    hls4ml = require("hls4ml", extra="hardware")
    graph = require("hls4ml.model.graph", extra="hardware")
    with contextlib.redirect_stdout(io.StringIO()):  # hls4ml reports each of its passes
        settings = hls4ml.utils.config.create_config(
            output_dir=str(folder), project_name="femtobarn", backend="Vitis", part=part, clock_period=clock
        )
        settings["HLSConfig"] = {
            "Model": {"Precision": "fixed<1,0>", "ReuseFactor": 1, "Strategy": "latency", "BitExact": True}
        }
        project = graph.ModelGraph.from_layer_list(settings, layers)
        project.write()
    if not emulate:
        return Hls4mlCheck(len(vectors), None, "the C++ was not emulated, as asked for")
    from femtobarn.hardware.testbench import MissingToolError, find_tool

    try:
        find_tool("g++", package="g++")
    except MissingToolError as error:
        return Hls4mlCheck(len(vectors), None, f"the C++ was not emulated: {error}")
    with contextlib.redirect_stdout(io.StringIO()):
        project.compile()
        answers = project.predict(np.ascontiguousarray(vectors))
    expected = model(vectors)
    return Hls4mlCheck(len(vectors), int((answers.reshape(expected.shape) != expected).sum()), "")


def hls4ml_layers(model: IntegerModel) -> list[dict[str, Any]]:
    """hls4ml's description of each layer, as its front ends hand it on.

    Raises:
        InputError: A node that has no counterpart here.
    """
    if len(model.input.shape) != 1:
        raise InputError(f"expected events of one axis, got {model.input.shape}: export the model to Verilog")
    layers: list[dict[str, Any]] = [
        {"class_name": "InputLayer", "name": "event", "input_shape": list(model.input.shape)}
    ]
    for place, node in enumerate(model.nodes):
        if node.sources and node.sources != (place - 1,):
            raise InputError(f"{node.name}: expected a chain of layers: export the model to Verilog")
        name = f"layer{place}"
        if isinstance(node, Input):
            layers.append({"name": name, **_quantiser(node.format)})
        elif isinstance(node, Quantise):
            _refuse_finer_ends(node, model.values[place - 1])
            layers.append({"name": name, **_quantiser(node.format)})
        elif isinstance(node, Linear):
            layers.append({"name": name, **_dense(model, node)})
        elif isinstance(node, Relu):
            size = model.values[place].shape[0]
            layers.append({"name": name, "class_name": "Activation", "activation": "relu", "n_in": size})
        elif not isinstance(node, Shift):  # the numbers stay, only their integers change
            raise InputError(f"{node.name}: {type(node).__name__} is not exported to hls4ml, only to Verilog")
    return layers


def _quantiser(form: FixedPoint) -> dict[str, Any]:
    """Sign, width and integer bits with the sign, of each element."""
    width = form.width
    integer = np.where(width > 0, form.integer + form.signed, 0)
    signed = form.signed & (width > 0)
    bits = tuple(each.astype(np.int16)[None] for each in (signed, width, integer))
    # hls4ml 1.3 gives a number that may stop at the end of its range (SAT) no more fractional bits than its source
    # has, although the end can have more. It keeps them with SAT_SYM, which is the same without a sign.
    overflow = "SAT_SYM" if form.overflow == "SAT" and not signed.any() else form.overflow
    return {
        "class_name": "FixedPointQuantizer",
        "mask_kbi": bits,
        "SAT": overflow,
        "RND": form.rounding,
        "fusible": None,
        "overrides": {},
    }


def _refuse_finer_ends(node: Quantise, source: Value) -> None:
    """Refuse signed numbers that stop (SAT) at an end with more fractional bits than their source: see `_quantiser`."""
    form = node.format
    if form.overflow != "SAT" or not (form.signed & (form.width > 0)).any():
        return
    stops = node.misfits(np.maximum(source.high, 0)[None])[0]
    finer = np.flatnonzero(stops & (source.fraction < form.fraction))
    if finer.size:
        raise InputError(
            f"{node.name}: element {finer[0]} stops at an end with {form.fraction.flat[finer[0]]} fractional bits, its "
            f"source has {source.fraction.flat[finer[0]]}; hls4ml would lose them: export the model to Verilog"
        )


def _dense(model: IntegerModel, node: Linear) -> dict[str, Any]:
    source = model.values[node.sources[0]]
    weight = np.ldexp(node.weight.astype(np.float64), source.fraction - node.fraction[:, None])
    weight *= source.live  # hls4ml leaves a bit to elements that have lost all of theirs
    return {
        "class_name": "Dense",
        "n_in": node.weight.shape[1],
        "n_out": node.weight.shape[0],
        "weight_data": weight.T.copy(),
        "bias_data": np.ldexp(node.bias.astype(np.float64), -node.fraction),
        "activation": "linear",
    }
