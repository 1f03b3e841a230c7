"""Encoders as hardware: Verilog, its simulation, its look-up tables, and the EMD it costs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from femtobarn.errors import MissingExtraError
from femtobarn.hardware.export import export_verilog, quantities
from femtobarn.nn.wafer_autoencoder import fixed_point, normalise
from femtobarn.runs import DataKind, Result
from femtobarn.systems.emd_compression import evaluation
from femtobarn.systems.emd_compression.evaluation import Outcome
from femtobarn.systems.emd_compression.quantised import TrainedBits
from femtobarn.systems.emd_compression.sample import Sample, Split
from femtobarn.systems.emd_compression.study import Part, Trained

NAME = "encoder in hardware"  #: of the results
CHIP = "chip's formats, trained as long"  #: as the reference is called
YOSYS = ", yosys"  #: behind the name of a rate whose look-up tables are counted, not estimated
_EMD = "mean EMD [cell]"


def chosen(trained: Sequence[Trained], settings: TrainedBits) -> list[Trained]:
    """What is written out: the chip's formats trained as long, at the highest rate, and every price of that seed."""
    further = [each for each in trained if each.part.further]
    first = [each for each in further if each.part.seed == further[0].part.seed]
    highest = max(each.part.links for each in first)
    # The dearest first, so that no worker is left alone with it.
    chip = [each for each in first if not each.part.beta and each.part.links == highest]
    return chip * settings.reference + [each for each in first if each.part.beta]


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
            synthesis=trained.part.links in settings.synthesis,
            module="encoder",
        )
    except MissingExtraError as error:
        return {"notes": [f"the Verilog was not written: {error}; or give --hgq.no-optimise"]}
    return asdict(report)


def title(part: Part) -> str:
    """What an encoder is called in tables."""
    return f"{part.links} e-links, " + (f"beta {part.beta:g}" if part.beta else CHIP)


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
        found.append(replace(own, name=NAME, unit="", data=data, labels={**place, "quantity": _EMD}))
        for quantity, value in quantities(reports[each.part.name]).items():
            labels, seeds = {**place, "quantity": quantity}, (each.part.seed,)
            found.append(Result(NAME, value, n=own.n, split=own.split, data=data, labels=labels, seeds=seeds))
    return found


def front(
    written: Sequence[Trained], found: Sequence[Result], reports: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, list[float]]]:
    """Look-up tables, EMD and its error for each rate, cheapest first: by estimate, and by yosys where it counted.

    The encoder with the chip's formats is a rate of its own.
    """
    emd = {r.labels["encoder"]: r for r in found if r.labels["quantity"] == _EMD}
    rows: dict[str, list[tuple[float, float, float]]] = {}
    for key, how in {"estimated_luts": "", "luts": YOSYS}.items():
        for each in sorted(written, key=lambda each: (each.part.links, not each.part.beta)):
            if luts := reports[each.part.name].get(key):
                name = f"{each.part.links} e-links" + ("" if each.part.beta else f", {CHIP}") + how
                own = emd[title(each.part)]
                rows.setdefault(name, []).append((luts, own.value, own.error or 0.0))
    return {
        name: dict(zip(("luts", "emd", "error"), map(list, zip(*sorted(points), strict=True)), strict=True))
        for name, points in rows.items()
    }
