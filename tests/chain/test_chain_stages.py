"""Each stage on a few particles whose fate is known: energy counts once, and what is sent arrives."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from femtobarn.chain import joining
from femtobarn.chain.clusters import clusters_of, learned_energy
from femtobarn.chain.collisions import Crossings
from femtobarn.chain.compression import LINK_BITS, arrived, received
from femtobarn.chain.detector import Detector, Seen
from femtobarn.chain.flow import Candidates, candidates_of, no_tracks
from femtobarn.chain.jets import found_jets, jets_of_truth, missing, responses, tracks_in_jets, without_pileup
from femtobarn.chain.settings import LINKS
from femtobarn.chain.tracking import tracks_of
from femtobarn.chain.trigger import scores_of
from femtobarn.chain.wafers import Wafers, frames, hits_of, wafers_of
from femtobarn.errors import InputError
from femtobarn.physics.vectors import cartesian, cylindrical
from femtobarn.simulate.particles import Particles

EVENTS = 30
DETECTOR = Detector(3.8)
#: pT (GeV), eta and mass of the particles of an event, and their codes: two in the endcap, two in the barrel.
KINDS = ((22, 20.0, 2.3, 0.0), (211, 12.0, 2.0, 0.13957), (22, 35.0, 0.5, 0.0), (-211, 15.0, -0.4, 0.13957))
PHOTON, PION, CENTRAL, TRACK = range(4)


@pytest.fixture(scope="module")
def crossings() -> Crossings:
    generator, count = np.random.default_rng(5), EVENTS * len(KINDS)
    pdg, pt, eta, mass = (np.tile([kind[i] for kind in KINDS], EVENTS) for i in range(4))
    turn = np.repeat(generator.uniform(-np.pi, np.pi, EVENTS), len(KINDS)) + np.tile(
        [0.0, 2.0, 4.0, 5.0], EVENTS
    )
    momentum = cartesian(np.column_stack((pt, eta, turn, mass)))
    charge = np.where(np.abs(pdg) == 211, np.sign(pdg), 0).astype(float)
    offset = len(KINDS) * np.arange(EVENTS + 1)
    particles = Particles(offset, pdg.astype(np.int64), charge, momentum, np.zeros((count, 4)))
    return Crossings(particles, np.ones(count, bool), np.zeros(EVENTS))


@pytest.fixture(scope="module")
def seen(crossings: Crossings) -> Seen:
    return DETECTOR.see(crossings, tracks=True, seed=np.random.SeedSequence(3))


@pytest.fixture(scope="module")
def wafers(seen: Seen) -> Wafers:
    return wafers_of(seen.endcap, DETECTOR.endcap)


def _row(kind: int) -> np.ndarray:
    return np.arange(EVENTS) * len(KINDS) + kind


def test_every_particle_leaves_its_energy_in_one_place(seen: Seen) -> None:
    inside = DETECTOR.reaches_endcap(seen.crossings.particles)
    for kind in range(len(KINDS)):
        assert (inside[_row(kind)] == (kind in (PHOTON, PION))).all()
    assert len(seen.endcap.incoming.pdg) == inside.sum()
    assert len(seen.towers.arrival.eta) == (~inside).sum()


def test_trigger_cells_hold_the_energy_of_the_hits(seen: Seen, wafers: Wafers) -> None:
    hits = hits_of(wafers, wafers.charge.astype(np.float64), DETECTOR.endcap)
    for event in range(EVENTS):
        whole = seen.endcap.energy[slice(*seen.endcap.offset[event : event + 2])].sum()
        assert hits.hits[slice(*hits.offset[event : event + 2]), 0].sum() == pytest.approx(whole, rel=0.08)
    own = hits.owner >= 0
    assert own.mean() > 0.95
    assert set(hits.pdg) == {22, 211}
    photon = own & (hits.pdg[hits.owner] == 22)
    eta = np.arcsinh(hits.hits[:, 3] / np.hypot(*hits.hits[:, 1:3].T))
    assert np.average(eta[photon], weights=hits.hits[photon, 0]) == pytest.approx(2.3, abs=0.02)


def test_more_links_lose_less(wafers: Wafers) -> None:
    every = arrived("none", wafers, DETECTOR.endcap)
    lost = []
    for choice, links in LINKS.items():
        assert arrived(choice, wafers, DETECTOR.endcap).bits == LINK_BITS * links * frames() < every.bits
        lost.append(np.abs(received(choice, wafers)[0] - wafers.charge).sum() / wafers.charge.sum())
    assert lost == sorted(lost, reverse=True)
    whole, there = received("none", wafers)[0], wafers.charge > 0
    assert (whole[there] > wafers.charge[there] * 7 / 8).all(), "three bits of mantissa are cut to"
    assert np.isnan(arrived("hits", wafers, DETECTOR.endcap).bits)


@pytest.fixture(scope="module")
def flows(seen: Seen, wafers: Wafers) -> dict[str, Candidates]:
    hits = arrived("none", wafers, DETECTOR.endcap).hits
    weights = learned_energy("truth", hits, fine=False)
    clusters = clusters_of("truth", hits, weights, DETECTOR.endcap, fine=False)
    found = {}
    for name in ("truth", "card"):
        tracks = tracks_of(name, seen, {}, field=3.8)
        found[name] = candidates_of("rules", tracks, seen, clusters, DETECTOR)
    found["none"] = candidates_of("rules", no_tracks(EVENTS), seen, clusters, DETECTOR)
    return found


@pytest.mark.parametrize("name", ["truth", "none"])
def test_energy_counts_once(flows: dict[str, Candidates], seen: Seen, name: str) -> None:
    found, true = flows[name], seen.crossings.particles.momentum[:, 0].sum()
    assert found.momentum[:, 0].sum() == pytest.approx(true, rel=0.1)
    assert found.charged.any() == (name == "truth")


def test_tracks_have_the_momentum_of_their_particles(seen: Seen) -> None:
    tracks, particles = tracks_of("truth", seen, {}, field=3.8), seen.crossings.particles
    own = tracks.truth >= 0
    assert own.sum() > 0.85 * 2 * EVENTS
    true = particles.momentum[tracks.truth[own]]
    ratio = np.hypot(*tracks.momentum[own, 1:3].T) / np.hypot(*true[:, 1:3].T)
    assert np.median(ratio) == pytest.approx(1.0, abs=0.02)
    assert (tracks.charge[own] == particles.charge[tracks.truth[own]]).all()
    assert (tracks.pdg[own] == particles.pdg[tracks.truth[own]]).all()


def test_perfect_candidates_have_a_response_of_one(crossings: Crossings) -> None:
    particles = crossings.particles
    perfect = Candidates(
        particles.offset, particles.momentum, particles.charge != 0, np.zeros(len(particles.pdg))
    )
    true = jets_of_truth(crossings)
    assert len(true.event) == EVENTS, "of the four particles one has 30 GeV"
    np.testing.assert_allclose(responses(true, found_jets(perfect))[:, 0], 1.0)
    np.testing.assert_allclose(missing(perfect, crossings), 0.0, atol=1e-9)


def test_tracks_of_other_vertices_are_left_out() -> None:
    momentum = cartesian(np.array([[10.0, 0.1, 0.0, 0.0], [10.0, 0.2, 1.0, 0.0]]))
    both = Candidates(np.array([0, 2]), momentum, np.array([True, True]), np.array([5.0, 5.5]))
    assert len(without_pileup(both, np.array([5.2])).charged) == 2
    assert len(without_pileup(both, np.array([4.3])).charged) == 1


def test_tracks_in_jets_count_each_particle_once(crossings: Crossings, seen: Seen) -> None:
    particles = crossings.particles
    true = jets_of_truth(crossings)._replace(axis=cylindrical(particles.momentum[_row(TRACK)]))
    tracks = tracks_of("truth", seen, {}, field=3.8)
    counts = tracks_in_jets(true, crossings, tracks)
    assert (counts[:, 0] == 1).all()
    np.testing.assert_array_equal(counts[:, 1], np.isin(_row(TRACK), tracks.truth))


def test_scores_grow_with_energy(seen: Seen, wafers: Wafers, flows: dict[str, Candidates]) -> None:
    hits = arrived("none", wafers, DETECTOR.endcap).hits
    names = ("HT", "count", "missing momentum")
    found = scores_of(names, flows["none"], seen, hits, DETECTOR)
    assert set(found) == set(names)
    assert all(score.shape == (EVENTS,) for score in found.values())
    assert np.median(found["HT"]) > 30.0
    twice = flows["none"]._replace(momentum=2 * flows["none"].momentum)
    assert (scores_of(names, twice, seen, hits, DETECTOR)["HT"] >= found["HT"]).all()


class _System:
    """A system from somewhere: its recipe adds all hits of an event to one shower, or does something else."""

    def __init__(self, columns: dict[str, Any]) -> None:
        self.columns = columns

    def recipe(self) -> "_System":
        return self

    def predict(self, run: object, files: list[Path], output: Path, **_: object) -> Path:
        from femtobarn.data.hdf5 import write_hdf5
        from femtobarn.datasets.hgcalml import open_hits

        hits = open_hits(files[0])
        event = np.repeat(np.arange(len(hits)), np.diff(hits.offset))
        made = {name: np.full(len(event), value) for name, value in self.columns.items()}
        write_hdf5(output, {"event": event, **made}, {"model": "any"})
        return output


@pytest.fixture
def joined_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    folder = SimpleNamespace(record={"system": "somewhere"}, folder=tmp_path)

    def join(columns: dict[str, Any]) -> None:
        monkeypatch.setattr(joining, "folder_of", lambda _: (folder, None))
        monkeypatch.setattr(joining, "find_system", lambda _: _System(columns))

    return join


def test_a_run_of_any_system_joins_by_its_files(joined_run: Any, wafers: Wafers) -> None:
    joined_run({"shower": 0, "shower_energy": 77.0})
    hits = arrived("hits", wafers, DETECTOR.endcap).hits
    found = clusters_of("RUN", hits, np.zeros(8), DETECTOR.endcap, fine=True)
    assert len(found.energy) == EVENTS
    np.testing.assert_allclose(found.energy, 77.0)
    np.testing.assert_array_equal(found.offset, np.arange(EVENTS + 1))


def test_a_run_without_the_columns_is_told_by_name(joined_run: Any, wafers: Wafers) -> None:
    joined_run({"score": 1.0})
    hits = arrived("hits", wafers, DETECTOR.endcap).hits
    with pytest.raises(InputError, match=r"cluster: somewhere \(RUN\) gives event, score; .* needs shower"):
        clusters_of("RUN", hits, np.zeros(8), DETECTOR.endcap, fine=True)
