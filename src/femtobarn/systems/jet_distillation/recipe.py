"""Settings, presets and the steps of a run: load, train, evaluate, predict."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from femtobarn.datasets import top_tagging
from femtobarn.engine import Training
from femtobarn.errors import InputError
from femtobarn.parts import Report, run_parts
from femtobarn.runs import Published, Result, Run
from femtobarn.settings import from_dict
from femtobarn.systems.jet_distillation import designs, evaluation, figures, predictions, study
from femtobarn.systems.jet_distillation import export as exporting
from femtobarn.systems.jet_distillation.evaluation import Evaluation
from femtobarn.systems.jet_distillation.quantised import TrainedBits
from femtobarn.systems.jet_distillation.sample import Data, Split, load_split, load_test
from femtobarn.systems.jet_distillation.study import (
    Chip,
    DeepSet,
    LorentzNet,
    Mlp,
    Part,
    ParticleNet,
    Study,
    Trained,
)


@dataclass(frozen=True)
class Config:
    """All settings of a run."""

    data: Data = field(default_factory=Data)
    study: Study = field(default_factory=Study)
    evaluation: Evaluation = field(default_factory=Evaluation)
    quantiser: Literal["none", "hgq"] = "none"
    """With hgq the student "chip", a small MLP, is trained too, then its bits (HGQ, arXiv:2405.00645), and each is
    written as Verilog."""
    hgq: TrainedBits = field(default_factory=TrainedBits)
    seed: int = 1
    """Seed of the stand-in."""
    workers: int = 2
    """Processes that simulate and train side by side."""

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise InputError(f"workers must be at least 1: got {self.workers}")

    def whole_study(self) -> Study:
        """The study with the student for hardware, if its bits are to be trained."""
        if self.quantiser == "none" or "chip" in self.study.students:
            return self.study
        return replace(self.study, students=(*self.study.students, "chip"))


_SHORT = Training(epochs=6, batch=50, lr=5e-3)

PRESETS = {
    "tiny": Config(
        data=Data(engine="toy", particles=12, train=600, validation=200, test=400),
        study=Study(
            seeds=(1,),
            few=100,
            few_repeats=2,
            lorentznet=LorentzNet(width=8, blocks=2, train=_SHORT),
            particlenet=ParticleNet(neighbours=4, widths=(12,), hidden=12, train=_SHORT),
            deepset=DeepSet(width=24, train=_SHORT),
            mlp=Mlp(particles=12, hidden=24, train=_SHORT),
            chip=Chip(particles=6, hidden=8, train=_SHORT),
        ),
        hgq=TrainedBits(
            betas=(1e-5,),
            train=Training(epochs=3, batch=50, lr=8e-2),
            vectors=100,
            optimise=False,
            synthesis=False,
        ),
        evaluation=Evaluation(speeds=(0.0, 0.3, 0.6), boosted_jets=200, bootstraps=10, calls=20),
        workers=1,
    ),
    "demo": Config(
        study=Study(
            lorentznet=LorentzNet(
                width=32, blocks=3, train=Training(epochs=8, batch=64, lr=3e-3, weight_decay=0.01)
            ),
            particlenet=ParticleNet(
                neighbours=8,
                widths=(32, 64),
                hidden=64,
                train=Training(epochs=10, batch=64, lr=3e-3, weight_decay=0.01),
            ),
            deepset=DeepSet(train=Training(epochs=10, batch=128, lr=2e-3, weight_decay=0.01)),
            mlp=Mlp(particles=24, train=Training(epochs=15, batch=128, lr=1e-3, weight_decay=0.01)),
        ),
    ),
    "paper": Config(
        data=Data(
            files=tuple(map(Path, top_tagging.PUBLISHED_JETS)),
            particles=top_tagging.PARTICLES,
            train=1_211_000,
            validation=403_000,
            test=404_000,
        ),
        evaluation=Evaluation(
            speeds=tuple(round(0.05 * step, 2) for step in range(20)), boosted_jets=404_000, calls=1000
        ),
    ),
}

_FIGURES = "curves of github.com/ryanliu30/KD4Jets, plots/roc.pdf, plots/boost.pdf (arXiv:2311.14160)"
_LORENTZNET = "github.com/sdogsq/LorentzNet-release, logs/top/pretrained/test-result.json (arXiv:2201.08187)"
_NAMES = ("accuracy", "AUC", *list(evaluation.MERITS)[:1:-1], "invariance score")
_ROWS: tuple[tuple[str, str, str, tuple[float | None, ...]], ...] = (
    ("LorentzNet", "teacher", _LORENTZNET, (0.9425, 0.9870, 534, 2193, None)),
    ("Deep Set", "labels", _FIGURES, (0.9304, 0.981, 219, 748, 0.481)),
    ("Deep Set", "distilled from LorentzNet", _FIGURES, (0.9316, 0.982, 241, 935, 0.501)),
    ("MLP", "labels", _FIGURES, (0.9039, 0.966, 83, 257, 0.460)),
    ("MLP", "distilled from LorentzNet", _FIGURES, (0.9140, 0.9725, 119, 375, 0.469)),
)
PUBLISHED = [
    Published(
        name,
        value,
        None,
        "",
        {"network": network, "method": method, "labelled jets": "all"}
        | ({"boosted": "particles"} if name == "invariance score" else {}),
        top_tagging.NAME,
        source,
    )
    for network, method, source, values in _ROWS
    for name, value in zip(_NAMES, values, strict=True)
    if value is not None
]


def load(config: Config, run: Run, *, progress: bool = True) -> Split:
    """The jets of the run; records where they come from."""
    split = load_split(config.data, seed=config.seed, workers=config.workers, progress=progress)
    run.set_data(split.provenance)
    run.log(event="data", **{name: len(getattr(split, name)) for name in ("train", "validation", "test")})
    return split


def train(config: Config, data: Split, run: Run, *, progress: bool = True) -> list[Trained]:
    """Train every network that the run has not trained yet: who has no teacher, who has, then the bits if asked for.

    Teachers stand first, since they take longest.
    """
    whole, work = config.whole_study(), run.folder / "work"
    teachers, students = whole.teaching(), whole.learning()
    bits = whole.with_bits(config.hgq) if config.quantiser == "hgq" else []
    stages = (
        (teachers + [part for part in students if not part.teacher], "teachers, students on labels", _train),
        ([part for part in students if part.teacher], "students of a teacher", _train),
        (bits, "bits", _train_bits),
    )
    for parts, title, task in stages:
        run_parts(
            functools.partial(task, config, data, work),
            parts,
            name=lambda part: part.name,
            title=title,
            workers=config.workers,
            progress=progress,
        )
    return [study.load_part(work / part.name) for part in teachers + students + bits]


def evaluate(
    config: Config,
    data: Split,
    trained: Sequence[Trained],
    run: Run,
    *,
    progress: bool = True,
) -> list[Result]:
    """Every network on the test jets: results, and the figures of the report."""
    settings, test, kind = config.evaluation, data.test, data.provenance.kind
    found = evaluation.outcomes(trained, test, settings, workers=config.workers, progress=progress)
    results = evaluation.results(found, test, settings, data=kind)
    results += evaluation.gains(evaluation.comparisons(found, test, settings), len(test), data=kind)
    floating = [each for each in trained if not each.part.beta]
    results += evaluation.costs(floating, test, settings, data=kind)
    figures.draw_all(run, [each for each in found if not each.part.beta], floating, test, settings, data=kind)
    if config.quantiser == "hgq":
        results += _hardware(config, data, trained, results, run, progress=progress)
    return results


def predict(
    run: Run, files: Sequence[Path], output: Path, *, model: str | None = None, progress: bool = True
) -> Path:
    """The score of every jet in the user's files, see ``predictions``.

    Args:
        run: A finished run.
        files: Files of jets in a layout of ``datasets.top_tagging``.
        output: HDF5 file to write.
        model: Name of a trained network, such as ``deepset-distilled-lorentznet-seed1``; if not given, the
            student with the best accuracy on the validation jets.
        progress: Show a bar.
    """
    particles = run.settings["data"]["particles"]
    return predictions.write(study.choose(run, model), files, output, particles=particles, progress=progress)


def export(run: Run, folder: Path, *, to: str, model: str | None = None) -> str:
    """An MLP as Verilog, ONNX or hls4ml, see ``export``; the test jets of the run are read or made again.

    Raises:
        VerificationError: What was written differs from its model.
    """
    config = from_dict(Config, run.settings)
    test = load_test(config.data, seed=config.seed, workers=config.workers)
    return exporting.export(run, test, folder, to=to, settings=config.hgq, model=model).told()


def _train(config: Config, data: Split, work: Path, part: Part, report: Report) -> None:
    study.train_part(part, data.train, data.validation, study=config.whole_study(), work=work, report=report)


def _train_bits(config: Config, data: Split, work: Path, part: Part, report: Report) -> None:
    study.train_bits(
        part,
        data.train,
        data.validation,
        study=config.whole_study(),
        settings=config.hgq,
        work=work,
        report=report,
    )


def _hardware(
    config: Config,
    data: Split,
    trained: Sequence[Trained],
    merits: Sequence[Result],
    run: Run,
    *,
    progress: bool,
) -> list[Result]:
    """The students with trained bits of the first seed as Verilog: what they cost, and that they are right."""
    seed, kind = config.study.seeds[0], data.provenance.kind
    written = [each for each in trained if each.part.beta and each.part.seed == seed]
    run_parts(
        functools.partial(_write, config, data, run),
        [each.part for each in written if run.done(_place(each.part)) is None],
        name=lambda part: part.name,
        title="students in hardware",
        workers=config.workers,
        progress=progress,
    )
    reports: dict[str, dict[str, Any]] = {
        each.part.name: run.done(_place(each.part)) or {} for each in written
    }
    for name, report in reports.items():
        for note in report.get("notes", ()):
            run.log(event="note", design=name, note=note)
    designs.draw(run, written, merits, reports, data=kind)
    return designs.results(written, merits, reports, data=kind)


def _write(config: Config, data: Split, run: Run, part: Part, _: Report) -> None:
    trained = study.load_part(run.folder / "work" / part.name)
    folder = run.folder / "verilog" / part.name
    run.mark_done(_place(part), designs.write(trained, data.test, folder, settings=config.hgq))


def _place(part: Part) -> str:
    return f"designs/{part.name}"
