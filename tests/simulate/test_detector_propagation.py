"""Helices and lines against closed forms, a numerical integration, and Delphes itself."""

from pathlib import Path

import numpy as np
import pytest
from _particle_gun import mixture, particles
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from femtobarn.datasets import delphes
from femtobarn.simulate.detector.propagation import BEND, Arrival, propagate
from femtobarn.simulate.particles import Particles

RADIUS, HALF, FIELD = 1290.0, 3000.0, 3.8


def fly(p: Particles, *, field: float = FIELD) -> Arrival:
    return propagate(p, radius=RADIUS, half_length=HALF, field=field)


@given(pt=st.floats(0.05, 100), eta=st.floats(-4, 4), phi=st.floats(-3.1, 3.1))
def test_neutral_particles_fly_straight(pt: float, eta: float, phi: float) -> None:
    _, x, y, z = fly(particles(22, pt, eta, phi)).position[0]
    wall = min(RADIUS, HALF / abs(np.sinh(eta)) if eta else np.inf)
    np.testing.assert_allclose(
        [x, y, z], wall * np.array([np.cos(phi), np.sin(phi), np.sinh(eta)]), atol=1e-6
    )


@given(pt=st.floats(0.05, 100), phi=st.floats(-3.1, 3.1), sign=st.sampled_from([-1, 1]))
def test_a_circle_in_the_transverse_plane(pt: float, phi: float, sign: int) -> None:
    """From the centre the side is reached where the azimuth has changed by asin(radius / (2 R))."""
    found = fly(particles(211 * sign, pt, 0.0, phi))
    turn = pt / (0.299792458e-3 * FIELD)  # pT = 0.3 B R
    if 2 * turn < RADIUS:
        assert not found.arrived[0]  # circles for ever
        assert np.isnan(found.eta[0])
        assert np.isnan(found.position[0]).all()
        return
    bent = phi - sign * np.arcsin(RADIUS / (2 * turn))
    np.testing.assert_allclose(
        found.position[0, 1:], [RADIUS * np.cos(bent), RADIUS * np.sin(bent), 0], atol=1e-6
    )
    assert abs(np.cos(found.phi[0] - bent) - 1) < 1e-12


def test_charges_bend_as_the_lorentz_force_says() -> None:
    """Positive charges turn clockwise in a field along +z, and the other way in the opposite field."""
    p = particles([211, -211], 2.0, 0.0)
    assert (fly(p).phi * [-1, 1] > 0).all()
    np.testing.assert_allclose(fly(p, field=-FIELD).phi, -fly(p).phi)
    assert (fly(p, field=0.0).phi == 0).all()


@given(pt=st.floats(0.1, 0.7), eta=st.floats(0.2, 3))
def test_loopers_go_on_to_the_end(pt: float, eta: float) -> None:
    _, x, y, z = fly(particles(-211, pt, eta)).position[0]
    turn = pt / (BEND * FIELD)
    angle = HALF / np.sinh(eta) / turn  # turned on the way to the end
    assert z == pytest.approx(HALF)
    np.testing.assert_allclose([x, y], [turn * np.sin(angle), turn * (1 - np.cos(angle))], atol=1e-5)


def test_a_weak_bend_joins_on_to_the_straight_line() -> None:
    pt = np.geomspace(1e2, 1e8, 200)  # the change of formula is at 1.5e6 GeV
    phi = fly(particles(np.full(200, 211), pt, 0.3)).phi
    np.testing.assert_allclose(
        phi, -np.arcsin(RADIUS * BEND * FIELD / (2 * pt)), rtol=1e-6, atol=1e-3 / RADIUS
    )


def test_any_flight_against_an_integration_of_the_lorentz_force() -> None:
    p = mixture(40, events=1, seed=3)
    found = fly(p)

    def outside(_: float, state: np.ndarray) -> float:
        return max(np.hypot(state[0], state[1]) - RADIUS, abs(state[2]) - HALF)

    outside.terminal, outside.direction = True, 1  # type: ignore[attr-defined]
    checked = 0
    for i in np.flatnonzero(found.arrived):
        momentum, start = p.momentum[i, 1:], p.vertex[i, 1:]
        size = np.linalg.norm(momentum)
        force = BEND * FIELD * p.charge[i] / size

        def along(_: float, state: np.ndarray, force: float = force) -> list[float]:
            ux, uy, uz = state[3:]
            return [ux, uy, uz, force * uy, -force * ux, 0.0]

        path = solve_ivp(
            along, (0, 3e4), [*start, *(momentum / size)], events=outside, rtol=1e-9, atol=1e-9, max_step=200
        )
        if not len(path.t_events[0]):
            continue  # a looper with a long way to go
        checked += 1
        np.testing.assert_allclose(found.position[i, 1:], path.y_events[0][0][:3], atol=1e-3)
        velocity = size / p.momentum[i, 0]
        assert found.position[i, 0] - p.vertex[i, 0] == pytest.approx(
            path.t_events[0][0] / velocity, rel=1e-6
        )
    assert checked > 30


def test_everything_arrives_on_the_surface() -> None:
    p = mixture(5000, events=5, seed=1)
    found = fly(p)
    _, x, y, z = found.position[found.arrived].T
    r = np.hypot(x, y)
    assert (np.isclose(r, RADIUS, atol=1e-5) | np.isclose(np.abs(z), HALF, atol=1e-5)).all()
    assert r.max() <= RADIUS + 1e-5
    assert np.abs(z).max() <= HALF + 1e-5
    np.testing.assert_allclose(np.sinh(found.eta[found.arrived]) * r, z, rtol=1e-9, atol=1e-6)
    assert found.arrived.mean() > 0.99


def test_what_cannot_arrive() -> None:
    vertex = np.zeros((6, 4))
    vertex[0, 1], vertex[1, 3] = 1300, -3100  # outside
    p = particles(np.full(6, 22), [1, 1, 0, 1, 1, 1], 0.5, vertex=vertex)
    p.momentum[3, 1:] = 0, 0, -2  # along the beam
    assert fly(p).arrived.tolist() == [False, False, False, True, True, True]
    assert fly(p).eta[3] == -np.inf
    assert fly(p).position[3, 1:].tolist() == [0, 0, -HALF]
    assert len(fly(p.keep(np.zeros(6, bool))).arrived) == 0


def test_tracks_of_delphes_arrive_where_ours_do(real_data: Path) -> None:
    """But for 106 of 818, for which the file has points inside the field, not on its surface."""
    path = real_data / "delphes_events" / "delphes_10events.root"
    tracks, found = delphes.tracks(path), fly(delphes.generator_particles(path))
    distance = np.linalg.norm(found.position[tracks.truth, 1:] - tracks.outer, axis=1)
    x, y, z = tracks.outer.T
    on_surface = np.minimum(np.abs(np.hypot(x, y) - RADIUS), np.abs(np.abs(z) - HALF)) < 1
    assert (len(distance), on_surface.sum()) == (818, 712)
    assert distance[on_surface].max() < 0.02
