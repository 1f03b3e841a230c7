"""Elements of particle flow: links, sums, the classes of the published sample, and the anchors of its rules."""

from dataclasses import replace

import numpy as np
import pytest
from _particle_gun import mixture, particles

from femtobarn.errors import InputError
from femtobarn.metrics.particle_flow import response
from femtobarn.physics import particle_flow as flow
from femtobarn.physics.particle_flow import FlowEvents, check_elements, four_momenta, joined
from femtobarn.simulate.detector import CMS, CMS_SHOWERS, Card, detect
from femtobarn.simulate.detector.card import INVISIBLE
from femtobarn.simulate.particle_flow import FlowSample, flow_events, flow_sample
from femtobarn.simulate.particles import Particles

BOTH = pytest.mark.parametrize("card", [CMS, CMS_SHOWERS], ids=["Delphes", "showers"])


def see(p: Particles, card: Card = CMS_SHOWERS) -> FlowEvents:
    return flow_events(p, detect(p, card=card, generator=np.random.default_rng(1)))


@BOTH
def test_no_particle_is_counted_twice_or_lost(card: Card) -> None:
    """Energies of targets and of what remains add up to those of all visible particles within |eta| < 5."""
    p = mixture(3000, events=6, seed=5)
    events = see(p, card)
    check_elements(
        events.element, np.concatenate((events.target, events.candidate, events.remaining)), "made"
    )
    eta = np.arcsinh(p.momentum[:, 3] / np.hypot(p.momentum[:, 1], p.momentum[:, 2]))
    counted = ~np.isin(np.abs(p.pdg), INVISIBLE) & (np.abs(eta) < 5)
    momentum, offset = events.generated()
    for number in range(6):
        wanted = p.momentum[counted & (p.event == number)].sum(axis=0)
        found = momentum[offset[number] : offset[number + 1]].sum(axis=0)
        np.testing.assert_allclose(found, wanted, rtol=0.01, atol=0.01 * wanted[0])


@BOTH
def test_every_track_stands_for_its_particle(card: Card) -> None:
    p = mixture(2000, events=4, seed=6)
    detected = detect(p, card=card, generator=np.random.default_rng(1))
    events = flow_events(p, detected)
    track = events.element[:, 0] == flow.TRACK
    assert track.sum() == len(detected.tracks.truth)
    truth = p.momentum[detected.tracks.truth]
    np.testing.assert_allclose(events.target[track, 6], truth[:, 0], rtol=1e-5)
    np.testing.assert_allclose(events.target[track, 2], np.hypot(truth[:, 1], truth[:, 2]), rtol=1e-5)
    code = np.abs(p.pdg[detected.tracks.truth])
    expected = np.select([code == 11, code == 13], [flow.ELECTRON, flow.MUON], flow.CHARGED)
    np.testing.assert_array_equal(events.target[track, 0], expected)
    np.testing.assert_array_equal(events.target[track, 1], p.charge[detected.tracks.truth])
    for bit, lepton in ((10, 13), (11, 11)):
        np.testing.assert_array_equal(events.element[track, bit], code == lepton)


def test_towers_show_one_calorimeter_and_their_measured_energy() -> None:
    events = see(mixture(2000, events=4, seed=6))
    tower = events.element[events.element[:, 0] == flow.TOWER]
    assert ((tower[:, 6] > 0) != (tower[:, 7] > 0)).all()
    np.testing.assert_allclose(tower[:, 6] + tower[:, 7], tower[:, 5])
    np.testing.assert_allclose(tower[:, 1] * np.cosh(tower[:, 2]), tower[:, 5], rtol=1e-5)


def test_what_a_tower_stands_for() -> None:
    """One particle each, in its own corner: class, what is beyond the tracker, what is too weak."""
    exact = [
        replace(
            c, resolution=tuple(replace(r, constant=0.0, stochastic=0.0, noise=0.0) for r in c.resolution)
        )
        for c in (CMS.ecal, CMS.hcal)
    ]
    blind = replace(CMS.hadrons, efficiency=((0.0, 0.0), (0.0, 0.0)))
    card = replace(CMS, ecal=exact[0], hcal=exact[1], hadrons=blind)
    kinds = {
        (22, 20.0, 0.5): flow.PHOTON, (130, 20.0, 1.0): flow.NEUTRAL, (211, 20.0, -1.0): flow.CHARGED,
        (211, 20.0, 3.0): flow.NEUTRAL, (11, 20.0, 3.5): flow.PHOTON, (130, 8.0, 0.0): flow.NONE,
    }  # fmt: skip
    for (pdg, energy, eta), kind in kinds.items():
        events = see(particles(pdg, energy / np.cosh(eta), eta), card)
        assert len(events.element) == 1
        assert events.target[0, 0] == kind, (pdg, eta)
        assert events.target[0, 1] == (1 if kind == flow.CHARGED else 0)
        assert len(events.remaining) == (kind == flow.NONE)


def test_a_shower_over_many_towers_is_one_particle() -> None:
    events = see(particles(np.full(40, 130), 60.0, 0.3, np.linspace(-3, 3, 40), events=40))
    assert (np.diff(events.offset) > 1).mean() > 0.5
    assert (np.bincount(events.event, events.target[:, 0] > 0) <= 1).all()


def test_events_are_taken_joined_and_padded() -> None:
    events = see(mixture(900, events=3, seed=7))
    turned = events.take(np.array([2, 0, 1]))
    for name, value in vars(joined([turned.take(np.array([1, 2])), turned.take(np.array([0]))])).items():
        np.testing.assert_array_equal(value, vars(events)[name], err_msg=name)
    size = np.diff(events.offset)
    most = int(size.min()) + 1
    padded = events.padded(most)
    assert padded.mask.sum(axis=1).tolist() == np.minimum(size, most).tolist()
    assert padded.cut.tolist() == np.maximum(size - most, 0).tolist()
    np.testing.assert_array_equal(
        padded.element[1, :most][padded.mask[1]], events.element[events.event == 1][:most]
    )
    assert len(events.take(np.zeros(0, np.int64))) == 0


def test_an_event_without_particles_and_one_with_a_strange_particle() -> None:
    nothing = see(particles(22, 1.0, 0.0).keep(np.array([False])))
    assert len(nothing) == 1
    assert len(nothing.element) == len(nothing.remaining) == 0
    strange = particles([9900012, 1000612], 30.0, [0.5, 1.0], [0.0, 1.0])._replace(
        charge=np.array([0.0, 1.0])
    )
    found = see(strange)
    assert set(found.target[:, 0]) <= {flow.NONE, flow.NEUTRAL, flow.CHARGED}
    assert found.target[:, 6].sum() + found.remaining[:, 6].sum() == pytest.approx(
        strange.momentum[:, 0].sum()
    )


def test_momenta_are_completed_as_the_public_files_need() -> None:
    rows = np.array(
        [[1, 1, 5, 0.5, 0.6, 0.8, 0], [3, 0, 0, 0.5, 0.6, 0.8, 7.0], [2, 0, 5, 0.5, 1.2, 1.6, 1.0]]
    )
    charged, photon, light = four_momenta(rows)
    assert charged[0] == pytest.approx(np.hypot(5 * np.cosh(0.5), 0.13957))
    assert np.hypot(*photon[1:3]) == pytest.approx(7 / np.cosh(0.5))
    assert light[0] == pytest.approx(5 * np.cosh(0.5)), "no energy below the momentum"
    np.testing.assert_allclose(light[1:3], [4, 3])


def test_a_pileup_below_zero_and_no_events_are_refused() -> None:
    with pytest.raises(InputError, match="pile-up of 0 or more"):
        FlowSample(pileup=-1)
    with pytest.raises(InputError, match="at least one event"):
        flow_sample(FlowSample(), 0, seed=1)


@pytest.mark.slow
def test_rules_have_the_resolutions_of_the_paper_in_its_detector() -> None:
    """Pile-up 200 in the detector without showers, anchors measured with this simulation before."""
    pytest.importorskip("pythia8mc")
    events = flow_sample(FlowSample(200.0, showers=False), 20, seed=11, workers=2)
    assert np.diff(events.offset).mean() == pytest.approx(6200, rel=0.05)
    truth, found = events.target, events.candidate
    neutral = (truth[:, 0] == flow.NEUTRAL) & (found[:, 0] == flow.NEUTRAL)
    track = (truth[:, 0] == flow.CHARGED) & (events.element[:, 0] == flow.TRACK)
    assert response(found[neutral, 6], truth[neutral, 6]).raw_spread == pytest.approx(0.33, abs=0.05)
    assert response(events.element[track, 1], truth[track, 2]).raw_spread == pytest.approx(0.212, abs=0.01)
