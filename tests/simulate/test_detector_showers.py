"""What a card can switch on: showers that spread and start in the ECAL, tracks with an error of direction."""

from dataclasses import replace
from math import pi

import numpy as np
import pytest
from _particle_gun import mixture, particles
from scipy.stats import norm

from femtobarn.errors import InputError
from femtobarn.simulate.detector import CMS, CMS_SHOWERS, Card, Detected, EarlyShowers, Tracking, detect
from femtobarn.simulate.detector.calorimeter import cell_under, cells, fractions, spread_over

ALWAYS = Tracking((2.5,), (0.1,), ((1.0,),), ((2.5, 0.0, 0.0),))


def see(p, card: Card = CMS_SHOWERS, seed: int = 1) -> Detected:
    return detect(p, card=card, generator=np.random.default_rng(seed))


def exact(card: Card) -> Card:
    """The card with every track found and all energies and momenta measured exactly."""
    ecal, hcal = (
        replace(
            c, resolution=tuple(replace(r, constant=0.0, stochastic=0.0, noise=0.0) for r in c.resolution)
        )
        for c in (card.ecal, card.hcal)
    )
    return replace(card, hadrons=ALWAYS, electrons=ALWAYS, muons=ALWAYS, ecal=ecal, hcal=hcal)


def test_no_energy_is_lost_between_towers_and_calorimeters() -> None:
    p = mixture(2000, events=5, seed=3)
    detected = see(p)
    both = np.zeros(len(p.pdg))
    for towers in (detected.ecal, detected.hcal):
        particle, tower, energy = towers.deposits
        np.testing.assert_allclose(np.bincount(tower, energy, len(towers.cell)), towers.deposited)
        np.testing.assert_allclose(np.bincount(particle, energy, len(p.pdg)), towers.energy)
        event = np.repeat(np.arange(5), np.diff(towers.offset))
        np.testing.assert_array_equal(event[tower], p.event[particle])
        assert (np.diff(particle) >= 0).all()
        both += towers.energy
    share = sum(fractions(each, p.pdg) for each in (CMS.ecal, CMS.hcal))
    arrived = detected.arrival.arrived & (np.abs(np.nan_to_num(detected.arrival.eta, nan=9.0)) <= 5)
    np.testing.assert_allclose(both, np.where(arrived, share * p.momentum[:, 0], 0))


@pytest.mark.parametrize("spread", [0.007, 0.045])
@pytest.mark.parametrize("eta", [0.01, -1.2, 1.652, 2.9, -4.99])
def test_shares_are_those_of_points_thrown_about_the_arrival(spread: float, eta: float) -> None:
    """Also where rings of unequal cells meet, at the end of the calorimeter, and where phi begins anew."""
    draw = np.random.default_rng(1)
    for calorimeter in (CMS.ecal, CMS.hcal):
        grid, phi = cells(calorimeter), pi - 0.001
        own = cell_under(grid, np.array([eta]), np.array([phi]))
        particle, cell, share = spread_over(grid, own, np.array([eta]), np.array([phi]), spread)
        assert cell[0] == own[0]
        assert share.sum() == pytest.approx(1)
        assert not particle.any()
        thrown = (np.array([eta, phi]) + spread * draw.standard_normal((100_000, 2))).T
        turned = np.remainder(thrown[1] + pi, 2 * pi) - pi
        number = np.bincount(cell_under(grid, thrown[0], turned) + 1, minlength=grid.first[-1] + 1)[cell + 1]
        seen = number / number.sum()
        np.testing.assert_allclose(share, seen, atol=5 * np.sqrt(0.25 / 100_000))


def test_a_shower_without_width_stays_in_its_tower() -> None:
    p = mixture(2000, events=5, seed=3)
    narrow = replace(CMS, ecal=replace(CMS.ecal, spread=1e-9), hcal=replace(CMS.hcal, spread=1e-9))
    for one, two in zip(see(p, narrow)[:6], see(p, CMS)[:6], strict=True):
        for ours, theirs in zip(one, two, strict=True):
            if isinstance(ours, np.ndarray):
                np.testing.assert_array_equal(ours, theirs)


def test_an_event_is_the_same_alone_and_among_others() -> None:
    p = mixture(600, events=3, seed=4)
    only = p.keep(p.event == 0)
    alone = see(only._replace(offset=only.offset[:2]))
    among = see(p)
    for name in ("ecal", "hcal"):
        first = getattr(among, name).offset[1]
        np.testing.assert_array_equal(getattr(among, name).measured[:first], getattr(alone, name).measured)
    kept = among.tracks.offset[1]
    np.testing.assert_array_equal(among.tracks.momentum[:kept], alone.tracks.momentum)


def test_directions_are_off_by_the_angle_and_nothing_else_changes() -> None:
    n = 20_000
    p = particles(np.full(n, 211), 20.0, 1.0, np.linspace(-3, 3, n), events=n)
    smeared, before = see(p), see(p, CMS)
    np.testing.assert_array_equal(smeared.tracks.truth, before.tracks.truth)
    (px, py, pz), (qx, qy, qz) = smeared.tracks.momentum[:, 1:].T, before.tracks.momentum[:, 1:].T
    np.testing.assert_allclose(np.hypot(px, py), np.hypot(qx, qy))
    eta = np.arcsinh(pz / np.hypot(px, py)) - np.arcsinh(qz / np.hypot(qx, qy))
    phi = np.angle(np.exp(1j * (np.arctan2(py, px) - np.arctan2(qy, qx))))
    for off in (eta, phi):
        assert off.std() == pytest.approx(0.01, rel=0.03)
        assert abs(off.mean()) < 4 * 0.01 / np.sqrt(len(off))
    assert abs(np.corrcoef(eta, phi)[0, 1]) < 4 / np.sqrt(len(eta))


def test_hadrons_alone_shower_early_and_as_often_as_the_card_says() -> None:
    n = 20_000
    early = EarlyShowers(0.4, 0.8)
    for pdg, in_ecal in (
        (211, True),
        (130, True),
        (2112, True),
        (22, False),
        (11, False),
        (13, False),
        (310, False),
    ):
        p = particles(np.full(n, pdg), 20.0, 0.4, np.linspace(-3, 3, n), events=n)
        share = see(p, replace(CMS, early=early)).ecal.energy / p.momentum[:, 0]
        before = see(p, CMS).ecal.energy / p.momentum[:, 0]
        if not in_ecal:
            np.testing.assert_array_equal(share, before)
            continue
        assert share.max() <= 0.8
        assert np.mean(share > 0) == pytest.approx(0.4, abs=0.02)
        assert share.mean() == pytest.approx(early.mean, rel=0.05)
        assert share.std() == pytest.approx(early.rms, rel=0.05)


def test_energy_flow_expects_the_spread_of_a_track() -> None:
    """A pion whose energy is shared by towers is explained in all of them; flow that knows of one tower is not."""
    card = exact(replace(CMS, hcal=replace(CMS.hcal, spread=0.045)))
    p = particles(np.full(100, 211), np.linspace(20, 90, 100), 0.4, np.linspace(-3, 3, 100), events=100)
    detected = see(p, card)
    assert len(detected.hcal.cell) > 3 * 100
    assert not len(detected.neutral_hadrons.truth)
    np.testing.assert_allclose(detected.flow_tracks.momentum, detected.tracks.momentum)


def test_energy_flow_does_not_take_half_an_early_shower_for_a_photon() -> None:
    """Share and scatter of early showers are expected: an excess has to be rare, though the ECAL is exact."""
    card = exact(replace(CMS, early=EarlyShowers()))
    n = 4000
    p = particles(np.full(n, 211), 20.0, 0.4, np.linspace(-3, 3, n), events=n)
    detected = see(p, card)
    lowest = EarlyShowers().mean + 2 * EarlyShowers().rms  # of the energy, from which the excess counts
    share = detected.ecal.energy / p.momentum[:, 0]
    assert len(detected.photons.truth) / n == pytest.approx(np.mean(share > lowest), abs=0.01)
    assert np.mean(share > lowest) < 0.1


@pytest.mark.parametrize("wrong", [-0.1, np.inf, np.nan])
def test_widths_that_are_none_are_refused(wrong: float) -> None:
    with pytest.raises(InputError, match="angle of 0 or more"):
        replace(CMS.hadrons, angle=wrong)
    with pytest.raises(InputError, match="spread of 0 or more"):
        replace(CMS.ecal, spread=wrong)
    with pytest.raises(InputError, match="from 0 to 1"):
        EarlyShowers(probability=wrong)


def test_the_gaussian_is_that_of_one_dimension() -> None:
    """In the middle of a fine ring the share of the own cell is the product of two normal probabilities."""
    grid = cells(CMS.ecal)
    eta, phi = np.array([0.0087 + 0.0174 * 20]), np.array([0.5 * 2 * pi / 360])
    _, _, share = spread_over(grid, cell_under(grid, eta, phi), eta, phi, 0.007)
    one, two = (2 * norm.cdf(half / 0.007) - 1 for half in (0.0087, pi / 360))
    assert share[0] == pytest.approx(one * two, rel=1e-3)
