"""Settings, presets and the steps of a run: load, train, evaluate, predict."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from femtobarn.data.source import Arrays
from femtobarn.datasets import top_tagging
from femtobarn.engine import Training
from femtobarn.nn.jet_taggers import logits, score
from femtobarn.runs import Result, Run, read_published
from femtobarn.settings import from_dict
from femtobarn.study import Split, Trained, Writing, headline, write_predictions
from femtobarn.systems.jet_distillation import chip, figures, judge, networks, sample
from femtobarn.systems.jet_distillation.judge import Evaluation
from femtobarn.systems.jet_distillation.sample import Data, Sample
from femtobarn.systems.jet_distillation.study import MODELS, Part, Study, train_one


@dataclass(frozen=True)
class Config:
    """All settings of a run."""

    data: Data = field(default_factory=Data)
    study: Study = field(default_factory=Study)
    evaluation: Evaluation = field(default_factory=Evaluation)
    quantiser: Literal["none", "hgq"] = "none"
    """With hgq the student "chip", a small MLP, is trained too, then its bits (HGQ, arXiv:2405.00645), and each is
    written as Verilog."""
    hgq: networks.TrainedBits = field(default_factory=networks.TrainedBits)
    verilog: Writing = field(default_factory=Writing)
    seed: int = 1
    """Seed of the stand-in."""
    workers: int = 2
    """Processes that simulate and train side by side."""

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
            lorentznet=networks.LorentzNet(width=8, blocks=2, train=_SHORT),
            particlenet=networks.ParticleNet(neighbours=4, widths=(12,), hidden=12, train=_SHORT),
            deepset=networks.DeepSet(width=24, train=_SHORT),
            mlp=networks.Mlp(particles=12, hidden=24, train=_SHORT),
            chip=networks.Chip(particles=6, hidden=8, train=_SHORT),
        ),
        hgq=networks.TrainedBits(betas=(1e-5,), train=Training(epochs=3, batch=50, lr=8e-2)),
        verilog=Writing(vectors=100, optimise=False, synthesis=False),
        evaluation=Evaluation(speeds=(0.0, 0.3, 0.6), boosted_jets=200, bootstraps=10, calls=20),
        workers=1,
    ),
    "demo": Config(
        study=Study(
            lorentznet=networks.LorentzNet(
                width=32, blocks=3, train=Training(epochs=8, batch=64, lr=3e-3, weight_decay=0.01)
            ),
            particlenet=networks.ParticleNet(
                neighbours=8,
                widths=(32, 64),
                hidden=64,
                train=Training(epochs=10, batch=64, lr=3e-3, weight_decay=0.01),
            ),
            deepset=networks.DeepSet(train=Training(epochs=10, batch=128, lr=2e-3, weight_decay=0.01)),
            mlp=networks.Mlp(particles=24, train=Training(epochs=15, batch=128, lr=1e-3, weight_decay=0.01)),
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

PUBLISHED = read_published(__package__)
HEADLINE = headline(
    "AUC",
    "method",
    ("distilled from LorentzNet",),
    ("labels",),
    network="Deep Set",
    **{"labelled jets": "all"},
)


def load(config: Config, *, progress: bool) -> Split[Sample]:
    """The jets of the run."""
    return sample.load_split(config.data, seed=config.seed, workers=config.workers, progress=progress)


def train(config: Config, data: Split[Sample], run: Run, *, progress: bool) -> list[Trained[Part]]:
    """Every network that the run has not trained yet: teachers before their students, then bits if asked for.

    Teachers come first, since they take longest.
    """
    study = config.whole_study()
    return MODELS.train(
        run,
        study.parts(config.hgq.betas if config.quantiser == "hgq" else ()),
        functools.partial(train_one, study, config.hgq, data, run.folder / "work"),
        settings=study.of,
        workers=config.workers,
        progress=progress,
    )


def evaluate(
    config: Config, data: Split[Sample], trained: Sequence[Trained[Part]], run: Run, *, progress: bool
) -> list[Result]:
    """Every network on the test jets: results, and the figures of the report."""
    settings, test, workers = config.evaluation, data.test, config.workers
    found = judge.outcomes(trained, test, settings, workers=workers, progress=progress)
    results = judge.results(found, trained, test, settings)
    figures.draw(run, results, found, trained, test, settings)
    if config.quantiser == "hgq":
        results += chip.write(
            run, trained, results, test, settings=config.verilog, workers=workers, progress=progress
        )
    return results


def predict(
    run: Run, files: Sequence[Path], output: Path, *, model: str | None = None, progress: bool = True
) -> Path:
    """Write the score of every jet in the user's files: the logit of a top minus that of another jet, float32.

    Above 0 a jet is taken for a top; 1 / (1 + exp(-score)) is the probability for equal numbers of both.

    Files are in a layout of ``datasets.top_tagging``. Without a name the model is the student with the best accuracy
    on the validation jets.
    """
    trained = MODELS.choose(run, model, among=lambda part: not part.is_teacher)
    particles = run.settings["data"]["particles"]

    def scores(jets: Arrays) -> dict[str, np.ndarray]:
        found = logits(trained.model, *sample.from_arrays(jets, particles).inputs)
        return {"score": score(found).numpy().astype(np.float32)}

    return write_predictions(
        files,
        output,
        functools.partial(sample.open_padded, particles=particles),
        scores,
        model=trained.part.name,
        columns=("momentum", "mask", "is_signal"),
        what="jets",
        progress=progress,
    )


def export(run: Run, folder: Path, *, to: str, model: str | None = None) -> str:
    """An MLP as Verilog, ONNX or hls4ml, see ``chip.export``; the test jets of the run are read or made again."""
    config = from_dict(Config, run.settings)
    test = sample.load_test(config.data, seed=config.seed, workers=config.workers)
    return chip.export(run, test, folder, to=to, settings=config.verilog, model=model)
