"""What the networks must beat: boosted trees on shower shapes, and sums of the cells with fitted weights."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float64

from femtobarn.datasets.clic import Calibration, Showers
from femtobarn.errors import require
from femtobarn.nn.cell_networks import ShowerTable
from femtobarn.parts import Report
from femtobarn.physics import software_compensation
from femtobarn.physics.calorimeter_cells import HCAL, HIT, SAMPLING_WEIGHTS, features
from femtobarn.physics.resampling import Geometry, Resampling
from femtobarn.study import Split, Trained
from femtobarn.systems.calo_reconstruction.sample import Data, calibration, of_task
from femtobarn.systems.calo_reconstruction.study import ROWS, Part

_RIDGES = (1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0)  # of the mean square of a column


def shapes(
    showers: Showers, *, window: int, geometry: Geometry, calibration: Calibration
) -> Float64[np.ndarray, "shower feature"]:
    """Engineered features of the windows that the networks see, cells in GeV, and (reco eta, reco phi)."""
    resampling, parts = Resampling(window, geometry), []
    for ecal, hcal, direction in _in_gev(showers, window, calibration):
        found = features(resampling(ecal).numpy(), hcal.numpy(), hit=HIT * calibration.ecal)
        parts.append(np.concatenate((found, direction.double().numpy()), axis=1))
    return np.concatenate(parts)


def _in_gev(
    showers: Showers, window: int, calibration: Calibration
) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Dense windows of ECAL and HCAL in calibrated GeV, and directions, some showers at a time."""
    table = ShowerTable(showers, window=window)
    weights = torch.from_numpy(SAMPLING_WEIGHTS).float() * calibration.ecal
    for rows in table.batches(ROWS):
        batch = table[rows]
        yield batch["ecal"] * weights, calibration.hcal * batch["hcal"], batch["direction"]


class Trees(NamedTuple):
    """Boosted trees on shower shapes: for the class, and for the energy over the calibrated sum."""

    classifier: Any
    regressor: Any

    def score(self, x: Float64[np.ndarray, "shower feature"]) -> Float64[np.ndarray, "shower"]:
        """Logit of the signal."""
        found: np.ndarray = self.classifier.decision_function(x)
        return found

    def energy(
        self, x: Float64[np.ndarray, "shower feature"], sums: Float64[np.ndarray, "shower"]
    ) -> Float64[np.ndarray, "shower"]:
        """Energy in GeV, of features and calibrated sums."""
        found: np.ndarray = sums * self.regressor.predict(x)
        return found


def train_trees(
    part: Part, split: Split[Showers], report: Report, *, data: Data, rounds: int
) -> Trained[Part]:
    """Boosted trees of a task and granularity; what they say of the test showers is kept, they themselves are not."""
    scale, columns = calibration(split), []
    for done, sample in enumerate((split.train, split.validation, split.test)):
        report(done, 4, "shower shapes")
        chosen = of_task(sample, part.task, data)
        geometry: Any = part.geometry
        x = shapes(chosen.showers, window=data.window, geometry=geometry, calibration=scale)
        if part.network == "trees-layers":
            x = np.hstack((x, layer_sums(chosen.showers)))
        columns.append((x, chosen.label, chosen.energy, scale.energy(chosen.showers)))
    report(3, 4, "trees")
    trees = fit_trees(*columns[0], validation=columns[1], seed=part.seed, rounds=rounds)
    x, _, _, sums = columns[2]
    kept = {"score": torch.from_numpy(trees.score(x)), "energy": torch.from_numpy(trees.energy(x, sums))}
    return Trained(part, None, [], -float(trees.classifier.validation_score_[-1]), kept)


def fit_trees(
    x: Float64[np.ndarray, "shower feature"],
    label: np.ndarray,
    energy: Float64[np.ndarray, "shower"],
    sums: Float64[np.ndarray, "shower"],
    *,
    validation: tuple[np.ndarray, ...],
    seed: int,
    rounds: int = 400,
) -> Trees:
    """Trees trained on showers and stopped by others (their features, classes, energies and sums).

    The classifier is stopped by its loss, the regressor by its squared relative error; both have at most `rounds`
    trees of 15 leaves.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    trees = require("sklearn.ensemble", extra="baselines")
    common = {"learning_rate": 0.06, "max_leaf_nodes": 15, "l2_regularization": 1.0, "random_state": seed}
    stop = {"max_iter": rounds, "early_stopping": True, "n_iter_no_change": 15}
    classifier = trees.HistGradientBoostingClassifier(**common, **stop)
    classifier.fit(x, label, X_val=validation[0], y_val=validation[1])
    regressor = trees.HistGradientBoostingRegressor(**common, **stop)
    filled, held = sums > 0, validation[3] > 0
    regressor.fit(
        x[filled],
        energy[filled] / sums[filled],
        sample_weight=(sums[filled] / energy[filled]) ** 2,  # squared error relative to the energy
        X_val=validation[0][held],
        y_val=validation[2][held] / validation[3][held],
        sample_weight_val=(validation[3][held] / validation[2][held]) ** 2,
    )
    return Trees(classifier, regressor)


class Linear(NamedTuple):
    """Energy as a weighted sum of columns plus a constant."""

    weights: Float64[np.ndarray, "column"]
    constant: float

    def energy(self, columns: Float64[np.ndarray, "shower column"]) -> Float64[np.ndarray, "shower"]:
        """Energy in GeV."""
        return columns @ self.weights + self.constant


def compensated(
    train: Showers, showers: Showers, *, window: int, calibration: Calibration
) -> Float64[np.ndarray, "shower"]:
    """Energy by software compensation, a closed form fitted on other showers: what the networks start from."""
    found, fitted = (
        torch.cat([software_compensation.columns(*cells) for *cells, _ in _in_gev(each, window, calibration)])
        for each in (showers, train)
    )
    energy, sums = (torch.from_numpy(each) for each in (train.columns["energy"], calibration.energy(train)))
    weights = software_compensation.fit(fitted, sums, energy)
    return calibration.energy(showers) + (found.double() @ weights).numpy()


def fit_linear(
    columns: Float64[np.ndarray, "shower column"], energy: Float64[np.ndarray, "shower"]
) -> Linear:
    """The weights with the least squared relative residual of the energy."""
    design = np.column_stack((columns, np.ones(len(columns)))) / energy[:, None]
    found, *_ = np.linalg.lstsq(design, np.ones(len(energy)), rcond=None)
    return Linear(found[:-1], float(found[-1]))


def fit_layers(train: Showers, validation: Showers) -> Linear:
    """The best linear estimate: a weight for each layer, from the least squared relative residual of the energy.

    A ridge holds the weights near those of `fit_linear` on `sums`, as late layers are nearly always empty; its
    strength is the one of `_RIDGES` that does best on the validation showers.
    """
    start = fit_linear(sums(train), train.columns["energy"])
    near = np.concatenate((start.weights[0] * SAMPLING_WEIGHTS, np.full(HCAL[2], start.weights[1])))
    columns, energy = layer_sums(train), train.columns["energy"]
    design = columns / energy[:, None]
    scale = np.sqrt((design**2).mean(axis=0)) + 1e-9
    away = 1 - (columns @ near + start.constant) / energy
    square = (design / scale).T @ (design / scale) / len(energy)
    found = []
    for ridge in _RIDGES:
        moved = np.linalg.solve(square + ridge * np.eye(len(scale)), (design / scale).T @ away / len(energy))
        line = Linear(near + moved / scale, start.constant)
        residual = line.energy(layer_sums(validation)) / validation.columns["energy"] - 1
        found.append((float((residual**2).mean()), line))
    return min(found, key=lambda pair: pair[0])[1]


def sums(showers: Showers) -> Float64[np.ndarray, "shower 2"]:
    """ECAL_E (layers weighted by their absorber) and HCAL_E in file units: the columns of the plainest estimate."""
    ecal, hcal = showers.layers()
    return np.stack((ecal @ SAMPLING_WEIGHTS, hcal.sum(axis=1)), axis=1)


def layer_sums(showers: Showers) -> Float64[np.ndarray, "shower 85"]:
    """Energy of each layer in file units: the columns of the best linear estimate."""
    return np.concatenate(showers.layers(), axis=1)
