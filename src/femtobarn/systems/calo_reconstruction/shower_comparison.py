"""Generated electron showers beside those of Geant4: profiles, moments, response, spectra, a classifier."""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn

from femtobarn.metrics.classifier_test import Schedule, classifier_test
from femtobarn.metrics.estimate import Estimate
from femtobarn.physics.calorimeter_cells import FEATURES, HCAL, HIT, features, shower_angle
from femtobarn.runs import DataKind, Result
from femtobarn.systems.calo_reconstruction.gan import generate
from femtobarn.systems.calo_reconstruction.gan_training import Gan, angles
from femtobarn.systems.calo_reconstruction.sample import ShowerTable

AXES = ("x", "y", "depth")
#: Of these the classifier sees those of the ECAL alone.
_SHAPES = [i for i, name in enumerate(FEATURES) if "HCAL" not in name]


class Images(NamedTuple):
    """ECAL windows of some showers and the energies they were made with."""

    ecal: Float[Tensor, "shower x y layer"]
    """File units."""
    energy: Float[Tensor, "shower"]
    """GeV."""


def geant4(table: ShowerTable, rows: Tensor) -> Images:
    """Showers of the sample."""
    batch = table[rows]
    return Images(batch["ecal"], batch["energy"])


def generated(model: nn.Module, table: ShowerTable, settings: Gan, *, seed: int) -> Images:
    """One shower for each of the sample, of its energy and angle."""
    batch = table[torch.arange(len(table))]
    ecal = generate(
        model,
        batch["energy"],
        angles(batch),
        unit=settings.unit,
        cell_unit=settings.cell_unit,
        generator=torch.Generator().manual_seed(seed),
    )
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
    samples: dict[str, Images], real: Images, *, seed: int, null_trainings: int, kind: DataKind
) -> list[Result]:
    """Errors of profiles, moments, response and number of cells, and the classifier's AUC, by method.

    Args:
        samples: Showers by the method that made them, each with the energies of `real`.
        real: Test showers of Geant4.
        seed: Of the classifier.
        null_trainings: Behind its null.
        kind: Of the data.
    """
    table = []
    truth, own_profiles = shapes(real), profiles(real)
    columns = {name: i for i, name in enumerate([FEATURES[i] for i in _SHAPES])}
    moments = [i for name, i in columns.items() if name.endswith(("1", "2")) and "moment" in name]
    for name, images in samples.items():
        labels, n = {"method": name}, len(images.ecal)
        found, made = shapes(images), profiles(images)
        errors = [relative_error(own_profiles[axis], made[axis]) for axis in AXES]
        numbers = {
            "error of the profiles": float(np.mean(errors)),
            "error of first and second moments": float(
                np.mean(np.abs(found[:, moments].mean(axis=0) / truth[:, moments].mean(axis=0) - 1))
            ),
            "response over Geant4's": found[:, -1].mean() / truth[:, -1].mean(),
            "spread of the response over Geant4's": found[:, -1].std() / truth[:, -1].std(),
            "hit cells over Geant4's": found[:, columns["ECAL_nHits"]].mean()
            / truth[:, columns["ECAL_nHits"]].mean(),
        }
        table += [
            Result(key, float(value), None, "", n, "test", kind, labels) for key, value in numbers.items()
        ]
        apart = tell_apart(real, images, seed=seed, null_trainings=null_trainings)
        table.append(
            Result(
                "AUC against Geant4",
                apart.value,
                apart.error,
                "",
                n,
                "test",
                kind,
                labels,
                (),
                "classified showers",
            )
        )
        if np.isfinite(apart.null):
            table.append(
                Result("AUC against Geant4", apart.null, apart.null_error, "", n, "test", kind,
                       {"method": f"null of {name}"}, (), "pair to pair")
            )  # fmt: skip
    return sorted(table, key=lambda result: result.name, reverse=True)


def cell_spectrum(images: Images, edges: Float64[np.ndarray, "edge"]) -> Float64[np.ndarray, "bin"]:
    """Cells of a shower in bins of their energy (file units), the mean number."""
    filled = images.ecal[images.ecal > 0].double().numpy()
    return np.histogram(filled, edges)[0] / len(images.ecal)
