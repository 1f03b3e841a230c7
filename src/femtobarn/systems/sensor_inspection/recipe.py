"""Settings, presets and the steps of a run: load, train, evaluate, predict, export."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from femtobarn.data.patch_images import ImageSource, PatchImages
from femtobarn.data.source import Arrays
from femtobarn.engine import Training
from femtobarn.errors import InputError, MissingExtraError
from femtobarn.evaluation.inspection.boards import published_board_scores
from femtobarn.evaluation.inspection.scores import written_scores
from femtobarn.hardware.onnx_export import export_onnx
from femtobarn.nn.efficientnet_lite import load_efficientnet_lite0
from femtobarn.nn.patch_inspector import PatchNetworks
from femtobarn.runs import Result, Run, read_published
from femtobarn.simulate.sensor_images import Camera
from femtobarn.simulate.sensor_scans import Sensors
from femtobarn.study import Trained, headline, write_predictions
from femtobarn.systems.sensor_inspection import data as photographs
from femtobarn.systems.sensor_inspection import judge, study
from femtobarn.systems.sensor_inspection.data import Data, Scans
from femtobarn.systems.sensor_inspection.study import MODELS, Part, Study, maps


@dataclass(frozen=True)
class Config:
    """All settings of a run."""

    data: Data = field(default_factory=Data)
    study: Study = field(default_factory=Study)
    boards: bool = True
    """Also score the public circuit boards, where FEMTOBARN_DATA holds them."""
    seed: int = 1
    """Seed of the photographs, or of the split of the user's."""
    workers: int = 2
    """Processes that simulate, train and score side by side."""


_NETWORKS = PatchNetworks(
    kernels=((5, 5), (2, 2), (2, 2), (2, 2)), widths=(64, 64, 32, 32), stages=((16, 16), (32,), (48,)), dense=(48,),
    background=(2, 5, 4),
)  # fmt: skip
_SMALL = Study(
    networks=_NETWORKS, bank=2000, clean=4, train=Training(epochs=6, batch=5, lr=2e-3),
    classify=Training(epochs=16, batch=16, lr=2e-3),
)  # fmt: skip
_SHORT = Training(epochs=2, batch=8, lr=2e-3)
PRESETS = {
    "tiny": Config(
        data=Data(camera=Camera(rows=80, columns=160), sensors=Sensors(3, 2, 3, 6, 6)),
        study=replace(
            _SMALL, kinds=("simple", "autoencoder", "classifier", "AE + classifier"), seeds=(1,), others=((10.0, 0.1),),
            networks=replace(_NETWORKS, widths=(8, 8, 8, 8)), train=_SHORT, classify=_SHORT, share=0.3,
        ),
        boards=False, workers=1,
    ),
    "demo": Config(study=_SMALL),
    "paper": Config(data=Data(camera=Camera(rows=2720, columns=3840, pixel=0.0025), patch=160)),
}  # fmt: skip
PUBLISHED = read_published(__package__)
HEADLINE = headline(
    "signal at 15 % of background", "score", ("Lite0 bank", "AE + classifier"), ("cell statistics", "PCA peak"),
    read="at its position", signal="weak",
)  # fmt: skip


def load(config: Config, *, progress: bool = True) -> Scans:
    """The photographs of the run."""
    return photographs.load(config.data, seed=config.seed, workers=config.workers, progress=progress)


def train(config: Config, data: Scans, run: Run, *, progress: bool = True) -> list[Trained[Part]]:
    """Every part with every seed; without the weights of EfficientNet-Lite0 those that need none."""
    settings, parts = config.study, config.study.parts()
    if config.data.folder is not None:  # there are no other photographs of the user's sensors
        parts = [part for part in parts if not part.jitter]
    try:
        load_efficientnet_lite0()
    except MissingExtraError as error:
        run.log(event="note", note=f"no score by features of a trained network: {error}")
        parts = [part for part in parts if part.kind != "features"]
    task = functools.partial(study.train_one, settings, data, config.data, run.folder / "work")
    return MODELS.train(
        run, parts, task, settings=lambda _: settings, workers=config.workers, progress=progress
    )


def evaluate(
    config: Config, data: Scans, trained: Sequence[Trained[Part]], run: Run, *, progress: bool = True
) -> list[Result]:
    """Every score of every test image: tables and the figures of the report."""
    rows = judge.results(
        run, config.data, config.study, data, trained, workers=config.workers, progress=progress
    )
    features = any(each.part.kind == "features" for each in trained)
    return rows + (published_board_scores(features=features, seed=config.seed) if config.boards else [])


def predict(
    run: Run, files: Sequence[Path], output: Path, *, model: str | None = None, progress: bool = True
) -> Path:
    """Scores of the user's images, a row each: of the image, of its patches, and whether it is to be looked at.

    The names of the images end in their scan position, such as ``sensor7_012.npy``; a folder stands for those in it.
    """
    trained = MODELS.choose(run, model, among=lambda part: not part.jitter)
    shape, patch, limits = tuple(trained.kept["shape"]), trained.kept["patch"], trained.kept["threshold"]

    def scores(piece: Arrays) -> Arrays:
        images = PatchImages.unknown(list(piece["image"]), piece["position"], patch)
        return {"position": piece["position"], **written_scores(maps(trained, images), limits)}

    return write_predictions(
        files, output, lambda path: ImageSource(path, patch, shape), scores, model=trained.part.name, what="images",
        attributes={f"threshold of {name}": limit for name, limit in limits.items()}, rows=8, progress=progress,
    )  # fmt: skip


def export(run: Run, output: Path, *, to: str, model: str | None = None) -> str:
    """A network as ONNX, from images (values 0 to 1) to scores of patches or to their reconstruction."""
    if to != "onnx":
        raise InputError(f"expected onnx, got {to}")
    trained = MODELS.choose(run, model, among=lambda part: part.kind == "AE + classifier")
    if trained.model is None:
        raise InputError(f"{trained.part.name} is no network of this run: choose another with --model")
    example = torch.rand(2, *trained.kept["shape"], generator=torch.Generator().manual_seed(1))
    return export_onnx(trained.model, example, output, axis="image", tolerance=1e-4).summary(output)
