"""Geant4 with our tables: what a calorimeter must show, whatever its cells are."""

import os

import numpy as np
import pytest
from scipy.stats import ks_2samp

from femtobarn.errors import InputError
from femtobarn.parts import fresh_processes
from femtobarn.simulate.geant4.transport import PARTICLE, STEP, Layer, Mixture, Stack, transport

pytest.importorskip("calzone", reason="Geant4 comes with the extra showers")

TUNGSTEN = Stack((Layer("block", "G4_W", 0.0, 2000.0, sensitive=True),), half_width=1000.0)


def sampling(absorber: tuple[str, float], active: tuple[str, float], layers: int) -> Stack:
    """Absorber and active layers in turn, thicknesses in mm."""
    both = []
    for i in range(layers):
        z = i * (absorber[1] + active[1])
        both.append(Layer(f"absorber {i}", absorber[0], z, absorber[1]))
        both.append(Layer(f"active {i}", active[0], z + absorber[1], active[1], sensitive=True))
    return Stack(tuple(both), half_width=1000.0)


STEEL, SCINTILLATOR = ("G4_Fe", 19.0), ("G4_PLASTIC_SC_VINYLTOLUENE", 3.0)
SANDWICH = sampling(STEEL, SCINTILLATOR, 60)


def beam(pid: int, energy: float, n: int) -> np.ndarray:
    """Particles along z, from 1 mm before the origin."""
    particles = np.zeros(n, PARTICLE)
    particles["pid"], particles["energy"] = pid, energy
    particles["position"], particles["direction"] = (0, 0, -1), (0, 0, 1)
    return particles


def visible(steps: np.ndarray, n: int) -> np.ndarray:
    return np.bincount(steps["event"], steps["energy"], minlength=n)


def test_electrons_of_10_gev_are_contained_in_a_block_of_tungsten() -> None:
    contained = visible(transport(TUNGSTEN, beam(11, 10.0, 60), seed=1), 60) / 10e3
    assert 0.985 <= contained.mean() <= 1.0
    assert contained.min() > 0.95  # less is the sign of photo-nuclear tables that Geant4 misreads


def test_same_seed_same_steps_and_other_seed_others() -> None:
    first, second, other = (transport(TUNGSTEN, beam(11, 0.5, 3), seed=seed) for seed in (7, 7, 8))
    np.testing.assert_array_equal(first, second)
    assert len(first) != len(other) or not np.array_equal(first, other)


def test_environment_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GEANT4_DATA_DIR", raising=False)
    before = dict(os.environ)
    transport(TUNGSTEN, beam(11, 0.1, 1), seed=1)
    assert {name: os.environ[name] for name in before} == before
    assert "GEANT4_DATA_DIR" not in os.environ


def test_result_does_not_depend_on_what_ran_before() -> None:
    stack, pions = SANDWICH, beam(-211, 5.0, 4)
    first = transport(stack, pions, seed=3)
    transport(TUNGSTEN, beam(22, 1.0, 2), seed=4)
    np.testing.assert_array_equal(first, transport(stack, pions, seed=3))


def test_hadrons_do_not_depend_on_other_stacks_of_the_process() -> None:
    """Geant4 remembers cross sections of the materials that hadrons have met."""
    crystal = Stack((Layer("crystal", "G4_PbWO4", 0.0, 200.0, sensitive=True),), half_width=500.0)
    transport(crystal, beam(-211, 20.0, 5), seed=1)
    here = transport(SANDWICH, beam(-211, 5.0, 10), seed=2)
    with fresh_processes(1) as pool:
        alone = pool.submit(transport, SANDWICH, beam(-211, 5.0, 10), seed=2).result()
    np.testing.assert_array_equal(here, alone)


def test_two_half_runs_have_the_distribution_of_one_run() -> None:
    whole = visible(transport(SANDWICH, beam(-211, 2.0, 100), seed=11), 100)
    halves = [visible(transport(SANDWICH, beam(-211, 2.0, 50), seed=seed), 50) for seed in (12, 13)]
    assert ks_2samp(whole, np.concatenate(halves)).pvalue > 0.01


def test_steps_lie_in_their_layers_and_come_in_order_of_event() -> None:
    steps = transport(SANDWICH, beam(11, 2.0, 5), seed=2)
    assert steps.dtype == STEP
    assert np.all(np.diff(steps["event"]) >= 0)
    assert set(steps["event"]) == set(range(5))
    assert np.all(steps["energy"] >= 0)
    for row in np.unique(steps["layer"]):
        layer, z = SANDWICH.layers[row], steps["z"][steps["layer"] == row]
        assert layer.sensitive
        assert z.min() >= layer.z - 1e-2
        assert z.max() <= layer.z + layer.thickness + 1e-2


def test_muons_lose_in_silicon_what_the_readout_calls_a_mip() -> None:
    from femtobarn.simulate.wafer_readout import MIP

    stack = Stack((Layer("sensor", "G4_Si", 0.0, 0.3, sensitive=True),), half_width=100.0)
    lost = visible(transport(stack, beam(13, 100.0, 4000), seed=5), 4000)
    counts, edges = np.histogram(lost, bins=np.arange(0.05, 0.16, 0.004))
    peak = int(counts.argmax())
    middle = (edges[:-1] + edges[1:]) / 2
    near = slice(peak - 3, peak + 4)
    curvature, slope, _ = np.polyfit(middle[near], counts[near], 2)
    assert -slope / (2 * curvature) == pytest.approx(MIP, rel=0.05)
    assert lost.mean() > 1.2 * MIP  # a Landau tail


@pytest.mark.slow
def test_pion_response_and_resolution_of_a_steel_scintillator_sandwich() -> None:
    # Twelve interaction lengths: what leaks out behind seven widens and bends the response of its own.
    deep = sampling(STEEL, SCINTILLATOR, 110)
    response = {}
    for energy, n in ((5.0, 400), (20.0, 200), (50.0, 70)):
        seen = visible(transport(deep, beam(-211, energy, n), seed=int(energy)), n)
        response[energy] = seen / energy
    assert 0.85 < response[50.0].mean() / response[5.0].mean() < 1.05
    at20 = response[20.0]
    assert 0.4 < at20.std() / at20.mean() * 20**0.5 < 0.6


@pytest.mark.slow
def test_first_ten_layers_tell_electrons_from_pions() -> None:
    share = {}
    for pid in (11, -211):
        steps = transport(SANDWICH, beam(pid, 20.0, 100), seed=21)
        front = steps[steps["layer"] < 20]
        share[pid] = visible(front, 100) / visible(steps, 100)
    auc = (share[11][:, None] > share[-211][None, :]).mean()
    assert auc > 0.99


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"energy": -1.0}, "positive kinetic energies"),
        ({"energy": np.nan}, "positive kinetic energies"),
        ({"direction": (0, 0, 2)}, "unit length"),
        ({"position": (0, 0, np.inf)}, "finite positions"),
        ({"pid": 12345}, "12345"),
    ],
)
def test_a_particle_that_cannot_be_is_refused(change: dict[str, object], message: str) -> None:
    particles = beam(11, 1.0, 2)
    for name, value in change.items():
        particles[name] = value
    with pytest.raises(InputError, match=message):
        transport(TUNGSTEN, particles, seed=1)


def test_no_particle_and_an_unknown_material_are_refused() -> None:
    with pytest.raises(InputError, match="at least one particle"):
        transport(TUNGSTEN, beam(11, 1.0, 0), seed=1)
    with pytest.raises(InputError, match="Unobtainium"):
        transport(Stack((Layer("a", "Unobtainium", 0.0, 1.0),), 10.0), beam(11, 1.0, 1), seed=1)


def test_layers_in_disorder_are_refused() -> None:
    layer = Layer("a", "G4_W", 0.0, 10.0)
    with pytest.raises(InputError, match="layer b starts at z = 9"):
        Stack((layer, Layer("b", "G4_W", 9.0, 1.0)), 10.0)
    with pytest.raises(InputError, match="positive thickness"):
        Stack((Layer("a", "G4_W", 0.0, 0.0),), 10.0)
    with pytest.raises(InputError, match="at least one layer"):
        Stack((), 10.0)


def test_a_mixture_of_equal_parts_behaves_like_its_one_part() -> None:
    """Twice the same material is that material: same density, same tungsten."""
    same = Mixture("TwiceTungsten", 19.3, (("G4_W", 1.0),))
    mixed = Stack((Layer("block", "TwiceTungsten", 0.0, 2000.0, sensitive=True),), 1000.0, (same,))
    contained = visible(transport(mixed, beam(11, 2.0, 20), seed=1), 20) / 2e3
    assert 0.97 < contained.mean() <= 1.0
