"""The steps of a run: load, train, evaluate, predict; and the published numbers."""

import functools
from collections.abc import Sequence
from pathlib import Path

from femtobarn.engine import save_tensors
from femtobarn.parts import Report, run_parts
from femtobarn.runs import Published, Result, Run
from femtobarn.study import headline
from femtobarn.systems.hgq import designs, evaluation, figures, predictions, study
from femtobarn.systems.hgq import export as exporting
from femtobarn.systems.hgq.config import PRESETS, Config
from femtobarn.systems.hgq.designs import Design
from femtobarn.systems.hgq.sample import Split, load_split
from femtobarn.systems.hgq.study import Part, Trained

__all__ = ["PRESETS", "PUBLISHED", "Config", "evaluate", "export", "load", "predict", "train"]

_VECTORS = 4096  # test events kept with the run, for exports

_BASELINE = "README of github.com/oliviaweng/fastml-science"
_TABLE = "arXiv:2405.00645, recalled, not read again; after place and route (XCVU9P; muons XCVU13P)"
_JETS = (
    ("HGQ-1, 6,236 LUT, 34 DSP", 0.764),
    ("HGQ-2, 3,162 LUT, 6 DSP", 0.759),
    ("HGQ-3, 1,540 LUT, 5 DSP", 0.750),
    ("HGQ-4, 565 LUT", 0.739),
    ("HGQ-5, 468 LUT", 0.725),
    ("HGQ-6, 256 LUT", 0.710),
    ("QKeras Q6, 39,782 LUT, 124 DSP", 0.748),
    ("QKeras QE, 9,149 LUT, 66 DSP", 0.723),
)
_SVHN = (
    ("HGQ-1, 69,407 LUT, 58 DSP", 0.939),
    ("HGQ-6, 27,982 LUT, 6 DSP", 0.888),
    ("Q7, 150,981 LUT, 175 DSP", 0.940),
)
_MUON = (
    ("HGQ-1, 39,413 LUT, 522 DSP", 1.95),
    ("HGQ-6, 13,306 LUT, 10 DSP", 2.63),
    ("Qf8, 37,867 LUT, 1,762 DSP", 1.95),
)
PUBLISHED = [
    Published("front", value, None, "", {"network": network, "quantity": quantity}, data, source)
    for data, quantity, source, rows in (
        ("hls4ml jets", "accuracy", _BASELINE, (("float", 0.766), ("uniform bits, 6 bits", 0.764))),
        ("hls4ml jets", "accuracy", _TABLE, _JETS),
        ("SVHN", "accuracy", _TABLE, _SVHN),
        ("fake TGC", "resolution [mrad]", _TABLE, _MUON),
    )
    for network, value in rows
]
HEADLINE = headline(
    "near floating point",
    "method",
    ("trained bits",),
    ("uniform bits", "after training"),
    quantity="LUT",
)


def load(config: Config, run: Run, *, progress: bool = True) -> Split:
    """The events of the run; records where they come from."""
    split = load_split(config.data, seed=config.seed, workers=config.workers, progress=progress)
    run.set_data(split.provenance)
    run.log(
        event="data", train=len(split.train.x), validation=len(split.validation.x), test=len(split.test.x)
    )
    return split


def train(config: Config, data: Split, run: Run, *, progress: bool = True) -> Trained:
    """Train in floating point, then everything else from there; parts that the run has done are not repeated."""
    sample = {"scale": data.scale._asdict(), "vectors": data.test.x[:_VECTORS].clone()}
    save_tensors(sample, run.work("sample").parent / "sample.pt")
    work = functools.partial(_train, config, data, run)
    floats = [Part("float", 0, seed) for seed in config.study.seeds]
    for parts, title in ((floats, "in floating point"), (config.study.parts(), "with few bits")):
        missing = [part for part in parts if run.done(part.name) is None]
        run_parts(work, missing, name=_name, title=title, workers=config.workers, progress=progress)
    return exporting.load_trained(run)


def evaluate(
    config: Config, data: Split, trained: Trained, run: Run, *, progress: bool = True
) -> list[Result]:
    """Quality on the test events of points chosen on the validation events, and the chosen designs as hardware."""
    chosen = designs.designs(trained, seeds=config.hardware.seeds)
    missing = [
        each for each in {design.name: design for design in chosen}.values() if run.done(_place(each)) is None
    ]
    work = functools.partial(_write, config, data, trained, run)
    run_parts(work, missing, name=_design_name, title="designs", workers=config.workers, progress=progress)
    reports = {design.name: run.done(_place(design)) or {} for design in chosen}
    kind = data.provenance.kind
    tests = evaluation.Tests(trained, data)
    rows = evaluation.front(trained, tests)
    results = evaluation.results(trained, tests, rows, chosen, reports, data=kind)
    figures.draw_all(run, trained, rows, chosen, reports, data=kind)
    for name, report in reports.items():
        for note in report.get("notes", ()):
            run.log(event="note", design=name, note=note)
    return results


def predict(
    run: Run,
    files: Sequence[Path],
    output: Path,
    *,
    model: str | None = None,
    progress: bool = True,  # noqa: ARG001, part of the protocol
) -> Path:
    """What the integer model of a point makes of the user's events, see ``predictions``.

    Args:
        run: A finished run.
        files: Files in the layout of the run's data set.
        output: HDF5 file to write.
        model: Name of a point, such as ``trained-bits-seed1-2345ebops``; the cheapest of the first seed near
            floating point if not given.
        progress: Nothing to show.
    """
    trained = exporting.load_trained(run)
    return predictions.write(trained, exporting.choose(trained, model), files, output)


def _train(config: Config, data: Split, run: Run, part: Part, report: Report) -> None:
    folder = run.work(part.name)
    if part.method == "float":
        study.train_float(part, data, config.study, config.train, folder=folder, report=report)
    else:
        start, _ = study.load_float(run.work(Part("float", 0, part.seed).name), data.task, config.study)
        study.train_part(part, data, config.study, config.train, start=start, folder=folder, report=report)
    run.mark_done(part.name, {})


def _write(config: Config, data: Split, trained: Trained, run: Run, design: Design, _: Report) -> None:
    settings = config.hardware
    if design.point.ebops > settings.largest:
        note = f"{design.point.ebops} EBOPs are more than {settings.largest}: the Verilog was not written"
        run.mark_done(_place(design), {"notes": [note]})
        return
    shown = design.method == "trained bits" and design.point.part.seed == config.study.seeds[0]
    folder = run.folder / "verilog" / design.name if shown else run.work(_place(design))
    report = designs.write(
        trained.integers(design.point),
        folder,
        vectors=data.test.x[: settings.vectors].double().numpy(),
        test=data.test.x.double().numpy(),
        settings=settings,
    )
    run.mark_done(_place(design), report)


def _place(design: Design) -> str:
    return f"designs/{design.name}"


def _name(part: Part) -> str:
    return part.name


def _design_name(design: Design) -> str:
    return design.name


def export(run: Run, folder: Path, *, to: str, model: str | None = None) -> str:
    """A point of the front as Verilog, ONNX or hls4ml, see ``export``; says what was checked.

    Raises:
        VerificationError: What was written differs from the integer model.
    """
    return exporting.export(run, folder, to=to, model=model).told()
