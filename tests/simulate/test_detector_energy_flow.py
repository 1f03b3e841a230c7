"""Energy counts once: what tracks explain is taken from the towers."""

from dataclasses import replace

import numpy as np
import pytest
from _particle_gun import mixture, particles

from femtobarn.simulate.detector import CMS, CMS_NO_PILEUP, Card, Detected, Tracking, detect

ALWAYS = Tracking((2.5,), (0.1,), ((1.0,),), ((2.5, 0.0, 0.0),))


def card(*, track: float = 0.0, blur: bool = False) -> Card:
    """Every charged particle is found, with this relative error; calorimeters are exact unless `blur`."""
    tracking = replace(ALWAYS, resolution=((2.5, track, 0.0),))
    exact = [
        replace(
            each,
            resolution=tuple(replace(r, constant=0.0, stochastic=0.0, noise=0.0) for r in each.resolution),
        )
        for each in (CMS.ecal, CMS.hcal)
    ]
    ecal, hcal = (CMS.ecal, CMS.hcal) if blur else exact
    return replace(CMS, hadrons=tracking, electrons=tracking, muons=tracking, ecal=ecal, hcal=hcal)


def see(p, card: Card, seed: int = 1) -> Detected:
    return detect(p, card=card, generator=np.random.default_rng(seed))


def test_a_measured_particle_and_its_own_tower_count_once() -> None:
    """Hadrons heavier than a pion leave more than their track tells, but less than the threshold of 1 GeV."""
    pt = np.linspace(3, 60, 200)
    for pdg in (211, -211, 321, 2212, 11, -11):
        detected = see(particles(np.full(200, pdg), pt, 0.4, np.linspace(-3, 3, 200), events=200), card())
        assert len(detected.tracks.truth) == 200
        assert not len(detected.photons.truth) + len(detected.neutral_hadrons.truth)
        np.testing.assert_array_equal(detected.flow_tracks.momentum, detected.tracks.momentum)


def test_a_lost_track_is_found_as_a_neutral() -> None:
    blind = replace(card(), hadrons=replace(ALWAYS, efficiency=((0.0,),)))
    p = particles(np.full(50, 211), 20.0, 0.4, events=50)
    detected = see(p, blind)
    assert not len(detected.tracks.truth)
    np.testing.assert_allclose(detected.neutral_hadrons.momentum[:, 0], p.momentum[:, 0])
    np.testing.assert_array_equal(detected.neutral_hadrons.truth, np.arange(50))


def test_a_neutral_under_a_track_is_what_is_left() -> None:
    """Both in the field of one cell: the excess over the track is the neutral's energy."""
    phi = -np.arcsin(
        1290 * 0.299792458e-3 * 3.8 / (2 * 30)
    )  # where a pion of 30 GeV arrives that starts at 0
    p = particles([211, 130], [30.0, 40.0], 0.04, [0.0, phi])
    detected = see(p, card())
    assert len(detected.hcal.cell) == 1
    assert detected.neutral_hadrons.momentum[0, 0] == pytest.approx(p.momentum[1, 0])
    assert detected.neutral_hadrons.truth[0] == 1
    np.testing.assert_array_equal(detected.flow_tracks.momentum, detected.tracks.momentum)


def test_muons_and_neutrinos_leave_nothing_in_the_calorimeters() -> None:
    p = particles([13, -13, 12, -14, 16], 20.0, 0.4, np.arange(5.0))
    detected = see(p, card(blur=True))
    assert not len(detected.ecal.cell) + len(detected.hcal.cell)
    assert detected.tracks.truth.tolist() == [0, 1]
    np.testing.assert_array_equal(detected.flow_tracks.momentum, detected.tracks.momentum)


def test_track_and_tower_together_know_better_than_each() -> None:
    """Where no neutral is made, the energy is the mean weighted by the inverse variances."""
    n, energy, error = 20_000, 200.0, 0.10
    p = particles(np.full(n, 211), energy, 0.01, np.linspace(-3, 3, n), events=n)
    detected = see(p, card(track=error, blur=True))
    measured = detected.tracks.momentum[:, 0]
    sigma = float(np.sqrt((0.05 * energy) ** 2 + 1.5**2 * energy))
    alone = np.isin(np.arange(n), detected.neutral_hadrons.truth, invert=True)
    calorimeter, towers = detected.hcal.measured, detected.hcal.sigma
    best = (measured * towers**2 + calorimeter * (error * measured) ** 2) / (
        towers**2 + (error * measured) ** 2
    )
    factor = (detected.flow_tracks.momentum[:, 1:] / detected.tracks.momentum[:, 1:])[:, 0]
    np.testing.assert_allclose(factor[alone], (best / measured)[alone], rtol=1e-9)
    assert (factor[~alone] == 1).all()
    flow = detected.flow_tracks.momentum[alone, 0]
    assert flow.std() < 1.05 * energy * error * sigma / np.hypot(energy * error, sigma) < measured.std()


def test_a_tower_below_threshold_does_not_change_its_track() -> None:
    p = particles(np.full(500, 211), 2.0, 0.4, np.linspace(-3, 3, 500), events=500)  # a tower needs 9 GeV
    detected = see(p, card(track=0.1, blur=True))
    low = detected.hcal.measured == 0
    assert low.mean() > 0.9
    same = (detected.flow_tracks.momentum == detected.tracks.momentum).all(axis=1)
    assert same[low].all()


def test_neutrals_have_no_mass_and_point_to_their_tower() -> None:
    detected = see(mixture(20_000, events=10, seed=4), CMS_NO_PILEUP)
    for neutrals, towers, calorimeter in (
        (detected.photons, detected.ecal, CMS.ecal),
        (detected.neutral_hadrons, detected.hcal, CMS.hcal),
    ):
        energy, px, py, pz = neutrals.momentum.T
        np.testing.assert_allclose(np.sqrt(px**2 + py**2 + pz**2), energy)
        np.testing.assert_allclose(np.arcsinh(pz / np.hypot(px, py)), towers.eta[neutrals.tower], atol=1e-9)
        np.testing.assert_allclose(np.cos(np.arctan2(py, px) - towers.phi[neutrals.tower]), 1)
        assert (energy <= towers.measured[neutrals.tower] + 1e-9).all()
        assert (energy > calorimeter.minimum).all()
        np.testing.assert_array_equal(neutrals.truth, towers.truth[neutrals.tower])
        event = np.repeat(np.arange(10), np.diff(towers.offset))[neutrals.tower]
        np.testing.assert_array_equal(event, np.repeat(np.arange(10), np.diff(neutrals.offset)))
