"""The detector as a whole: single particles, links, batches, seeds, and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest
from _particle_gun import mixture, particles
from scipy.stats import kstest

from femtobarn.errors import InputError
from femtobarn.simulate.detector import (
    CMS,
    CMS_NO_PILEUP,
    Calorimeter,
    Detected,
    Region,
    Tracking,
    candidate_truth,
    candidates,
    detect,
    draws,
)
from femtobarn.simulate.particles import Particles, joined


def see(p: Particles, seed: int = 1, card=CMS) -> Detected:
    return detect(p, card=card, generator=np.random.default_rng(seed))


def columns(detected: Detected) -> list[np.ndarray]:
    return [column for part in detected for column in part]


@pytest.mark.parametrize(("pdg", "kind"), [(22, 22), (130, 130), (211, 211)])
def test_single_particles_keep_their_energy_on_average(pdg: int, kind: int) -> None:
    """The sum of all candidates over the true energy; a lost track is found again in the tower."""
    n, energy = 20_000, 200.0
    p = particles(np.full(n, pdg), energy, 0.2, np.linspace(-3, 3, n), events=n)
    found = candidates(see(p, card=CMS_NO_PILEUP))
    total = np.bincount(found.event, found.momentum[:, 0], minlength=n) / p.momentum[:, 0]
    assert total.mean() == pytest.approx(1, abs=0.02)
    assert np.mean(np.abs(found.pdg) == kind) > 0.9


def test_candidates_are_all_that_energy_flow_found() -> None:
    p = mixture(20_000, events=9, seed=3)
    detected = see(p)
    found, truth = candidates(detected), candidate_truth(detected)
    flow = (detected.flow_tracks, detected.photons, detected.neutral_hadrons)
    assert len(found.pdg) == sum(len(part.truth) for part in flow)
    np.testing.assert_allclose(found.momentum.sum(axis=0), sum(part.momentum.sum(axis=0) for part in flow))
    np.testing.assert_array_equal(p.event[truth], found.event)
    for i in (0, 4, 8):
        rows = slice(found.offset[i], found.offset[i + 1])
        kinds = (found.charge[rows] != 0) * 1 + (found.pdg[rows] == 22) * 2 + (found.pdg[rows] == 130) * 3
        assert (np.diff(kinds) >= 0).all()
        expected = [np.diff(part.offset)[i] for part in flow]
        assert np.bincount(kinds, minlength=4)[1:].tolist() == expected
    charged = found.charge != 0
    np.testing.assert_array_equal(found.charge[charged], p.charge[truth[charged]])
    np.testing.assert_array_equal(found.vertex[charged], p.vertex[truth[charged]])
    assert not found.vertex[~charged].any()


def test_the_same_seed_gives_the_same_and_another_does_not() -> None:
    p = mixture(2000, events=3, seed=1)
    for a, b in zip(columns(see(p, 5)), columns(see(p, 5)), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(see(p, 5).ecal.measured, see(p, 6).ecal.measured)


def test_events_come_out_the_same_alone_and_together() -> None:
    """Bit for bit: each event has its own random numbers."""
    parts = [mixture(n, events=1, seed=n) for n in (500, 1, 900)]
    parts.insert(1, parts[0].keep(np.zeros(500, bool)))  # an event without particles
    together = candidates(see(joined(parts)))
    generator = np.random.default_rng(1)
    alone = joined([candidates(detect(part, generator=generator)) for part in parts])
    for a, b in zip(together, alone, strict=True):
        np.testing.assert_array_equal(a, b)


def test_towers_do_not_depend_on_the_order_of_particles() -> None:
    p = mixture(3000, events=1, seed=2)
    order = np.random.default_rng(1).permutation(3000)
    q = Particles(p.offset, *(column[order] for column in p[1:]))
    for a, b in ((see(p).ecal, see(q).ecal), (see(p).hcal, see(q).hcal)):
        first, second = np.argsort(a.cell), np.argsort(b.cell)
        np.testing.assert_array_equal(a.cell[first], b.cell[second])
        np.testing.assert_allclose(a.measured[first], b.measured[second])
        np.testing.assert_array_equal(a.eta[first], b.eta[second])


@pytest.mark.parametrize("events", [0, 1, 3])
def test_empty_events(events: int) -> None:
    p = particles(np.array([22]), 1.0, 0.0, events=1).keep(np.array([False]))
    p = Particles(np.zeros(events + 1, np.int64), *p[1:])
    detected = see(p)
    assert detected.events == candidates(detected).events == events
    assert all(part.offset.tolist() == [0] * (events + 1) for part in detected[:-1])


def test_nothing_is_seen_beyond_eta_of_five() -> None:
    p = particles([22, 211, 130, 2112], 5.0, [5.1, -5.5, 6.0, -9.0])
    detected = see(p)
    assert not len(detected.tracks.truth) + len(detected.ecal.cell) + len(detected.hcal.cell)


def test_single_precision_will_do() -> None:
    p = mixture(500, events=2, seed=7)
    coarse = p._replace(
        pdg=p.pdg.astype(np.int32), charge=p.charge.astype(np.float32), momentum=p.momentum.astype(np.float32)
    )
    a, b = candidates(see(p)), candidates(see(coarse))
    assert b.momentum.dtype == np.float64
    np.testing.assert_allclose(a.momentum, b.momentum, rtol=1e-4, atol=1e-4)


def broken(field: str, value: float, row: int = 3) -> Particles:
    p = particles(np.full(5, 22), 1.0, 0.1)
    column = getattr(p, field).copy()
    column[row] = value
    return p._replace(**{field: column})


@pytest.mark.parametrize(
    ("p", "message"),
    [
        (
            broken("momentum", np.nan),
            r"particle 3: its momentum is \[nan nan nan nan\], expected finite numbers",
        ),
        (broken("vertex", np.inf), "particle 3: its vertex"),
        (broken("charge", np.nan), "particle 3: its charge is nan"),
        (broken("momentum", -2.0), "particle 3: its energy is -2 GeV, expected 0 or more"),
        (broken("offset", 4, 1), "offsets that rise from 0 to the number of particles, 5"),
        (broken("offset", 1, 0), "offsets that rise from 0"),
    ],
)
def test_what_is_no_particle_is_told_in_one_line(p: Particles, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        see(p)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: replace(CMS, radius=0.0), "radius and a length above 0"),
        (lambda: replace(CMS, field=np.inf), "finite field"),
        (lambda: replace(CMS, eta="vertex"), "'arrival' or 'momentum', got 'vertex'"),
        (
            lambda: Tracking((2.5, 1.5), (0.1,), ((1.0,), (1.0,)), ((2.5, 0.1, 0.0),)),
            "rising edges in .eta. of tracks",
        ),
        (lambda: Tracking((2.5,), (0.1,), ((1.0, 0.5),), ((2.5, 0.1, 0.0),)), "1 rows of 1 efficiencies"),
        (lambda: Tracking((2.5,), (0.1,), ((1.2,),), ((2.5, 0.1, 0.0),)), "efficiencies from 0 to 1"),
        (lambda: Tracking((2.5,), (0.1,), ((1.0,),), ((2.5, -0.1, 0.0),)), "resolutions of 0 or more"),
        (lambda: Calorimeter(((5.0, 10),), (Region(3.0, 0.1, 0.1),), {0: 1.0}), "energy resolution only 3"),
        (lambda: Calorimeter(((5.0, 10),), (Region(5.0, 0.1, 0.1),), {22: 1.0}), "one for code 0"),
        (lambda: Calorimeter(((5.0, 0),), (Region(5.0, 0.1, 0.1),), {0: 1.0}), "one cell in each ring"),
    ],
)
def test_a_card_that_makes_no_sense_is_refused(make, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        make()
    assert "\n" not in str(error.value)


def test_draws_are_uniform_and_independent() -> None:
    n = 50_000
    keys = draws.event_keys(np.random.default_rng(1), n)
    by_number = draws.uniform(np.full(n, keys[0]), np.arange(n))
    by_event = draws.uniform(keys, np.zeros(n, np.int64))
    other = draws.uniform(draws.derived(keys, 1), np.zeros(n, np.int64))
    for sample in (by_number, by_event, other):
        assert kstest(sample, "uniform").pvalue > 1e-3
        assert abs(np.corrcoef(sample[:-1], sample[1:])[0, 1]) < 4 / np.sqrt(n)
    assert abs(np.corrcoef(by_event, other)[0, 1]) < 4 / np.sqrt(n)
    assert kstest(draws.normal(keys, np.ones(n, np.int64)), "norm").pvalue > 1e-3


def test_log_normal_has_the_mean_and_width_asked_for() -> None:
    normal = np.random.default_rng(1).normal(size=400_000)
    found = draws.log_normal(np.full(400_000, 5.0), np.full(400_000, 2.0), normal)
    assert found.mean() == pytest.approx(5, rel=0.005)
    assert found.std() == pytest.approx(2, rel=0.02)
    assert draws.log_normal(np.zeros(1), np.ones(1), np.ones(1))[0] == 0
