"""SUEP: energy and momentum, multiplicity in closed form, branching ratios, whole events of Pythia."""

import numpy as np
import pytest
from scipy.special import kn

from femtobarn.errors import InputError
from femtobarn.physics.vectors import invariant_mass
from femtobarn.simulate.collisions.dark import Shower, decay_scalars, suep, suep_process, thermal_shower
from femtobarn.simulate.particles import Particles

_SHOWER = Shower()


def _mean_energy(m: float, t: float) -> tuple[float, float]:
    """<E> and <E^2> of p^2 exp(-E/T), from Bessel functions: <E> = 3 T + m K1/K2, <E^2> = m^2 + <p^2>."""
    energy = 3 * t + m * kn(1, m / t) / kn(2, m / t)
    square = m**2 + 3 * m * t * kn(3, m / t) / kn(2, m / t)
    return energy, square


@pytest.mark.parametrize("mass", [125.0, 400.0, 1000.0])
def test_showers_conserve_everything_and_have_the_thermal_multiplicity(mass: float) -> None:
    count = 1000
    momentum, offset = thermal_shower(np.full(count, mass), _SHOWER, generator=np.random.default_rng(1))
    total = np.add.reduceat(momentum, offset[:-1])
    np.testing.assert_allclose(total[:, 0], mass, rtol=1e-9)
    assert np.abs(total[:, 1:]).max() < 1e-9
    np.testing.assert_allclose(invariant_mass(momentum), _SHOWER.meson, rtol=1e-6)
    mesons = np.diff(offset)
    energy, square = _mean_energy(_SHOWER.meson, _SHOWER.temperature)
    # Summing until the mass is reached overshoots: renewal theory adds <E^2> / (2 <E>^2).
    expected = mass / energy + square / (2 * energy**2)
    assert mesons.mean() == pytest.approx(expected, abs=3.5 * mesons.std() / np.sqrt(count))


def _scalars(momentum: np.ndarray) -> Particles:
    """Events of one photon, one scalar and one photon."""
    count = len(momentum)
    pdg = np.tile([22, 25, 22], count)
    everything = np.zeros((3 * count, 4))
    everything[1::3] = momentum
    vertex = np.arange(12.0 * count).reshape(-1, 4)
    return Particles(np.arange(0, 3 * count + 1, 3), pdg, np.zeros(len(pdg), np.float32), everything, vertex)


def test_the_products_carry_the_momentum_of_the_scalar_from_its_vertex() -> None:
    p = np.random.default_rng(2).normal(0, 200, (40, 3))
    scalar = np.column_stack((np.sqrt((p**2).sum(axis=1) + 300.0**2), p))
    events = _scalars(scalar)
    decayed = decay_scalars(events, _SHOWER, generator=np.random.default_rng(3))
    assert decayed.events == 40
    new = (decayed.pdg != 22) & (decayed.pdg != 25)
    assert (~new).sum() == 80, "the scalar is gone, what was beside it stays"
    total = np.zeros((40, 4))
    np.add.at(total, decayed.event[new], decayed.momentum[new])
    np.testing.assert_allclose(total, scalar, rtol=1e-7, atol=1e-6)
    np.testing.assert_array_equal(decayed.vertex[new], events.vertex[1::3][decayed.event[new]])
    charge = np.zeros(40)
    np.add.at(charge, decayed.event[new], decayed.charge[new])
    assert not charge.any()
    by_code = {11: -1, -11: 1, 13: -1, -13: 1, 211: 1, -211: -1}
    assert all(by_code[code] == q for code, q in zip(decayed.pdg[new], decayed.charge[new], strict=True))
    masses = dict(zip((11, 13, 211), (0.000511, 0.10566, 0.13957), strict=True))
    expected = np.array([masses[abs(code)] for code in decayed.pdg[new]])
    energy, momentum = decayed.momentum[new, 0], decayed.momentum[new, 1:]
    np.testing.assert_allclose(
        energy**2 - (momentum**2).sum(axis=1), expected**2, atol=1e-6 * energy.max() ** 2
    )


def test_branching_ratios() -> None:
    scalar = np.tile([800.0, 0.0, 0.0, 0.0], (60, 1))
    decayed = decay_scalars(_scalars(scalar), _SHOWER, generator=np.random.default_rng(4))
    code = np.abs(decayed.pdg)
    pairs = {each: int((code == each).sum()) // 2 for each in (11, 13, 211)}
    total = sum(pairs.values())
    for each, share in ((11, 0.15), (13, 0.15), (211, 0.70)):
        assert abs(pairs[each] / total - share) < 3.5 * np.sqrt(share * (1 - share) / total)


def test_unfit_showers_and_events_are_refused() -> None:
    with pytest.raises(InputError, match="masses above 6 GeV, got 5"):
        thermal_shower(np.array([5.0]), _SHOWER, generator=np.random.default_rng(0))
    with pytest.raises(InputError, match="a meson heavier than two dark photons"):
        Shower(meson=1.0)
    two = _scalars(np.tile([800.0, 0, 0, 0], (2, 1)))
    with pytest.raises(InputError, match="one scalar in each of 2 events, got 1"):
        decay_scalars(two._replace(pdg=np.where(np.arange(6) == 1, 22, two.pdg)), _SHOWER,
                      generator=np.random.default_rng(0))  # fmt: skip
    none = thermal_shower(np.zeros(0), _SHOWER, generator=np.random.default_rng(0))
    assert (len(none[0]), none[1].tolist()) == (0, [0])


def test_whole_events_conserve_the_energy_of_the_beams() -> None:
    pytest.importorskip("pythia8mc")
    events = suep(300.0, 12, seed=1, workers=1)
    total = np.add.reduceat(events.momentum, events.offset[:-1])
    np.testing.assert_allclose(total[:, 0], 13_600.0, rtol=1e-6)
    assert np.abs(total[:, 1:]).max() < 0.01
    assert not (events.pdg == 25).any()
    assert np.array_equal(events.momentum, suep(300.0, 12, seed=1, workers=1).momentum)
    assert "PhaseSpace:pTHatMin = 250" in suep_process(125.0, recoil=250.0).settings
