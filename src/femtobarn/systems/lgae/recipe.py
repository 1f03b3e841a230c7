"""Settings, presets and the steps of a run: load, train, evaluate, predict, export."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from femtobarn.data.source import Arrays
from femtobarn.datasets import jetnet
from femtobarn.engine import Training
from femtobarn.errors import InputError
from femtobarn.evaluation.jet_autoencoders import errors, inputs, rebuilt
from femtobarn.evaluation.jet_clouds import Jets
from femtobarn.evaluation.jet_compression import compared
from femtobarn.evaluation.jet_reconstruction import relative_particles
from femtobarn.hardware.onnx_export import export_onnx
from femtobarn.nn.jet_autoencoders import ImageAutoencoder, LorentzAutoencoder
from femtobarn.runs import Result, Run, read_published
from femtobarn.study import Trained, headline, write_predictions
from femtobarn.systems.lgae import data as jets
from femtobarn.systems.lgae import judge, study
from femtobarn.systems.lgae.data import Data, Problem
from femtobarn.systems.lgae.judge import Evaluation
from femtobarn.systems.lgae.networks import Cnn, Gnn, Lgae
from femtobarn.systems.lgae.study import MODELS, Part, Study


@dataclass(frozen=True)
class Config:
    """All settings of a run."""

    data: Data = field(default_factory=Data)
    study: Study = field(default_factory=Study)
    evaluation: Evaluation = field(default_factory=Evaluation)
    seed: int = 1
    """Seed of the split, the stand-in and the draws of the evaluation."""
    workers: int = 2
    """Processes that simulate and train side by side."""


_SHORT = Training(epochs=2, batch=50, lr=3e-3)
_PUBLISHED = Training(epochs=20_000, batch=500, lr=1e-3, schedule="constant", patience=200)
_TINY = Study(
    seeds=(1,),
    mix=Lgae(hidden=1, vectors=2, train=_SHORT),
    min_max=Lgae("min & max", hidden=1, vectors=1, train=_SHORT),
    gnn_particle=Gnn(train=_SHORT),
    cnn=Cnn(latent=20, channels=4, train=_SHORT),
)
PRESETS = {
    "tiny": Config(
        data=Data(engine="toy", jets=500, signal_jets=80, particles=10, signals=("t", "w")),
        study=_TINY,
        evaluation=Evaluation(fractions=(0.1,), boosted=10, bootstrap=3, calls=3),
        workers=1,
    ),
    "demo": Config(),
    "paper": Config(
        data=Data(
            files=(Path("g.hdf5"), Path("q.hdf5")),
            signal_files=(Path("t.hdf5"), Path("w.hdf5"), Path("z.hdf5")),
            jets=400_000, signal_jets=100_000, validation=0.2, test=0.2,
        ),
        study=Study(
            models=("mix", "min_max", "gnn_particle", "gnn_jet", "cnn"),
            mix=Lgae(hidden=6, vectors=9, train=_PUBLISHED),
            min_max=Lgae("min & max", hidden=6, vectors=4, train=_PUBLISHED),
            gnn_particle=Gnn(train=_PUBLISHED),
            gnn_jet=Gnn("jet", latent=45, train=_PUBLISHED),
            cnn=Cnn(channels=128, train=_PUBLISHED),
        ),
        evaluation=Evaluation(fractions=(0.1, 0.01, 0.001)),
    ),
}  # fmt: skip
PUBLISHED = read_published(__package__)
_OURS, _THEIRS = ("LGAE mix", "LGAE min & max"), ("GNN of particles", "all shapes, Mahalanobis distance")
HEADLINE = headline("AUC at equal mass", "score", _OURS, _THEIRS, signal="t, 140 to 200 GeV")


def load(config: Config, *, progress: bool) -> Problem:
    """The background of the run; no signal is read here."""
    return jets.load(config.data, seed=config.seed, workers=config.workers, progress=progress)


def train(config: Config, data: Problem, run: Run, *, progress: bool) -> list[Trained[Part]]:
    """Every autoencoder of the study."""
    task = functools.partial(study.train_one, config.study, data, run.folder / "work")
    return MODELS.train(
        run,
        config.study.parts(),
        task,
        settings=lambda part: config.study.of(part.model),
        workers=config.workers,
        progress=progress,
    )


def evaluate(
    config: Config, data: Problem, trained: Sequence[Trained[Part]], run: Run, *, progress: bool
) -> list[Result]:
    """All tables and figures; the signals are read here."""
    return judge.results(run, data, config.study, trained, config.evaluation, progress=progress)


def predict(
    run: Run, files: Sequence[Path], output: Path, *, model: str | None = None, progress: bool = True
) -> Path:
    """The score and the mass of every jet of the user's files, its latent numbers, and the jet that comes out."""
    trained = _chosen(run, model)
    network, particles = trained.model, trained.kept["particles"]

    @torch.no_grad()
    def made(columns: Arrays) -> Arrays:
        part = Jets.of(columns)
        latent = network.compress(*inputs(network, part).values())
        found = {"mass": part.mass, "latent": latent.double().numpy()}
        if isinstance(network, ImageAutoencoder):
            return {"score": errors(network, inputs(network, part)).numpy(), **found}
        after = compared(part, functools.partial(rebuilt, network))
        relative = relative_particles((rebuilt(network, part) * part.unit).numpy(), part.eta)
        relative[..., 2] /= part.pt[:, None]
        mass = part.mass * (1 + after.jet[:, 0])
        return {"score": after.chamfer, **found, "rebuilt_mass": mass, "rebuilt": relative}

    return write_predictions(
        files, output, lambda path: jetnet.open_jets(path, particles=particles), made,
        model=trained.part.name, columns=("particles", "mask", "jet"), what="jets", rows=1000,
        units={"mass": "GeV", "rebuilt_mass": "GeV"}, progress=progress,
    )  # fmt: skip


def export(run: Run, folder: Path, *, to: str, model: str | None = None) -> str:
    """An autoencoder as ONNX, checked in onnxruntime against torch."""
    if to != "onnx":
        raise InputError(f"a network of all pairs of particles is exported to onnx, not to {to}")
    trained = _chosen(run, model)
    network, path = trained.model, folder / f"{trained.part.name}.onnx"
    example = jets.stand_in(Data(engine="toy", particles=trained.kept["particles"]), "g", 20, seed=1)
    tolerance = 1e-9 if isinstance(network, LorentzAutoencoder) else 1e-4
    return export_onnx(network, inputs(network, example), path, axis="jet", tolerance=tolerance).summary(path)


def _chosen(run: Run, model: str | None) -> Trained[Part]:
    """Errors of different networks do not compare: without a name it is the best LGAE mix, if there is one."""
    return MODELS.choose(run, model, among=lambda part: part.model == "mix" and part.share == 1)
