"""Counting showers of an endcap: what a perfect, a blind and a greedy finder get; tables and the picture."""

import re

import numpy as np
import pytest

from femtobarn.datasets.hgcalml import HitEvents, of_endcap
from femtobarn.evaluation.endcap.event import endcap_drawing
from femtobarn.evaluation.endcap.showers import Finder, calibration, compared, found_score, true_labels
from femtobarn.evaluation.endcap.tables import Outcome, gain_row, pair_rows, sample_rows, size_rows
from femtobarn.simulate.endcap import Endcap, endcap_hits, gun, pairs

ENDCAP = Endcap(field=0.0)


def _sample(count: int = 6, seed: int = 1) -> HitEvents:
    draw = np.random.default_rng(seed)
    incoming = gun(count, ENDCAP, generator=draw, number=(4, 8), energy=(2.0, 50.0))
    return of_endcap(endcap_hits(incoming, ENDCAP, generator=draw), ENDCAP)


@pytest.fixture(scope="module")
def sample() -> HitEvents:
    return _sample()


def _blind(event: HitEvents) -> np.ndarray:
    return np.full(len(event.hits), -1)


def _greedy(event: HitEvents) -> np.ndarray:
    return np.zeros(len(event.hits), np.int64)


EVERY = np.arange(6)


def _labels(sample: HitEvents, find: Finder) -> list[np.ndarray]:
    return [find(sample.event(int(i))) for i in EVERY]


def test_the_truth_is_found_in_full(sample: HitEvents) -> None:
    showers = compared(sample, true_labels, None)
    assert showers.efficiency(EVERY, iou=0.999) == 1
    assert showers.fake_rate(EVERY, iou=0.999) == 0
    assert showers.share_of(showers.split, EVERY) == showers.share_of(showers.merged, EVERY) == 0
    assert found_score(sample, _labels(sample, true_labels)) == 1
    np.testing.assert_allclose(showers.iou, 1)
    summed = np.bincount(
        sample.owner[sample.owner >= 0], sample.hits[sample.owner >= 0, 0], len(sample.energy)
    )
    np.testing.assert_allclose(showers.measured, summed, rtol=1e-5)


def test_who_finds_nothing_has_no_fakes_and_who_merges_all_is_told(sample: HitEvents) -> None:
    nothing = compared(sample, _blind, None)
    assert nothing.efficiency(EVERY, iou=0.1) == 0
    assert np.isnan(nothing.fake_rate(EVERY, iou=0.1))
    assert np.isnan(nothing.measured).all()
    one = compared(sample, _greedy, None)
    assert one.share_of(one.merged, EVERY) == 1
    assert one.share_of(one.split, EVERY) == 0
    assert found_score(sample, _labels(sample, _greedy)) < 0.5


def test_events_drawn_twice_count_twice(sample: HitEvents) -> None:
    showers = compared(sample, _greedy, None)
    alone = [showers.efficiency(np.array([i]), iou=0.1) for i in EVERY]
    weight = [int(((showers.event == i) & (showers.energy > 5)).sum()) for i in EVERY]
    twice = showers.efficiency(np.array([0, 0, 3]), iou=0.1)
    expected = (2 * alone[0] * weight[0] + alone[3] * weight[3]) / (2 * weight[0] + weight[3])
    assert twice == pytest.approx(expected)


def test_calibrated_energies_are_right_in_the_median(sample: HitEvents) -> None:
    weights = calibration(_sample(20, seed=2), true_labels)
    showers = compared(sample, true_labels, weights)
    ratios = showers.ratios((22, 11, 211, 130), low=2.0)
    assert len(ratios) == (showers.energy > 2).sum()
    assert np.median(ratios) == pytest.approx(1.0, abs=0.15)


def test_tables_say_what_was_counted(sample: HitEvents) -> None:
    draw = np.random.default_rng(3)
    two, apart = pairs(20, ENDCAP, distance=(0.5, 4.0), generator=draw)
    photons = of_endcap(endcap_hits(two, ENDCAP, generator=draw), ENDCAP)
    outcomes = [
        Outcome(
            {"method": name}, seed, {"a": compared(sample, find, None), "two": compared(photons, find, None)}
        )
        for name, find, seed in (("truth", true_labels, 1), ("truth", true_labels, 2), ("greedy", _greedy, 1))
    ]
    rows = {r.name: r for r in sample_rows("a", outcomes[:2], seed=1)}
    assert rows["efficiency, IoU 0.3"].value == 1
    assert rows["efficiency, IoU 0.3"].seeds == (1, 2)
    assert rows["efficiency, IoU 0.3"].n == (sample.energy > 5).sum()
    far, near = pair_rows("two", outcomes[:1], apart, ((2.0, 4.1), (0.5, 2.0)))
    assert far.value > 0.9
    assert far.n + near.n == 20
    gained = gain_row("over greedy", outcomes[:2], outcomes[2:], "a", seed=1)
    assert gained.value == pytest.approx(1 - outcomes[2].samples["a"].efficiency(EVERY, iou=0.3))
    sizes = {row.labels["quantity"]: row.value for row in size_rows("a", sample)}
    assert sizes["hits"] == len(sample.hits) / 6
    assert sizes["showers above 1 GeV of four hits"] <= sizes["showers of three hits"]


def test_the_picture_has_a_colour_for_each_shower_and_can_be_turned(sample: HitEvents) -> None:
    event = sample.event(0)
    picture, drawn = endcap_drawing(event.hits, event.owner)
    text = picture.decode()
    assert "data-turn" in text
    assert text.count("<circle") == len(drawn["x"]) == min(len(event.hits), 2500)
    colours = set(re.findall(r'<circle[^>]*fill="(#[0-9a-f]{6})"', text))
    shown = np.unique(drawn["shower"])
    assert len(colours) == len(shown)
    empty, nothing = endcap_drawing(event.hits[:0], event.owner[:0])
    assert b"0 of 0 hits" in empty
    assert len(nothing["x"]) == 0
