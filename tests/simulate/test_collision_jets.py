"""Jets of known origin: cuts, matching, masses, and a sample that depends on its seed alone."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from femtobarn.errors import InputError
from femtobarn.physics.vectors import cylindrical, delta_phi
from femtobarn.simulate.collisions import jets as module
from femtobarn.simulate.collisions import processes
from femtobarn.simulate.collisions.jets import JetSample, MatchedJets, matched_jets, padded

pytest.importorskip("pythia8mc", reason="Pythia and FastJet come with the extra generate")
pytest.importorskip("fastjet", reason="Pythia and FastJet come with the extra generate")

GLUONS = JetSample(processes.gluons())
TOPS = processes.top_pairs((990.0, 1010.0), hadronic=True)


@pytest.fixture(scope="module")
def gluons() -> MatchedJets:
    return matched_jets(GLUONS, 120, seed=5, workers=1)


def test_jets_pass_the_cuts_and_are_near_their_parton(gluons: MatchedJets) -> None:
    pt, eta, phi, _ = cylindrical(gluons.momentum).T
    assert len(pt) == 120
    assert np.all((pt > 800) & (pt < 1600))
    hard_pt, hard_eta, hard_phi, _ = cylindrical(gluons.parton).T
    assert np.all(np.hypot(eta - hard_eta, delta_phi(phi, hard_phi)) < 0.4)
    assert np.all((hard_pt > 985) & (hard_pt < 1015))
    assert set(gluons.pdg) == {21}
    assert np.median(np.abs(pt / hard_pt - 1)) < 0.1


def test_constituents_are_within_the_jet_above_the_cut_and_hardest_first(gluons: MatchedJets) -> None:
    owner = np.repeat(np.arange(120), np.diff(gluons.first))
    pt, eta, phi, _ = cylindrical(gluons.constituent).T
    _, jet_eta, jet_phi, _ = cylindrical(gluons.momentum)[owner].T
    assert pt.min() >= 1 - 1e-6
    assert np.all((np.diff(pt) <= 0) | (np.diff(owner) > 0))
    assert np.quantile(np.hypot(eta - jet_eta, delta_phi(phi, jet_phi)), 0.999) < 1.0


def test_without_a_cut_the_constituents_add_up_to_the_jet(gluons: MatchedJets) -> None:
    every = matched_jets(dataclasses.replace(GLUONS, min_pt=0.0), 120, seed=5, workers=1)
    np.testing.assert_array_equal(every.momentum, gluons.momentum)
    sums = np.add.reduceat(every.constituent.astype(float), every.first[:-1])
    np.testing.assert_allclose(sums, every.momentum, rtol=1e-5, atol=1e-3)
    # The multiplicity of gluon jets without underlying event and without cut; 1 GeV takes a quarter.
    assert np.diff(every.first).mean() == pytest.approx(88, abs=8)
    assert np.diff(gluons.first).mean() == pytest.approx(65, abs=7)


@pytest.mark.parametrize(
    ("process", "mass", "constituents"),
    [(processes.w_pairs(), 83, 38), (processes.z_pairs(), 94, 40), (TOPS, 179, 62)],
    ids=lambda value: getattr(value, "name", ""),
)
def test_jets_weigh_what_their_particle_weighs(
    process: processes.Process, mass: float, constituents: float
) -> None:
    """Medians measured before with another program on Pythia: 83, 94 and 179 GeV."""
    jets = matched_jets(JetSample(process), 200, seed=6, workers=1)
    assert np.median(cylindrical(jets.momentum)[:, 3]) == pytest.approx(mass, abs=3)
    assert np.diff(jets.first).mean() == pytest.approx(constituents, rel=0.12)


@pytest.mark.slow
def test_underlying_event_makes_jets_heavier_and_richer() -> None:
    """Measured before: 98 and 92 constituents in gluon and top jets, a Z jet of 103 GeV."""
    z, g, t = (
        matched_jets(JetSample(process, mpi=True, min_pt=0.0), 300, seed=6, workers=1)
        for process in (processes.z_pairs(), processes.gluons(), TOPS)
    )
    assert np.median(cylindrical(z.momentum)[:, 3]) == pytest.approx(103, abs=4)
    assert np.diff(g.first).mean() == pytest.approx(98, abs=8)
    assert np.diff(t.first).mean() == pytest.approx(92, abs=8)


def test_light_quarks_are_light(gluons: MatchedJets) -> None:
    quarks = matched_jets(JetSample(processes.quarks()), 120, seed=5, workers=1)
    assert set(np.abs(quarks.pdg)) <= {1, 2, 3}
    assert np.diff(quarks.first).mean() < 0.75 * np.diff(gluons.first).mean()


def test_neither_chunks_nor_batches_change_a_jet(
    gluons: MatchedJets, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FEMTOBARN_CACHE", str(tmp_path))
    ask = module.next_records
    monkeypatch.setattr(module, "next_records", lambda pythia, events: ask(pythia, min(events, 7)))
    fewer = matched_jets(GLUONS, 50, seed=5, workers=1)
    n = fewer.first[-1]
    np.testing.assert_array_equal(fewer.momentum, gluons.momentum[:50])
    np.testing.assert_array_equal(fewer.constituent, gluons.constituent[:n])


def test_padding_keeps_the_hardest() -> None:
    values = np.arange(12.0).reshape(6, 2)
    table, mask = padded(values, np.array([0, 1, 1, 6]), particles=3)
    np.testing.assert_array_equal(mask, [[True, False, False], [False] * 3, [True] * 3])
    np.testing.assert_array_equal(table[2], values[1:4])
    np.testing.assert_array_equal(table[~mask], 0)


def test_impossible_samples_are_refused() -> None:
    for wrong in (
        {"pt": (900.0, 800.0)},
        {"radius": 0.0},
        {"min_pt": -1.0},
        {"process": processes.minimum_bias()},
    ):
        with pytest.raises(InputError):
            dataclasses.replace(GLUONS, **wrong)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="at least one jet"):
        matched_jets(GLUONS, 0, seed=1)


def test_a_process_without_such_jets_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 20)
    sample = JetSample(processes.gluons((100.0, 110.0)))
    with pytest.raises(InputError, match=r"gluons: no jet of \(800.0, 1600.0\) GeV in"):
        matched_jets(sample, 30, seed=1, workers=1)
