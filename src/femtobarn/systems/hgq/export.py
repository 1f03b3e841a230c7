"""A trained point of a run as a design outside femtobarn: Verilog, ONNX or an hls4ml project."""

from pathlib import Path
from typing import NamedTuple

from femtobarn.engine import load_tensors
from femtobarn.errors import InputError, nearest
from femtobarn.hardware.export import export_verilog
from femtobarn.hardware.hls4ml import export_hls4ml
from femtobarn.hardware.onnx_export import export_onnx
from femtobarn.runs import Run
from femtobarn.settings import from_dict
from femtobarn.systems.hgq import study
from femtobarn.systems.hgq.config import Config
from femtobarn.systems.hgq.sample import Scale
from femtobarn.systems.hgq.study import Point, Trained

TARGETS = ("verilog", "onnx", "hls4ml")


class Exported(NamedTuple):
    """What was written, and how it compares with the integer model."""

    path: Path
    model: str
    """Name of the point."""
    vectors: int
    """Test events that were compared."""
    mismatches: int | None
    """Output numbers that differ; None where nothing could be run."""
    notes: tuple[str, ...]
    """Checks that were left out, and why."""


def export(run: Run, folder: Path, *, to: str, model: str | None = None) -> Exported:
    """Write one network of the run and compare it with the integer model on test events.

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
    if to not in TARGETS:
        raise InputError(f"there is no format {to!r}: {nearest(to, TARGETS)}")
    trained = load_trained(run)
    point = choose(trained, model)
    settings = from_dict(Config, run.settings).hardware
    integers = trained.integers(point)
    vectors = trained.vectors[: settings.vectors].double().numpy()
    folder.mkdir(parents=True, exist_ok=True)
    if to == "verilog":
        report = export_verilog(
            integers,
            folder,
            vectors=vectors,
            test=trained.vectors.double().numpy(),
            pipeline=settings.pipeline,
            optimise=settings.optimise,
            synthesis=settings.synthesis,
        )
        return Exported(folder, point.name, report.vectors, report.mismatches, report.notes)
    if to == "hls4ml":
        check = export_hls4ml(integers, folder, vectors=vectors)
        return Exported(
            folder, point.name, check.vectors, check.mismatches, (check.note,) if check.note else ()
        )
    path = folder / f"{point.name}.onnx"
    net = trained.net(point)
    onnx = export_onnx(net, trained.vectors[: settings.vectors], path)
    return Exported(path, point.name, onnx.events, onnx.mismatches, ())


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
