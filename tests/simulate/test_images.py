"""Images of detected events: sums, turns, the spread of the HCAL, both sizes, tracks of pile-up, HT."""

import numpy as np
import pytest

from femtobarn.physics.event_images import EDGE, FINE, PIXEL, pooled
from femtobarn.simulate.collisions.pileup import overlay
from femtobarn.simulate.detector import Detected, detect
from femtobarn.simulate.detector.calorimeter import cells
from femtobarn.simulate.detector.images import (
    DARK_SHOWERS,
    coarse_images,
    count_tracks,
    fine_images,
    from_vertex,
    scalar_ht,
)
from femtobarn.simulate.particles import Particles

_KINDS = np.array([22, 211, -211, 130, 11, 13])
_CHARGES = np.array([0.0, 1, -1, 0, -1, -1])


def _events(count: int = 3, each: int = 60, seed: int = 1, pt: float = 6.0) -> Particles:
    draw = np.random.default_rng(seed)
    n = count * each
    kind = draw.integers(len(_KINDS), size=n)
    eta, phi = draw.uniform(-2.9, 2.9, n), draw.uniform(-np.pi, np.pi, n)
    size = draw.exponential(pt, n) + 0.3
    momentum = np.column_stack(
        (size * np.cosh(eta), size * np.cos(phi), size * np.sin(phi), size * np.sinh(eta))
    )
    return Particles(np.arange(0, n + 1, each), _KINDS[kind], _CHARGES[kind], momentum, np.zeros((n, 4)))


def _seen(events: Particles, seed: int = 2) -> Detected:
    return detect(events, card=DARK_SHOWERS, generator=np.random.default_rng(seed))


@pytest.fixture(scope="module")
def detected() -> Detected:
    return _seen(_events())


def test_an_image_holds_all_there_is_within_its_edges(detected: Detected) -> None:
    image, event = fine_images(detected), np.arange(detected.events)
    for channel, towers in ((1, detected.ecal), (2, detected.hcal)):
        calorimeter = DARK_SHOWERS.ecal if channel == 1 else DARK_SHOWERS.hcal
        low, high, _, _ = cells(calorimeter).box(towers.cell)
        et = towers.measured / np.cosh(towers.eta)
        share = (np.minimum(high, EDGE) - np.maximum(low, -EDGE)) / (high - low)  # of a cell on the edge
        expected = np.bincount(
            np.repeat(event, np.diff(towers.offset)), et * np.clip(share, 0, 1), minlength=len(event)
        )
        np.testing.assert_allclose(image[..., channel].sum(axis=(1, 2)), expected, rtol=1e-5)
    tracks = detected.tracks
    pt = np.hypot(*tracks.momentum[:, 1:3].T) * (np.abs(detected.arrival.eta[tracks.truth]) < EDGE)
    expected = np.add.reduceat(pt, tracks.offset[:-1])
    np.testing.assert_allclose(image[..., 0].sum(axis=(1, 2)), expected, rtol=1e-5)
    assert count_tracks(detected).sum() == np.count_nonzero(pt)


def test_the_coarse_image_is_the_sum_of_the_fine_one(detected: Detected) -> None:
    np.testing.assert_allclose(coarse_images(detected), pooled(fine_images(detected)), rtol=1e-5, atol=1e-5)


def test_the_hcal_is_even_over_its_cells(detected: Detected) -> None:
    hcal = fine_images(detected)[0, 3:-3, :, 2]  # the outermost cells reach beyond the image
    blocks = hcal.reshape(56, 5, 72, 5)
    np.testing.assert_allclose(blocks, np.broadcast_to(blocks[:, :1, :, :1], blocks.shape))
    assert hcal.any()


@pytest.mark.parametrize("columns", [5, 90])
def test_a_turn_of_the_event_turns_the_image(detected: Detected, columns: int) -> None:
    """Numbers of cells and places of tracks are turned, so that the same random numbers are drawn."""

    def turned(towers, side):  # type: ignore[no-untyped-def]
        grid = cells(DARK_SHOWERS.ecal if side == 1 else DARK_SHOWERS.hcal)
        ring = grid.ring[towers.cell]
        number, around = towers.cell - grid.first[ring], grid.phi[ring]
        return towers._replace(
            cell=grid.first[ring] + (number + columns // side * around // (360 // side)) % around
        )

    arrival = detected.arrival._replace(phi=detected.arrival.phi + columns * 2 * np.pi / FINE[1])
    moved = detected._replace(arrival=arrival, ecal=turned(detected.ecal, 1), hcal=turned(detected.hcal, 5))
    np.testing.assert_allclose(
        fine_images(moved), np.roll(fine_images(detected), columns, axis=2), rtol=1e-5, atol=1e-6
    )


def test_soft_tracks_stand_where_they_reach_the_calorimeter() -> None:
    """One of 2 GeV is bent by 22 degrees on its way."""
    momentum = np.array([[2.0, 2.0, 0.0, 0.0]])
    hits = [
        fine_images(
            _seen(
                Particles(
                    np.array([0, 1]), np.array([-13 * q]), np.array([float(q)]), momentum, 0 * momentum
                ),
                s,
            )
        )[0, :, :, 0]
        for q in (1, -1)
        for s in range(8)
    ]
    found = {tuple(np.argwhere(hit)[0]) for hit in hits if hit.any()}
    bend = np.degrees(np.arcsin(0.299792458 * 3.8 * 1.29 / (2 * 2.0)))
    assert found == {(FINE[0] // 2, int(180 - bend)), (FINE[0] // 2, int(180 + bend))}


def test_pile_up_loses_its_tracks_but_not_its_energy() -> None:
    events, pool = _events(20, 30, seed=3), _events(40, 40, seed=4, pt=1.0)
    crossings, collision = overlay(events, pool, mean=4.0, generator=np.random.default_rng(5))
    kept = from_vertex(crossings, collision)
    assert kept[collision == 0].all()
    assert kept[collision > 0].mean() < 0.02, "0.1 mm of 53 mm"
    detected = _seen(crossings)
    own, every = coarse_images(detected, kept=kept), coarse_images(detected)
    np.testing.assert_array_equal(own[..., 1:], every[..., 1:])
    assert own[..., 0].sum() < 0.95 * every[..., 0].sum()
    assert count_tracks(detected, kept=kept).sum() < 0.5 * count_tracks(detected).sum()


def test_empty_events_give_empty_images() -> None:
    nothing = _seen(_events().keep(np.zeros(180, bool)))
    assert not fine_images(nothing).any()
    assert not coarse_images(nothing).any()
    assert scalar_ht(nothing).tolist() == [0.0, 0.0, 0.0]
    assert count_tracks(nothing).tolist() == [0, 0, 0]


def test_ht_is_the_energy_of_the_jets_and_not_that_of_pile_up() -> None:
    pytest.importorskip("fastjet")
    pt, phi = np.array([300.0, 300.0]), np.array([0.3, 0.3 - np.pi])
    momentum = np.column_stack((pt, pt * np.cos(phi), pt * np.sin(phi), 0 * pt))
    photons = Particles(np.array([0, 2]), np.array([22, 22]), np.zeros(2), momentum, np.zeros((2, 4)))
    assert scalar_ht(_seen(photons))[0] == pytest.approx(600, rel=0.05)
    pool = _events(200, 40, seed=6, pt=0.3)
    crossings, collision = overlay(photons, pool, mean=40.0, generator=np.random.default_rng(7))
    kept = from_vertex(crossings, collision)
    assert scalar_ht(_seen(crossings), kept=kept)[0] == pytest.approx(600, rel=0.15)


def test_cells_are_those_of_the_authors_card() -> None:
    ecal, hcal = cells(DARK_SHOWERS.ecal), cells(DARK_SHOWERS.hcal)
    assert np.isin(np.round(PIXEL * np.arange(171), 5), np.round(ecal.eta, 5)).all()
    assert np.isin(np.round(5 * PIXEL * np.arange(35), 5), np.round(hcal.eta, 5)).all()
    assert abs(EDGE - 2.49535) < 1e-9
    assert set(np.unique(hcal.phi[np.abs(hcal.eta[:-1]) < 2.9])) == {72}
