"""Counts of tracks over events: what is found, what is chosen, what stages leave and take."""

import csv
from pathlib import Path

import numpy as np
import pytest

from femtobarn.evaluation.stages import Cost, costs
from femtobarn.evaluation.tracks.condensation import owners, track_pairs
from femtobarn.evaluation.tracks.labellings import (
    AUTOMATA,
    BINS,
    LABELLINGS,
    best_way,
    by_automaton,
    labelled,
)
from femtobarn.evaluation.tracks.results import (
    Outcome,
    draw_efficiencies,
    edge_counts,
    gain_row,
    seed_counts,
    track_rows,
)
from femtobarn.metrics.tracking import selected
from femtobarn.metrics.tracking.efficiency import ETA_BINS, PT_BINS
from femtobarn.physics.tracks import Hits, TrackFinder, follows, learn_finder, true_pairs, true_segments
from femtobarn.runs import Run
from femtobarn.simulate.tracker import soft_collisions, tracker


def simulated(events: int, pileup: float, seed: int) -> Hits:
    draw = np.random.default_rng(seed)
    return tracker(soft_collisions(events, pileup=pileup, generator=draw), generator=draw)


@pytest.fixture(scope="module")
def event() -> Hits:
    return simulated(1, 6, 2)


@pytest.fixture(scope="module")
def finder() -> TrackFinder:
    hits = simulated(20, 10, 1)
    return learn_finder(hits, selected(hits, least_hits=3))


def outcome(hits: Hits, label: np.ndarray) -> Outcome:
    found = Outcome()
    found.add(hits, label, selected(hits))
    return found


def test_the_truth_is_worth_all_and_one_large_track_nothing(event: Hits) -> None:
    assert event.truth is not None
    true = outcome(event, event.truth.particle)
    assert true.worth == 1.0
    assert np.concatenate(true.found).all()
    assert outcome(event, np.zeros(len(event.number), np.int64)).worth == -1.0, "it is a fake"
    assert outcome(event, np.full(len(event.number), -1)).worth == 0.0


def test_flags_are_the_efficiency(event: Hits, finder: TrackFinder) -> None:
    found = outcome(event, by_automaton(event, finder, str(AUTOMATA[1])))
    assert np.concatenate(found.found).mean() == pytest.approx(found.performance.efficiency().value)


def test_a_gain_is_the_difference_on_the_same_particles(event: Hits, finder: TrackFinder) -> None:
    assert event.truth is not None
    true, found = (
        outcome(event, event.truth.particle),
        outcome(event, by_automaton(event, finder, str(AUTOMATA[1]))),
    )
    gain = gain_row([true, true], found, {"method": "truth"}, seeds=(1, 2))
    assert gain.value == pytest.approx(1 - found.performance.efficiency().value)
    assert gain.error is not None
    assert 0 < gain.error < 0.1
    assert gain_row([true], true, {}, seeds=(1,)).value == 0


def test_rows_of_nothing_are_not_numbers(event: Hits) -> None:
    rows = track_rows([outcome(event, np.full(len(event.number), -1))], {"method": "none"})
    by_name = {each.name: each.value for each in rows}
    assert by_name["double-majority efficiency"] == 0
    assert np.isnan(by_name["fake rate"])


def test_pairs_are_counted_as_by_sets(event: Hits) -> None:
    wanted = selected(event)
    segments = {tuple(each) for each in true_segments(event, wanted).tolist()}
    draw = np.random.default_rng(1)
    pair = np.concatenate((true_pairs(event)[::2], draw.integers(len(event.number), size=(500, 2))))
    found = edge_counts(event, pair, wanted)
    assert event.truth is not None
    particle = event.truth.particle
    right = sum(particle[a] == particle[b] >= 0 for a, b in pair.tolist())
    kept = len(segments & {tuple(each) for each in pair.tolist()})
    assert found == {"pairs": len(pair), "right": right, "segments": len(segments), "kept": kept}


def test_seeds_are_counted_as_by_sets(event: Hits) -> None:
    assert event.truth is not None
    wanted, particle, draw = selected(event), event.truth.particle, np.random.default_rng(2)
    own = [
        np.flatnonzero(particle == each)[:3] for each in range(len(wanted)) if (particle == each).sum() > 2
    ]
    seed = np.concatenate((own[::3], draw.integers(len(particle), size=(60, 3))))
    right = [t for t in seed.tolist() if len({*particle[t].tolist()}) == 1 and particle[t[0]] >= 0]
    have = {int(particle[t[0]]) for t in right}
    found = seed_counts(event, seed, wanted)
    expected = {
        "seeds": len(seed),
        "right": len(right),
        "particles": wanted.sum(),
        "found": sum(wanted[list(have)]),
    }
    assert found == expected


@pytest.mark.parametrize("way", LABELLINGS)
def test_pairs_scored_by_the_truth_give_tracks(event: Hits, way: str) -> None:
    pair = true_pairs(event)
    label = labelled(event, pair, follows(event, pair).astype(np.float64), way)
    assert outcome(event, label).performance.efficiency("majority").value > 0.9
    assert outcome(event, label).performance.fakes["all"] == 0


def test_all_have_as_many_ways_to_choose_from() -> None:
    assert len(LABELLINGS) == len(AUTOMATA) == len(BINS)


def test_bins_of_a_figure_hold_enough_particles(event: Hits, tmp_path: Path) -> None:
    """Neighbours are joined; errors are those of the particles of one training, however many trainings there are."""
    assert event.truth is not None
    run = Run.create(tmp_path, system="test", preset="tiny", settings={}, seed=1)
    true, none = (outcome(event, label) for label in (event.truth.particle, np.full(len(event.number), -1)))
    ways = {"truth": [true], "half": [true, none]}
    draw_efficiencies(run, ways, name="e", title="t", caption="c", section="s")
    (figure,) = run.figures()
    with figure.csv.open(newline="") as file:
        rows = list(csv.DictReader(file))
    particles = int(true.performance.particles.sum())
    for method, value in (("truth", 1.0), ("half", 0.5)):
        for axis, edges in (("pt", PT_BINS), ("eta", ETA_BINS)):
            own = [r for r in rows if r["method"] == f"{method}, {axis}"]
            assert 1 < len(own) <= particles / 40
            assert (float(own[0]["from"]), float(own[-1]["to"])) == (edges[0], edges[-1])
            assert [r["to"] for r in own[:-1]] == [r["from"] for r in own[1:]]
            assert {float(r["efficiency"]) for r in own} == {value}
    widths = {
        method: [float(r["high"]) - float(r["low"]) for r in rows if r["method"] == f"{method}, pt"]
        for method in ways
    }
    assert min(widths["half"]) > 0.1, "of some tens of particles"


def test_the_first_of_the_best_ways_is_taken() -> None:
    worth = {"a": 0.5, "b": 0.9, "c": 0.9}
    assert best_way(list(worth), worth.__getitem__) == ("b", worth)


def test_costs_of_a_stage_add_up_and_see_its_memory() -> None:
    found: dict[str, Cost] = {}
    with costs(found, "large"):
        large = np.ones(30_000_000)
    with costs(found, "small"):
        pass
    first = found["large"]
    with costs(found, "large"):
        large.sum()
    assert found["large"].seconds >= first.seconds > found["small"].seconds >= 0
    if np.isfinite(first.megabytes):
        assert first.megabytes > 150 > found["small"].megabytes


def test_objects_become_chains_outwards_with_the_beta_of_their_centre() -> None:
    x = np.array([[0.0, 0.0], [5.0, 0.0], [0.1, 0.0], [5.1, 0.0], [0.0, 0.2], [9.0, 9.0], [20.0, 0.0]])
    beta = np.array([0.2, 0.3, 0.95, 0.6, 0.1, 0.99, 0.01])
    found = np.column_stack((np.log(beta / (1 - beta)), x)).astype(np.float32)
    pair, score = track_pairs(found, distance=np.array([3.0, 1.0, 2.0, 4.0, 1.0, 1.0, 1.0]))
    assert dict(zip(map(tuple, pair.tolist()), score.round(2).tolist(), strict=True)) == {
        (4, 2): 0.95, (2, 0): 0.95, (1, 3): 0.6,
    }  # fmt: skip
    tracks = LABELLINGS["components above 0.5"](_hits_at(x), pair, score)
    assert tracks[0] == tracks[2] == tracks[4] != tracks[1] == tracks[3]
    assert track_pairs(found[:0], np.empty(0))[0].shape == (0, 2)


def _hits_at(x: np.ndarray) -> Hits:
    hits = simulated(1, 1, 3)
    return hits.keep(np.arange(len(hits.number)) < len(x))


def test_hits_belong_to_the_particles_sought_alone(event: Hits) -> None:
    assert event.truth is not None
    wanted = selected(event, pt=1.0)
    found = owners(event, wanted)
    mine = found >= 0
    np.testing.assert_array_equal(found[mine], event.truth.particle[mine])
    assert set(found[mine]) == set(np.flatnonzero(wanted)) & set(event.truth.particle)
