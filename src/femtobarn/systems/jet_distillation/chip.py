"""MLPs in hardware: those with trained bits as Verilog in the run, and any of them as a design for elsewhere."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from femtobarn.errors import InputError
from femtobarn.hardware.integer_model import IntegerModel
from femtobarn.nn.jet_taggers import BitTagger, first_particles
from femtobarn.nn.without_batch_norm import without_batch_norm
from femtobarn.report.export_design import export_design
from femtobarn.runs import Result, Run
from femtobarn.study import Design, Trained, Writing, design_rows, draw_front, write_designs
from femtobarn.systems.jet_distillation.sample import Sample
from femtobarn.systems.jet_distillation.study import MODELS, Part

NAME = "student in hardware"  #: of the results
_MERITS = ("accuracy", "AUC")
_INPUTS = (
    "Inputs are four numbers of each of the hardest particles, hardest first: share of the jet's pT, eta and phi "
    "relative to the jet, and mass in GeV; zeros where there are fewer. Outputs are the logits of another jet and of "
    "a top: it is taken for a top where the second is larger."
)


def inputs(test: Sample, particles: int) -> Float64[np.ndarray, "jet input"]:
    """Inputs of the hardware: the features of the hardest particles, rounded to float32 as in training."""
    return first_particles(*test.inputs, particles).float().double().numpy()


def write(
    run: Run,
    trained: Sequence[Trained[Part]],
    quality: Sequence[Result],
    test: Sample,
    *,
    settings: Writing,
    workers: int,
    progress: bool,
) -> list[Result]:
    """Quality, cost and checks of the students with trained bits, written as Verilog, and their figure.

    The quality is the mean over the seeds; the hardware is that of the first.
    """
    written = [each for each in trained if each.part.beta and each.part.seed == trained[0].part.seed]
    parts = [each.part for each in written]
    reports = write_designs(
        run,
        [Design(part.name, functools.partial(_integers, run.folder / "work" / part.name)) for part in parts],
        inputs(test, written[0].model.particles),
        settings=settings,
        module="tagger",
        workers=workers,
        progress=progress,
    )
    _draw(run, parts, reports, quality)
    places = {part.name: {"student": f"{part.start.labels['method']}, beta {part.beta:g}"} for part in parts}
    merits = [
        replace(_one(quality, name, part), name=NAME, labels=places[part.name] | {"quantity": name})
        for part in parts
        for name in _MERITS
    ]
    seeds = {part.name: (part.seed,) for part in parts}
    return merits + design_rows(NAME, reports, places, seeds=seeds, n=len(test))


def _draw(
    run: Run, parts: Sequence[Part], reports: Mapping[str, Mapping[str, Any]], quality: Sequence[Result]
) -> None:
    """AUC against look-up tables, and that of the same student in floating point; nothing if they are unknown."""
    counted = all(reports[part.name].get("luts") for part in parts)
    key = "luts" if counted else "estimated_luts"
    if any(key not in reports[part.name] for part in parts):
        return
    points: dict[str, list[tuple[float, float, float]]] = {}
    for part in parts:
        auc = _one(quality, "AUC", part)
        points.setdefault(part.start.labels["method"], []).append(
            (reports[part.name][key], auc.value, auc.error or 0.0)
        )
    draw_front(
        run,
        points,
        limits={part.start.labels["method"]: _one(quality, "AUC", part.start).value for part in parts},
        xlabel=f"look-up tables ({'yosys' if counted else 'estimate'})",
        ylabel="AUC",
        title="AUC and look-up tables",
        caption="The MLP for hardware with trained bits, at each price of an effective bit operation; before place "
        "and route, without multipliers in hardware. Upper left is better. Bars: test sample and seeds.",
    )


def _one(quality: Sequence[Result], name: str, part: Part) -> Result:
    return next(each for each in quality if each.name == name and each.labels == part.labels)


def export(run: Run, test: Sample, folder: Path, *, to: str, settings: Writing, model: str | None) -> str:
    """Write one MLP of the run, compare it with its integers on test jets, and write a page about it.

    A network in floating point becomes ONNX only. Without a name it is the one with the best accuracy on the
    validation jets, among those with trained bits if there are any.

    Raises:
        InputError: The run has no such MLP, or the target has no form for it.
        VerificationError: What was written differs from its model.
    """
    part, tagger = (trained := _choose(run, model)).part, trained.model
    bits = isinstance(tagger, BitTagger)
    places = [each.labels for each in (part, *part.needs)]
    like = [each for each in run.results() if each.name in _MERITS and each.labels in places]
    own = Result("accuracy", 1 - trained.validation, split="validation", labels={"model": part.name})
    return export_design(
        run,
        tagger.exact.net if bits else without_batch_norm(tagger.net),
        tagger.exact.integers if bits else None,
        folder,
        to=to,
        name=part.name,
        test=inputs(test, tagger.particles),
        settings=settings,
        summary=f"Tagger of top jets: {part.labels['network']}, {part.labels['method']}.",
        inputs=_INPUTS,
        quality=[own, *sorted(like, key=lambda each: each.name)],
    ).summary()


def _choose(run: Run, model: str | None) -> Trained[Part]:
    for wanted in (lambda part: part.beta > 0, lambda part: part.network in ("mlp", "chip")):
        trained = MODELS.choose(run, model, among=wanted)
        if wanted(trained.part):
            return trained
    raise InputError(
        f"{trained.part.name} is no MLP: only these have a fixed row of inputs to export; "
        "--study.students mlp trains some"
    )


def _integers(folder: Path) -> IntegerModel:
    integers: IntegerModel = MODELS.load(folder).model.exact.integers
    return integers
