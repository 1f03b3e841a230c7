"""Level-1 objects of hand-made particles: each shows up as what it is, in the steps of the trigger."""

import numpy as np
import pytest

from femtobarn.physics.vectors import cartesian
from femtobarn.simulate.detector import detect
from femtobarn.simulate.level1_objects import KINDS, in_steps, level1_objects
from femtobarn.simulate.particles import Particles

pytest.importorskip("fastjet")


def _one(code: int, charge: float, pt: float, eta: float, phi: float, mass: float) -> np.ndarray:
    """Objects of 40 events of this particle alone."""
    count = 40
    momentum = np.repeat(cartesian(np.array([[pt, eta, phi, mass]])), count, axis=0)
    alone = Particles(
        np.arange(count + 1), np.full(count, code), np.full(count, charge), momentum, np.zeros((count, 4))
    )
    return level1_objects(
        detect(alone, generator=np.random.default_rng(1)), generator=np.random.default_rng(2)
    )


def test_a_photon_is_an_electron_or_photon_and_a_jet_and_is_missing_on_the_other_side() -> None:
    found = _one(22, 0.0, 60.0, 0.5, 1.0, 0.0)
    assert np.median(found[:, 1, 0]) == pytest.approx(60, rel=0.1)
    assert np.median(found[:, 9, 0]) == pytest.approx(60, rel=0.1)
    np.testing.assert_allclose(np.median(found[:, 1, 1:], axis=0), (0.5, 1.0), atol=0.05)
    assert np.median(found[:, 0, 0]) == pytest.approx(60, rel=0.1)
    assert np.median(found[:, 0, 2]) == pytest.approx(1.0 - np.pi, abs=0.05)
    assert not found[:, 5:9].any(), "no muon"


def test_a_hadron_is_a_jet_alone() -> None:
    found = _one(2112, 0.0, 80.0, -1.0, 2.0, 0.94)
    assert (found[:, 9, 0] > 20).mean() > 0.9
    assert not found[:, 1:5].any()


def test_a_muon_is_a_muon_alone() -> None:
    found = _one(13, -1.0, 30.0, 0.2, 0.3, 0.106)
    seen = found[found[:, 5, 0] > 0, 5]
    assert len(seen) > 30
    assert np.median(seen[:, 0]) == pytest.approx(30, rel=0.15)
    assert np.std(np.log(seen[:, 0])) == pytest.approx(0.2, rel=0.5)
    assert not found[:, 9:].any()
    assert not found[:, 1:5].any()


def test_steps_and_ends_of_the_codes() -> None:
    kind = KINDS[2]
    objects = np.array([[[12.7, 0.5, 3.0], [9000.0, -0.5, -3.0], [0.3, 1.0, 1.0]]])
    found = in_steps(objects, kind)
    assert found[0, :, 0].tolist() == [12.5, kind.largest / 2, 0.0]
    assert not found[0, 2].any(), "below half a GeV there is nothing"
    codes = found[0, :2, 2] / (2 * np.pi / kind.phi_steps)
    np.testing.assert_allclose(codes, np.rint(codes), atol=1e-4)
    np.testing.assert_allclose(found[0, :2, 1:], objects[0, :2, 1:], atol=0.012)
