"""The simulated tracker against its table, brute force, and closed forms."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree

from femtobarn.data.csv import CsvFile
from femtobarn.errors import InputError
from femtobarn.physics.tracks.hits import Hits
from femtobarn.simulate.particles import Particles
from femtobarn.simulate.tracker import (
    IDEAL,
    SHAPES,
    TRACKML,
    Tracker,
    barcodes,
    cluster_shapes,
    crossings,
    soft_collisions,
    tracker,
)
from femtobarn.simulate.tracker.clusters import clusters
from femtobarn.simulate.tracker.geometry import detectors, layer_index, layers, module_row, modules
from femtobarn.simulate.tracker.noise import noise
from femtobarn.simulate.tracker.transport import STEEPEST, Track, transport

BEND = 2.99792458e-4  # GeV = BEND * tesla * mm
FIELD = (np.array([0.0, 3000.0]), np.array([2.0, 2.0]))


def tracks(count: int, *, seed: int, least_pt: float = 0.3) -> Track:
    draw = np.random.default_rng(seed)
    pt, phi, eta = (
        draw.uniform(least_pt, 5, count),
        draw.uniform(-np.pi, np.pi, count),
        draw.uniform(-4, 4, count),
    )
    momentum = np.stack((pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)), axis=1)
    vertex = draw.normal(0, (0.015, 0.015, 5.5), (count, 3))
    keys = draw.integers(0, 2**64, count, dtype=np.uint64)
    return Track(
        vertex, momentum, draw.choice((-1.0, 1.0), count), np.full(count, 0.14), np.ones(count), keys
    )


def helix(track: Track, way: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Points of the particles of these rows after these ways in the transverse plane, from the closed form."""
    momentum, pt = track.momentum[row], np.hypot(*track.momentum[row, :2].T)
    turn = -track.charge[row] * BEND * 2.0 / pt * way
    radius = way / np.where(turn == 0, 1, turn)
    phi = np.arctan2(momentum[:, 1], momentum[:, 0])
    x = track.position[row, 0] + radius * (np.sin(phi + turn) - np.sin(phi))
    y = track.position[row, 1] - radius * (np.cos(phi + turn) - np.cos(phi))
    return np.stack((x, y, track.position[row, 2] + way * momentum[:, 2] / pt), axis=1)


def event(seed: int, **options: float) -> Hits:
    draw = np.random.default_rng(seed)
    return tracker(soft_collisions(2, pileup=4, generator=draw, **options), generator=draw)


def test_the_table_has_the_modules_of_the_challenge() -> None:
    every = modules()
    assert len(every.volume) == 18_728
    assert len(layers()) == 48
    names = list(zip(every.volume.tolist(), every.layer.tolist(), every.module.tolist(), strict=True))
    assert names == sorted(set(names))
    np.testing.assert_allclose(
        every.rotation.transpose(0, 2, 1) @ every.rotation, np.tile(np.eye(3), (18_728, 1, 1)), atol=1e-12
    )
    np.testing.assert_array_equal(module_row(every.volume, every.layer, every.module), np.arange(18_728))
    assert (
        module_row(np.array([8, 8, 99, -1]), np.array([2, 3, 2, 2]), np.array([225, 1, 1, 1])) == -1
    ).all()
    assert layer_index(np.array([7]), np.array([2]))[0] == 0


def test_the_table_is_that_of_detectors_csv(real_data: Path) -> None:
    path = real_data / "trackml_event" / "detectors.csv.gz"
    file = CsvFile(path, names=lambda n: ("",) * n, whole=("volume_id", "layer_id", "module_id"))
    table = file.read(file.columns[1:], 0, len(file))
    every = modules()
    for name, column in (("volume_id", every.volume), ("layer_id", every.layer), ("module_id", every.module)):
        np.testing.assert_array_equal(table[name], column)
    centre = np.stack([table[f"c{axis}"] for axis in "xyz"], axis=1)
    rotation = np.stack([[table[f"rot_{a}{b}"] for b in "uvw"] for a in "xyz"]).transpose(2, 0, 1)
    half = np.stack([table[name] for name in ("module_minhu", "module_maxhu", "module_hv")], axis=1)
    np.testing.assert_allclose(every.centre, centre, atol=0.01)
    np.testing.assert_allclose(every.rotation, rotation, atol=1e-3)
    np.testing.assert_allclose(every.half, half, atol=1e-6)
    sensors = [layers()[index].sensor for index in every.of_layer]
    np.testing.assert_allclose(
        [s.pitch for s in sensors], np.stack((table["pitch_u"], table["pitch_v"]), axis=1)
    )
    np.testing.assert_allclose([s.half_thickness for s in sensors], table["module_t"])


def test_without_matter_crossings_lie_on_the_helix_and_on_their_module() -> None:
    start = tracks(300, seed=1)
    found = transport(start, field=FIELD, material=0.0, inefficiency=0.0)
    pt = np.hypot(*start.momentum[found.particle, :2].T)
    slope = start.momentum[found.particle, 2] / pt
    way = (found.position[:, 2] - start.position[found.particle, 2]) / slope
    np.testing.assert_allclose(helix(start, way, found.particle), found.position, atol=1e-6)
    off = found.position - modules().centre[found.module]
    local = np.einsum("nij,ni->nj", modules().rotation[found.module], off)
    np.testing.assert_allclose(local[:, 2], 0, atol=1e-6)
    np.testing.assert_allclose(local[:, :2], found.local[:, :2], atol=1e-9)
    np.testing.assert_allclose(
        np.linalg.norm(found.momentum, axis=1), np.linalg.norm(start.momentum[found.particle], axis=1)
    )


def test_modules_are_those_of_a_search_of_all_planes() -> None:
    start = tracks(40, seed=2, least_pt=0.8)
    found = transport(start, field=FIELD, material=0.0, inefficiency=0.0)
    every, near = modules(), cKDTree(modules().centre)
    u, v, w = (every.rotation[:, :, axis] for axis in range(3))
    for row in range(40):
        # Where the helix crosses planes of modules nearby: bisection between ways at which it lies on different sides.
        way = np.linspace(0, 1300, 1000)
        points = helix(start, way, np.full(len(way), row))
        inside = (np.hypot(points[:, 0], points[:, 1]) < 1100) & (np.abs(points[:, 2]) < 3000)
        close = np.unique(np.concatenate(near.query_ball_point(points[inside], 150)).astype(int))
        ends = np.append(np.flatnonzero(inside), np.flatnonzero(inside)[-1] + 1)
        points, way = points[ends], way[ends]
        side = points @ w[close].T - (w * every.centre).sum(axis=1)[close]
        step, plane = np.nonzero(side[1:] * side[:-1] <= 0)
        module = close[plane]
        low, high = way[step], way[step + 1]
        sign = side[step, plane] <= 0
        for _ in range(50):
            middle = (low + high) / 2
            at = helix(start, middle, np.full(len(middle), row)) - every.centre[module]
            before = ((at * w[module]).sum(axis=1) <= 0) == sign
            low, high = np.where(before, middle, low), np.where(before, high, middle)
        at = helix(start, low, np.full(len(low), row)) - every.centre[module]
        au, av = (at * u[module]).sum(axis=1), (at * v[module]).sum(axis=1)
        half = every.half[module]
        width = half[:, 0] + (half[:, 1] - half[:, 0]) * (0.5 + 0.5 * av / half[:, 2])
        flat = found.local[found.particle == row, 2:]
        hit = (np.abs(au) < width) & (np.abs(av) < half[:, 2])
        seen = set(found.module[found.particle == row].tolist())
        missing = set(module[hit].tolist()) - seen
        # What is missing is too flat to be seen, and nothing is there that should not be.
        ahead = helix(start, low + 1e-3, np.full(len(low), row)) - helix(start, low, np.full(len(low), row))
        cosine = np.abs((ahead * w[module]).sum(axis=1)) / np.linalg.norm(ahead, axis=1)
        steep = {
            m
            for m, c in zip(module[hit].tolist(), cosine[hit], strict=True)
            if c < 1.0001 / np.hypot(1, STEEPEST)
        }
        assert missing <= steep
        assert seen <= set(module[hit].tolist())
        assert (np.hypot(*flat.T) <= STEEPEST).all()


def test_matter_slows_and_scatters_and_stops() -> None:
    start = tracks(2000, seed=3, least_pt=0.5)
    still = transport(start, field=FIELD, material=0.0, inefficiency=0.0)
    once = transport(start, field=FIELD, material=1.0, inefficiency=0.0)
    lost = np.linalg.norm(start.momentum[once.particle], axis=1) - np.linalg.norm(once.momentum, axis=1)
    assert lost.min() >= -1e-12
    first = once.module < len(modules().volume)
    assert 0.1e-3 < np.median(lost[first]) < 20e-3
    assert len(once.module) < len(still.module)
    muons = transport(start._replace(hadron=np.zeros(2000)), field=FIELD, material=1.0, inefficiency=0.0)
    assert len(once.module) < len(muons.module)


def test_scattering_has_the_width_of_highland() -> None:
    """In the first barrel layer, for tracks at a right angle: 13.6 MeV / (beta p) sqrt(x) (1 + .038 ln x)."""
    count, p = 4000, 1.0
    zero = np.zeros(count)
    momentum = np.stack((np.full(count, p), zero, zero), axis=1)
    keys = np.random.default_rng(4).integers(0, 2**64, count, dtype=np.uint64)
    start = Track(
        np.tile((25.0, 2.0, 5.0), (count, 1)), momentum, np.full(count, 1.0), np.full(count, 0.14), zero, keys
    )
    found = transport(start, field=FIELD, material=1.0, inefficiency=0.0)
    index = modules().of_layer[found.module]
    second = np.unique(np.flatnonzero(index == layer_index(np.array([8]), np.array([4]))[0]))
    _, first = np.unique(found.particle[second], return_index=True)
    slope = found.momentum[second[first], 2] / np.hypot(*found.momentum[second[first], :2].T)
    x = 0.0172
    beta = p / np.hypot(p, 0.14)
    expected = 0.0136 / (beta * p) * np.sqrt(x) * (1 + 0.038 * np.log(x))
    assert np.std(slope) == pytest.approx(expected, rel=0.08)


def test_an_event_is_the_same_alone_and_among_others() -> None:
    particles = soft_collisions(3, pileup=3, generator=np.random.default_rng(5))
    together = tracker(particles, generator=np.random.default_rng(6))
    begin, end = particles.offset[:2]
    alone = Particles(np.array([0, end - begin]), *(column[begin:end] for column in particles[1:]))
    first, same = together.event(0), tracker(alone, generator=np.random.default_rng(6))
    for one, other in zip(first[:6], same[:6], strict=True):
        np.testing.assert_array_equal(one, other)
    assert first.cells is not None
    assert same.cells is not None
    np.testing.assert_array_equal(first.cells.value, same.cells.value)


def test_events_have_the_form_of_the_challenge() -> None:
    hits = event(7)
    assert hits.cells is not None
    assert hits.truth is not None
    assert hits.particles is not None
    for index in range(2):
        one = hits.event(index)
        np.testing.assert_array_equal(one.number, np.arange(1, len(one.number) + 1))
        order = list(zip(one.volume.tolist(), one.layer.tolist(), one.module.tolist(), strict=True))
        assert order == sorted(order)
        assert one.truth is not None
        assert one.truth.weight.sum() == pytest.approx(1)
        assert (one.truth.weight[one.truth.particle < 0] == 0).all()
    assert (np.diff(hits.cells.offset) > 0).all()
    strip = np.repeat(hits.volume >= 12, np.diff(hits.cells.offset))
    assert (hits.cells.value[strip] == 1).all()
    assert (hits.cells.value[~strip] > 0).all()
    low = hits.particles.pt < TRACKML.least_pt
    assert (hits.particles.hits[low] == 0).all()
    noisy = (hits.truth.particle < 0).mean()
    assert noisy == pytest.approx(0.15, abs=0.03)
    assert len(np.unique(hits.particles.barcode)) == len(hits.particles.barcode) // 2 * 2 or hits.events == 2


def test_measured_positions_scatter_by_the_pitch() -> None:
    hits = event(8)
    assert hits.truth is not None
    row = module_row(hits.volume, hits.layer, hits.module)
    local = np.einsum("nij,ni->nj", modules().rotation[row], hits.position - hits.truth.position)
    for volume, pitch in ((9, (0.05, 0.05625)), (13, (0.08, 1.2)), (17, (0.12, 10.8))):
        chosen = (hits.volume == volume) & (hits.truth.particle >= 0)
        spread = 1.4826 * np.median(np.abs(local[chosen, :2] - np.median(local[chosen, :2], axis=0)), axis=0)
        assert (spread < 0.6 * np.array(pitch)).all()
        assert (np.abs(local[chosen, :2]) < 3 * np.array(pitch)).mean() > 0.98


def test_one_crossing_shares_its_charge_along_its_way() -> None:
    """A track along v across two pixels of a disk: charge by the way in each, position in between."""
    row = int(module_row(np.array([9]), np.array([2]), np.array([1]))[0])
    local = np.array([[0.025, 0.01, 0.0, 0.05625 / 0.3]])  # one pixel further from face to face
    keys = np.array([1], np.uint64)
    found = clusters(np.array([row]), np.array([0]), local, keys)
    assert len(found.value) == 2
    low = 0.05625 / 2 - 0.01  # from the entry to the border at v = 0 ... of the way 0.05625
    share = found.value[0] / found.value.sum()
    assert share == pytest.approx(low / 0.05625, abs=0.1)
    assert found.value.sum() == pytest.approx(np.hypot(0.3, 0.05625), rel=0.4)


def test_neighbouring_particles_share_a_cluster() -> None:
    row = int(module_row(np.array([9]), np.array([2]), np.array([1]))[0])
    keys = np.array([1, 2], np.uint64)
    for gap, count in ((0.05, 1), (0.1, 2)):
        local = np.array([[0.025, 0.03, 0.0, 0.0], [0.025 + gap, 0.03, 0.0, 0.0]])
        found = clusters(np.zeros(2, int) + row, np.zeros(2, int), local, keys)
        assert len(found.crossing) == count
    apart = clusters(np.zeros(2, int) + row, np.arange(2), local, keys)  # in two events
    assert len(apart.crossing) == 2


def test_noise_has_every_module_alike() -> None:
    found = noise(40_000, generator=np.random.default_rng(9))
    share = np.bincount(modules().of_layer[found.module], minlength=48) / len(found.module)
    expected = np.bincount(modules().of_layer) / len(modules().of_layer)
    np.testing.assert_allclose(share, expected, atol=5 * np.sqrt(0.17 / 40_000))
    assert (found.particle == -1).all()


def test_shapes_are_those_of_a_loop_over_cells() -> None:
    hits = event(7)
    assert hits.cells is not None
    table, shapes = detectors(), dict(zip(SHAPES, cluster_shapes(hits).T, strict=True))
    row = module_row(hits.volume, hits.layer, hits.module)
    for hit in range(0, len(row), 97):
        own = slice(hits.cells.offset[hit], hits.cells.offset[hit + 1])
        channel, value = hits.cells.channel[own], hits.cells.value[own]
        span = np.ptp(channel, axis=0) + 1
        length = np.array(
            [
                span[0] * table["pitch_u"][row[hit]],
                span[1] * table["pitch_v"][row[hit]],
                2 * table["module_t"][row[hit]],
            ]
        )
        turn = np.array([[table[f"rot_{a}{b}"][row[hit]] for b in "uvw"] for a in "xyz"])
        for vector, place in ((length, "local"), (turn @ length, "global")):
            theta = np.arctan2(np.hypot(vector[0], vector[1]), vector[2])
            assert shapes[f"{place}_eta"][hit] == pytest.approx(-np.log(np.tan(theta / 2)))
            assert shapes[f"{place}_phi"][hit] == pytest.approx(np.arctan2(vector[1], vector[0]))
        assert shapes["cells"][hit] == len(value)
        assert shapes["charge"][hit] == pytest.approx(value.sum())


def test_clusters_point_where_their_particle_goes() -> None:
    """In barrels a longer cluster along the beam means a steeper track, whatever made it."""
    hits = event(8)
    pixels = hits.volume == 8
    length = cluster_shapes(hits)[pixels, SHAPES.index("length_v")]
    slope = np.abs(hits.position[pixels, 2]) / np.hypot(*hits.position[pixels, :2].T)
    assert np.corrcoef(length, slope)[0, 1] > 0.7


def test_shapes_need_cells() -> None:
    hits = event(7)
    assert hits.cells is not None
    with pytest.raises(InputError, match="cells"):
        cluster_shapes(hits._replace(cells=None))
    offset = hits.cells.offset.copy()
    offset[1] = 0
    with pytest.raises(InputError, match="has no cells"):
        cluster_shapes(hits._replace(cells=hits.cells._replace(offset=offset)))


def test_crossings_have_as_many_collisions_as_asked_for() -> None:
    draw = np.random.default_rng(1)
    pool = soft_collisions(60, pileup=0.01, generator=draw)  # one collision each
    hits = crossings(3, pool, pileup=10, generator=draw, z=5.5)
    assert hits.events == 3
    assert hits.particles is not None
    size = [len(np.unique(np.round(hits.event(i).particles.vertex[:, 2], 6))) for i in range(3)]  # type: ignore[union-attr]
    assert all(each >= 3 for each in size)
    few, many = (len(crossings(4, pool, pileup=mean, generator=draw).number) for mean in (1, 10))
    assert 2.5 < many / few < 12
    spread = crossings(6, pool, pileup=10, generator=draw, z=55.5).particles
    assert spread is not None
    assert 30 < spread.vertex[spread.primary, 2].std() < 80


def test_barcodes_are_collision_and_number() -> None:
    particles = soft_collisions(2, pileup=2, generator=np.random.default_rng(10))
    collision = np.repeat([0, 1, 0], [3, len(particles.pdg) - 5, 2])
    collision[particles.offset[1] :] = 0
    found = barcodes(particles, collision)
    assert found[0] == (1 << 52) | (1 << 36)
    assert found[1] == (1 << 52) | (2 << 36)
    assert found[3] == (2 << 52) | (1 << 36)
    assert found[particles.offset[1]] == (1 << 52) | (1 << 36)


def test_a_looper_ends_at_the_point_farthest_from_the_beam() -> None:
    """With pT = .2 GeV in 2 T the circle reaches out to 667 mm."""
    start = tracks(200, seed=11)
    pt = np.hypot(*start.momentum[:, :2].T)
    start = start._replace(momentum=start.momentum / pt[:, None] * 0.2)
    found = transport(start, field=FIELD, material=0.0, inefficiency=0.0)
    assert np.hypot(*found.position[:, :2].T).max() < 2 * 0.2 / (2 * BEND) + 1
    outwards = (found.position[:, :2] * found.momentum[:, :2]).sum(axis=1)
    assert (outwards > -1e-6).mean() > 0.99


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"noise": 1.0}, "share of noise"),
        ({"field": ()}, "rising"),
        ({"field": ((10.0, 2.0), (0.0, 2.0))}, "rising"),
        ({"material": -1.0}, "0 or more"),
    ],
)
def test_settings_that_make_no_sense_are_told(options: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Tracker(**options)


def test_particles_that_are_not_finite_are_told() -> None:
    particles = soft_collisions(1, pileup=1, generator=np.random.default_rng(12))
    particles.momentum[3, 1] = np.nan
    with pytest.raises(InputError, match="particle 3: its momentum"):
        tracker(particles, generator=np.random.default_rng(0))


def test_neutral_particles_leave_nothing() -> None:
    particles = soft_collisions(1, pileup=1, generator=np.random.default_rng(13))
    neutral = particles._replace(charge=np.zeros(len(particles.pdg)))
    hits = tracker(neutral, generator=np.random.default_rng(0), detector=IDEAL)
    assert len(hits.position) == 0
    assert hits.events == 1
