"""Settings, presets and the steps of a run: load, train, evaluate, predict."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from femtobarn.evaluation.fast_simulation.distances import jet_table
from femtobarn.evaluation.fast_simulation.figures import draw_fast_simulation
from femtobarn.evaluation.fast_simulation.files import listed, open_jets
from femtobarn.evaluation.generators import draw_learning, draw_losses
from femtobarn.generator_loop import Course
from femtobarn.nn.jet_simulators import simulated
from femtobarn.physics.jet_pairs import JetPairs
from femtobarn.runs import Result, Run, read_published
from femtobarn.study import Split, Trained, headline, write_predictions
from femtobarn.systems.jet_fastsim import judge, study
from femtobarn.systems.jet_fastsim.data import Data, load_split
from femtobarn.systems.jet_fastsim.judge import COPY, Evaluation
from femtobarn.systems.jet_fastsim.study import MODELS, Flow, Part, Study, Vae


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


_SMALL = Vae(
    channels=(4, 4, 8), dense=32, latent=8, dropout=(0.0, 0.0), turned=True, lr=3e-3,
    course=Course(epochs=8, batch=50, check=4, ema=0.0),
)  # fmt: skip
_COMPACT = Vae(
    channels=(16, 32, 64), dense=256, dropout=(0.0, 0.0), turned=True, lr=1e-3,
    course=Course(epochs=24, batch=100, check=4, ema=0.0, schedule="cosine"),
)  # fmt: skip
PRESETS = {
    "tiny": Config(
        data=Data(engine="toy", events=800, test=0.55),
        study=Study(
            seeds=(1,),
            vae=_SMALL,
            masked=replace(_SMALL, masked=True, free_bits=0.05),
            flow=Flow(
                hidden=16, layers=1, steps=4, lr=3e-3, course=Course(epochs=4, batch=50, check=2, ema=0.9)
            ),
        ),
        evaluation=Evaluation(cuts=4, bootstrap=5, repeated=6, times=10, batches=(1, 100), repeats=1),
        workers=1,
    ),
    "demo": Config(
        study=Study(
            vae=_COMPACT,
            masked=replace(_COMPACT, masked=True, free_bits=0.05),
            flow=Flow(
                hidden=64, layers=3, steps=10, lr=3e-3,
                course=Course(epochs=16, batch=100, check=4, ema=0.99, schedule="cosine", warmup=0.05),
            ),
        ),
    ),
    "paper": Config(
        data=Data(files=(Path("train_data_gen_pxpypz_wDijets_50pCut.pt"),), events=10_000_000),
        study=Study(check_jets=20_000),
        evaluation=Evaluation(jets=50_000),
    ),
}  # fmt: skip

PUBLISHED = read_published(__package__)
HEADLINE = headline(
    "W1 over the floor",
    "model",
    ("VAE", "VAE, masked", "EPiC flow"),
    (COPY, "binned response", "nearest jet"),
    quantity="particle response",
)


def load(config: Config, *, progress: bool) -> Split[JetPairs]:
    """The pairs of the run."""
    return load_split(config.data, seed=config.seed, workers=config.workers, progress=progress)


def train(config: Config, data: Split[JetPairs], run: Run, *, progress: bool) -> list[Trained[Part]]:
    """Every simulator of the study."""
    task = functools.partial(study.train_one, config.study, data, run.folder / "work")
    return MODELS.train(
        run, config.study.parts(), task, settings=config.study.of, workers=config.workers, progress=progress
    )


def evaluate(
    config: Config,
    data: Split[JetPairs],
    trained: Sequence[Trained[Part]],
    run: Run,
    *,
    progress: bool,  # noqa: ARG001, part of the protocol
) -> list[Result]:
    """Every simulator against the reconstructed test jets: results, and the figures of the report."""
    test, seed = data.test.first(config.evaluation.jets), config.seed
    found = judge.outcomes(trained, data, test, seed=seed)
    table = judge.results(
        found, trained, data, test, settings=config.evaluation, sample=config.data, seed=seed
    )
    draw_fast_simulation(run, table, found, test)
    first = [each for each in trained if each.part.seed == trained[0].part.seed]
    draw_learning(run, first, quality="distance from the validation jets")
    draw_losses(run, first, caption="Mean losses since the check before.")
    return table


def predict(
    run: Run, files: Sequence[Path], output: Path, *, model: str | None = None, progress: bool = True
) -> Path:
    """A simulated jet for every generated jet of the user's files, particles and sums.

    ``inside`` says whether the generated pT is within that of the training jets; what a network makes of others is a
    guess.
    """
    trained = MODELS.choose(run, model)
    particles, (low, high) = trained.kept["particles"], trained.kept["pt"]
    draw = np.random.default_rng(run.record["seed"])

    def made(piece: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        generated = listed(piece["generated"], particles=particles)
        jets = simulated(trained.model, generated, seed=int(draw.integers(2**31)))
        pt = jet_table(generated)["jet pT"]
        columns = {name.replace(" ", "_"): values for name, values in jet_table(jets).items()}
        return {
            "momentum": jets.momentum,
            "mask": jets.mask,
            **columns,
            "generated_pT": pt,
            "inside": (pt >= low) & (pt <= high),
        }

    units = {
        "momentum": "GeV",
        "jet_mass": "GeV",
        "jet_pT": "GeV",
        "jet_energy": "GeV",
        "generated_pT": "GeV",
    }
    source = functools.partial(open_jets, particles=particles)
    return write_predictions(
        files, output, source, made, columns=("generated",), model=trained.part.name, what="jets", units=units,
        progress=progress,
    )  # fmt: skip
