"""A trained point of a run as a design outside femtobarn: Verilog, ONNX or an hls4ml project."""

from pathlib import Path

from femtobarn.engine import load_tensors
from femtobarn.errors import InputError
from femtobarn.hardware.network_export import Exported, export_network
from femtobarn.report.export_page import write_export_page
from femtobarn.runs import Result, Run
from femtobarn.settings import from_dict
from femtobarn.systems.hgq import evaluation, study
from femtobarn.systems.hgq.config import Config
from femtobarn.systems.hgq.sample import Scale
from femtobarn.systems.hgq.study import Point, Trained

_INPUTS = {
    "jets": "Inputs are the 16 observables, outputs the scores of the classes g, q, W, Z, t.",
    "svhn": "Inputs are the pixels, outputs the scores of the ten digits.",
    "muon": "Inputs are the strips that fired, the output is the scaled angle.",
}
_SCALED = "Inputs are scaled: (column - mean) / width with the constants in work/sample.pt of the run."


def export(run: Run, folder: Path, *, to: str, model: str | None = None) -> Exported:
    """Write one network of the run, compare it with the integer model on test events, and write a page about it.

    Inputs are the scaled ones: (column - mean) / width with the constants in ``work/sample.pt`` of the run.

    Args:
        run: A run whose training is done.
        folder: Where the files go.
        to: "verilog", "onnx" or "hls4ml" (dense networks whose sums are a chain).
        model: Name of a point, such as ``trained-bits-seed1-2345ebops``; the cheapest of the first seed within
            the first distance from floating point if not given.

    Raises:
        InputError: The run has no such network, or there is no such format.
        MissingExtraError: A package of the extra "hardware" is missing.
    """
    trained = load_trained(run)
    point = choose(trained, model)
    settings = from_dict(Config, run.settings).hardware
    test = trained.vectors.double().numpy()
    exported = export_network(
        trained.net(point),
        trained.integers(point),
        folder,
        to=to,
        name=point.name,
        vectors=test[: settings.vectors],
        test=test,
        pipeline=settings.pipeline,
        optimise=settings.optimise,
        synthesis=settings.synthesis,
    )
    write_export_page(
        exported,
        run,
        summary=f"A network for {trained.task} ({point.part.method}), a point on the front of quality and cost.",
        inputs=f"{_INPUTS[trained.task]} {_SCALED}",
        quality=_quality(trained, point),
    )
    return exported


def _quality(trained: Trained, point: Point) -> list[Result]:
    """Of the point and of the network in floating point that it started from."""
    name, unit, sign = evaluation.quality_name(trained)
    values = {point.part.method: point.validation, "floating point": trained.floats[point.part.seed][1]}
    return [
        Result(name, sign * value, unit=unit, split="validation", labels={"network": method})
        for method, value in values.items()
    ]


def load_trained(run: Run) -> Trained:
    """The networks of a run without its data.

    Raises:
        InputError: Its training is not done.
    """
    config = from_dict(Config, run.settings)
    work = run.folder / "work"
    if not (work / "sample.pt").is_file():
        raise InputError(f"{run.folder} holds no trained model: finish it with femtobarn run --resume")
    sample = load_tensors(work / "sample.pt")
    parts = config.study.parts()
    if any(run.done(part.name) is None for part in parts):
        raise InputError(f"{run.folder} is not trained to the end: finish it with femtobarn run --resume")
    floats = {
        seed: study.load_float(work / study.Part("float", 0, seed).name, config.data.task, config.study)
        for seed in config.study.seeds
    }
    points = [point for part in parts for point in study.load_points(part, work / part.name)]
    return Trained(
        work,
        config.study,
        config.train,
        config.data.task,
        floats,
        points,
        Scale(**sample["scale"]),
        sample["vectors"],
    )


def choose(trained: Trained, name: str | None) -> Point:
    """The point of a name; without one, trained bits of the first seed near floating point."""
    if name is not None:
        return study.find(trained.points, name)
    first = trained.study.seeds[0]
    for within in trained.study.within:
        point = trained.chosen("trained bits", first, within=within)
        if point is not None:
            return point
    mine = [p for p in trained.points if p.part.method == "trained bits" and p.part.seed == first]
    return max(mine, key=lambda p: p.validation)
