"""Settings, presets and the steps of a run: load, train, evaluate, predict."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from femtobarn.datasets.calochallenge import PUBLISHED_SETS
from femtobarn.errors import InputError
from femtobarn.parts import Report, run_parts
from femtobarn.runs import Result, Run
from femtobarn.systems.calo_challenge import evaluation, figures, predictions, study
from femtobarn.systems.calo_challenge.descent import Course
from femtobarn.systems.calo_challenge.evaluation import BASELINE, SOURCE, TRUTH, Evaluation, Outcome, Task
from femtobarn.systems.calo_challenge.published import published
from femtobarn.systems.calo_challenge.sample import Data, Dataset, Split, cut, geant4_showers, load_split
from femtobarn.systems.calo_challenge.study import (
    Diffusion,
    Dream,
    Gan,
    Hybrid,
    Inn,
    Part,
    Study,
    Trained,
    Vae,
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
    """Processes that simulate, train and judge side by side."""

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise InputError(f"workers must be at least 1: got {self.workers}")


class Splits(NamedTuple):
    """The showers of a run, and those that the two starts of flow matching are compared on."""

    main: Split
    hybrid: Split


_COMPACT = Dream(
    energy="flat", shape="flat", width=384, depth=3, energy_width=128, energy_depth=3, steps=12,
    course=Course(epochs=20, batch=64, lr=2e-3, check=5, ema=0.995),
)  # fmt: skip
_DEMO = Config(
    study=Study(
        check_showers=1000,
        diffusion=Diffusion(
            energy_width=128, energy_blocks=3, shape="flat", width=384, depth=3, steps=24,
            course=Course(epochs=20, batch=64, lr=2e-3, check=5, ema=0.995),
        ),
        dream=_COMPACT,
        inn=Inn(
            blocks=4, bins=8, bound=12.0, width=96, layers=3, energy_blocks=6,
            course=Course(epochs=10, batch=256, lr=2e-3, check=2, ema=0.99),
        ),
        vae=Vae(
            latent=24, hidden=(384, 192), flow_blocks=6, flow_width=48, flow_bins=8,
            course=Course(epochs=36, batch=256, check=9, ema=0.995),
        ),
        gan=Gan(
            noise=64, hidden=(128, 256), course=Course(epochs=36, batch=320, lr=2e-4, check=9, ema=0.99)
        ),
        hybrid=Hybrid(
            starts=20,
            network=replace(_COMPACT, course=Course(epochs=2, batch=64, lr=2e-3, check=2, ema=0.995)),
        ),
    ),
    evaluation=Evaluation(showers=5000, neighbours=3000, epochs=60),
)  # fmt: skip


def _published_sizes(dataset: Dataset) -> Config:
    """Sizes and trainings as published, on the published files."""
    known, first = PUBLISHED_SETS[dataset], dataset.startswith("1")
    flow = Course(epochs=800, batch=64, lr=1e-3, weight_decay=1e-5, clip=100.0, check=50)
    tokens = {
        "2": Dream(course=flow),
        "3": Dream(patch=(3, 5, 2), width=240, ratio=3, course=flow),
    }.get(dataset, Dream(patch=(1, 10, 1), width=240, course=flow))
    return Config(
        data=Data(
            dataset,
            tuple(map(Path, known.train)),
            tuple(map(Path, known.test)),
            showers=known.showers * len(known.train),
            validation=0.1,
        ),
        study=Study(
            knots=1,
            coloured=False,
            check_showers=10_000,
            dream=tokens,
            diffusion=Diffusion(
                channels=(32, 32, 64, 96 if first else 32),
                course=Course(epochs=500, batch=128, lr=4e-4, check=20),
            ),
            inn=Inn(course=Course(epochs=450, batch=512, lr=1e-4, weight_decay=0.01, check=50)),
            vae=Vae(
                hidden=(10_000, 3000, 500) if first else (1500, 1000, 500),
                course=Course(epochs=1000, batch=256, lr=1e-4, weight_decay=1e-7, check=50),
            ),
            gan=Gan(course=Course(epochs=5000, batch=640, lr=1e-4, schedule="constant", check=50)),
            hybrid=Hybrid(target="data", starts=1, network=tokens),
        ),
        evaluation=Evaluation(showers=100_000, batches=(1, 100, 10_000), repeats=10, neighbours=20_000),
    )


_SHORT = Course(epochs=1, batch=100, ema=0.5)
_FLAT = Dream(
    energy="flat",
    shape="flat",
    width=32,
    depth=1,
    energy_width=16,
    energy_depth=1,
    steps=4,
    course=_SHORT,
)

PRESETS = {
    "tiny": Config(
        data=Data(showers=1000, validation=0.2, test=0.3),
        study=Study(
            check_showers=200,
            dream=_FLAT,
            diffusion=Diffusion(
                energy_width=16,
                energy_blocks=1,
                channels=(8, 8, 8),
                blocks=1,
                fold=10,
                steps=5,
                course=_SHORT,
            ),
            inn=Inn(blocks=2, bins=4, width=16, layers=2, course=_SHORT),
            vae=Vae(latent=4, hidden=(32,), flow_blocks=2, flow_width=8, course=_SHORT),
            gan=Gan(noise=8, hidden=(16, 32), critic=32, flow_blocks=2, flow_width=8, course=_SHORT),
            hybrid=Hybrid(target="data", starts=1, network=_FLAT),
        ),
        evaluation=Evaluation(showers=300, batches=(1, 10), repeats=2, neighbours=200, epochs=10, layers=1),
        workers=1,
    ),
    "demo": _DEMO,
    "paper": _published_sizes("2"),
    "paper-1-photons": _published_sizes("1-photons"),
    "paper-1-pions": _published_sizes("1-pions"),
    "paper-3": _published_sizes("3"),
}

PUBLISHED = published()


def load(config: Config, run: Run, *, progress: bool = True) -> Splits:
    """The showers of the run; records where they come from."""
    main = load_split(config.data, seed=config.seed, workers=config.workers, progress=progress)
    run.set_data(main.provenance)
    hybrid, settings = main, config.study.hybrid
    if config.study.hybrids and settings.target == "geant4":
        showers, provenance = geant4_showers(
            config.data, settings.geant4, seed=config.seed, workers=config.workers, progress=progress
        )
        parts = cut(showers, (config.data.validation, config.data.test), seed=config.seed)
        hybrid = Split(parts[0], parts[1], parts[2], provenance)
    for name, split in (("main", main), ("hybrid", hybrid)):
        sizes = {part: len(getattr(split, part)["energies"]) for part in ("train", "validation", "test")}
        run.log(event="data", of=name, **sizes)
    return Splits(main, hybrid)


def train(config: Config, data: Splits, run: Run, *, progress: bool = True) -> list[Trained]:
    """Train every generator of the study that the run has not trained yet."""
    parts = config.study.parts()
    run_parts(
        functools.partial(_train, config, data, run.folder / "work"),
        parts,
        name=lambda part: part.name,
        title="training",
        workers=config.workers,
        progress=progress,
    )
    return [study.load_part(run.folder / "work" / part.name) for part in parts]


def evaluate(
    config: Config, data: Splits, trained: Sequence[Trained], run: Run, *, progress: bool = True
) -> list[Result]:
    """Every generator and the baselines against the test showers: results, and the figures of the report."""
    work, kind = run.folder / "work", data.main.provenance.kind
    main = [each for each in trained if not each.part.is_hybrid]
    hybrid = [each for each in trained if each.part.is_hybrid]
    found = _judge(config, data.main, main, (TRUTH, BASELINE), work / "main", progress=progress)
    results = evaluation.results(found, main, data.main.test, data=kind)
    figures.draw_all(
        run,
        results,
        found,
        main,
        data.main.test,
        dataset=config.data.dataset,
        layers=config.evaluation.layers,
        data=kind,
    )
    if hybrid:
        compared = _judge(config, data.hybrid, hybrid, (TRUTH, SOURCE), work / "hybrid", progress=progress)
        suffix, kind = ", two starts", data.hybrid.provenance.kind
        results += evaluation.results(compared, hybrid, data.hybrid.test, data=kind, suffix=suffix)
        figures.draw_hybrid(run, compared, hybrid, data.hybrid.test, dataset=config.data.dataset, data=kind)
    return results


def predict(
    run: Run,
    files: Sequence[Path],
    output: Path,
    *,
    model: str | None = None,
    progress: bool = True,  # noqa: ARG001, part of the protocol
) -> Path:
    """A generated shower for every incident energy of the user's files, see ``predictions``.

    Args:
        run: A finished run.
        files: Files in the layout of the challenge, or one folder of such.
        output: HDF5 file to write, in the same layout.
        model: Name of a trained generator, such as ``inn-seed1``; if not given, the one with the smallest FPD on
            the validation showers.
        progress: Not used.
    """
    return predictions.write(study.choose(run, model), files, output, seed=run.record["seed"])


def _train(config: Config, data: Splits, work: Path, part: Part, report: Report) -> None:
    split = data.hybrid if part.is_hybrid else data.main
    study.fit(
        part,
        split.train,
        split.validation,
        dataset=config.data.dataset,
        study=config.study,
        folder=work / part.name,
        report=report,
    )


def _judge(
    config: Config,
    data: Split,
    trained: Sequence[Trained],
    baselines: Sequence[str],
    folder: Path,
    *,
    progress: bool,
) -> list[Outcome]:
    tasks = [Task(each.part.name, folder.parent / each.part.name, False) for each in trained]
    tasks += [Task(name, folder / name.replace(" ", "-"), True) for name in baselines]
    work = functools.partial(
        evaluation.judge,
        train=data.train,
        test=data.test,
        dataset=config.data.dataset,
        settings=config.evaluation,
        seed=config.seed,
    )
    return run_parts(
        work,
        tasks,
        name=lambda task: task.name,
        title="judging",
        workers=config.workers,
        progress=progress,
    )
