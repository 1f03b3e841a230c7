"""What is trained and fitted, and the scores that each gives."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import nn

from femtobarn.data.patch_images import PatchImages
from femtobarn.engine import Training, fit
from femtobarn.errors import InputError
from femtobarn.evaluation.inspection import scores as patch_scores
from femtobarn.evaluation.inspection import tables as inspection
from femtobarn.evaluation.inspection import training as lessons
from femtobarn.evaluation.inspection.scores import AT_POSITION, Maps
from femtobarn.metrics import measured
from femtobarn.nn import PatchInspector, PatchPca
from femtobarn.nn.patch_inspector import PatchNetworks
from femtobarn.parts import Report
from femtobarn.study import Models, Trained
from femtobarn.systems.sensor_inspection.data import Data, Scans, load

Kind = Literal["simple", "features", "autoencoder", "classifier", "AE + classifier"]
PLAIN = ("simple", "features")  #: without a network that is trained here
#: The score by which a part is chosen, read at its position.
LEADING = {"simple": "PCA peak", "features": "Lite0 bank", "autoencoder": "AE peak"}

_AUTOENCODER = Training(epochs=277, batch=8 * 17, lr=1e-4, schedule="constant")
_CLASSIFIER = Training(epochs=200, batch=4, lr=1e-4, schedule="constant")


@dataclass(frozen=True)
class Study:
    """What is trained, and how; the defaults are the published sizes."""

    kinds: tuple[Kind, ...] = ("simple", "features", "autoencoder", "classifier", "AE + classifier")
    """simple: contrast, statistics of cells, principal components. features: of EfficientNet-Lite0, where its weights
    are installed. autoencoder: its residual. classifier: of patches as they are, or of what the autoencoder leaves."""
    seeds: tuple[int, ...] = (1, 2, 3)
    """Seeds of the networks."""
    networks: PatchNetworks = field(default_factory=PatchNetworks)
    bank: int = 8000
    """Features of clean images that are kept."""
    clean: int = 100
    """Clean patches for each patch with a defect."""
    prior: float = 16.0
    """Images that the spread common to all places counts for."""
    share: float = 0.15
    """Share of clean images that a person looks at."""
    others: tuple[tuple[float, float], ...] = ((5.0, 0.0), (10.0, 0.1))
    """Jitter in pixels and change of the reflectivity of other photographs, on which what needs no training is fitted
    and tested again."""
    train: Training = _AUTOENCODER
    """Training of the autoencoder; an event is a row of patches."""
    classify: Training = _CLASSIFIER
    """Training of the classifiers; an event is a patch with a defect."""

    def __post_init__(self) -> None:
        least = min(self.bank, self.clean)
        if not (self.kinds and self.seeds) or least < 1 or not 0 < self.share < 1:
            raise InputError(f"expected a kind, a seed, numbers above 0 and a share in (0, 1): got {self}")

    def parts(self) -> list["Part"]:
        """All trainings; what is fitted and not trained is made once, and again for the other photographs."""
        plain = [Part(kind, self.seeds[0]) for kind in self.kinds if kind in PLAIN]
        plain += [part._replace(jitter=j, reflectivity=r) for j, r in self.others for part in plain]
        return plain + [Part(kind, seed) for seed in self.seeds for kind in self.kinds if kind not in PLAIN]


class Part(NamedTuple):
    """One training, on the photographs of the run or on others of the same sensors."""

    kind: str
    seed: int
    jitter: float = 0.0
    """Of the stage in pixels; 0 for that of the run."""
    reflectivity: float = 0.0
    """Largest change from sensor to sensor; 0 for that of the run."""
    shuffled: bool = False
    """Not trained: the part of the run, given a wrong position."""

    @property
    def name(self) -> str:
        """Its folder, such as ``ae-classifier-seed1``."""
        words = f"{self.kind} {self.photographs} seed{self.seed}"
        return "-".join("".join(c for c in words if c not in "+%,").split()).lower()

    @property
    def photographs(self) -> str:
        """What is special of them."""
        words = ["positions shuffled"] if self.shuffled else []
        words += [f"jitter {self.jitter:g} px"] if self.jitter else []
        words += [f"reflectivity {100 * self.reflectivity:g} %"] if self.reflectivity else []
        return ", ".join(words)

    @property
    def labels(self) -> dict[str, str]:
        """Its place in tables."""
        return {"model": self.kind, "photographs": self.photographs}


def build(part: Part, settings: Study, _: Mapping[str, Any]) -> nn.Module | None:
    """The untrained network; its weights depend on the seed alone."""
    torch.manual_seed(part.seed)
    if part.kind in PLAIN:
        return PatchPca(settings.networks.patch, settings.networks.latent) if part.kind == "simple" else None
    if part.kind == "autoencoder":
        return settings.networks.autoencoder()
    return settings.networks.inspector(of_difference=part.kind == "AE + classifier")


def _needs(part: Part) -> list[Part]:
    return [part._replace(kind="autoencoder")] if part.kind == "AE + classifier" else []


MODELS = Models(Part, lambda _: Study, build, _needs)


def varied(settings: Data, part: Part) -> Data:
    """Photographs for a part that asks for others; few but clean ones to train, calibrate and test."""
    camera = replace(
        settings.camera, jitter=part.jitter * settings.camera.pixel, reflectivity=part.reflectivity
    )
    return replace(settings, camera=camera, sensors=replace(settings.sensors, annotated=1, validation=1))


def train_one(
    study: Study, scans: Scans, settings: Data, work: Path, part: Part, report: Report
) -> Trained[Part]:
    """Fit one part to clean or annotated images, learn what its scores usually are at each position, set thresholds."""
    if part.jitter:
        scans = load(varied(settings, part), seed=scans.seed, workers=1, progress=False)
    model, history, kept = build(part, study, {}), list[dict[str, float]](), dict[str, Any]()
    if part.kind == "simple":
        model, kept = patch_scores.fit_simple(scans.train, study.networks.latent)
    elif model is None:
        kept = patch_scores.fit_features(scans.train, bank=study.bank, seed=part.seed)
    else:
        history = _descend(model, study, scans, work, part, report)
        model.eval()
    kept = {"shape": list(scans.train.images[0].shape), "patch": scans.train.patch, **kept}
    made = Trained(part, model, history, math.inf, kept)
    found = maps(made, scans.calibration)
    usual = patch_scores.usual_scores(found, scans.calibration.position.tolist(), prior=study.prior)
    made = replace(made, kept=kept | {f"usual/{name}": tensor for name, tensor in usual.items()})
    if part.jitter:
        return made
    clean, found = scans.validation.clean, maps(made, scans.validation)
    limits, leading = inspection.thresholds(found, clean, share=study.share), leading_score(part)
    recall = measured(found[leading][~clean].max(axis=(1, 2)), limits[leading]).value
    return replace(made, validation=1 - recall, kept=made.kept | {"threshold": limits})


def leading_score(part: Part) -> str:
    """The score by which a part is chosen."""
    return LEADING.get(part.kind, part.kind) + AT_POSITION


def maps(trained: Trained[Part], sample: PatchImages) -> Maps:
    """Every score of every patch, as it is and, once it is known what is usual there, read at its position."""
    score = patch_scores.score_of(trained.part.kind, trained.model, trained.kept)
    return patch_scores.score_maps(score, sample, patch_scores.named(trained.kept, "usual"))


def _descend(
    model: nn.Module, study: Study, scans: Scans, work: Path, part: Part, report: Report
) -> list[dict[str, float]]:
    """Train a network by its loss."""
    settings, objective = study.train, lessons.reconstruction_loss
    tables = [lessons.clean_bands(each) for each in (scans.train, scans.calibration)]
    if isinstance(model, PatchInspector):
        if model.autoencoder is not None:
            earlier = MODELS.load(work / _needs(part)[0].name).model
            model.autoencoder.load_state_dict(earlier.state_dict())
        settings, objective = study.classify, lessons.inspection_loss
        tables = [
            lessons.defects_among_clean(each, study.clean) for each in (scans.annotated, scans.validation)
        ]
    fitted = fit(
        model, objective, *tables, settings=settings, seed=part.seed, folder=work / part.name,
        report=lambda row: report(int(row["epoch"]) + 1, settings.epochs, f"loss {row['train']:.4g}"), progress=False,
    )  # fmt: skip
    return fitted.history
