"""Generated electron showers beside those of Geant4: profiles, moments, response, spectra, a classifier."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn

from femtobarn.evaluation.generators import seconds_each
from femtobarn.metrics.classifier_test import Schedule, classifier_test
from femtobarn.metrics.estimate import Estimate
from femtobarn.nn.cell_networks import ShowerTable
from femtobarn.nn.shower_gans import NORMAL
from femtobarn.physics.calorimeter_cells import FEATURES, HCAL, HIT, features, shower_angle
from femtobarn.runs import Result
from femtobarn.study import Trained, grouped, row
from femtobarn.systems.calo_gan.networks import Gan, angles
from femtobarn.systems.calo_gan.training import Part

AXES = ("x", "y", "depth")
#: Of these the classifier sees those of the ECAL alone.
_SHAPES = [i for i, name in enumerate(FEATURES) if "HCAL" not in name]


class Images(NamedTuple):
    """ECAL windows of some showers and the energies they were made with."""

    ecal: Float[Tensor, "shower x y layer"]
    """File units."""
    energy: Float[Tensor, "shower"]
    """GeV."""


def geant4(table: ShowerTable) -> Images:
    """The showers of a sample."""
    batch = table[torch.arange(len(table))]
    return Images(batch["ecal"], batch["energy"])


def generated(model: nn.Module, table: ShowerTable, settings: Gan, *, seed: int) -> Images:
    """One shower for each of the sample, of its energy and angle."""
    batch = table[torch.arange(len(table))]
    ecal = settings.cells_of(model, batch["energy"], angles(batch), seed=seed)
    return Images(ecal, batch["energy"])


def mean_showers(train: ShowerTable, like: Images) -> Images:
    """The trivial generator: the mean shower of the training sample per GeV, times the energy."""
    batch = train[torch.arange(len(train))]
    mean = (batch["ecal"] / batch["energy"][:, None, None, None]).mean(dim=0)
    return Images(like.energy[:, None, None, None] * mean, like.energy)


def profiles(images: Images) -> dict[str, Float64[np.ndarray, "cell"]]:
    """Mean energy along each axis, file units a shower."""
    return {
        name: images.ecal.double().sum(dim=tuple({1, 2, 3} - {axis})).mean(dim=0).numpy()
        for axis, name in enumerate(AXES, start=1)
    }


def shapes(images: Images, *, rows: int = 200) -> Float64[np.ndarray, "shower feature"]:
    """Shower shapes of the ECAL, the polar angle and the ECAL's sum over the energy."""
    parts = []
    for some in torch.split(torch.arange(len(images.ecal)), rows):
        nothing = np.zeros((len(some), *HCAL))
        found = features(images.ecal[some].numpy(), nothing, hit=HIT)[:, _SHAPES]
        angle = shower_angle(images.ecal[some]).double().numpy()
        ratio = found[:, 0] / images.energy[some].double().numpy()
        parts.append(np.column_stack((found, angle, ratio)))
    return np.concatenate(parts)


def relative_error(real: Float64[np.ndarray, "_"], own: Float64[np.ndarray, "_"]) -> float:
    """Sum of the absolute differences over that of the real values."""
    return float(np.abs(own - real).sum() / np.abs(real).sum())


def tell_apart(real: Images, own: Images, *, seed: int, null_trainings: int) -> Estimate:
    """AUC of a classifier on the shapes; 0.5 would be perfect showers."""
    rows = []
    for each in (real, own):
        found = shapes(each)
        rows.append(np.where(np.isfinite(found), found, 0.0))
    mean, width = rows[0].mean(axis=0), rows[0].std(axis=0)
    scaled = [np.clip((each - mean) / np.where(width > 0, width, 1.0), -10, 10) for each in rows]
    return classifier_test(
        scaled[0],
        scaled[1],
        schedule=Schedule(epochs=200, patience=10, batch=128, learning_rate=1e-3),
        null_trainings=null_trainings,
        permutations=100,
        generator=torch.Generator().manual_seed(seed),
    )


def results(
    samples: Mapping[str, Sequence[Images]],
    real: Images,
    *,
    seeds: Sequence[int],
    seed: int,
    null_trainings: int,
) -> list[Result]:
    """Errors of profiles, moments, response and number of cells, and the classifier's AUC, by method.

    Args:
        samples: Showers by the method that made them, one sample for each training; energies are those of `real`.
        real: Test showers of Geant4.
        seeds: Of the trainings, where a method has several.
        seed: Of the classifier.
        null_trainings: Behind its null.
    """
    table, auc = list[Result](), "AUC against Geant4"
    for name, made in samples.items():
        labels, n, used = {"method": name}, len(real.ecal), seeds if len(made) > 1 else ()
        measured = [differences(images, real) for images in made]
        for key in measured[0]:
            table.append(row(key, [(each[key], 0) for each in measured], labels, seeds=used, n=n))
        apart = [tell_apart(real, images, seed=seed, null_trainings=null_trainings) for images in made]
        values = [(each.value, each.error) for each in apart]
        table.append(row(auc, values, labels, seeds=used, n=n, sample="classified showers"))
        if np.isfinite(apart[0].null):
            null = [(apart[0].null, apart[0].null_error)]
            table.append(row(auc, null, {"method": f"null of {name}"}, n=n, sample="pair to pair"))
    return sorted(table, key=lambda result: result.name, reverse=True)


def tried(trained: Sequence[Trained[Part]], *, n: int) -> list[Result]:
    """Mismatch with the validation showers of all settings that were tried: by it those that are judged are chosen."""
    return [
        row("mismatch with the validation showers", [(each.validation, 0) for each in same], same[0].part.labels,
            seeds=[each.part.seed for each in same], split="validation", n=n)
        for same in grouped(trained, lambda each: each.part.settings).values()
    ]  # fmt: skip


def differences(images: Images, real: Images) -> dict[str, float]:
    """Errors of profiles and moments, and ratios of response, its spread and the number of hit cells."""
    truth, found = shapes(real), shapes(images)
    own, made = profiles(real), profiles(images)
    columns = {name: i for i, name in enumerate([FEATURES[i] for i in _SHAPES])}
    moments = [i for name, i in columns.items() if name.endswith(("1", "2")) and "moment" in name]
    hits = columns["ECAL_nHits"]
    ratio = found.mean(axis=0) / truth.mean(axis=0)
    numbers = {
        "error of the profiles": np.mean([relative_error(own[axis], made[axis]) for axis in AXES]),
        "error of first and second moments": np.mean(np.abs(ratio[moments] - 1)),
        "response over Geant4's": ratio[-1],
        "spread of the response over Geant4's": found[:, -1].std() / truth[:, -1].std(),
        "hit cells over Geant4's": ratio[hits],
    }
    return {name: float(value) for name, value in numbers.items()}


def costs(model: nn.Module, settings: Gan) -> list[Result]:
    """Milliseconds for a shower, one or 64 at once."""

    def make(count: int) -> object:
        energy, theta = torch.full((count,), 20.0), torch.full((count,), NORMAL)
        return settings.cells_of(model, energy, theta, seed=0)

    return [
        row("time to generate a shower", [(1e3 * value, 0)], {"method": Gan.title, "showers at once": str(count)},
            n=count, unit="ms", split="")
        for count, value in seconds_each(make, (1, 64), repeats=3).items()
    ]  # fmt: skip


def cell_spectrum(images: Images, edges: Float64[np.ndarray, "edge"]) -> Float64[np.ndarray, "bin"]:
    """Cells of a shower in bins of their energy (file units), the mean number."""
    filled = images.ecal[images.ecal > 0].double().numpy()
    return np.histogram(filled, edges)[0] / len(images.ecal)
