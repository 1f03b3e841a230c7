"""Encoders as hardware: Verilog, its simulation, its look-up tables, and the EMD it costs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from femtobarn.errors import MissingExtraError
from femtobarn.hardware.export import export_verilog, quantities
from femtobarn.runs import DataKind, Result
from femtobarn.systems.emd_compression import evaluation
from femtobarn.systems.emd_compression.evaluation import Outcome
from femtobarn.systems.emd_compression.model import normalise
from femtobarn.systems.emd_compression.quantised import TrainedBits, fixed_point
from femtobarn.systems.emd_compression.sample import Sample, Split
from femtobarn.systems.emd_compression.study import Part, Trained

NAME = "encoder in hardware"  #: of the results
_EMD = "mean EMD [cell]"


def chosen(trained: Sequence[Trained], settings: TrainedBits) -> list[Trained]:
    """What is written out: every price of the first seed, and the chip's formats at the highest rate."""
    bits = [each for each in trained if each.part.beta]
    first = [each for each in bits if each.part.seed == bits[0].part.seed]
    if not settings.reference:
        return first
    highest = max(first, key=lambda each: each.part.links).part.start
    return first + [each for each in trained if each.part == highest]


def shares(charge: np.ndarray) -> np.ndarray:
    """Inputs of the hardware, float64: the charges divided by the power of two at or below their sum."""
    return normalise(torch.from_numpy(charge).double()).numpy()


def vectors(split: Split, count: int) -> np.ndarray:
    """Inputs of up to so many wafers: those of the test first, as no training has seen them."""
    wafers = np.concatenate([part.charge for part in (split.test, split.validation, split.train)])
    return shares(wafers[:count])


def write(trained: Trained, split: Split, folder: Path, *, settings: TrainedBits) -> dict[str, Any]:
    """The report of an encoder as plain JSON; what could not be done stands in its notes."""
    _, integers = fixed_point(trained.model.encoder)
    try:
        report = export_verilog(
            integers,
            folder,
            vectors=vectors(split, settings.vectors),
            test=shares(split.test.charge),
            pipeline=settings.pipeline,
            optimise=settings.optimise,
            synthesis=settings.synthesis,
            module="encoder",
        )
    except MissingExtraError as error:
        return {"notes": [f"the Verilog was not written: {error}; or give --hgq.no-optimise"]}
    return asdict(report)


def title(part: Part) -> str:
    """What an encoder is called in tables."""
    return f"{part.links} e-links, " + (f"beta {part.beta:g}" if part.beta else "chip's formats")


def results(
    written: Sequence[Trained],
    outcomes: Sequence[Outcome],
    reports: Mapping[str, Mapping[str, Any]],
    test: Sample,
    *,
    data: DataKind,
) -> list[Result]:
    """EMD, cost and checks of each encoder that was written; what was not checked is left out.

    The EMD is the mean over the seeds; the hardware is that of the first.
    """
    emd = {
        (result.labels["method"], result.labels["e-links"]): result
        for result in evaluation.results(outcomes, test, data=data)
        if result.name == "mean EMD"
    }
    found = []
    for each in sorted(written, key=lambda each: (each.part.links, each.part.beta)):
        labels = each.part.labels
        own = emd[labels["method"], labels["e-links"]]
        place = {"encoder": title(each.part)}
        found.append(
            Result(
                NAME,
                own.value,
                own.error,
                "",
                own.n,
                own.split,
                data,
                {**place, "quantity": _EMD},
                own.seeds,
                own.error_kind,
            )
        )
        for quantity, value in quantities(reports[each.part.name]).items():
            found.append(
                Result(
                    NAME,
                    value,
                    n=own.n,
                    split=own.split,
                    data=data,
                    labels={**place, "quantity": quantity},
                    seeds=(each.part.seed,),
                )
            )
    return found


def front(
    written: Sequence[Trained], found: Sequence[Result], reports: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, list[float]]]:
    """Look-up tables, EMD and its error for each rate, cheapest first: counted by yosys where all were.

    The encoder with the chip's formats is a rate of its own.
    """
    emd = {r.labels["encoder"]: r for r in found if r.labels["quantity"] == _EMD}
    rows: dict[str, list[tuple[float, float, float]]] = {}
    key = counted(written, reports)
    for each in written:
        if key in reports[each.part.name]:
            name = f"{each.part.links} e-links" + ("" if each.part.beta else ", chip's formats")
            own = emd[title(each.part)]
            rows.setdefault(name, []).append((reports[each.part.name][key], own.value, own.error or 0.0))
    return {
        name: dict(zip(("luts", "emd", "error"), map(list, zip(*sorted(points), strict=True)), strict=True))
        for name, points in rows.items()
    }


def counted(written: Sequence[Trained], reports: Mapping[str, Mapping[str, Any]]) -> str:
    """Which count of look-up tables all reports have."""
    every = all(reports[each.part.name].get("luts") for each in written)
    return "luts" if every else "estimated_luts"
