"""Settings, presets and the steps of a run: load, train, evaluate, predict, export."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from femtobarn.data.source import Arrays
from femtobarn.errors import InputError
from femtobarn.evaluation.image_stacks.embeddings import REGISTERED
from femtobarn.evaluation.image_stacks.files import StackSource, read_stack
from femtobarn.evaluation.image_stacks.training import Contrasting, SelfLabelling, Views, confident, embed
from femtobarn.hardware.onnx_export import export_onnx
from femtobarn.runs import Result, Run, read_published
from femtobarn.settings import from_dict
from femtobarn.study import Trained, headline, write_predictions
from femtobarn.systems.contrastive_clustering import data as images
from femtobarn.systems.contrastive_clustering import judge, study
from femtobarn.systems.contrastive_clustering.data import Data, Stacks
from femtobarn.systems.contrastive_clustering.study import MODELS, REGISTER, SELF, Part, Study, new_images


@dataclass(frozen=True)
class Config:
    """All settings of a run."""

    data: Data = field(default_factory=Data)
    study: Study = field(default_factory=Study)
    seed: int = 1
    """Seed of the simulated stacks."""
    workers: int = 2
    """Processes that train side by side."""


_DEMO = Study(widths=(16, 32, 64, 128), labelling=SelfLabelling(head_epochs=100, epochs=40))
PRESETS = {
    "tiny": Config(
        data=Data(
            kinds=("faint, shifted", "occupancy"), sizes=(12, 15, 18), runs=(10, 6, 6, 6, 6, 6), drawn=True, side=32,
        ),
        study=Study(
            seeds=(1,), contrast=Contrasting(epochs=3), labelling=SelfLabelling(head_epochs=10, epochs=2),
            published_on=("faint, shifted",),
        ),
        workers=1,
    ),
    "demo": Config(data=Data(kinds=("clean", "faint", "faint, shifted", "occupancy")), study=_DEMO),
    "paper": Config(
        data=Data(stack=Path("training_data.npy"), mask=Path("mask.npy"), side=96),
        study=Study(
            clusters=20, encoder="Lite0", projection=(1280, 1024), views=Views("published"),
            contrast=Contrasting(epochs=50, batch=183, temperature=0.5), seeds=(1, 2, 3, 4, 5),
        ),
    ),
    "detector": Config(data=Data(kinds=("occupancy",)), study=_DEMO),
}  # fmt: skip
PUBLISHED = read_published(__package__)
HEADLINE = headline("NMI", "embedding", (REGISTER,), ("pixels", REGISTERED), stack="faint, shifted")


def load(config: Config, *, progress: bool = True) -> Stacks:  # noqa: ARG001
    """The stacks of the run."""
    return images.load(config.data, seeds=config.study.seeds, seed=config.seed)


def train(config: Config, data: Stacks, run: Run, *, progress: bool = True) -> list[Trained[Part]]:
    """Every method on every stack."""
    task = functools.partial(study.train_one, config.study, data, run.folder / "work")
    return MODELS.train(
        run, config.study.parts(data.of), task, settings=lambda _: config.study, workers=config.workers,
        progress=progress,
    )  # fmt: skip


def evaluate(
    config: Config, data: Stacks, trained: Sequence[Trained[Part]], run: Run, *, progress: bool = True  # noqa: ARG001
) -> list[Result]:  # fmt: skip
    """Tables and figures."""
    return judge.results(run, config.study, data, trained)


def predict(
    run: Run, files: Sequence[Path], output: Path, *, model: str | None = None, progress: bool = True
) -> Path:
    """Cluster, its probability and the features of each image of stacks, which show the same as those of the run."""
    config, chosen = from_dict(Config, run.settings), _chosen(run, model)
    settings = config.data

    def clusters(piece: Arrays) -> Arrays:
        seen = new_images(chosen, piece["counts"], config.study)
        cluster, confidence = confident(chosen.model.encoder, chosen.model.head, seen)
        known = {"mz": piece["mz"]} if "mz" in piece else {}
        return {
            **known,
            "cluster": cluster,
            "confidence": confidence,
            "features": embed(chosen.model.encoder, seen),
        }

    def opened(path: Path) -> StackSource:
        return StackSource(read_stack(path, side=settings.side, cube=settings.cube, mz=settings.mz))

    return write_predictions(
        files, output, opened, clusters, model=chosen.part.name, what="images", rows=500, progress=progress
    )


def export(run: Run, output: Path, *, to: str, model: str | None = None) -> str:
    """The self-labelled network as ONNX, from images (values 0 to 1) to the probability of each cluster."""
    if to != "onnx":
        raise InputError(f"expected onnx, got {to}")
    chosen = _chosen(run, model)
    example = torch.rand(2, *chosen.kept["inside"].shape, generator=torch.Generator().manual_seed(1))
    return export_onnx(chosen.model, example, output, axis="image", tolerance=1e-4).summary(output)


def _chosen(run: Run, model: str | None) -> Trained[Part]:
    """A self-labelled network: that asked for, else the one of the least loss."""
    chosen = MODELS.choose(run, model, among=lambda part: part.method == SELF)
    if chosen.part.method != SELF:
        raise InputError(f"{chosen.part.name} gives no clusters of new images: choose one that is {SELF}")
    return chosen
