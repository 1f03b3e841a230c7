"""Numbers over many signals: against the single ones, and their paired errors."""

import numpy as np
import pytest

from femtobarn.errors import InputError
from femtobarn.evaluation.scores import Scored
from femtobarn.evaluation.signals_together import (
    geometric_mean_efficiency,
    mean_area,
    paired_change,
    paired_gain,
    summary,
    together,
)
from femtobarn.metrics.classifier_test import auc
from femtobarn.metrics.roc import auc_difference, signal_efficiency


def _scored(shift: float, seed: int | None, name: str = "a", noise: float = 0.0, events: int = 400) -> Scored:
    common, own = np.random.default_rng(1), np.random.default_rng(100 + (seed or 0))
    scores = {}
    for sample, mean, count in (("QCD", 0.0, 5 * events), ("X", shift, events), ("Y", 2 * shift, events)):
        scores[sample] = common.normal(mean, 1, count) + own.normal(0, noise, count)
    return Scored({"model": name}, seed, scores)


def test_the_mean_area_is_that_of_the_areas_with_ties() -> None:
    draw = np.random.default_rng(2)
    samples = [draw.integers(0, 5 + i, 200).astype(float) for i in range(4)]
    rows = np.split(np.arange(800), 4)
    expected = np.mean([auc(samples[0], each)[0] for each in samples[1:]])
    assert mean_area(np.concatenate(samples), rows) == pytest.approx(expected, abs=1e-12)


def test_the_geometric_mean_is_that_of_the_efficiencies_and_takes_half_an_event_for_none() -> None:
    each = _scored(1.0, None)
    events = together(each, background="QCD", draws=2, seed=1)
    single = [signal_efficiency(each.scores[s], each.scores["QCD"], fraction=0.01).value for s in ("X", "Y")]
    found = events.of(geometric_mean_efficiency(0.01))(events.flat(each), events.draws[0])
    assert found == pytest.approx(np.sqrt(np.prod(single)))
    low = Scored(each.labels, None, each.scores | {"X": np.full(400, -9.0)})
    assert events.of(geometric_mean_efficiency(0.01))(events.flat(low), events.draws[0]) == pytest.approx(
        np.sqrt(0.5 / 400 * single[1])
    )


def test_errors_of_a_paired_gain_are_those_of_delong() -> None:
    """With one signal and one seed the bootstrap and the closed form are of the same thing."""
    ours, theirs = (_scored(1.0, 1, "a", 0.2), _scored(1.0, None, "b", 0.9))
    pair = [Scored(s.labels, s.seed, {k: s.scores[k] for k in ("QCD", "X")}) for s in (ours, theirs)]
    events = together(pair[0], background="QCD", draws=200, seed=3)
    found = paired_gain(pair[:1], pair[1:], events, mean_area, "gain")
    value, error = auc_difference(*(s.scores[k] for s in pair for k in ("X", "QCD")))
    assert found.value == pytest.approx(value, abs=1e-12)
    assert found.error == pytest.approx(error, rel=0.2)
    (row,) = paired_change(pair[:1], [pair[1]._replace(seed=1)], "change", background="QCD", labels={})
    assert (row.value, row.error) == pytest.approx((value, error))


def test_a_score_gains_nothing_over_itself_and_pairs_by_seed() -> None:
    seeds = [_scored(1.0, seed, noise=0.5) for seed in (1, 2)]
    events = together(seeds[0], background="QCD", draws=20, seed=1)
    same = paired_gain(seeds, seeds[::-1], events, mean_area, "gain")
    assert (same.value, same.error) == (0, 0)
    assert paired_gain(seeds, seeds, events, mean_area, "ratio", ratio=True).value == 1
    with pytest.raises(InputError, match="same seeds"):
        paired_gain(seeds, seeds[:1], events, mean_area, "gain")


def test_a_score_that_knows_one_signal_has_no_mean_over_all() -> None:
    every, one = _scored(1.0, None), _scored(1.0, None, "told")
    told = one._replace(scores={k: one.scores[k] for k in ("QCD", "X")})
    events = together(every, background="QCD", draws=5, seed=1)
    rows = summary([every, told], events, mean_area, "mean")
    assert [row.labels for row in rows] == [{"model": "a"}]
    assert rows[0].error is not None
    assert 0 < rows[0].error < 0.05
    with pytest.raises(InputError, match="a background, a signal"):
        together(every, background="Z", draws=5, seed=1)
