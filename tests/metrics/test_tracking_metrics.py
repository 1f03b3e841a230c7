"""Figures of merit of track finding against a table that is made another way."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from femtobarn.errors import InputError
from femtobarn.metrics.tracking import (
    DEFINITIONS,
    FAKES,
    TrackingPerformance,
    match,
    selected,
    trackml_score,
)
from femtobarn.physics.tracks import Hits, trackml_weights
from femtobarn.simulate.tracker import soft_collisions, tracker


@pytest.fixture(scope="module")
def hits() -> Hits:
    draw = np.random.default_rng(1)
    return tracker(soft_collisions(4, pileup=3, generator=draw), generator=draw)


def labels(hits: Hits, seed: int, share: float = 0.2) -> np.ndarray:
    """The truth with some hits moved to other tracks and some tracks cut in two."""
    assert hits.truth is not None
    draw = np.random.default_rng(seed)
    label = hits.truth.particle.copy()
    moved = draw.random(len(label)) < share
    label[moved] = draw.permutation(label)[moved]
    cut = draw.random(label.max() + 1) < share
    second = (label >= 0) & cut[label] & (draw.random(len(label)) < 0.5)
    return np.where(second, label + label.max() + 1, label)


def independent(label: np.ndarray, particle: np.ndarray, least: int) -> dict[str, set[tuple[int, int]]]:
    """(track, particle) of every definition, by counting in plain Python."""
    found: dict[str, set[tuple[int, int]]] = {name: set() for name in DEFINITIONS}
    sizes = Counter(particle[particle >= 0].tolist())
    for track in set(label[label >= 0].tolist()):
        members = particle[label == track].tolist()
        if len(members) < least:
            continue
        for owner, shared in Counter(members).items():
            if owner < 0 or 2 * shared <= len(members):
                continue
            found["majority"].add((track, owner))
            if 2 * shared > sizes[owner]:
                found["double majority"].add((track, owner))
            if 4 * shared > 3 * len(members):
                found["LHC"].add((track, owner))
            if shared == len(members) == sizes[owner]:
                found["perfect"].add((track, owner))
        # More than three quarters implies more than a half, so nothing is left out by the first test.
    return found


@given(
    label=st.lists(st.integers(-1, 6), min_size=1, max_size=60),
    seed=st.integers(0, 1000),
    least=st.integers(1, 4),
)
def test_matches_are_those_of_counting(label: list[int], seed: int, least: int) -> None:
    tracks = np.array(label)
    particle = np.random.default_rng(seed).integers(-1, 5, len(tracks))
    found, expected = (
        match(tracks, particle, particles=5, least_hits=least),
        independent(tracks, particle, least),
    )
    every = (found.majority(), found.double_majority(), found.lhc(), found.perfect())
    for name, good in zip(DEFINITIONS, every, strict=True):
        pairs = set(zip(found.label[good].tolist(), found.particle[good].tolist(), strict=True))
        assert pairs == expected[name]
    assert (found.double_majority() <= found.majority()).all()
    assert (found.perfect() <= found.double_majority()).all()


def test_counts_of_an_event_are_those_of_counting(hits: Hits) -> None:
    one = hits.event(0)
    assert one.truth is not None
    wanted, label = selected(one, pt=0.3), labels(one, 2)
    found = TrackingPerformance(least_hits=4).update(one, label, wanted)
    expected = independent(label, one.truth.particle, 4)
    for name in DEFINITIONS:
        seen = {owner for _, owner in expected[name] if wanted[owner]}
        assert found.efficiency(name).passed == len(seen)
        assert found.efficiency(name).n == wanted.sum()
    sizes = Counter(label[label >= 0].tolist())
    tracks = {track for track, size in sizes.items() if size >= 4}
    matched = {track for track, _ in expected["majority"]}
    assert found.fake_rate("all").passed == len(tracks - matched)
    assert found.fake_rate("all").n == len(tracks)
    assert found.fake_rate("double majority").passed == len(
        tracks - {t for t, _ in expected["double majority"]}
    )
    owners = {owner for _, owner in expected["majority"]}
    assert found.duplicate_rate() == pytest.approx((len(matched) - len(owners)) / len(owners))
    assert found.efficiency("double majority").value <= found.efficiency("majority").value


def test_noise_is_no_particle() -> None:
    label, particle = np.zeros(6, int), np.array([-1, -1, -1, -1, 0, 0])
    found = match(label, particle, particles=1)
    assert found.particle.tolist() == [-1]
    assert not found.majority().any()
    assert not found.perfect().any()


def test_truth_is_perfect(hits: Hits) -> None:
    found = TrackingPerformance(least_hits=1)
    for index in range(hits.events):
        one = hits.event(index)
        assert one.truth is not None
        found.update(one, one.truth.particle, selected(one))
    assert all(found.efficiency(name).value == 1 for name in DEFINITIONS)
    assert all(found.fake_rate(name).value == 0 for name in FAKES)
    assert found.duplicate_rate() == 0
    assert found.score()[0] == pytest.approx(1)


def test_counts_merge_in_any_order(hits: Hits) -> None:
    parts = [
        TrackingPerformance().update(hits.event(i), labels(hits.event(i), i), selected(hits.event(i), pt=0.3))
        for i in range(4)
    ]
    serial = TrackingPerformance()
    for i in range(4):
        serial.update(hits.event(i), labels(hits.event(i), i), selected(hits.event(i), pt=0.3))
    merged = parts[3].merge(parts[1]).merge(parts[0].merge(parts[2]))
    for name in DEFINITIONS:
        assert merged.efficiency(name) == serial.efficiency(name)
        np.testing.assert_array_equal(
            merged.efficiency_by("pt", name).value, serial.efficiency_by("pt", name).value
        )
    for name in FAKES:
        assert merged.fake_rate(name) == serial.fake_rate(name)
    assert merged.duplicate_rate() == serial.duplicate_rate()
    assert merged.score() == pytest.approx(serial.score())
    with pytest.raises(InputError, match="least length"):
        serial.merge(TrackingPerformance(least_hits=3))


def test_bins_add_up(hits: Hits) -> None:
    one = hits.event(0)
    found = TrackingPerformance().update(one, labels(one, 5), selected(one, pt=0.0))
    for axis in ("pt", "eta"):
        curve = found.efficiency_by(axis)
        assert curve.particles.sum() == found.efficiency().n
        assert np.nansum(curve.value * curve.particles) == pytest.approx(found.efficiency().passed)
        full = curve.particles > 0
        assert (curve.low[full] <= curve.value[full]).all()
        assert (curve.value[full] <= curve.high[full]).all()


def test_weights_follow_the_challenge(hits: Hits) -> None:
    """Within an event: first and last hits count most, soft tracks a fifth of hard ones, short tracks nothing."""
    assert hits.truth is not None
    assert hits.particles is not None
    weight = trackml_weights(hits.truth.particle, hits.truth.position[:, 2], hits.particles, hits.offset)
    np.testing.assert_allclose(weight, hits.truth.weight)
    total = np.bincount(
        hits.truth.particle[hits.truth.particle >= 0],
        weight[hits.truth.particle >= 0],
        len(hits.particles.pt),
    )
    first = hits.particles.offset[1]
    soft = total[:first][(hits.particles.pt[:first] < 0.5) & (hits.particles.hits[:first] >= 4)]
    np.testing.assert_allclose(soft, soft[0])
    hard = total[:first][(hits.particles.pt[:first] > 3) & (hits.particles.hits[:first] >= 4)]
    np.testing.assert_allclose(hard, 5 * soft[0])
    assert (total[hits.particles.hits < 4] == 0).all()


def test_score_counts_the_weight_of_good_hits() -> None:
    label, particle = np.array([0, 0, 0, 1, 1, -1]), np.array([0, 0, 1, 1, 1, 1])
    weight = np.array([0.3, 0.2, 0.1, 0.2, 0.1, 0.1])
    assert trackml_score(label, particle, weight) == pytest.approx(0.5)  # two of four are no double majority
    assert trackml_score(label, particle, 0 * weight) == 0


def test_what_does_not_fit_is_told(hits: Hits) -> None:
    with pytest.raises((InputError, TypeError)):
        match(np.zeros(3, int), np.zeros(4, int), particles=1)
    with pytest.raises(InputError, match="a particle below 1"):
        match(np.zeros(3, int), np.ones(3, int), particles=1)
    with pytest.raises(InputError, match="one event"):
        TrackingPerformance().update(hits, labels(hits, 1), np.zeros(3, bool))
    with pytest.raises(InputError, match="double majority"):
        TrackingPerformance().efficiency("double")
    with pytest.raises(InputError, match="with truth"):
        selected(hits._replace(truth=None))
    with pytest.raises(InputError, match="got none"):
        TrackingPerformance().efficiency()
    assert np.isnan(TrackingPerformance().duplicate_rate())
