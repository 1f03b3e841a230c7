"""Track finding: graphs, groups, the automaton, the Hough transform, on simulated and on real hits."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from sklearn.cluster import DBSCAN

from femtobarn.datasets import trackml
from femtobarn.errors import InputError
from femtobarn.metrics.tracking import TrackingPerformance, selected
from femtobarn.physics.neighbours import grid_pairs, nearest, radius_pairs
from femtobarn.physics.tracks import (
    Hits,
    assignment,
    attach_overlaps,
    best_path,
    components,
    doublets,
    find_tracks,
    fit_helix,
    follows,
    helix_pulls,
    hough,
    learn_finder,
    learn_layer_map,
    merge_overlaps,
    pair_features,
    together,
    triplet_features,
    triplets,
    true_chains,
    true_pairs,
    true_segments,
    walk,
)
from femtobarn.physics.tracks.finder import TrackFinder
from femtobarn.physics.tracks.layer_map import segment_values
from femtobarn.physics.tracks.segments import LAYERS, layer_number
from femtobarn.physics.tracks.triplets import triplet_values
from femtobarn.simulate.tracker import IDEAL, TRACKML, Tracker, soft_collisions, tracker


def simulated(events: int, pileup: float, seed: int, detector: Tracker = TRACKML, z: float = 5.5) -> Hits:
    draw = np.random.default_rng(seed)
    return tracker(
        soft_collisions(events, pileup=pileup, generator=draw, z=z), generator=draw, detector=detector
    )


@pytest.fixture(scope="module")
def training() -> Hits:
    """As many particles as one event with pile-up 60, in the beam spot of the throughput phase."""
    return simulated(20, 10, seed=1, z=55.5)


@pytest.fixture(scope="module")
def finder(training: Hits) -> TrackFinder:
    assert training.particles is not None
    return learn_finder(training, selected(training, pt=0.5, least_hits=3))


@pytest.fixture(scope="module")
def event() -> Hits:
    return simulated(1, 15, seed=2, z=55.5)


# --- neighbours -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dimension", [3, 8, 12])
def test_radius_pairs_are_all_pairs(dimension: int) -> None:
    points = np.random.default_rng(dimension).normal(size=(400, dimension)) * np.linspace(0.2, 1, dimension)
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)
    expected = np.argwhere(np.triu(distance <= 1.0, 1))
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(dimension, dimension)))[0]
    for each in (points, points @ turn + 3):
        np.testing.assert_array_equal(radius_pairs(each, 1.0), expected)
        for axes in (1, 2, 4):
            np.testing.assert_array_equal(grid_pairs(each, 1.0, axes=axes), expected)


def test_the_grid_takes_fewer_axes_than_would_overflow() -> None:
    points = 1e12 * np.random.default_rng(0).normal(size=(50, 6))
    points[7] = points[3] + 0.1
    np.testing.assert_array_equal(grid_pairs(points, 1.0, axes=6), [[3, 7]])
    with pytest.raises(InputError, match="times the radius"):
        grid_pairs(points, 1e-12)


def test_nearest_are_the_nearest() -> None:
    draw = np.random.default_rng(3)
    points, queries = draw.normal(size=(200, 4)), draw.normal(size=(30, 4))
    distance, index = nearest(points, queries, 5)
    every = np.linalg.norm(queries[:, None] - points[None], axis=2)
    np.testing.assert_array_equal(index, np.argsort(every, axis=1)[:, :5])
    np.testing.assert_allclose(distance, np.sort(every, axis=1)[:, :5])
    assert nearest(points, queries, 1)[1].shape == (30, 1)


def test_points_that_are_not_finite_are_told() -> None:
    with pytest.raises(InputError, match="point 1"):
        radius_pairs(np.array([[0.0, 1.0], [np.nan, 0.0]]), 1.0)
    with pytest.raises(InputError, match="radius"):
        radius_pairs(np.zeros((2, 2)), 0.0)
    with pytest.raises(InputError, match="axis"):
        grid_pairs(np.zeros((2, 2)), 1.0, axes=0)
    with pytest.raises(InputError, match="1 to 2"):
        nearest(np.zeros((2, 2)), np.zeros((1, 2)), 3)
    assert radius_pairs(np.empty((0, 3)), 1.0).shape == (0, 2)
    assert grid_pairs(np.empty((0, 3)), 1.0).shape == (0, 2)


# --- groups -----------------------------------------------------------------------------------------------------


def same_partition(one: np.ndarray, other: np.ndarray) -> bool:
    pairs = set(zip(one.tolist(), other.tolist(), strict=True))
    return len(pairs) == len(set(one.tolist())) == len(set(other.tolist()))


@pytest.mark.parametrize("seed", range(20))
def test_components_are_those_of_scipy(seed: int) -> None:
    draw = np.random.default_rng(seed)
    hits = int(draw.integers(1, 200))
    edges = draw.integers(0, hits, (int(draw.integers(0, 2 * hits)), 2))
    graph = coo_matrix((np.ones(len(edges)), edges.T), shape=(hits, hits))
    expected = connected_components(graph, directed=False)[1]
    found = components(edges, hits=hits)
    assert same_partition(found, expected)
    large = np.bincount(expected)[expected] >= 3
    np.testing.assert_array_equal(components(edges, hits=hits, least_hits=3) >= 0, large)


def test_components_of_good_edges_are_those_of_dbscan() -> None:
    draw = np.random.default_rng(4)
    hits, eps = 60, 0.3
    edges = np.array([(a, b) for a in range(hits) for b in range(a + 1, hits) if draw.random() < 0.05])
    score = draw.random(len(edges))
    distance = np.ones((hits, hits))
    distance[tuple(edges.T)] = distance[tuple(edges.T[::-1])] = 1 - score
    np.fill_diagonal(distance, 0)
    expected = DBSCAN(eps=eps, min_samples=1, metric="precomputed").fit_predict(distance)
    assert same_partition(components(edges[score >= 1 - eps], hits=hits), expected)


def test_best_path_has_no_branches_and_keeps_the_best() -> None:
    edges = np.array([[0, 1], [1, 2], [1, 3], [2, 4]])
    label = best_path(edges, np.array([0.9, 0.6, 0.8, 0.7]), hits=6)
    np.testing.assert_array_equal(label, [0, 0, 1, 0, 1, 2])


@given(seed=st.integers(0, 10_000))
def test_assignment_is_the_optimum_of_best_path(seed: int) -> None:
    """Against all subsets of edges in which no hit has two successors or two predecessors."""
    draw = np.random.default_rng(seed)
    pairs = np.array([(a, b) for a in range(6) for b in range(a + 1, 6)])
    edges = pairs[draw.permutation(len(pairs))[:8]]
    score = draw.uniform(0.05, 0.95, 8)
    gain = np.log(score / (1 - score)) - np.log(0.1 / 0.9)
    best, kept = 0.0, np.zeros(8, bool)
    for bits in range(256):
        chosen = (bits >> np.arange(8)) & 1 == 1
        ends = edges[chosen]
        if len(set(ends[:, 0])) == len(set(ends[:, 1])) == chosen.sum() and gain[chosen].sum() > best:
            best, kept = gain[chosen].sum(), chosen
    assert same_partition(assignment(edges, score, hits=6), components(edges[kept], hits=6))


def all_roads(
    graph: dict[int, dict[int, float]], hit: int, used: set[int], least: float, branch: float
) -> list[list[int]]:
    """Every road from a hit, as the rule of the walk says, by recursion."""
    free = [(score, n) for n, score in graph[hit].items() if n not in used]
    if not free:
        return [[hit]]
    best = max(free)
    steps = [best[1]] if best[0] > least else []
    steps += [n for score, n in sorted(free, reverse=True) if score > branch and n != best[1]]
    if not steps:
        return [[hit]]
    return [[hit, *road] for n in steps for road in all_roads(graph, n, used, least, branch)]


@pytest.mark.parametrize("seed", range(15))
def test_walks_are_the_longest_of_all_roads(seed: int) -> None:
    draw = np.random.default_rng(seed)
    hits = 25
    position = np.stack((np.arange(1.0, hits + 1), np.zeros(hits), np.zeros(hits)), axis=1)
    edges = np.array(
        [(a, b) for a in range(hits) for b in range(a + 1, min(a + 6, hits)) if draw.random() < 0.3]
    )
    score = draw.random(len(edges))
    label = walk(edges, score, position, least_hits=1)
    kept = score > 0.01
    graph: dict[int, dict[int, float]] = {hit: {} for hit in range(hits)}
    for (a, b), s in zip(edges[kept].tolist(), score[kept], strict=True):
        graph[a][b] = s
    whole = coo_matrix((np.ones(kept.sum()), edges[kept].T), shape=(hits, hits))
    out, into = np.bincount(edges[kept, 0], minlength=hits), np.bincount(edges[kept, 1], minlength=hits)
    part = connected_components(whole, directed=False)[1]
    used: set[int] = set()
    for name in np.unique(part):
        component = np.flatnonzero(part == name)
        if (out[component] <= 1).all() and (into[component] <= 1).all():
            assert len(set(label[component])) == 1
            continue
        for hit in component.tolist():
            if hit in used:
                continue
            roads = all_roads(graph, hit, used, 0.1, 0.6)
            own = set(np.flatnonzero(label == label[hit]).tolist())
            assert len(own) == max(map(len, roads))
            assert sorted(own) in [sorted(road) for road in roads]
            used |= own


def test_scores_that_do_not_fit_are_told() -> None:
    edges, position = np.array([[0, 1]]), np.eye(3)
    for group in (
        lambda s: best_path(edges, s, hits=3),
        lambda s: assignment(edges, s, hits=3),
        lambda s: walk(edges, s, position),
    ):
        with pytest.raises((InputError, TypeError)):
            group(np.zeros(2))
    with pytest.raises(InputError, match="from 0 to 1"):
        assignment(edges, np.array([1.5]), hits=3)


# --- graphs of hits ---------------------------------------------------------------------------------------------


def test_segments_are_consecutive_layers_of_a_particle(event: Hits) -> None:
    assert event.truth is not None
    segment, layer = true_segments(event), layer_number(event)
    particle = event.truth.particle
    assert (particle[segment[:, 0]] == particle[segment[:, 1]]).all()
    assert (particle[segment] >= 0).all()
    assert (layer[segment[:, 0]] != layer[segment[:, 1]]).all()
    row, owner = true_chains(event)
    assert len(segment) == len(row) - len(np.unique(owner))


def test_true_pairs_are_all_that_follow(event: Hits) -> None:
    """Against all pairs of hits of a particle; two layers with two hits each have four."""
    assert event.truth is not None
    pair = true_pairs(event)
    assert follows(event, pair).all()
    particle, layer = event.truth.particle, layer_number(event)
    rows = [np.flatnonzero(particle == each) for each in range(40)]
    every = np.array([(a, b) for own in rows for a in own for b in own if a != b])
    expected = {tuple(each) for each in every[follows(event, every)].tolist()}
    assert {tuple(each) for each in pair[particle[pair[:, 0]] < 40].tolist()} == expected
    have = {tuple(each) for each in pair.tolist()}
    assert {tuple(each) for each in true_segments(event).tolist()} <= have
    assert (layer[pair[:, 0]] != layer[pair[:, 1]]).all()
    assert len(have) > len(true_segments(event)), "overlaps"


def test_pairs_of_particles_that_are_not_wanted_do_not_count(event: Hits) -> None:
    assert event.particles is not None
    assert event.truth is not None
    wanted, pair = event.particles.pt > 0.5, true_pairs(event)
    np.testing.assert_array_equal(follows(event, pair, wanted), wanted[event.truth.particle[pair[:, 0]]])


def test_events_put_together_come_apart_again(training: Hits) -> None:
    parts = [training.event(i) for i in (3, 0, 7)]
    joined = together(parts)
    for number, part in enumerate(parts):
        for mine, theirs in zip(joined.event(number), part, strict=True):
            assert theirs is not None
            for a, b in zip(*((x if isinstance(x, tuple) else (x,)) for x in (mine, theirs)), strict=True):
                np.testing.assert_array_equal(a, b)
    assert together([parts[0], parts[1]._replace(truth=None)]).truth is None
    with pytest.raises(InputError, match="at least one"):
        together([])


def test_features_do_not_change_with_a_turn_about_the_beam(event: Hits, finder: TrackFinder) -> None:
    c, s = np.cos(2.0), np.sin(2.0)
    turned = event.position @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])
    pair = doublets(event, finder.layers).astype(np.int64)
    found = triplets(event, pair, finder.triples)
    for function, more in ((pair_features, ()), (triplet_features, (found,))):
        one, other = (function(x, pair, *more) for x in (event.position, turned))
        np.testing.assert_allclose(one, other, atol=1e-6)
        assert np.isfinite(one).all()


def test_pair_features_have_the_curvature_of_a_circle_from_the_beam() -> None:
    angle = np.array([0.1, 0.4])
    radius = 800.0  # mm, through the origin
    x, y = radius * np.sin(angle), radius * (1 - np.cos(angle))
    position = np.stack((x, y, [10.0, 30.0]), axis=1)
    found = pair_features(position, np.array([[0, 1]]))[0]
    assert np.sinh(found[5]) == pytest.approx(1e3 / radius, rel=1e-6)
    assert found[1] == pytest.approx(0.02)


def test_doublets_are_those_of_a_search_of_all_pairs(event: Hits, finder: TrackFinder) -> None:
    few = event.keep(np.arange(len(event.position)) % 4 == 0)
    found = doublets(few, finder.layers)
    layer = layer_number(few)
    expected = set()
    for pair, low, high in zip(*finder.layers, strict=True):
        a, b = np.flatnonzero(layer == pair[0]), np.flatnonzero(layer == pair[1])
        every = np.stack(np.meshgrid(a, b, indexing="ij"), axis=-1).reshape(-1, 2)
        values = segment_values(few.position, every)
        expected |= set(map(tuple, every[((values >= low) & (values <= high)).all(axis=1)].tolist()))
    assert set(map(tuple, found.tolist())) == expected
    assert len(found) == len(expected)


def test_the_map_holds_nearly_all_true_segments(event: Hits, finder: TrackFinder) -> None:
    found = set(map(tuple, doublets(event, finder.layers).tolist()))
    true = true_segments(event, selected(event, pt=0.55))
    assert np.mean([tuple(pair) in found for pair in true.tolist()]) > 0.97


def test_curvature_and_impact_are_those_of_a_circle() -> None:
    draw = np.random.default_rng(5)
    count = 200
    radius, centre = draw.uniform(300, 5000, count), draw.uniform(-np.pi, np.pi, count)
    distance = radius + draw.uniform(-5, 5, count)  # of the centre from the beam
    side = draw.choice((-1.0, 1.0), count)
    step = np.cumsum(draw.uniform(0.02, 0.1, (count, 3)), axis=1)
    angle = centre[:, None] + np.pi + side[:, None] * step
    x = distance[:, None] * np.cos(centre)[:, None] + radius[:, None] * np.cos(angle)
    y = distance[:, None] * np.sin(centre)[:, None] + radius[:, None] * np.sin(angle)
    z = np.cumsum(draw.uniform(1, 50, (count, 3)), axis=1)
    position = np.stack((x, y, z), axis=2).reshape(-1, 3)
    values = triplet_values(position, np.arange(3 * count).reshape(-1, 3))
    np.testing.assert_allclose(values[:, 0], side / radius, rtol=1e-9)
    np.testing.assert_allclose(values[:, 1], side * (distance - radius), atol=1e-6)


def test_a_straight_line_has_no_curvature() -> None:
    position = np.array([[10.0, 1, 5], [20, 1, 10], [30, 1, 15]])
    np.testing.assert_allclose(triplet_values(position, np.array([[0, 1, 2]])), [[0, 1, 0]], atol=1e-12)


# --- finding ----------------------------------------------------------------------------------------------------


def judged(hits: Hits, label: np.ndarray, pt: float = 0.55) -> TrackingPerformance:
    return TrackingPerformance().update(hits, label, selected(hits, pt=pt))


def test_the_automaton_finds_tracks(event: Hits, finder: TrackFinder) -> None:
    label = find_tracks(event, finder)
    found = judged(event, label)
    assert found.efficiency("majority").value > 0.93
    assert found.efficiency("double majority").value > 0.9
    assert found.fake_rate("all").value < 0.02
    size = np.bincount(label[label >= 0])
    assert size.min() >= 5


def test_tracks_do_not_depend_on_the_order_of_hits_or_on_a_turn(event: Hits, finder: TrackFinder) -> None:
    order = np.random.default_rng(6).permutation(len(event.position))
    label = find_tracks(event, finder)
    shuffled = Hits(event.offset, *(column[order] for column in event[1:6]))
    again = find_tracks(shuffled, finder)
    moved = np.mean(again != label[order])
    assert same_partition(again[again >= 0], label[order][again >= 0]) or moved < 1
    np.testing.assert_array_equal(again >= 0, (label >= 0)[order])


def test_overlaps_lift_the_double_majority(event: Hits, finder: TrackFinder) -> None:
    assert event.truth is not None
    label = find_tracks(event, finder)
    layer = layer_number(event)
    # Without the second hit of a track on a layer there is something to attach.
    order = np.lexsort((layer, label))
    second = (np.diff(label[order], prepend=-9) == 0) & (np.diff(layer[order], prepend=-9) == 0)
    bare = label.copy()
    bare[order[second]] = -1
    full = attach_overlaps(event, bare)
    added = (full >= 0) & (bare < 0)
    assert added.sum() > 50
    particle = event.truth.particle
    owner = {t: np.bincount(particle[bare == t] + 1).argmax() - 1 for t in np.unique(bare[bare >= 0])}
    right = [particle[hit] == owner[full[hit]] for hit in np.flatnonzero(added)]
    assert np.mean(right) > 0.9
    np.testing.assert_array_equal(full[bare >= 0], bare[bare >= 0])


def test_two_tracks_through_the_overlaps_of_one_particle_are_joined(event: Hits) -> None:
    """True tracks are cut into the first and the second hits on a layer: one comes back, none of two particles."""
    assert event.truth is not None
    particle, layer = event.truth.particle, layer_number(event)
    order = np.lexsort((np.linalg.norm(event.position, axis=1), layer, particle))
    same = (np.diff(particle[order], prepend=-9) == 0) & (np.diff(layer[order], prepend=-9) == 0)
    second = np.zeros(len(particle), bool)
    second[order[same & (particle[order] >= 0)]] = True
    label = np.where(particle >= 0, 2 * particle + second, -1)
    joined = merge_overlaps(event, label)
    np.testing.assert_array_equal(joined >= 0, label >= 0)
    tracks = [np.unique(label[joined == each]) // 2 for each in np.unique(joined[joined >= 0])]
    assert all(len(np.unique(each)) == 1 for each in tracks), "no two particles"
    layers = np.bincount(np.unique(particle[second] * LAYERS + layer[second]) // LAYERS)
    cut = np.flatnonzero(layers >= 3)  # found twice
    whole = {int(each[0]) for each in tracks if len(each) == 2}
    assert len(cut) > 20
    assert np.mean([each in whole for each in cut.tolist()]) > 0.8
    np.testing.assert_array_equal(merge_overlaps(event, joined), joined)


def test_hough_finds_tracks_of_the_beam() -> None:
    hits = simulated(1, 3, seed=7)
    label = hough(hits, bins=(61, 3, 800, 500))
    found = judged(hits, label)
    assert found.efficiency("majority").value > 0.8
    empty = hits.keep(np.zeros(len(hits.position), bool))
    assert len(hough(empty, bins=(3, 1, 10, 10))) == 0


def test_an_event_without_tracks_gives_none(event: Hits, finder: TrackFinder) -> None:
    assert event.truth is not None
    noise = event.keep(event.truth.particle < 0)
    assert (find_tracks(noise, finder) < 0).mean() > 0.95
    nothing = event.keep(np.zeros(len(event.position), bool))
    assert len(find_tracks(nothing, finder)) == 0


def test_what_does_not_fit_is_told(event: Hits, training: Hits, finder: TrackFinder) -> None:
    with pytest.raises(InputError, match="one event"):
        find_tracks(training, finder)
    with pytest.raises(InputError, match="with truth"):
        true_segments(event._replace(truth=None))
    with pytest.raises(InputError, match="no two layers"):
        learn_layer_map(event, np.zeros(len(event.particles.hits), bool))  # type: ignore[union-attr]
    broken = event.position.copy()
    broken[5, 0] = np.nan
    with pytest.raises(InputError, match="hit 5"):
        find_tracks(event._replace(position=broken), finder)
    with pytest.raises(InputError, match="no such layer"):
        find_tracks(event._replace(volume=np.full(len(broken), 10)), finder)
    with pytest.raises(InputError, match="above 0"):
        hough(event, pt=0.0)


# --- fits -------------------------------------------------------------------------------------------------------


def truth_fits(detector: Tracker, matter: float) -> np.ndarray:
    """Pulls of primaries in the barrels, where the field is 2 T, less the shift that the drift makes."""
    hits = simulated(1, 60, seed=8, detector=detector)
    assert hits.truth is not None
    assert hits.particles is not None
    wanted = selected(hits, pt=0.5, eta=0.8, least_hits=7)
    label = np.where(np.append(wanted, False)[hits.truth.particle], hits.truth.particle, -1)
    fits = fit_helix(hits, label, matter=matter)
    pulls, good = helix_pulls(fits, hits, fits.label)
    assert good.mean() > 0.99
    assert len(pulls) > 100
    return pulls[good]


def robust(values: np.ndarray) -> np.ndarray:
    return 1.4826 * np.median(np.abs(values - np.median(values, axis=0)), axis=0)


def test_fits_without_matter_scatter_within_their_errors() -> None:
    """The channels are no better than pitch / sqrt(12), and charge that is shared makes pixels better."""
    width = robust(truth_fits(IDEAL, 0.0))
    assert (width < 1.2).all()
    assert (width[:3] > 0.3).all()


def test_pulls_are_about_one() -> None:
    width = robust(truth_fits(TRACKML, 1.0))
    assert (width < 1.5).all()
    assert (width[:3] > 0.5).all()


def test_a_fit_without_error_gives_the_true_helix() -> None:
    hits = simulated(1, 2, seed=9, detector=IDEAL)
    assert hits.truth is not None
    assert hits.particles is not None
    wanted = selected(hits, pt=0.3, eta=2.5, least_hits=6)
    label = np.where(np.append(wanted, False)[hits.truth.particle], hits.truth.particle, -1)
    fits = fit_helix(hits._replace(position=hits.truth.position), label, matter=0.0)
    true = hits.particles.pt[fits.label]
    np.testing.assert_allclose(fits.pt(), true, rtol=1e-3)
    np.testing.assert_allclose(
        fits.parameter[:, 3],
        (hits.particles.momentum[:, 2] / hits.particles.pt)[fits.label],
        rtol=1e-3,
        atol=1e-4,
    )


def test_hits_at_one_place_have_no_helix(event: Hits) -> None:
    at = np.tile(event.position[:1], (8, 1))
    few = event.keep(np.arange(len(event.position)) < 8)
    fits = fit_helix(few._replace(position=at), np.repeat([0, 1], [5, 3]))
    assert fits.label.tolist() == [0]
    assert np.isnan(fits.parameter).all()


# --- real hits --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pt", [1.0, 0.5])
def test_the_real_event_is_found_with_windows_of_simulated_ones(pt: float, real_data: Path) -> None:
    folder = real_data / "trackml_event"
    real = trackml.hits_of(trackml.open_event(folder, "event000000001"))
    training = simulated(60, 10, seed=10, z=55.5)
    finder = learn_finder(training, selected(training, pt=pt, least_hits=3))
    found = judged(real, find_tracks(real, finder), pt=1.1 * pt)
    assert found.efficiency("double majority").value >= 0.9
    assert found.fake_rate("all").value <= 0.02
