"""One network of a run for elsewhere: written for the target asked for, checked, with a page about it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float64
from torch import nn

from femtobarn.hardware.integer_model import IntegerModel
from femtobarn.hardware.network_export import Exported, export_network
from femtobarn.report.export_page import write_export_page
from femtobarn.runs import Result, Run
from femtobarn.study import Writing


def export_design(
    run: Run,
    net: nn.Module,
    integers: IntegerModel | None,
    folder: Path,
    *,
    to: str,
    name: str,
    test: Float64[np.ndarray, "event *shape"],
    vectors: Float64[np.ndarray, "vector *shape"] | None = None,
    settings: Writing,
    summary: str,
    inputs: str,
    quality: Sequence[Result] = (),
) -> Exported:
    """Write one network of a run for elsewhere, compare it with its integers, and write a page about it.

    Args:
        run: The run that it is from.
        net: In torch.
        integers: Its integer model; none in floating point, which is written as ONNX only.
        folder: Where the files go.
        to: "verilog", "onnx" or "hls4ml".
        name: Of the network.
        test: Inputs of test events.
        vectors: Inputs, the first of which are compared; those of the test events if not given.
        settings: See `Writing`.
        summary, inputs, quality: Of the page, see `write_export_page`.

    Raises:
        InputError: There is no such target, or it has no form for the network.
        MissingExtraError: A package of the extra "hardware" is missing.
    """
    exported = export_network(
        net,
        integers,
        folder,
        to=to,
        name=name,
        vectors=(test if vectors is None else vectors)[: settings.vectors],
        test=test,
        pipeline=settings.pipeline,
        optimise=settings.optimise,
        synthesis=settings.synthesis,
    )
    write_export_page(exported, run, summary=summary, inputs=inputs, quality=quality)
    return exported
