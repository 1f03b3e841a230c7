"""Encoders as hardware: Verilog, its simulation, its look-up tables, and the EMD it costs."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64

from femtobarn.errors import InputError
from femtobarn.hardware.integer_model import IntegerModel
from femtobarn.hardware.network_export import Exported
from femtobarn.nn.wafer_autoencoder import fixed_point, normalise
from femtobarn.report.export_design import export_design
from femtobarn.runs import Result, Run
from femtobarn.study import Design, Split, Trained, design_rows, draw_front, write_designs
from femtobarn.systems.emd_compression.sample import Wafers
from femtobarn.systems.emd_compression.study import Config, Part, TrainedBits
from femtobarn.systems.emd_compression.training import MODELS, autoencoder

NAME = "encoder in hardware"  #: of the results
_CHIP = "chip's formats, trained as long"  # as the reference is called
_EMD = "mean EMD [cell]"
_INPUTS = (
    "Inputs are the 48 trigger cells as shares: charges in CALQ counts, divided by the power of two at or below "
    "their sum and cut to a step of 1/64. Outputs are the 16 codes that travel. The sum travels beside them and is "
    "not part of the module."
)

Parts = Sequence[Trained[Part]]
Reports = Mapping[str, Mapping[str, Any]]


def chosen(trained: Parts, settings: TrainedBits) -> list[Trained[Part]]:
    """Encoders to write: the chip's formats trained as long, at the highest rate, and every price of that seed."""
    further = [each for each in trained if each.part.further]
    first = [each for each in further if each.part.seed == further[0].part.seed]
    highest = max(each.part.links for each in first)
    # The dearest first, so that no worker is left alone with it.
    chip = [each for each in first if not each.part.beta and each.part.links == highest]
    return chip * settings.reference + [each for each in first if each.part.beta]


def shares(charge: np.ndarray) -> Float64[np.ndarray, "wafer 48"]:
    """Inputs of the hardware: the charges divided by the power of two at or below their sum."""
    return normalise(torch.from_numpy(charge).double()).numpy()


def vectors(split: Split[Wafers], count: int) -> Float64[np.ndarray, "wafer 48"]:
    """Inputs of up to so many wafers: those of the test first, as no training has seen them."""
    wafers = np.concatenate([part.charge for part in (split.test, split.validation, split.train)])
    return shares(wafers[:count])


def write(config: Config, data: Split[Wafers], written: Parts, run: Run, *, progress: bool) -> Reports:
    """The report of each encoder by its name, see `write_designs`."""
    designs = [
        Design(
            part.name,
            functools.partial(_integers, run.folder / "work" / part.name),
            synthesis=part.links in config.hgq.synthesis,
        )
        for part in (each.part for each in written)
    ]
    return write_designs(
        run,
        designs,
        shares(data.test.charge),
        vectors=vectors(data, config.verilog.vectors),
        settings=config.verilog,
        module="encoder",
        workers=config.workers,
        progress=progress,
    )


def results(written: Parts, means: Sequence[Result], reports: Reports) -> list[Result]:
    """EMD, cost and checks of each encoder that was written; what was not checked is left out.

    The EMD is the mean over the seeds; the hardware is that of the first.
    """
    emd = {(r.labels["method"], r.labels["e-links"]): r for r in means if r.name == "mean EMD"}
    found = []
    for part in sorted((each.part for each in written), key=lambda part: (part.links, part.beta)):
        own, place = emd[part.labels["method"], part.labels["e-links"]], {"encoder": _title(part)}
        found.append(replace(own, name=NAME, unit="", labels={**place, "quantity": _EMD}))
        report, seeds = {part.name: reports[part.name]}, {part.name: (part.seed,)}
        found += design_rows(NAME, report, {part.name: place}, seeds=seeds, n=own.n)
    return found


def draw(run: Run, written: Parts, found: Sequence[Result], reports: Reports) -> None:
    """EMD against look-up tables for each rate and for the chip's formats: by estimate, and by yosys if it counted."""
    emd = {r.labels["encoder"]: r for r in found if r.labels["quantity"] == _EMD}
    points: dict[str, list[tuple[float, float, float]]] = {}
    for key, how in {"estimated_luts": "", "luts": ", yosys"}.items():
        for part in sorted((each.part for each in written), key=lambda part: (part.links, not part.beta)):
            if luts := reports[part.name].get(key):
                own = emd[_title(part)]
                rate = f"{part.links} e-links" + ("" if part.beta else f", {_CHIP}") + how
                points.setdefault(rate, []).append((luts, own.value, own.error or 0.0))
    draw_front(
        run,
        points,
        xlabel="look-up tables (estimate; yosys where named)",
        ylabel="mean EMD [sensor cells]",
        title="EMD and look-up tables",
        caption="Encoders whose bits were trained with the exact EMD, each at its price of an effective bit "
        "operation, for every rate; before place and route, without multipliers in hardware. Lower left is "
        "better. The chip's formats were trained for as many epochs. Bars: showers in the test sample and seeds.",
        by="rate",
        size=(6.4, 4.6),
    )


def export(
    run: Run, split: Split[Wafers], folder: Path, *, to: str, config: Config, model: str | None
) -> Exported:
    """Write one encoder of the run, compare it with the integer model on wafers, and write a page about it.

    Without a name it is the encoder with the smallest validation EMD, among those with trained bits if there are
    any. The target is "verilog" or "onnx"; hls4ml takes no convolution here.

    Raises:
        InputError: The run has no such encoder, it computes in floating point, or the target has no form for it.
        MissingExtraError: A package of the extra "hardware" is missing.
    """
    trained = autoencoder(run, model, bits_first=True)
    if trained.part.decoder in ("best-choice", "pyramid"):
        raise InputError(f"{trained.part.name} has no trained encoder to export: see pyramid_module")
    net, integers = fixed_point(trained.model.encoder)
    return export_design(
        run,
        net,
        integers,
        folder,
        to=to,
        name=trained.part.name,
        test=shares(split.test.charge),
        vectors=vectors(split, config.verilog.vectors),
        settings=replace(config.verilog, synthesis=config.verilog.synthesis and bool(config.hgq.synthesis)),
        summary=f"Encoder of 48 trigger cells to 16 codes of {trained.model.encoder.bits} bits.",
        inputs=_INPUTS,
        quality=_quality(run, trained),
    )


def _quality(run: Run, trained: Trained[Part]) -> list[Result]:
    """Test EMD of encoders at the same rate, if the run has results; that of validation in any case."""
    own: dict[str, Any] = {"unit": "cell", "split": "validation", "labels": {"method": trained.part.name}}
    links, stored = trained.part.links, run.results()
    written = [r for r in stored if r.name == NAME and r.labels["quantity"] == _EMD]
    return [
        Result("mean EMD", trained.validation, **own),
        *(r for r in stored if r.name == "mean EMD" and r.labels.get("e-links") in (str(links), "")),
        *(r for r in written if r.labels["encoder"].startswith(f"{links} e-links")),
    ]


def _integers(folder: Path) -> IntegerModel:
    return fixed_point(MODELS.load(folder).model.encoder)[1]


def _title(part: Part) -> str:
    return f"{part.links} e-links, " + (f"beta {part.beta:g}" if part.beta else _CHIP)
