"""Collisions from Pythia: what is conserved, what a process is made of, and the same for the same seed."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from femtobarn.errors import InputError, MissingExtraError
from femtobarn.simulate.collisions import processes
from femtobarn.simulate.collisions import sample as module
from femtobarn.simulate.collisions.processes import Process
from femtobarn.simulate.collisions.pythia import by_code, hard_pair, next_records, start_pythia
from femtobarn.simulate.collisions.sample import collisions
from femtobarn.simulate.particles import Particles

pytest.importorskip("pythia8mc", reason="Pythia comes with the extra generate")

HADRONIC_TOPS = processes.top_pairs((990.0, 1010.0), hadronic=True)
ALL = [
    processes.gluons(),
    processes.quarks(),
    processes.dijets((100.0, 200.0)),
    processes.w_pairs(),
    processes.z_pairs(),
    HADRONIC_TOPS,
    processes.top_pairs(),
    processes.higgs(),
    processes.minimum_bias(),
    processes.all_soft(),
]


def totals(particles: Particles, column: np.ndarray) -> np.ndarray:
    return np.add.reduceat(column, particles.offset[:-1])


@pytest.mark.parametrize("process", ALL, ids=lambda p: p.name)
def test_momentum_and_charge_of_the_protons_are_conserved(process: Process) -> None:
    found = collisions(process, 12, seed=4, workers=1)
    assert found.events == 12
    np.testing.assert_allclose(totals(found, found.momentum), [[13_000, 0, 0, 0]] * 12, atol=0.05)
    np.testing.assert_array_equal(totals(found, found.charge), 2)
    lines = totals(found, np.sign(found.pdg) * np.isin(np.abs(found.pdg), (2212, 2112)))
    np.testing.assert_array_equal(lines, 2)  # baryons less antibaryons
    energy, p = found.momentum[:, 0], np.linalg.norm(found.momentum[:, 1:], axis=1)
    assert np.all(energy - p > -1e-6 * energy)


def test_every_particle_has_the_charge_and_mass_of_its_kind() -> None:
    found = collisions(processes.top_pairs(), 12, seed=4, workers=1)
    charges = {11: -1, 13: -1, 22: 0, 12: 0, 130: 0, 211: 1, 321: 1, 2112: 0, 2212: 1}
    masses = {11: 0.000511, 13: 0.10566, 22: 0, 211: 0.13957, 321: 0.49368, 2112: 0.93957, 2212: 0.93827}
    assert set(np.abs(found.pdg)) <= {*charges, 14, 16}
    # A W makes a charged lepton in about half of these events, and pairs of tops make neutrinos.
    assert np.isin(np.abs(found.pdg), (12, 14, 16)).sum() > 3
    for code, charge in charges.items():
        mine = np.abs(found.pdg) == code
        np.testing.assert_array_equal(found.charge[mine], charge * np.sign(found.pdg[mine]))
    for code, mass in masses.items():
        slow = (np.abs(found.pdg) == code) & (found.momentum[:, 0] < 20)
        square = found.momentum[slow, 0] ** 2 - (found.momentum[slow, 1:] ** 2).sum(axis=1)
        np.testing.assert_allclose(square, mass**2, atol=2e-5)


def test_products_of_decays_start_where_the_decay_is() -> None:
    found = collisions(processes.minimum_bias(), 30, seed=4, workers=1)
    pions = found.vertex[np.abs(found.pdg) == 211]
    radius = np.hypot(pions[:, 1], pions[:, 2])
    assert 0.5 < (radius < 1e-3).mean() < 0.98  # the rest come from K_S, Lambda and the like
    assert (radius > 1).sum() > 20
    assert np.all(pions[:, 0] >= np.linalg.norm(pions[:, 1:], axis=1) - 1e-9)  # nothing is faster than light


@pytest.mark.parametrize(
    ("process", "codes"),
    [
        (processes.gluons(), {21}),
        (processes.w_pairs(), {24}),
        (processes.z_pairs(), {23}),
        (HADRONIC_TOPS, {6}),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_the_hard_pair_is_what_was_asked_for(process: Process, codes: set[int]) -> None:
    pythia = start_pythia(process, seed=np.random.SeedSequence(1), energy=13_000.0, mpi=False)
    pdg, momentum = hard_pair(next_records(pythia, 20))
    assert set(np.abs(pdg).ravel()) == codes
    pt = np.hypot(momentum[..., 1], momentum[..., 2])
    assert np.all((pt > 985) & (pt < 1015))
    np.testing.assert_allclose(momentum[:, 0, 1:3], -momentum[:, 1, 1:3], atol=1e-6)


@pytest.mark.parametrize(
    ("process", "power"), [(processes.dijets((200.0, 7000.0)), 0.0), (processes.biased_dijets(), 4.5)]
)
def test_weights_undo_the_preference_for_hard_collisions(process: Process, power: float) -> None:
    pythia = start_pythia(process, seed=np.random.SeedSequence(1), energy=13_600.0, mpi=False)
    records = next_records(pythia, 40)
    _, hard = hard_pair(records)
    pt = np.hypot(hard[:, 0, 1], hard[:, 0, 2])
    np.testing.assert_allclose(records.weight, (pt / 200) ** -power, rtol=5e-3)  # masses shift pT a little


def test_higgs_bosons_make_two_photons_of_their_mass() -> None:
    found = collisions(processes.higgs(), 20, seed=4, workers=1)
    for i in range(20):
        event = slice(found.offset[i], found.offset[i + 1])
        photons = found.momentum[event][found.pdg[event] == 22]
        pairs = photons[:, None] + photons
        masses = np.sqrt(np.maximum(pairs[..., 0] ** 2 - (pairs[..., 1:] ** 2).sum(axis=-1), 0))
        assert np.abs(masses - 125).min() < 0.5


def test_one_seed_one_sample_and_a_larger_one_begins_with_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "_EVENTS_PER_CHUNK", 5)
    process = processes.quarks()
    seven = collisions(process, 7, seed=11, mpi=False, workers=1)
    monkeypatch.setenv("FEMTOBARN_CACHE", str(tmp_path))
    twelve = collisions(process, 12, seed=11, mpi=False, workers=1)
    n = seven.offset[-1]
    np.testing.assert_array_equal(seven.offset, twelve.offset[:8])
    for a, b in zip(seven[1:], twelve[1:], strict=True):
        np.testing.assert_array_equal(a, b[:n])
    other = collisions(process, 7, seed=12, mpi=False, workers=1)
    assert len(other.pdg) != n
    first, second = (twelve.momentum[twelve.offset[i] : twelve.offset[i + 1]] for i in (0, 5))
    assert not np.array_equal(first[:20], second[:20])  # each chunk has its own seed


def test_a_second_call_only_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    first = collisions(processes.gluons(), 3, seed=21, workers=1)

    def never(*_: object, **__: object) -> None:
        raise AssertionError("Pythia was started")

    monkeypatch.setattr(module, "start_pythia", never)
    second = collisions(processes.gluons(), 3, seed=21, workers=1)
    np.testing.assert_array_equal(first.momentum, second.momentum)
    with pytest.raises(AssertionError, match="started"):
        collisions(processes.gluons(), 3, seed=21, energy=14_000.0, workers=1)


@pytest.mark.slow
def test_the_number_of_processes_changes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    process = processes.minimum_bias()
    one = collisions(process, 2500, seed=31, workers=1)
    monkeypatch.setenv("FEMTOBARN_CACHE", str(tmp_path))
    two = collisions(process, 2500, seed=31, workers=2)
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


def test_underlying_event_adds_particles() -> None:
    with_it, without = (
        collisions(processes.gluons(), 40, seed=4, mpi=mpi, workers=1) for mpi in (True, False)
    )
    assert len(with_it.pdg) > 1.3 * len(without.pdg)


def test_own_process_and_its_mistakes() -> None:
    photons = Process("photons", ("PromptPhoton:all = on", "PhaseSpace:pTHatMin = 100"))
    found = collisions(photons, 4, seed=1, workers=1)
    hard = found.momentum[found.pdg == 22]
    assert np.hypot(hard[:, 1], hard[:, 2]).max() > 50
    with pytest.raises(
        InputError, match="photons: Pythia does not know the setting 'PromptPhotons:all = on'"
    ):
        collisions(replace(photons, settings=("PromptPhotons:all = on",)), 4, seed=1, workers=1)
    with pytest.raises(InputError, match="photons: Pythia cannot start"):
        collisions(replace(photons, settings=()), 4, seed=1, workers=1)


def test_impossible_numbers_are_refused() -> None:
    with pytest.raises(InputError, match="at least one collision"):
        collisions(processes.gluons(), 0, seed=1)
    with pytest.raises(InputError, match="more than 0 GeV"):
        collisions(processes.gluons(), 1, seed=1, energy=0.0)
    with pytest.raises(InputError, match="pT-hat"):
        processes.gluons((1010.0, 990.0))


def test_without_pythia_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pythia8mc", None)
    with pytest.raises(MissingExtraError, match=r"femtobarn\[generate\]"):
        collisions(processes.gluons(), 1, seed=1)


def test_a_property_is_looked_up_once_for_each_code() -> None:
    asked = []

    def square(code: int) -> float:
        asked.append(code)
        return float(code**2)

    np.testing.assert_array_equal(by_code(square, np.array([3, -2, 3, 3])), [9.0, 4.0, 9.0, 9.0])
    assert asked == [-2, 3]
