"""Settings, presets and the steps of a run: load, train, evaluate, predict."""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from femtobarn.data.source import stream
from femtobarn.datasets import calochallenge
from femtobarn.datasets.calochallenge import PUBLISHED_SETS
from femtobarn.nn.shower_generators import generate
from femtobarn.parts import run_parts
from femtobarn.runs import Result, Run, read_published
from femtobarn.study import Split, Trained, headline
from femtobarn.systems.calo_challenge import figures, judge, study
from femtobarn.systems.calo_challenge.judge import BASELINE, SOURCE, TRUTH, Evaluation, Outcome, Task
from femtobarn.systems.calo_challenge.networks import Course, Diffusion, Dream, Gan, Inn, Vae
from femtobarn.systems.calo_challenge.sample import (
    GEANT4,
    Data,
    Dataset,
    Samples,
    ShowerTable,
    geant4_split,
    load_split,
)
from femtobarn.systems.calo_challenge.study import MODELS, Hybrid, Part, Study

_ROWS = 10_000  # made and written together


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


_GEANT4 = replace(
    _DEMO,
    data=Data(engine="geant4", highest=14),
    study=replace(_DEMO.study, seeds=(1, 2, 3), hybrid=replace(_DEMO.study.hybrid, target="data", starts=4)),
    seed=11,  # of showers that no choice of a setting has seen: 1, 2 and 3 were looked at
)


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
            path=tuple(map(Path, known.train)),
            reference=tuple(map(Path, known.test)),
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
        evaluation=Evaluation(showers=300, batches=(1, 10), repeats=2, neighbours=200, epochs=10),
        workers=1,
    ),
    "demo": _DEMO,
    "paper": _published_sizes("2"),
    "geant4": _GEANT4,
    "paper-1-photons": _published_sizes("1-photons"),
    "paper-1-pions": _published_sizes("1-pions"),
    "paper-3": _published_sizes("3"),
}

PUBLISHED = read_published(__package__)
"""FPD and AUC have names of their own: the estimator and the network of the challenge differ from ours."""
HEADLINE = headline(
    "FPD",
    "model",
    ("flow matching", "BoloGAN", "diffusion", "CaloVAE+INN", "CaloINN"),
    ("marginals", "training showers"),
)


def load(config: Config, *, progress: bool) -> Samples:
    """The showers of the run."""
    how: dict[str, Any] = {"seed": config.seed, "workers": config.workers, "progress": progress}
    main, hybrid = load_split(config.data, **how), config.study.hybrid
    if config.study.hybrids and hybrid.target == "geant4":
        return Samples(main, geant4_split(config.data, hybrid.geant4, **how))
    return Samples(main, main)


def train(config: Config, data: Samples, run: Run, *, progress: bool) -> list[Trained[Part]]:
    """Every generator of the study."""
    task = functools.partial(study.train_one, config.study, data, run.folder / "work")
    return MODELS.train(
        run, config.study.parts(), task, settings=config.study.of, workers=config.workers, progress=progress
    )


def evaluate(
    config: Config, data: Samples, trained: Sequence[Trained[Part]], run: Run, *, progress: bool
) -> list[Result]:
    """Every generator and the baselines against the test showers: results, and the figures of the report."""
    work, showers = run.folder / "work", config.evaluation.showers
    judged = functools.partial(_judged, config, work=work, progress=progress)
    main = [each for each in trained if not each.part.is_hybrid]
    starts = [each for each in trained if each.part.is_hybrid]
    # GFLASH is a rival where Geant4 is simulated in the same calorimeter, and the truth where it makes the showers.
    rivals = (TRUTH, BASELINE, SOURCE) if data.provenance.source == GEANT4 else (TRUTH, BASELINE)
    test, found = data.main.test.first(showers), judged(data.main, main, rivals, "main")
    table = judge.results(found, main, n=len(test))
    figures.draw_all(run, table, found, main, test)
    if starts:
        test, found = data.starts.test.first(showers), judged(data.starts, starts, (TRUTH, SOURCE), "hybrid")
        kind = data.starts.provenance.kind
        compared = judge.results(found, starts, n=len(test)) + judge.gains(found, n=len(test))
        table += [replace(each, name=f"{each.name}, two starts", data=kind) for each in compared]
        figures.draw_starts(run, found, starts, test, kind=kind)
    return table


def predict(
    run: Run,
    files: Sequence[Path],
    output: Path,
    *,
    model: str | None = None,
    progress: bool = True,  # noqa: ARG001, part of the protocol
) -> Path:
    """A generated shower for every incident energy of the user's files, in the layout of the challenge.

    The showers of the files are not looked at. Without a name the generator with the smallest FPD on the validation
    showers is taken, which is none of the two starts.
    """
    generator = MODELS.choose(run, model, among=lambda part: not part.is_hybrid).model
    source = calochallenge.open_showers(files, generator.preprocessing.geometry.name)
    noise = torch.Generator().manual_seed(run.record["seed"])

    def pieces() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for part in stream(source, ["energies"], rows=_ROWS):
            made = generate(generator, torch.from_numpy(part["energies"]), generator=noise)
            yield part["energies"], made.numpy()

    calochallenge.write_pieces(output, pieces(), kind="generated")
    return output


def _judged(
    config: Config,
    data: Split[ShowerTable],
    trained: Sequence[Trained[Part]],
    baselines: Sequence[str],
    folder: str,
    *,
    work: Path,
    progress: bool,
) -> list[Outcome]:
    tasks = [Task(each.part.name, work / each.part.name) for each in trained]
    tasks += [Task(name, work / folder / name.replace(" ", "-")) for name in baselines]
    return run_parts(
        functools.partial(judge.judge, data=data, settings=config.evaluation, seed=config.seed),
        tasks,
        name=lambda task: task.name,
        title="judging",
        workers=config.workers,
        progress=progress,
    )
