"""Efficiencies, resolutions and the identity of tracks."""

from dataclasses import replace

import numpy as np
import pytest
from _particle_gun import mixture, particles

from femtobarn.simulate.detector import CMS, CMS_NO_PILEUP, Card, detect
from femtobarn.simulate.detector.tracking import Tracks
from femtobarn.simulate.particles import Particles

N = 20_000


def tracks(p: Particles, *, card: Card = CMS, seed: int = 1) -> Tracks:
    return detect(p, card=card, generator=np.random.default_rng(seed)).tracks


def gun(pdg: int, pt: float, eta: float) -> Particles:
    return particles(np.full(N, pdg), pt, eta, np.linspace(-3, 3, N))


# The numbers of the card, typed here again from it: kind, pT, eta, efficiency, relative resolution of pT.
BINS = [
    (211, 0.08, 0.2, 0.0, None),
    (-211, 0.9, 0.2, 0.70, 0.06001),
    (321, 5.0, -0.2, 0.95, 0.060351),
    (2212, 20.0, 1.2, 0.95, 0.105622),
    (211, 10.0, 2.0, 0.85, 0.251916),
    (-211, 0.95, -1.8, 0.60, 0.250017),
    (211, 50.0, 2.7, 0.0, None),
    (11, 0.9, 0.1, 0.73, 0.030023),
    (-11, 30.0, 1.0, 0.95, 0.071421),
    (11, 150.0, -0.3, 0.99, 0.197302),
    (11, 150.0, 2.2, 0.90, 0.488539),
    (13, 0.9, 1.0, 0.75, 0.015001),
    (-13, 40.0, 2.2, 0.98, 0.028653),
    (13, 2000.0, 0.0, 0.99 * np.exp(-0.5), 0.200250),
]


@pytest.mark.parametrize(("pdg", "pt", "eta", "efficiency", "width"), BINS)
def test_each_bin_has_the_efficiency_and_the_resolution_of_the_card(
    pdg: int, pt: float, eta: float, efficiency: float, width: float | None
) -> None:
    card = replace(CMS, eta="momentum")
    found = tracks(gun(pdg, pt, eta), card=card)
    assert abs(len(found.truth) / N - efficiency) <= 4 * np.sqrt(efficiency * (1 - efficiency) / N)
    if width is None:
        return
    n, measured = len(found.truth), np.hypot(*found.momentum[:, 1:3].T) / pt
    np.testing.assert_allclose(found.resolution, width, rtol=2e-4)
    assert abs(measured.mean() - 1) < 4 * width / np.sqrt(n)
    # The error of a standard deviation grows with the tail of the log-normal.
    assert measured.std() == pytest.approx(width, rel=(4 + 20 * width**2) / np.sqrt(2 * n))
    log = np.log(measured)
    assert log.std() == pytest.approx(np.sqrt(np.log1p(width**2)), rel=4 / np.sqrt(2 * n))
    skew = ((log - log.mean()) ** 3).mean() / log.std() ** 3
    assert abs(skew) < 4 * np.sqrt(6 / n)


def test_the_direction_is_kept() -> None:
    p = gun(211, 5.0, 0.7)
    found = tracks(p)
    true, measured = p.momentum[found.truth, 1:], found.momentum[:, 1:]
    np.testing.assert_allclose(np.cross(true, measured), 0, atol=1e-9)
    assert ((true * measured).sum(axis=1) > 0).all()


def test_soft_tracks_are_lost_in_the_end_cap_or_not() -> None:
    """At 0.25 GeV a particle of eta = 0.3 loops to the end cap, at less than 0.43 m: |eta| > 2.6 there."""
    p = gun(211, 0.25, 0.3)
    assert len(tracks(p).truth) == 0
    assert abs(len(tracks(p, card=replace(CMS, eta="momentum")).truth) / N - 0.70) < 0.013


def test_hadrons_are_taken_for_pions() -> None:
    p = particles([321, 2212, 11, -13], 5.0, 0.5)
    perfect = replace(CMS.hadrons, efficiency=((1, 1), (1, 1)), resolution=((2.5, 0.0, 0.0),))
    card = replace(CMS, hadrons=perfect, electrons=perfect, muons=perfect)
    found = tracks(p, card=card)
    assert found.pdg.tolist() == [211, 211, 11, -13]
    assert found.charge.tolist() == [1, 1, -1, 1]
    np.testing.assert_allclose(found.momentum[:, 1:], p.momentum[:, 1:])
    square = found.momentum[:, 0] ** 2 - (found.momentum[:, 1:] ** 2).sum(axis=1)
    np.testing.assert_allclose(np.sqrt(square), [0.13957, 0.13957, 0.000511, 0.10566], rtol=1e-2)


def test_neutrals_leave_no_track_and_links_lead_to_charged_particles() -> None:
    p = mixture(5000, events=7, seed=2)
    found = tracks(p)
    assert (p.charge[found.truth] == found.charge).all()
    assert (found.charge != 0).all()
    assert (np.diff(found.truth) > 0).all()
    assert (p.event[found.truth] == np.repeat(np.arange(7), np.diff(found.offset))).all()
    np.testing.assert_array_equal(found.vertex, p.vertex[found.truth])


def test_the_card_without_pileup_has_better_tracks_of_hadrons() -> None:
    p = gun(211, 10.0, 0.2)
    sharp, blurred = (tracks(p, card=card).momentum[:, 1:3] for card in (CMS_NO_PILEUP, CMS))
    ratio = np.hypot(*blurred.T).std() / np.hypot(*sharp.T).std()
    assert ratio == pytest.approx(np.hypot(0.06, 0.013) / np.hypot(0.01, 0.0015), rel=0.05)
