"""A trained MLP as a design outside femtobarn: Verilog, ONNX or an hls4ml project, checked on test jets."""

from pathlib import Path
from typing import NamedTuple

from torch import nn

from femtobarn.errors import InputError
from femtobarn.hardware.integer_model import IntegerModel
from femtobarn.hardware.network_export import Exported, export_network
from femtobarn.report.export_page import write_export_page
from femtobarn.runs import Result, Run
from femtobarn.systems.jet_distillation import designs, study
from femtobarn.systems.jet_distillation.model import MlpTagger, without_batch_norm
from femtobarn.systems.jet_distillation.quantised import BitTagger, TrainedBits
from femtobarn.systems.jet_distillation.sample import Sample
from femtobarn.systems.jet_distillation.study import Trained

_INPUTS = (
    "Inputs are four numbers of each of the hardest particles, hardest first: share of the jet's pT, eta and phi "
    "relative to the jet, and mass in GeV; zeros where there are fewer. Outputs are the logits of another jet and of "
    "a top: it is taken for a top where the second is larger."
)


class Layers(NamedTuple):
    """What there is to write of a tagger."""

    net: nn.Module
    integers: IntegerModel | None
    particles: int


def export(
    run: Run, test: Sample, folder: Path, *, to: str, settings: TrainedBits, model: str | None = None
) -> Exported:
    """Write one MLP of the run, compare it with its integers on test jets, and write a page about it.

    Args:
        run: A finished run.
        test: Its test jets.
        folder: Where the files go.
        to: "verilog", "onnx" or "hls4ml"; a network in floating point becomes ONNX only.
        settings: Jets to simulate, and how the Verilog is written.
        model: Name of an MLP, such as ``chip-distilled-lorentznet-seed1-beta1e-05``; if not given, the one with
            the best accuracy on the validation jets, among those with trained bits if there are any.

    Raises:
        InputError: The run has no such MLP, or the target has no form for it.
        MissingExtraError: A package of the extra "hardware" is missing.
    """
    trained = study.choose(run, model) if model is not None else _best(run)
    layers = _layers(trained)
    inputs = designs.rows(test, layers.particles)
    exported = export_network(
        layers.net,
        layers.integers,
        folder,
        to=to,
        name=trained.part.name,
        vectors=inputs[: settings.vectors],
        test=inputs,
        pipeline=settings.pipeline,
        optimise=settings.optimise,
        synthesis=settings.synthesis,
    )
    labels = trained.part.labels_in_tables
    write_export_page(
        exported,
        run,
        summary=f"Tagger of top jets: {labels['network']}, {labels['method']}.",
        inputs=_INPUTS,
        quality=_quality(run, trained),
    )
    return exported


def _best(run: Run) -> Trained:
    """The MLP that is best on the validation jets, with trained bits if there are any."""
    mlps = [study.load_part(f) for f in run.trained() if f.name.startswith(("chip-", "mlp-"))]
    bits = [each for each in mlps if each.part.beta]
    if not mlps:
        raise InputError(f"{run.folder} has no MLP, which is what can be exported: --study.students mlp chip")
    return min(bits or mlps, key=lambda each: (each.validation, each.part.name))


def _layers(trained: Trained) -> Layers:
    model = trained.model
    if isinstance(model, BitTagger):
        return Layers(model.exact.net, model.exact.integers, model.particles)
    if isinstance(model, MlpTagger):
        return Layers(without_batch_norm(model.net), None, model.particles)
    raise InputError(f"{trained.part.name} is no MLP: only these have a fixed row of inputs to export")


def _quality(run: Run, trained: Trained) -> list[Result]:
    """Accuracy and AUC of the network, of that in floating point it started from, and of the others like it."""
    wanted = [trained.part.labels_in_tables, trained.part.start.labels_in_tables]
    if trained.part.teacher:
        wanted.append(study.Part(trained.part.teacher, "teacher", trained.part.seed).labels_in_tables)
    own = Result("accuracy", 1 - trained.validation, split="validation", labels={"model": trained.part.name})
    found = [r for r in run.results() if r.name in ("accuracy", "AUC") and r.labels in wanted]
    return [own, *sorted(found, key=lambda result: result.name)]
