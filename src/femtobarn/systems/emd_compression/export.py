"""A trained encoder as a design outside femtobarn: Verilog or ONNX, checked on the wafers of its run."""

from pathlib import Path
from typing import Any

from femtobarn.hardware.network_export import Exported, export_network
from femtobarn.nn.wafer_autoencoder import fixed_point
from femtobarn.report.export_page import write_export_page
from femtobarn.runs import Result, Run
from femtobarn.systems.emd_compression import designs, study
from femtobarn.systems.emd_compression.quantised import TrainedBits
from femtobarn.systems.emd_compression.sample import Split

_INPUTS = (
    "Inputs are the 48 trigger cells as shares: charges in CALQ counts, divided by the power of two at or below "
    "their sum and cut to a step of 1/64. Outputs are the 16 codes that travel. The sum travels beside them and is "
    "not part of the module."
)


def export(
    run: Run, split: Split, folder: Path, *, to: str, settings: TrainedBits, model: str | None = None
) -> Exported:
    """Write one encoder of the run, compare it with the integer model on wafers, and write a page about it.

    Args:
        run: A finished run.
        split: Its wafers.
        folder: Where the files go.
        to: "verilog" or "onnx"; hls4ml takes no convolution here.
        settings: Wafers to simulate, and how the Verilog is written.
        model: Name of a part, such as ``emd-5links-published-seed1-beta1e-06``; if not given, the one with the
            smallest validation EMD, among those with trained bits if there are any.

    Raises:
        InputError: The run has no such part, it computes in floating point, or the target has no form for it.
        MissingExtraError: A package of the extra "hardware" is missing.
    """
    trained = study.choose(run, model, bits_first=True)
    net, integers = fixed_point(trained.model.encoder)
    exported = export_network(
        net,
        integers,
        folder,
        to=to,
        name=trained.part.name,
        vectors=designs.vectors(split, settings.vectors),
        test=designs.shares(split.test.charge),
        pipeline=settings.pipeline,
        optimise=settings.optimise,
        synthesis=bool(settings.synthesis),
    )
    write_export_page(
        exported,
        run,
        summary=f"Encoder of 48 trigger cells to 16 codes of {trained.model.encoder.bits} bits.",
        inputs=_INPUTS,
        quality=_quality(run, trained),
    )
    return exported


def _quality(run: Run, trained: study.Trained) -> list[Result]:
    """Test EMD of encoders at the same rate, if the run has results; that of validation in any case."""
    own: dict[str, Any] = {"unit": "cell", "split": "validation", "labels": {"method": trained.part.name}}
    links = str(trained.part.links)
    return [
        Result("mean EMD", trained.validation, **own),
        *(r for r in run.results() if r.name == "mean EMD" and r.labels.get("e-links") in (links, "")),
        *(r for r in run.results() if r.name == designs.NAME and _is_emd(r, links)),
    ]


def _is_emd(result: Result, links: str) -> bool:
    named = result.labels["encoder"].startswith(f"{links} e-links")
    return named and result.labels["quantity"].startswith("mean EMD")
