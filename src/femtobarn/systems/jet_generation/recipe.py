"""Settings, presets and the steps of a run: load, train, evaluate, predict."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from femtobarn.errors import InputError
from femtobarn.generator_loop import Course
from femtobarn.parts import Report, run_parts
from femtobarn.runs import Published, Result, Run
from femtobarn.systems.jet_generation import evaluation, figures, predictions, study
from femtobarn.systems.jet_generation import export as exporting
from femtobarn.systems.jet_generation.evaluation import Evaluation
from femtobarn.systems.jet_generation.sample import Data, Split, load_split
from femtobarn.systems.jet_generation.study import (
    EpicFm,
    FullyConnected,
    Gapt,
    Igapt,
    Mpgan,
    Part,
    Study,
    Trained,
)


@dataclass(frozen=True)
class Config:
    """All settings of a run."""

    data: Data = field(default_factory=Data)
    study: Study = field(default_factory=Study)
    evaluation: Evaluation = field(default_factory=Evaluation)
    seed: int = 1
    """Seed of the split, the stand-in and the noise of the evaluation."""
    workers: int = 2
    """Processes that simulate and train side by side."""

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise InputError(f"workers must be at least 1: got {self.workers}")


_SHORT = Course(epochs=2, batch=50, ema=0.5)
_COMPACT = Course(epochs=8, batch=64, ema=0.99)
_PUBLISHED = Course(epochs=2000, batch=512, check=5, ema=0.0)

PRESETS = {
    "tiny": Config(
        data=Data(engine="toy", jets=800),
        study=Study(
            check_jets=200,
            gapt=Gapt(width=16, heads=2, course=_SHORT, lr_generator=3e-4, lr_discriminator=3e-4),
            mpgan=Mpgan(
                hidden=8, edge=(8,), node=(16,), course=_SHORT, lr_generator=3e-4, lr_discriminator=3e-4
            ),
            epicfm=EpicFm(hidden=16, layers=1, solver_steps=5, lr=3e-3, course=_SHORT),
            fc=FullyConnected(width=32, course=_SHORT, lr_generator=3e-4, lr_discriminator=3e-4),
        ),
        evaluation=Evaluation(jets=200, batches=(1, 100), repeats=2),
        workers=1,
    ),
    "demo": Config(
        study=Study(
            gapt=Gapt(dropout=0.25, lr_generator=5e-4, lr_discriminator=5e-4, course=_COMPACT),
            mpgan=Mpgan(
                edge=(24, 24),
                node=(64,),
                dropout=0.25,
                lr_generator=3e-5,
                lr_discriminator=3e-5,
                course=Course(epochs=3, batch=64, ema=0.99),
            ),
            fc=FullyConnected(lr_generator=5e-4, lr_discriminator=5e-4, course=_COMPACT),
            epicfm=EpicFm(
                hidden=64,
                layers=3,
                solver_steps=25,
                lr=5e-3,
                course=Course(epochs=90, batch=128, check=30, ema=0.999, schedule="cosine", warmup=0.05),
            ),
        )
    ),
    "paper": Config(
        data=Data(files=(Path("g.hdf5"),), jets=200_000, validation=0.15, test=0.15),
        study=Study(
            models=("gapt", "mpgan", "igapt", "epicfm"),
            scaling="published",
            check_jets=50_000,
            gapt=Gapt(width=128, heads=8, course=_PUBLISHED),
            igapt=Igapt(course=Course(epochs=6000, batch=4096, check=5, ema=0.0)),
            mpgan=Mpgan(course=Course(epochs=2000, batch=256, check=5, ema=0.0)),
            epicfm=EpicFm(
                course=Course(epochs=10_000, batch=1024, check=50, ema=0.999, schedule="cosine", warmup=0.1)
            ),
        ),
    ),
}

_PRD, _IGAPT = "arXiv:2211.10295, Table III", "arXiv:2312.04757 and the author's thesis"
_MPGAN = "arXiv:2106.11535, table of generators and discriminators"
_LITERATURE = "FPD, JetNet estimator"
#: Distances are absolute here; the papers print them times 1e3 (W1-EFP times 1e5).
PUBLISHED = [
    *(
        Published(name, value, error, "", {"model": title}, f"JetNet {jets}", source)
        for jets, title, name, value, error, source in (
            ("g", "real jets", "W1-M", 0.7e-3, 0.2e-3, _MPGAN),
            ("q", "real jets", "W1-M", 0.5e-3, 0.1e-3, _MPGAN),
            ("t", "real jets", "W1-M", 0.51e-3, 0.07e-3, _MPGAN),
            ("g", "MPGAN", "W1-M", 0.7e-3, 0.2e-3, _MPGAN),
            ("q", "MPGAN", "W1-M", 0.6e-3, 0.2e-3, _MPGAN),
            ("t", "MPGAN", "W1-M", 0.6e-3, 0.2e-3, _MPGAN),
            ("g", "MPGAN", "W1-P", 0.9e-3, 0.3e-3, _MPGAN),
            ("q", "MPGAN", "W1-P", 4.9e-3, 0.5e-3, _MPGAN),
            ("t", "MPGAN", "W1-P", 2.3e-3, 0.3e-3, _MPGAN),
            ("g", "MPGAN", "W1-EFP", 0.7e-5, 0.2e-5, _MPGAN),
            ("q", "MPGAN", "W1-EFP", 0.7e-5, 0.4e-5, _MPGAN),
            ("t", "MPGAN", "W1-EFP", 2e-5, 1e-5, _MPGAN),
            ("g", "real jets", _LITERATURE, 0.14e-3, 0.04e-3, _IGAPT),
            ("g", "MPGAN", _LITERATURE, 0.41e-3, 0.09e-3, _IGAPT),
            ("g", "GAPT", _LITERATURE, 0.46e-3, 0.06e-3, _IGAPT),
            ("g", "iGAPT", _LITERATURE, 0.29e-3, 0.04e-3, _IGAPT),
            ("q", "MPGAN", _LITERATURE, 1.9e-3, 0.2e-3, _IGAPT),
            ("q", "GAPT", _LITERATURE, 4.03e-3, 0.06e-3, _IGAPT),
            ("q", "iGAPT", _LITERATURE, 0.51e-3, 0.07e-3, _IGAPT),
            ("t", "MPGAN", _LITERATURE, 2.8e-3, 0.2e-3, _IGAPT),
            ("t", "GAPT", _LITERATURE, 0.43e-3, 0.03e-3, _IGAPT),
            ("t", "iGAPT", _LITERATURE, 0.25e-3, 0.05e-3, _IGAPT),
            ("g", "MPGAN", _LITERATURE, 0.30e-3, 0.06e-3, _PRD),
            ("g", "GAPT", _LITERATURE, 0.66e-3, 0.09e-3, _PRD),
        )
    )
]


def load(config: Config, run: Run, *, progress: bool = True) -> Split:
    """The jets of the run; records where they come from."""
    split = load_split(config.data, seed=config.seed, workers=config.workers, progress=progress)
    run.set_data(split.provenance)
    run.log(
        event="data", **{name: len(getattr(split, name).mask) for name in ("train", "validation", "test")}
    )
    return split


def train(config: Config, data: Split, run: Run, *, progress: bool = True) -> list[Trained]:
    """Train every generator of the study that the run has not trained yet."""
    parts = config.study.parts()
    work = functools.partial(_train, config, data, run.folder / "work")
    run_parts(
        work,
        parts,
        name=lambda part: part.name,
        title="training",
        workers=config.workers,
        progress=progress,
    )
    return [study.load_part(run.folder / "work" / part.name) for part in parts]


def evaluate(
    config: Config,
    data: Split,
    trained: Sequence[Trained],
    run: Run,
    *,
    progress: bool = True,  # noqa: ARG001, part of the protocol
) -> list[Result]:
    """Every generator against the test jets: results, and the figures of the report."""
    settings, kind = config.evaluation, data.provenance.kind
    test = study.some(data.test, settings.jets)
    found = evaluation.outcomes(trained, data.train, test, settings=settings, seed=config.seed)
    results = evaluation.results(found, trained, test, data=kind)
    figures.draw_all(run, results, found, trained, test, data=kind)
    return results


def predict(
    run: Run,
    files: Sequence[Path],
    output: Path,
    *,
    model: str | None = None,
    progress: bool = True,  # noqa: ARG001, part of the protocol
) -> Path:
    """A generated jet for every jet of the user's files, with its multiplicity, see ``predictions``.

    Args:
        run: A finished run.
        files: Files in JetNet layout, or folders of such.
        output: HDF5 file to write, in the same layout.
        model: Name of a trained generator, such as ``gapt-seed1``; if not given, the one with the smallest
            FPD on the validation jets.
        progress: Not used: it takes seconds.
    """
    return predictions.write(study.choose(run, model), files, output, seed=run.record["seed"])


def export(run: Run, folder: Path, *, to: str, model: str | None = None) -> Path:
    """A trained generator as ONNX, see ``export``."""
    return exporting.export(run, folder, to=to, model=model)


def _train(config: Config, data: Split, work: Path, part: Part, report: Report) -> None:
    study.train_part(
        part, data.train, data.validation, study=config.study, folder=work / part.name, report=report
    )
