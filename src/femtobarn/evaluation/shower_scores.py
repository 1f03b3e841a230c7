"""All metrics of generated showers against real ones, as in the CaloChallenge, each with error and null."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, Float64
from torch import nn

from femtobarn import metrics
from femtobarn.evaluation.shower_distances import response_distances
from femtobarn.evaluation.shower_summary import ShowerFiles, ShowerSummary, shower_table, some_showers
from femtobarn.metrics.attribution import Attribution, attribution
from femtobarn.metrics.estimate import Estimate
from femtobarn.metrics.separability import separability
from femtobarn.metrics.shower_features import features
from femtobarn.metrics.shower_histograms import group
from femtobarn.metrics.training import Training, deep_network
from femtobarn.physics.voxels import VoxelGeometry, geometry

_AT_ONCE = 1000  # showers whose features are computed together


class Inputs(NamedTuple):
    """What the classifiers of the challenge see of some showers."""

    low: Float32[np.ndarray, "shower input"]  # log10 of the incident energy in MeV, voxels over that energy
    high: Float32[np.ndarray, "shower feature"]  # as for FPD


@dataclass(frozen=True)
class ClassifierSettings:
    """How classifiers are trained; as published unless noted."""

    showers: int = 100_000
    """Showers of each sample that a classifier learns from, at most: 100 000 with 6480 voxels take 2.6 GB a sample."""
    epochs: int = 50
    """Passes over the training showers."""
    batch: int = 1000
    """Showers per batch."""
    learning_rate: float = 2e-4
    """Learning rate of Adam."""
    width: int = 2048
    """Width of the hidden layers."""
    repeats: int = 10
    """Number of trainings of each classifier; their spread is the error."""
    convolutional: bool = True
    """Train the 3-D ResNet too, where layers are alike (data sets 2 and 3)."""
    device: str = "cpu"
    """Torch device of the classifiers: cpu, cuda."""

    def training(self, voxels: VoxelGeometry) -> Training:
        """For the metrics. Of 121 000 showers of data sets 1, 80 000 train and 20 000 choose, as published."""
        shares = (0.6, 0.2) if voxels.name in ("2", "3") else (80 / 121, 20 / 121)
        return Training(self.epochs, self.batch, self.learning_rate, shares)


@dataclass(frozen=True)
class ShowerScoring:
    """Which metrics are computed, and on how many showers. Histograms and FPD take all."""

    kernel: int = 20_000
    """Showers of each sample at most for the distances of the response, and for KPD with more than 64 features, which
    takes all pairs."""
    neighbours: int = 5000
    """Maximum number of showers of each sample in precision, recall, density and coverage."""
    classifier: ClassifierSettings = ClassifierSettings()
    """Training of the classifiers, with --full."""


def fast_scores(
    real: ShowerSummary, generated: ShowerSummary, voxels: VoxelGeometry, *, showers: int, seed: int
) -> dict[str, Estimate]:
    """Separation powers, averaged over layers, FPD, KPD and distances, from what is kept of both samples."""
    draw = np.random.default_rng(seed)
    found = mean_separations(real.histograms.separations(generated.histograms))
    found["FPD"] = real.features.value(generated.features)
    x, y = (sample.rows.value()[0][:showers] for sample in (real, generated))
    if real.kernel is not None and generated.kernel is not None:
        found["KPD"] = real.kernel.value(generated.kernel, generator=draw)
    else:
        found["KPD"] = metrics.kpd(x, y, scale=real.features.scale, generator=draw)
    return found | response_distances(x, y, voxels, generator=draw)


def mean_separations(each: Mapping[str, Estimate]) -> dict[str, Estimate]:
    """Mean separation power of each kind of histogram over the layers.

    Layers of one shower are correlated by an unknown amount. `null_error` and `error` are those for full
    correlation, the mean of the layers': what is significant is so in any case.
    """
    groups: dict[str, list[Estimate]] = {}
    for name, estimate in each.items():
        if estimate.null == estimate.null and " at " not in name:
            groups.setdefault(f"S {group(name)}", []).append(estimate)
    return {name: _mean(estimates) for name, estimates in groups.items()}


def literature_scores(real: ShowerSummary, generated: ShowerSummary) -> dict[str, Estimate]:
    """FPD and KPD by the recipe of the challenge, times 1000 as its tables have them."""
    rows = *real.rows.value(), *generated.rows.value()
    scale = real.features.scale
    found = {
        "FPD (published recipe) x1000": metrics.fpd_jetnet(*rows, min_batch=10_000, scale=scale),
        "KPD (published recipe) x1000": metrics.kpd_jetnet(*rows, batch=10_000, scale=scale),
    }
    return {
        name: each._replace(value=1000 * each.value, error=1000 * each.error) for name, each in found.items()
    }


def classifier_inputs(sample: ShowerFiles, *, showers: int, seed: int) -> Inputs:
    """Of a random part of a sample. The voxels are in memory once."""
    table, voxels = shower_table(sample, showers, seed=seed), geometry(sample.dataset)
    parts = (table[start : start + _AT_ONCE] for start in range(0, len(table), _AT_ONCE))
    high = [features(part[:, 0], part[:, 1:], voxels).astype(np.float32) for part in parts]
    table[:, 1:] /= table[:, :1]
    table[:, 0] = np.log10(table[:, 0])
    return Inputs(table, np.concatenate(high))


def classifier_tasks(voxels: VoxelGeometry, settings: ClassifierSettings) -> list[str]:
    """Names of the classifiers that `classifier_scores` can train."""
    cnn = settings.convolutional and voxels.name in ("2", "3")
    return ["low", "high", *(["CNN"] if cnn else [])]


def classifier_scores(
    task: str, real: Inputs, generated: Inputs, voxels: VoxelGeometry, settings: ClassifierSettings, seed: int
) -> dict[str, Estimate]:
    """AUC and JSD of one classifier: on voxels ("low"), on features ("high"), or the convolutional one ("CNN")."""
    tables = [sample.high if task == "high" else sample.low for sample in (real, generated)]
    found = separability(
        tables[0],
        tables[1],
        network=lambda: network(task, voxels, settings, tables[0].shape[1], 1),
        training=settings.training(voxels),
        repeats=settings.repeats,
        device=settings.device,
        generator=torch.Generator().manual_seed(seed),
    )
    return {f"AUC {task}": found.auc, f"JSD {task}": found.jsd}


def posterior_scores(
    real: Inputs,
    generated: Mapping[str, Inputs],
    voxels: VoxelGeometry,
    settings: ClassifierSettings,
    seed: int,
) -> Attribution:
    """Mean log posterior of each of several generators, on voxels."""
    return attribution(
        real.low,
        {name: sample.low for name, sample in generated.items()},
        network=lambda classes: network("low", voxels, settings, voxels.voxels + 1, classes),
        training=settings.training(voxels),
        device=settings.device,
        generator=torch.Generator().manual_seed(seed),
    )


def neighbour_scores(
    real: ShowerFiles, generated: ShowerFiles, *, showers: int, seed: int
) -> dict[str, Estimate]:
    """Precision, recall, density and coverage of log10 of the voxels in MeV, empty ones counting as 0.1 MeV."""
    tables = []
    for sample in (real, generated):
        voxels = some_showers(sample, showers, seed=seed)[1]
        voxels[voxels == 0] = 0.1
        tables.append(np.log10(voxels))
    scale = np.ones(tables[0].shape[1])
    found = metrics.prdc(tables[0], tables[1], k=5, scale=scale, generator=np.random.default_rng(seed))
    return dict(found._asdict())


def network(
    task: str, voxels: VoxelGeometry, settings: ClassifierSettings, inputs: int, outputs: int
) -> nn.Module:
    """The network of a classifier."""
    if task != "CNN":
        return deep_network(inputs, outputs, width=settings.width)
    from femtobarn.nn.resnet_3d import ShowerResNet

    layer = voxels.layers[0]
    return ShowerResNet((len(voxels.layers), layer.slices, layer.rings), outputs)


def _mean(estimates: list[Estimate]) -> Estimate:
    columns: Float64[np.ndarray, "4 layer"] = np.array(
        [(each.value, each.error, each.null, each.null_error) for each in estimates]
    ).T
    value, error, null, null_error = columns.mean(axis=1).tolist()
    first = estimates[0]
    method = first.method + (f", mean of {len(estimates)} layers" if len(estimates) > 1 else "")
    return Estimate(value, error, first.n_real, first.n_generated, null, null_error, method)
