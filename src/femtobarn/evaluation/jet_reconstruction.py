"""How well jets come out of a compression: particles matched one to one, and the jets they make."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64

from femtobarn.errors import InputError
from femtobarn.losses import point_chamfer
from femtobarn.physics.vectors import cylindrical, delta_phi
from femtobarn.runs import Result
from femtobarn.study import bootstrapped, by_name, gain, row
from femtobarn.study.seeds import Rows

Momenta = Float64[np.ndarray, "jet _ 4"]


class Reconstruction(NamedTuple):
    """Jets after a compression beside those before, a row each; what images do not have is NaN."""

    chamfer: Float64[np.ndarray, "jet"]
    """Half the sum of squared distances of all particles to their nearest, padding included."""
    matched: Float64[np.ndarray, "jet"]
    """Sum of squared distances in the best one-to-one match."""
    particle: Float64[np.ndarray, "jet particle 3"]
    """(found - true) / true of eta, phi (relative to the jet) and pT of matched particles; NaN where padded."""
    jet: Float64[np.ndarray, "jet 4"]
    """(found - true) / true of mass and pT, found - true of eta and phi."""


PARTICLE, JET = ("eta_rel", "phi_rel", "pt_rel"), ("jet mass", "jet pT", "jet eta", "jet phi")


def reconstruction(
    true: Momenta,
    found: Momenta,
    mask: Bool[np.ndarray, "jet particle"],
    eta: Float[np.ndarray, "jet"],
) -> Reconstruction:
    """Compare jets whose axis is at (eta, 0).

    Particles are matched by the assignment of least summed Euclidean distance of the four components (SciPy's
    modified Jonker-Volgenant algorithm). Jets are the sums of their particles, all taken as massless.

    Args:
        true: (E, px, py, pz) of each particle, zeros where padded.
        found: As many that came out, padding included; other numbers of them are compared as jets only.
        mask: True for real particles.
        eta: Of the jets.
    """
    if len(true) != len(found):
        raise InputError(f"expected as many jets after as before: got {len(found)} and {len(true)}")
    jet = _residuals(_sums(true), _sums(found))
    if found.shape != true.shape:
        nothing = np.full(len(true), np.nan)
        return Reconstruction(nothing, nothing, np.full((*mask.shape, 3), np.nan), jet)
    from scipy.optimize import linear_sum_assignment

    square = np.square(true[:, :, None] - found[:, None]).sum(axis=-1)
    order = np.array([linear_sum_assignment(each)[1] for each in np.sqrt(square)])
    found = np.take_along_axis(found, order[..., None], axis=1)
    return Reconstruction(
        point_chamfer(torch.from_numpy(true), torch.from_numpy(found)).numpy(),
        np.square(true - found).sum(axis=(1, 2)),
        np.where(mask[..., None], _relative(true, found, eta), np.nan),
        jet,
    )


def reconstruction_rows(
    found: Sequence[Reconstruction],
    labels: Mapping[str, str],
    draws: Sequence[Rows],
    *,
    seeds: Sequence[int] = (),
) -> list[Result]:
    """Median and interquartile range of every residual, and the mean matched error; bootstrap over jets.

    Args:
        found: Of the trainings.
        labels: Of the model.
        draws: Rows of the test jets, see `femtobarn.study.gain`.
        seeds: Of the trainings.
        error: Which of the two errors stands in the row "reconstruction error".
    """
    n, table = len(found[0].jet), []
    columns = [("particle", k, name) for k, name in enumerate(PARTICLE)]
    columns += [("jet", k, name) for k, name in enumerate(JET)]
    for part, k, name in columns:
        if not np.isfinite(getattr(found[0], part)[..., k]).any():
            continue
        values = [getattr(each, part)[..., k] for each in found]
        for label, statistic in (("median", _median), ("interquartile range", _range)):
            each = bootstrapped(statistic, values, draws)
            table.append(row(f"residuals, {label}", each, {**labels, "of": name}, seeds=seeds, n=n))
    if np.isfinite(found[0].matched).all():
        each = bootstrapped(_mean, [each.matched for each in found], draws)
        table.append(row("matched error", each, labels, seeds=seeds, n=n))
    return by_name(table)


def reconstruction_gain(
    found: Sequence[Reconstruction],
    others: Mapping[str, Reconstruction],
    labels: Mapping[str, str],
    draws: Sequence[Rows],
    *,
    seeds: Sequence[int],
) -> list[Result]:
    """Matched error and range of the jet mass over those of other compressions, on the same jets: below 1 is better."""
    table = []
    for name, other in others.items():
        place, n = {**labels, "over": name}, len(other.jet)
        errors = [(each.matched, other.matched) for each in found]
        masses = [(each.jet[:, 0], other.jet[:, 0]) for each in found]
        for quantity, ratio in (
            ("mean matched error", gain(_mean, errors, draws, ratio=True)),
            ("range of jet mass", gain(_range, masses, draws, ratio=True)),
        ):
            title = f"{quantity} over that of"
            table.append(row(title, ratio, place, seeds=seeds, n=n, sample="paired", of_mean=True))
    return table


def _sums(momentum: Momenta) -> Float64[np.ndarray, "jet 4"]:
    p = momentum[..., 1:]
    return np.concatenate((np.linalg.norm(p, axis=-1, keepdims=True), p), axis=-1).sum(axis=1)


def _residuals(true: np.ndarray, found: np.ndarray) -> Float64[np.ndarray, "jet 4"]:
    (pt, eta, phi, mass), (pt_found, eta_found, phi_found, mass_found) = (
        cylindrical(x).T for x in (true, found)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        heavy, hard = (mass_found - mass) / mass, (pt_found - pt) / pt
    return np.column_stack((heavy, hard, eta_found - eta, delta_phi(phi_found, phi)))


def relative_particles(momentum: Momenta, eta: Float[np.ndarray, "jet"]) -> Float64[np.ndarray, "jet _ 3"]:
    """(eta, phi) relative to a jet at (eta, 0), and pT in the unit of the momenta."""
    pt, eta_i, phi, _ = np.moveaxis(cylindrical(momentum), -1, 0)
    return np.stack((eta_i - eta[:, None], phi, pt), axis=-1)


def _relative(true: Momenta, found: Momenta, eta: np.ndarray) -> Float64[np.ndarray, "jet particle 3"]:
    before, after = (relative_particles(each, eta) for each in (true, found))
    with np.errstate(divide="ignore", invalid="ignore"):
        return (after - before) / before


def _mean(values: np.ndarray, rows: Rows) -> float:
    return float(values[rows].mean())


def _median(values: np.ndarray, rows: Rows) -> float:
    drawn = values[rows]
    return float(np.median(drawn[np.isfinite(drawn)]))


def _range(values: np.ndarray, rows: Rows) -> float:
    drawn = values[rows]
    low, high = np.quantile(drawn[np.isfinite(drawn)], (0.25, 0.75))
    return float(high - low)
