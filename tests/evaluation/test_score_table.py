"""Scores beside each other: gains against the right baseline, limits where nothing is left, refusals."""

from pathlib import Path

import numpy as np
import pytest

from femtobarn.errors import InputError
from femtobarn.evaluation.anomaly_baselines import (
    isolation_forest,
    mahalanobis,
    pca_residual,
    simple_scores,
    supervised_ceiling,
)
from femtobarn.evaluation.mistag import draw_mistag, rate_table
from femtobarn.evaluation.scores import Scored, draw_scores, follow_table, score_table
from femtobarn.evaluation.trigger import draw_rates, process_rates, zero_bias_rates
from femtobarn.metrics.classifier_test import auc
from femtobarn.runs import Result, Run


def _scored(name: str, shift: float, seed: int | None = None, *, noise: float = 0.0) -> Scored:
    """The same events for all; `noise` is what a score adds of its own."""
    events, own = np.random.default_rng(1), np.random.default_rng(100 + (seed or 0))
    background, signal = events.normal(size=2000), events.normal(size=1000)
    return Scored(
        {"score": name}, seed,
        {
            "background": background + noise * own.normal(size=2000),
            "signal": signal + shift + noise * own.normal(size=1000),
        },
    )  # fmt: skip


def _named(table: list[Result], name: str) -> dict[str, Result]:
    return {result.labels["score"]: result for result in table if result.name == name}


@pytest.fixture(scope="module")
def table() -> list[Result]:
    found = [
        _scored("weak", 0.5), _scored("strong", 1.0),
        *(_scored("network", 1.1, seed, noise=0.1) for seed in (1, 2, 3)),
    ]  # fmt: skip
    return score_table(
        found, background="background", trivial=[{"score": "weak"}, {"score": "strong"}],
        reference=found[0].scores["background"], variable="itself",
    )  # fmt: skip


def test_gains_are_over_the_best_trivial_score_and_paired(table: list[Result]) -> None:
    gains, areas = _named(table, "gain in AUC"), _named(table, "AUC")
    assert set(gains) == {"weak", "network"}
    assert {gain.labels["over"] for gain in gains.values()} == {"strong"}
    network = gains["network"]
    assert network.value == pytest.approx(areas["network"].value - areas["strong"].value, abs=1e-12)
    assert network.error is not None
    assert areas["network"].error is not None
    assert network.value > 3 * network.error, "paired, the small gain is clear"
    assert network.error < 0.5 * areas["network"].error
    assert network.error_kind == "paired (DeLong) and standard error over 3 seeds"
    assert network.seeds == (1, 2, 3)


def test_working_points_and_correlation(table: list[Result]) -> None:
    points = _named(table, "signal at 2 % of background")
    assert points["weak"].value < points["strong"].value
    assert points["strong"].value == pytest.approx(
        0.146, abs=4 * points["strong"].error
    )  # of two normals 1 apart
    correlation = _named(table, "rank correlation on background")
    assert correlation["weak"].value == pytest.approx(1)
    assert 0.9 < correlation["network"].value < 1


def test_what_nothing_is_left_of_has_an_upper_limit() -> None:
    perfect = Scored({"score": "perfect"}, None, {"b": np.arange(200.0), "s": np.arange(50.0) + 1000})
    table = score_table([perfect], background="b", fractions=(0.1,))
    (left,) = [each for each in table if each.name.startswith("background at")]
    assert (left.value, left.error_kind) == (0, "upper limit at 95 % from none of 200")
    assert left.error == pytest.approx(1 - 0.05 ** (1 / 200), rel=1e-6)


def test_a_score_that_saturates_has_no_working_point_and_says_why() -> None:
    line = np.minimum(np.arange(1000.0), 900)
    saturated = Scored({"score": "saturated"}, None, {"b": line, "s": line[500:]})
    found = {r.name: r for r in score_table([saturated], background="b", fractions=(0.02, 0.2))}
    assert np.isnan(found["signal at 2 % of background"].value)
    assert "share the score 900" in found["signal at 2 % of background"].error_kind
    assert found["signal at 20 % of background"].value == pytest.approx(0.4, abs=0.01)


def test_scores_of_other_events_are_refused() -> None:
    good = _scored("good", 1.0)
    short = Scored({"score": "short"}, None, {name: values[:-1] for name, values in good.scores.items()})
    with pytest.raises(InputError, match="short: expected scores of the same events"):
        score_table([good, short], background="background")
    with pytest.raises(InputError, match="did you mean background"):
        score_table([good], background="backgrond")
    with pytest.raises(InputError, match="at least one score"):
        score_table([], background="background")
    with pytest.raises(InputError, match="at least 10 events"):
        score_table([good], background="background", fractions=(0.001,))


def test_students_are_compared_with_the_teacher_of_their_seed() -> None:
    teachers = {seed: _scored("teacher", 1.0, seed, noise=1.0).scores for seed in (1, 2)}
    students = [Scored({"score": "student"}, seed, teachers[seed]) for seed in (1, 2)]
    found = {r.labels["quantity"]: r.value for r in follow_table(students, teachers, background="background")}
    assert found == pytest.approx({"rank correlation": 1, "in the tail": 1, "distance of scores": 0})
    crossed = [Scored({"score": "student"}, seed, teachers[3 - seed]) for seed in (1, 2)]
    other = {r.labels["quantity"]: r.value for r in follow_table(crossed, teachers, background="background")}
    assert other["rank correlation"] < 0.8
    assert other["in the tail"] < other["rank correlation"]


def test_figures_of_scores_and_rates(tmp_path: Path) -> None:
    run = Run.create(tmp_path, system="test", preset="tiny", settings={}, seed=1)
    draw_scores(run, [_scored("weak", 0.5), _scored("strong", 1.0)], background="background")
    draw = np.random.default_rng(1)
    pileup = draw.uniform(20, 60, 4000)
    total = pileup + draw.normal(0, 30, 4000)
    rows = draw_rates(
        run, {"score": 0.2 * total + draw.normal(0, 10, 4000)}, pileup, total, share=0.3, bunches=2500
    )
    rises = {row.labels["score"]: row.value for row in rows}
    assert set(rises) == {"total energy", "score", "score, residual"}
    assert rises["score, residual"] < rises["score"], "what follows the total energy is taken out"
    assert {figure.name for figure in run.figures()} == {"roc-signal", "rate"}


def test_scores_without_a_network_find_what_is_unlike_the_background() -> None:
    draw = np.random.default_rng(1)
    mix = draw.normal(size=(3, 12))
    background = draw.normal(size=(1500, 3)) @ mix + 0.1 * draw.normal(size=(1500, 12))
    off_the_plane = background[:400] + draw.normal(size=(400, 12))
    train, test = background[:1000], background[1000:]
    residual = pca_residual(train, components=3)
    assert residual(test).mean() == pytest.approx(9 * 0.01, rel=0.1), "nine directions of noise are left"
    for score in (residual, mahalanobis(train)):
        assert auc(score(test), score(off_the_plane))[0] > 0.99
    distance = mahalanobis(train, ridge=1e-12)(test)
    assert distance.mean() == pytest.approx(12, rel=0.15), "chi-squared of twelve degrees of freedom"
    with pytest.raises(InputError, match="fewer components"):
        pca_residual(train, components=12)


def test_forest_and_ceiling() -> None:
    pytest.importorskip("sklearn")
    draw = np.random.default_rng(2)
    background, signal = draw.normal(size=(600, 4)), draw.normal((3, 0, 0, 0), size=(200, 4))
    forest = isolation_forest(background, seed=1, trees=50)
    assert auc(forest(background), forest(signal))[0] > 0.8
    own, other = supervised_ceiling(background, signal, seed=1)
    assert 0.95 < auc(own, other)[0] < 1, "no event is judged by trees that saw it"
    same = supervised_ceiling(background, draw.normal(size=(200, 4)), seed=1)
    assert abs(auc(*same)[0] - 0.5) < 0.12, "told nothing there is to find"
    assert list(simple_scores(background, components=2, seed=1))[:2] == ["sum of the inputs", "largest input"]


def test_a_score_with_too_many_ties_is_left_out_of_rates_and_ends_nothing(tmp_path: Path) -> None:
    run = Run.create(tmp_path, system="test", preset="tiny", settings={}, seed=1)
    good, tied = _scored("good", 1.0), _scored("tied", 1.0)
    tied = tied._replace(scores={name: (x > 1).astype(float) for name, x in tied.scores.items()})
    both, pileup = [good, tied], np.random.default_rng(1).uniform(20, 60, 2000)
    given = {each.name: each.scores["background"] for each in both}
    tables = [
        zero_bias_rates(both, background="background", share=0.05, bunches=10),
        process_rates(both, background="background", process="signal", share=0.05, cross_section=1.0),
        rate_table(
            both,
            background="background",
            weight=np.ones(2000),
            cross_section=1.0,
            luminosity=1e34,
            fraction=0.05,
        ),
    ]
    assert [[row.labels["score"] for row in table] for table in tables] == [["good"]] * 3
    drawn = draw_rates(run, given, pileup, pileup + good.scores["background"], share=0.05, bunches=10)
    assert "good" in {row.labels["score"] for row in drawn}
    assert "tied" not in {row.labels["score"] for row in drawn}
    mistag = draw_mistag(run, given, pileup, fraction=0.05, what="pile-up", caption="")
    assert {row.labels["score"] for row in mistag} == {"good"}
    with pytest.raises(InputError, match="at least 10 events"):
        zero_bias_rates(both, background="background", share=0.001, bunches=10)
