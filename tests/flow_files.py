"""Events of particle flow for tests: a few tracks and towers that fit together, no generator needed."""

import numpy as np

from femtobarn.physics.particle_flow import CHARGED, NEUTRAL, PHOTON, TOWER, TRACK, FlowEvents


def toy_events(
    count: int, *, seed: int, size: tuple[int, int] = (20, 40), sizes: list[int] | None = None
) -> FlowEvents:
    """Each particle has one element: charged hadrons a track, photons an ECAL tower, neutral hadrons an HCAL tower.

    Elements measure their particle to a fifth; one in ten stands for none. The rules take what is measured.
    """
    draw = np.random.default_rng(seed)
    number = np.array(sizes if sizes is not None else draw.integers(*size, count))
    n = int(number.sum())
    kind = draw.choice([CHARGED, NEUTRAL, PHOTON], n, p=[0.5, 0.2, 0.3])
    eta, phi, pt = draw.uniform(-2.4, 2.4, n), draw.uniform(-np.pi, np.pi, n), draw.exponential(3, n) + 0.5
    measured, energy = pt * np.exp(0.2 * draw.normal(size=n)), pt * np.cosh(eta)
    element = np.zeros((n, 12))
    element[:, :6] = np.column_stack(
        (
            np.where(kind == CHARGED, TRACK, TOWER),
            measured,
            eta,
            np.sin(phi),
            np.cos(phi),
            measured * np.cosh(eta),
        )
    )
    element[kind == PHOTON, 6] = element[kind == PHOTON, 5]
    element[kind == NEUTRAL, 7] = element[kind == NEUTRAL, 5]
    track = kind == CHARGED
    element[track, 6:9] = element[track, 2:5]
    charge = np.where(track, draw.choice([-1.0, 1.0], n), 0.0)
    element[track, 9] = charge[track]
    target = np.column_stack((kind, charge, pt, eta, np.sin(phi), np.cos(phi), energy))
    target[draw.random(n) < 0.1] = 0.0
    candidate = np.column_stack((kind, charge, element[:, 1:6]))
    rest = np.column_stack(
        (np.full(count, 3.0), np.zeros(count), np.ones(count), *np.zeros((2, count)), *np.ones((2, count)))
    )
    offset = np.concatenate(([0], np.cumsum(number)))
    parts = (each.astype(np.float32) for each in (element, target, candidate))
    return FlowEvents(offset, *parts, np.arange(count + 1), rest.astype(np.float32))
