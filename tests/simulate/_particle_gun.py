"""Particles for the tests of the detector."""

import numpy as np

from femtobarn.simulate.particles import Particles

CHARGE = {11: -1, -11: 1, 13: -1, -13: 1, 211: 1, -211: -1, 321: 1, 2212: 1}
MASS = {11: 0.000511, 13: 0.10566, 211: 0.13957, 321: 0.49368, 2212: 0.93827, 2112: 0.93957, 130: 0.49761}


def particles(
    pdg: np.ndarray | int,
    pt: np.ndarray | float,
    eta: np.ndarray | float,
    phi: np.ndarray | float = 0.0,
    *,
    vertex: np.ndarray | None = None,
    events: int = 1,
) -> Particles:
    """Particles of these kinds and momenta, as many in each event."""
    pdg, pt, eta, phi = np.broadcast_arrays(np.atleast_1d(pdg), pt, eta, phi)
    mass = np.array([MASS.get(abs(code), 0.0) for code in pdg.tolist()])
    momentum = np.stack(
        (
            np.sqrt((pt * np.cosh(eta)) ** 2 + mass**2),
            pt * np.cos(phi),
            pt * np.sin(phi),
            pt * np.sinh(eta),
        ),
        axis=1,
    )
    charge = np.array([float(CHARGE.get(code, 0)) for code in pdg.tolist()])
    offset = np.linspace(0, len(pdg), events + 1).astype(np.int64)
    return Particles(
        offset, pdg.copy(), charge, momentum, np.zeros((len(pdg), 4)) if vertex is None else vertex
    )


def mixture(n: int, *, events: int, seed: int) -> Particles:
    """All kinds of particles over all directions, starting up to some cm from the centre."""
    g = np.random.default_rng(seed)
    pdg = g.choice([22, 211, -211, 11, -13, 130, 2112, 2212, 310, 12, 3122], n)
    vertex = g.normal(0, [50, 1, 1, 50], (n, 4))
    return particles(
        pdg,
        g.exponential(2, n) + 0.05,
        g.uniform(-6, 6, n),
        g.uniform(-np.pi, np.pi, n),
        vertex=vertex,
        events=events,
    )
