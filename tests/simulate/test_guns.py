import numpy as np
import pytest
from scipy.stats import kstest

from femtobarn.simulate.guns import (
    CHARGED_PER_ETA,
    pion_decay,
    pseudorapidity,
    single_particles,
    soft_particles,
)

ETA, FACE = (1.4, 3.1), 3210.0
PION, PION0 = 0.13957, 0.13498


@pytest.fixture(scope="module")
def soft() -> np.ndarray:
    return soft_particles(4000, eta=ETA, face=FACE, generator=np.random.default_rng(1))


def test_single_particles_come_from_the_origin_within_their_ranges() -> None:
    gun = {"pids": (11, 22), "energy": (2.0, 200.0), "eta": (1.6, 2.9), "face": FACE}
    particles = single_particles(20_000, **gun, generator=np.random.default_rng(1))
    eta = pseudorapidity(particles["direction"])
    assert eta.min() > 1.6
    assert eta.max() < 2.9
    np.testing.assert_allclose(particles["position"][:, 2], FACE)
    np.testing.assert_allclose(np.cross(particles["position"], particles["direction"]), 0, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(particles["direction"], axis=1), 1)
    share = np.histogram(np.log(particles["energy"]), bins=5, range=(np.log(2), np.log(200)))[0]
    np.testing.assert_allclose(share, 4000, rtol=0.06)
    assert (particles["pid"] == 11).mean() == pytest.approx(0.5, abs=0.02)


def test_charged_density_is_the_measured_one(soft: np.ndarray) -> None:
    charged = soft[soft["pid"] != 22]
    density = np.histogram(pseudorapidity(charged["direction"]), bins=4, range=ETA)[0] / 4000 / 0.425
    np.testing.assert_allclose(density, CHARGED_PER_ETA, rtol=0.03)
    assert (charged["pid"] > 0).mean() == pytest.approx(0.5, abs=0.02)


def test_mean_transverse_momentum_is_near_the_measured_one(soft: np.ndarray) -> None:
    charged = soft[soft["pid"] != 22]
    momentum = np.sqrt((charged["energy"] + PION) ** 2 - PION**2)
    mean = (momentum / np.cosh(pseudorapidity(charged["direction"]))).mean()
    assert mean == pytest.approx(0.545, rel=0.1)  # GeV at 7 TeV (arXiv:1005.3299); ours are pions only


def test_pion_decay_keeps_energy_and_shares_it_evenly() -> None:
    generator = np.random.default_rng(2)
    momentum = generator.normal(scale=0.3, size=(20_000, 3))
    first, second = pion_decay(momentum, generator=generator)
    energy = np.sqrt((momentum**2).sum(axis=1) + PION0**2)
    share = np.linalg.norm(first, axis=1)
    np.testing.assert_allclose(share + np.linalg.norm(second, axis=1), energy)
    np.testing.assert_allclose(first + second, momentum)
    # Isotropy at rest makes the energy of a photon uniform between (1 -+ beta)/2 of the pion's.
    beta = np.linalg.norm(momentum, axis=1) / energy
    assert kstest((share / energy - 0.5) / beta + 0.5, "uniform").pvalue > 0.01


def test_there_are_as_many_photons_as_charged_pions(soft: np.ndarray) -> None:
    photons = soft["pid"] == 22
    assert photons.sum() / (~photons).sum() == pytest.approx(1.0, rel=0.05)


def test_photon_density_is_flat_to_the_edges(soft: np.ndarray) -> None:
    eta = pseudorapidity(soft[soft["pid"] == 22]["direction"])
    share = np.histogram(eta, bins=5, range=ETA)[0] / len(eta)
    np.testing.assert_allclose(share, 0.2, rtol=0.05)
