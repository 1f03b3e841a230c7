"""Each stage on a few particles whose fate is known: energy counts once, and what is sent arrives."""

from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from femtobarn.chain import joining
from femtobarn.chain.clusters import TRIED, clusters_of, learned
from femtobarn.chain.collisions import Crossings
from femtobarn.chain.compression import LINK_BITS, arrived, received
from femtobarn.chain.compression import write_input as compress_input
from femtobarn.chain.detector import Detector, Seen
from femtobarn.chain.flow import Candidates, candidates_of, no_tracks
from femtobarn.chain.flow import write_input as flow_input
from femtobarn.chain.jets import found_jets, jets_of_truth, missing, responses, tracks_in_jets, without_pileup
from femtobarn.chain.settings import LINKS, PYRAMID
from femtobarn.chain.tagging import tags_of, write_input
from femtobarn.chain.tracking import tracks_of
from femtobarn.chain.trigger import regions_of, scores_of
from femtobarn.chain.wafers import Wafers, frames, hits_of, wafers_of
from femtobarn.data.table_output import new_table
from femtobarn.datasets.hgcal import open_wafers
from femtobarn.datasets.mlpf_delphes import read_events
from femtobarn.datasets.top_tagging import open_jets
from femtobarn.errors import InputError
from femtobarn.evaluation.endcap.baselines import clue_finder
from femtobarn.evaluation.endcap.showers import found_score
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
    hard = momentum.reshape(EVENTS, len(KINDS), 4)[
        :, [PHOTON, CENTRAL]
    ]  # a jet's flavour is that of the nearest
    parton = np.tile([21, 1], (EVENTS, 1))
    return Crossings(particles, np.ones(count, bool), np.zeros(EVENTS), parton, hard)


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


@pytest.mark.parametrize("code", [LINKS, PYRAMID])
def test_more_links_lose_less(wafers: Wafers, code: dict[str, int]) -> None:
    every = arrived("none", wafers, DETECTOR.endcap)
    lost = []
    for choice, links in code.items():
        assert arrived(choice, wafers, DETECTOR.endcap).bits == LINK_BITS * links * frames() < every.bits
        lost.append(np.abs(received(choice, wafers)[0] - wafers.charge).sum() / wafers.charge.sum())
    assert lost == sorted(lost, reverse=True)
    whole, there = received("none", wafers)[0], wafers.charge > 0
    assert (whole[there] > wafers.charge[there] * 7 / 8).all(), "three bits of mantissa are cut to"
    assert np.isnan(arrived("hits", wafers, DETECTOR.endcap).bits)


@pytest.fixture(scope="module")
def flows(seen: Seen, wafers: Wafers) -> dict[str, Candidates]:
    hits = arrived("none", wafers, DETECTOR.endcap).hits
    clusters = clusters_of("truth", hits, learned("truth", hits), DETECTOR.endcap)
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
    regions, neutral = regions_of(seen, hits, DETECTOR), flows["none"]
    twice = neutral._replace(momentum=2 * neutral.momentum)
    for name, least in (("HT", 30.0), ("count", 2.0), ("missing momentum", 1.0)):
        (score,), (more,) = (scores_of(name, each, regions).values() for each in (neutral, twice))
        assert np.median(score) > least
        assert (more >= score).all()
    whole = seen.towers.ecal.measured.sum() + seen.towers.hcal.measured.sum()
    assert 0 < regions.sum() * 0.5 < whole + seen.endcap.energy.sum()


def test_a_jet_has_the_flavour_of_the_nearest_parton(crossings: Crossings) -> None:
    true = jets_of_truth(crossings)
    assert (true.parton[~true.endcap] == 1).all()  # the photon at eta 0.5 stands where the quark does
    away = crossings._replace(parton_momentum=crossings.parton_momentum * [1, -1, -1, 1])
    assert (jets_of_truth(away).parton == 0).all()


def test_tags_are_those_of_the_jet_found_beside_the_true_one(crossings: Crossings, tmp_path: Path) -> None:
    true, particles = jets_of_truth(crossings), crossings.particles
    halves = np.repeat(0.5 * particles.momentum, 2, axis=0)
    split = Candidates(2 * particles.offset, halves, np.zeros(len(halves), bool), np.zeros(len(halves)))
    jets = found_jets(split)
    assert (tags_of("multiplicity", true, split, jets) == 2).all()
    np.testing.assert_allclose(tags_of("mass", true, split, jets), 0.0, atol=1e-3)
    none = split.keep(np.zeros(len(halves), bool))
    assert np.isnan(tags_of("multiplicity", true, none, found_jets(none))).all()
    source = open_jets(*write_input(tmp_path, true, split, jets))
    written = source.read(("momentum", "mask", "is_signal"), 0, len(source))
    np.testing.assert_allclose(cylindrical(written["momentum"].sum(axis=1))[:, 0], true.axis[:, 0], rtol=1e-5)
    np.testing.assert_array_equal(written["is_signal"], true.parton == 21)


def test_clue_takes_the_settings_that_find_most(wafers: Wafers) -> None:
    hits = arrived("none", wafers, DETECTOR.endcap).hits.take(np.arange(2))
    known = learned("clue", hits)
    assert all(value in tried for value, tried in zip(known[:3], TRIED, strict=True))

    def score(settings: tuple[float, ...]) -> float:
        find = clue_finder(*settings, by_layers=True)
        return found_score(hits, [find(hits.event(number)) for number in range(2)])

    assert score(tuple(known[:3].tolist())) >= max(map(score, product(*TRIED)))
    found = clusters_of("clue", hits, known, DETECTOR.endcap)
    assert found.energy.sum() == pytest.approx(hits.energy.sum(), rel=0.15)


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
    monkeypatch.chdir(tmp_path)
    Path("RUN").mkdir()

    def join(columns: dict[str, Any]) -> None:
        monkeypatch.setattr(joining, "folder_of", lambda _: (folder, None))
        monkeypatch.setattr(joining, "find_system", lambda _: _System(columns))

    return join


def test_a_run_of_any_system_joins_by_its_files(joined_run: Any, wafers: Wafers) -> None:
    joined_run({"shower": 0, "shower_energy": 77.0})
    hits = arrived("hits", wafers, DETECTOR.endcap).hits
    found = clusters_of("RUN", hits, np.empty(0), DETECTOR.endcap)
    assert len(found.energy) == EVENTS
    np.testing.assert_allclose(found.energy, 77.0)
    np.testing.assert_array_equal(found.offset, np.arange(EVENTS + 1))


def test_a_run_without_the_columns_is_told_by_name(joined_run: Any, wafers: Wafers) -> None:
    joined_run({"score": 1.0})
    hits = arrived("hits", wafers, DETECTOR.endcap).hits
    with pytest.raises(InputError, match=r"cluster: somewhere \(RUN\) gives event, score; .* needs shower"):
        clusters_of("RUN", hits, np.empty(0), DETECTOR.endcap)


@pytest.mark.parametrize("ending", [".h5", ".parquet", ".root"])
def test_answers_of_ones_own_join_in_every_format(ending: str, tmp_path: Path, wafers: Wafers) -> None:
    (given,) = compress_input(tmp_path, wafers, "dijets-000000")
    charge = open_wafers(given).read(("charge",), 0, 1 << 20)["charge"]
    stem = str(tmp_path / "answer")
    _write_answer(stem + ending, {"decoded": 2.0 * charge, "bits": np.full(len(charge), 100.0)})
    twice, bits = received(stem, wafers)
    np.testing.assert_allclose(twice, 2.0 * wafers.charge)
    assert bits == 100.0
    hits = arrived("none", wafers, DETECTOR.endcap).hits
    answer = {"shower": 3 * hits.owner, "shower_energy": np.full(len(hits.hits), 9.0)}
    _write_answer(str(tmp_path / "hits") + ending, answer)
    found = clusters_of(str(tmp_path / "hits"), hits, np.empty(0), DETECTOR.endcap)
    np.testing.assert_allclose(found.energy, 9.0)
    assert len(found.energy) == len(hits.energy)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"shower": np.zeros(3, int), "shower_energy": np.ones(3)}, "has 3 rows of shower, its input has"),
        ({"shower": np.zeros(3, int)}, "gives shower; this stage needs shower_energy"),
        (None, "there is no answer"),
    ],
)
def test_answers_that_do_not_fit_are_told_in_a_line(
    columns: dict[str, np.ndarray] | None, words: str, tmp_path: Path, wafers: Wafers
) -> None:
    stem, hits = str(tmp_path / "answer"), arrived("none", wafers, DETECTOR.endcap).hits
    if columns is not None:
        _write_answer(stem + ".h5", columns)
    with pytest.raises(InputError, match=words) as caught:
        clusters_of(stem, hits, np.empty(0), DETECTOR.endcap)
    assert "\n" not in str(caught.value)


def test_answers_to_tracks_and_elements_give_what_the_rules_give_of_them(
    tmp_path: Path, seen: Seen, wafers: Wafers
) -> None:
    assert seen.hits is not None
    assert seen.hits.truth is not None
    label = np.concatenate([seen.hits.event(i).truth.particle for i in range(EVENTS)])  # type: ignore[union-attr]
    _write_answer(str(tmp_path / "tracks.h5"), {"track": label})
    own, truth = (tracks_of(name, seen, {}, field=3.8) for name in (str(tmp_path / "tracks"), "truth"))
    assert set(truth.truth.tolist()) <= set(own.truth.tolist())
    hits = arrived("none", wafers, DETECTOR.endcap).hits
    clusters = clusters_of("truth", hits, learned("truth", hits), DETECTOR.endcap)
    (path,) = flow_input(tmp_path, truth, seen, DETECTOR)
    kept = read_events(path).element
    columns = {
        "class": np.ones(len(kept)), "charge": np.zeros(len(kept)), "pT": kept[:, 1],
        "eta": kept[:, 2], "phi": np.arctan2(kept[:, 3], kept[:, 4]), "E": kept[:, 5], "mask": np.ones(len(kept)),
    }  # fmt: skip
    _write_answer(str(tmp_path / "particles.h5"), columns)
    found = candidates_of(str(tmp_path / "particles"), truth, seen, clusters, DETECTOR)
    central = np.abs(cylindrical(found.momentum)[:, 1]) < 1.0
    assert found.momentum[central, 0].sum() == pytest.approx(
        kept[np.abs(kept[:, 2]) < 1.0, 5].sum(), rel=1e-3
    )


def _write_answer(path: str, columns: dict[str, np.ndarray]) -> None:
    if path.endswith(".parquet"):
        pytest.importorskip("pyarrow")
    if path.endswith(".root"):
        pytest.importorskip("uproot")
    with new_table(Path(path), ending=Path(path).suffix) as table:
        table.append(columns)
