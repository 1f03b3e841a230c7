"""The endcap: cells, sums, truth, rotations, angles, and what a crossing of pile-up 200 looks like."""

from dataclasses import replace

import numpy as np
import pytest

from femtobarn.errors import InputError
from femtobarn.simulate.endcap import (
    Crossings,
    Endcap,
    EndcapHits,
    arriving,
    endcap_hits,
    gun,
    joined_hits,
    pairs,
    soft_crossings,
    together,
    truth,
)
from femtobarn.simulate.particles import Particles
from femtobarn.simulate.showers import endcap_like, gflash

ENDCAP = Endcap(field=0.0)


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def _beam(pdg: int, energy: float, n: int, *, eta: float = 2.2, seed: int = 1) -> EndcapHits:
    incoming = gun(
        n, ENDCAP, generator=rng(seed), number=(1, 1), kinds=(pdg,), energy=(energy, energy), eta=(eta, eta)
    )
    return endcap_hits(incoming, replace(ENDCAP, threshold=0.0), generator=rng(seed))


def _sums(hits: EndcapHits) -> np.ndarray:
    return np.bincount(hits.event, hits.energy, hits.events)


def test_numbers_of_cells_name_layer_and_place() -> None:
    endcap = Endcap(etas=4, phis=8)
    cell = np.arange(endcap.cells)
    np.testing.assert_array_equal(endcap.layer_of(cell), np.repeat(np.arange(32), 32))
    eta, phi, z = endcap.place(cell)
    assert eta.min() > 1.5
    assert eta.max() < 3
    position = endcap.position(cell)
    np.testing.assert_allclose(np.arcsinh(position[:, 2] / np.hypot(*position[:, :2].T)), eta)
    np.testing.assert_allclose(np.arctan2(position[:, 1], position[:, 0]), phi)
    assert np.unique(z).size == 32
    assert (np.diff(z.reshape(32, 32)[:, 0]) > 10).all()
    assert endcap.electromagnetic == 14
    assert endcap.calorimeter.radiation_depth[14] == pytest.approx(
        14 * 1.85, abs=0.1
    )  # of the authors' geometry


def test_energies_are_the_sums_of_the_shares() -> None:
    hits = endcap_hits(gun(4, ENDCAP, generator=rng()), ENDCAP, generator=rng(2))
    summed = np.bincount(hits.share_hit, hits.share_energy, len(hits.cell))
    np.testing.assert_allclose(summed, hits.energy, rtol=1e-9)
    assert (hits.incoming.event[hits.share_particle] == hits.event[hits.share_hit]).all()
    assert (hits.energy >= 0.5 * ENDCAP.mip[ENDCAP.layer_of(hits.cell)]).all()
    for event in range(4):
        cells = hits.cell[hits.offset[event] : hits.offset[event + 1]]
        assert (np.diff(cells) > 0).all()


def test_without_threshold_all_deposits_are_in_the_hits() -> None:
    """Spots of the same particles, summed without cells; showers at eta 2.2 do not leave the endcap."""
    incoming = gun(1, ENDCAP, generator=rng(), number=(6, 6), kinds=(22,), eta=(2.2, 2.2), energy=(5.0, 50.0))
    hits = endcap_hits(incoming, replace(ENDCAP, threshold=0.0), generator=rng(3))
    stretch = 1.0 + 0.022 * (int((1 / np.tanh(2.2) - 1) / 0.022) + 0.5)
    spots = gflash(incoming.energy, endcap_like(stretch), generator=rng(3), pdg=22)
    assert hits.energy.sum() == pytest.approx(spots.energy.astype(float).sum(), rel=2e-3)


def test_a_turn_of_the_event_turns_the_cells() -> None:
    one = gun(1, ENDCAP, generator=rng(), number=(8, 8))
    angle = 2 * np.pi * 7 / ENDCAP.phis
    turn = np.array([[np.cos(angle), np.sin(angle), 0], [-np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    other = one._replace(position=one.position @ turn, direction=one.direction @ turn)
    hits, turned = (endcap_hits(each, ENDCAP, generator=rng(5)) for each in (one, other))
    row, phi = np.divmod(hits.cell, ENDCAP.phis)
    moved = row * ENDCAP.phis + (phi + 7) % ENDCAP.phis
    both = np.intersect1d(moved, turned.cell)
    assert len(both) > 0.99 * len(moved), "a spot on an edge may round to the cell beside"
    assert turned.energy.sum() == pytest.approx(hits.energy.sum(), rel=1e-3)


def test_events_are_taken_and_joined() -> None:
    hits = endcap_hits(gun(5, ENDCAP, generator=rng(), number=(0, 3)), ENDCAP, generator=rng(2))
    again = joined_hits(
        [hits.take(np.array([0, 1])), hits.take(np.array([], int)), hits.take(np.array([2, 3, 4]))]
    )
    for one, two in zip(hits[:-1], again[:-1], strict=True):
        np.testing.assert_array_equal(one, two)
    for one, two in zip(hits.incoming, again.incoming, strict=True):
        np.testing.assert_array_equal(one, two)
    assert len(hits.take(np.array([], int)).cell) == 0


@pytest.mark.parametrize("incoming", ["no events", "no particles", "all outside"])
def test_empty_events_stay_empty(incoming: str) -> None:
    made = {
        "no events": lambda: gun(0, ENDCAP, generator=rng()),
        "no particles": lambda: gun(2, ENDCAP, generator=rng(), number=(0, 0)),
        "all outside": lambda: gun(2, ENDCAP, generator=rng(), kinds=(22,), eta=(0.05, 0.06)),
    }[incoming]()
    hits = endcap_hits(made, ENDCAP, generator=rng())
    found = truth(hits)
    assert hits.events == made.events
    assert len(hits.cell) == len(found.particle) == 0


# Particles


@pytest.mark.parametrize("eta", [1.6, 2.2, 2.8])
def test_photons_are_measured_right_at_every_angle(eta: float) -> None:
    total = _sums(_beam(22, 20.0, 400, eta=eta))
    assert total.mean() / 20 == pytest.approx(1.0, abs=0.02)
    assert total.std() / total.mean() * 20**0.5 == pytest.approx(
        0.36, abs=0.05
    )  # Geant4: 0.36 at right angles


def test_particles_differ_where_they_must() -> None:
    front = {}
    track = {}
    for pdg in (22, 211, 130, 13):
        hits = _beam(pdg, 20.0, 150)
        layer = ENDCAP.layer_of(hits.cell)
        front[pdg] = hits.energy[layer < 14].sum() / hits.energy.sum()
        track[pdg] = np.unique(hits.event[layer == 0]).size / 150
    assert front[22] > 0.97
    assert 0.1 < front[211] < 0.6
    assert track[211] > 0.95, "a charged hadron leaves a track before it showers"
    assert track[130] < 0.3
    muons = _beam(13, 20.0, 300)
    layer = ENDCAP.layer_of(muons.cell)
    per_layer = np.bincount(layer, muons.energy, 32) / 300 / ENDCAP.mip
    np.testing.assert_allclose(per_layer, 1 / np.tanh(2.2), rtol=0.15)
    first = np.bincount(muons.event[layer == 3], muons.energy[layer == 3], 300) / ENDCAP.mip[3]
    assert np.median(first) < first.mean(), "losses in thin layers have a tail"


def test_light_is_on_time_and_slow_particles_are_late() -> None:
    hits = _beam(22, 50.0, 30)
    strong = hits.energy > 20 * ENDCAP.mip[ENDCAP.layer_of(hits.cell)]
    assert hits.time[strong].mean() == pytest.approx(0.0, abs=0.005)
    assert hits.time[strong].std() == pytest.approx(0.02, abs=0.006)
    incoming = gun(1, ENDCAP, generator=rng(), number=(5, 5))
    late = endcap_hits(incoming._replace(time=incoming.time + 1.0), ENDCAP, generator=rng())
    assert np.median(late.time) == pytest.approx(1.0, abs=0.02)


def test_charged_particles_turn_in_the_field() -> None:
    """Against the helix by hand: pT = 0.3 B R, from the centre to z = 3.2 m."""
    pz, pt = 20.0, 4.0
    momentum = np.array([[np.hypot(np.hypot(pt, pz), 0.13957), pt, 0.0, pz]])
    particle = Particles(np.array([0, 1]), np.array([211]), np.ones(1), momentum, np.zeros((1, 4)))
    found = arriving(particle, Endcap(field=3.8))
    radius = pt / (0.299792458 * 3.8) * 1e3
    angle = 3200 * pt / pz / radius
    np.testing.assert_allclose(
        found.position[0], (radius * np.sin(angle), radius * (np.cos(angle) - 1), 3200)
    )
    direction = np.array([pt * np.cos(angle), -pt * np.sin(angle), pz])
    np.testing.assert_allclose(found.direction[0], direction / np.linalg.norm(direction))
    backward = particle._replace(momentum=momentum * [1, 1, 1, -1])
    assert len(arriving(backward, Endcap()).pdg) == 0


def test_pairs_are_as_far_apart_as_asked() -> None:
    incoming, apart = pairs(50, ENDCAP, distance=(1.0, 3.0), generator=rng())
    both = incoming.position.reshape(50, 2, 3)
    np.testing.assert_allclose(np.linalg.norm(both[:, 0] - both[:, 1], axis=1), apart * ENDCAP.moliere_radius)
    assert ENDCAP.moliere_radius == pytest.approx(16.5, abs=0.2)


def test_events_of_two_samples_become_one() -> None:
    one, two = (gun(3, ENDCAP, generator=rng(seed), number=(1, 4)) for seed in (1, 2))
    both = together([one, two])
    np.testing.assert_array_equal(both.offset, one.offset + two.offset)
    for event in range(3):
        energies = [each.energy[each.offset[event] : each.offset[event + 1]] for each in (one, two, both)]
        np.testing.assert_array_equal(np.concatenate(energies[:2]), energies[2])


# Truth


def _by_hand(shares: list[tuple[int, int, float]], hits: int, particles: int) -> EndcapHits:
    hit, particle, energy = (np.array(column) for column in zip(*shares, strict=True))
    some = gun(1, ENDCAP, generator=rng(), number=(particles, particles))
    total = np.bincount(hit, energy, hits)
    cell = np.arange(hits)
    return EndcapHits(np.array([0, hits]), cell, total, 0 * total, hit, particle, energy.astype(float), some)


def test_the_largest_share_owns_the_hit() -> None:
    shares = [(h, 0, 3.0) for h in range(4)] + [(h, 1, 3.0 if h < 2 else 4.0) for h in range(5)]
    found = truth(_by_hand(sorted(shares), 5, 3))
    assert found.particle.tolist() == [-1, -1, 1, 1, 1], "ties go to the first, which leads two hits only"
    assert found.led.tolist() == [0, 3, 0]
    assert found.merged.tolist() == [True, False, False]
    assert found.deposited.tolist() == [12, 18, 0]
    assert found.share[0] == 0.5


def test_hits_of_many_small_shares_are_noise_and_drowned_particles_spectators() -> None:
    many = [(0, p, 1.0) for p in range(6)] + [(h, 0, 10.0) for h in (1, 2, 3)] + [(1, 1, 0.5)]
    found = truth(_by_hand(sorted(many), 4, 6))
    assert found.particle.tolist() == [-1, 0, 0, 0]
    assert found.spectator.tolist() == [False, True, True, True, True, True]


# Slices and crossings


def test_a_slice_has_the_hits_of_the_whole_endcap() -> None:
    incoming = gun(1, ENDCAP, generator=rng(), number=(300, 300), energy=(1.0, 20.0))
    part = endcap_hits(incoming, ENDCAP, generator=rng(2), phi=(0.0, np.pi / 6))
    phi = ENDCAP.place(part.cell)[1]
    assert phi.min() > 0
    assert phi.max() < np.pi / 6
    whole = endcap_hits(incoming, ENDCAP, generator=rng(2))
    inside = ENDCAP.place(whole.cell)[1]
    expected = whole.energy[(inside > 0) & (inside < np.pi / 6)].sum()
    assert part.energy.sum() == pytest.approx(expected, rel=0.1), "other showers, the same particles"
    across = endcap_hits(incoming, ENDCAP, generator=rng(2), phi=(np.pi - 0.2, np.pi + 0.2))
    assert (np.abs(ENDCAP.place(across.cell)[1]) > np.pi - 0.2).all()


def test_soft_collisions_fill_the_endcap_as_pile_up_does() -> None:
    """5.5 charged hadrons in a unit of pseudorapidity and as many photons; the field keeps slow ones away."""
    crossings = soft_crossings(ENDCAP, collisions_in_pool=200, seed=1)
    incoming = crossings.incoming(20.0, 5, generator=rng())
    assert len(incoming.pdg) / 100 == pytest.approx(2 * 5.49 * 1.5, rel=0.2)
    assert (incoming.pdg == 22).mean() == pytest.approx(0.5, abs=0.15)
    bent = Crossings(Endcap(), crossings.pool).incoming(20.0, 5, generator=rng())
    assert (bent.charge != 0).sum() < 0.9 * (incoming.charge != 0).sum()


@pytest.mark.slow
def test_a_crossing_of_pile_up_200() -> None:
    """With the field, in which 0.5 GeV of pT circle before the face.

    Fewer hits are shared than in the first showers of this package (0.20, and 0.44 in coarse cells), which had neither
    a hadronic section nor fluctuations of the sampling.
    """
    pytest.importorskip("pythia8mc")
    endcap = Endcap()
    crossings = Crossings.pythia(endcap, collisions_in_pool=1000, seed=1)
    incoming = crossings.incoming(200.0, 3, generator=rng())
    hits = endcap_hits(incoming, endcap, generator=rng())
    assert len(incoming.pdg) / 3 == pytest.approx(5000, rel=0.1)
    found = truth(hits)
    assert (found.share < 0.9).mean() == pytest.approx(0.147, abs=0.02)
    coarse = endcap_hits(incoming, replace(endcap, etas=48, phis=192), generator=rng())
    assert (truth(coarse).share < 0.9).mean() == pytest.approx(0.372, abs=0.04)
    summed = np.bincount(hits.share_hit, hits.share_energy, len(hits.cell))
    np.testing.assert_allclose(summed, hits.energy, rtol=1e-6)


def test_unfit_arguments_are_refused() -> None:
    for make, words in (
        (lambda: Endcap(etas=0), "at least one cell"),
        (lambda: Endcap(eta=(3.0, 1.5)), "eta"),
        (lambda: Endcap(threshold=-1), "threshold"),
        (lambda: gun(1, ENDCAP, generator=rng(), kinds=(12,)), "code 12"),
        (lambda: gun(1, ENDCAP, generator=rng(), energy=(0.0, 1.0)), "rising ranges"),
        (lambda: together([gun(1, ENDCAP, generator=rng()), gun(2, ENDCAP, generator=rng())]), "1, 2"),
        (lambda: joined_hits([]), "at least one part"),
        (lambda: gflash(np.ones(1), endcap_like(), generator=rng(), pdg=1000020040), "code"),
    ):
        with pytest.raises(InputError, match=words):
            make()


def test_the_same_seed_makes_the_same_hits() -> None:
    one, two = (endcap_hits(gun(2, ENDCAP, generator=rng(4)), ENDCAP, generator=rng(5)) for _ in range(2))
    np.testing.assert_array_equal(one.energy, two.energy)
