"""Scores in pairs, thresholds on events of their own, rates with weights, mistag and efficiency against a variable."""

from pathlib import Path

import numpy as np
import pytest

from femtobarn.errors import InputError
from femtobarn.evaluation.comparisons import draw_efficiencies, paired_gains
from femtobarn.evaluation.mistag import draw_mistag, mistag_table, rate_table
from femtobarn.evaluation.scores import Scored, score_table
from femtobarn.metrics.classifier_test import auc
from femtobarn.runs import Run


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


def _pair(seed: int | None) -> list[Scored]:
    return [
        each._replace(labels={"score": "network", "input": name})
        for name, each in (("a", _scored("", 1.0, seed, noise=0.1)), ("b", _scored("", 0.7, seed, noise=0.1)))
    ]


def test_pairs_are_compared_on_the_same_events_and_seeds() -> None:
    scored = [*_pair(1), *_pair(2), _pair(3)[0]]
    (gain,) = paired_gains(scored, background="background", label="input", one="a", other="b")
    areas = [auc(each.scores["background"], each.scores["signal"])[0] for each in scored[:4]]
    assert gain.value == pytest.approx((areas[0] - areas[1] + areas[2] - areas[3]) / 2)
    assert gain.seeds == (1, 2), "of the third seed there is one score only"
    assert gain.labels == {"score": "network", "signal": "signal", "input": "a over b"}
    assert gain.error is not None
    assert 0 < gain.error < gain.value / 3
    assert paired_gains(scored, background="background", label="input", one="a", other="c") == []


def test_a_threshold_of_one_half_keeps_its_share_of_the_other() -> None:
    scored = [_scored("x", 0.5), _scored("net", 0.5, 1, noise=1.0), _scored("net", 0.5, 2, noise=1.0)]
    table = mistag_table(scored, background="background", fraction=0.05)
    assert [each.labels["score"] for each in table] == ["x", "net"]
    for each in table:
        assert each.error is not None
        assert abs(each.value - 0.05) < 3 * each.error
        assert each.n == 1000
    with pytest.raises(InputError, match="at least 10 events"):
        mistag_table(scored, background="background", fraction=0.005)


def test_rates_use_the_weights() -> None:
    """Events of large scores that count a tenth each: the rate is a tenth of that without weights."""
    scored = [_scored("x", 0.5)]
    background = scored[0].scores["background"]
    weight = np.where(background > np.quantile(background, 0.9), 0.1, 1.0)
    given = {"background": "background", "cross_section": 1e4, "luminosity": 2e34, "fraction": 0.05}
    plain, weighted = (
        rate_table(scored, weight=each, **given)[0].value  # type: ignore[arg-type]
        for each in (np.ones(2000), weight)
    )
    assert plain == pytest.approx(1e4 * 1e-36 * 2e34 * 0.05)
    assert weighted == pytest.approx(plain * 0.1 / 0.91)


def test_mistag_follows_the_variable_that_a_score_follows(tmp_path: Path) -> None:
    draw = np.random.default_rng(3)
    pileup = draw.uniform(0, 60, 2000)
    scores = {"steady": draw.normal(size=2000), "drifts": draw.normal(size=2000) + pileup / 20}
    run = Run.create(tmp_path, system="x", preset="tiny", settings={}, seed=1)
    table = draw_mistag(run, scores, pileup, fraction=0.05, what="pile-up", caption="c", kind="stand-in")
    low, *_, high = (each for each in table if each.labels["score"] == "drifts")
    assert high.value > 0.1 > 0.02 > low.value
    for each in table:
        if each.labels["score"] == "steady":
            assert each.value == pytest.approx(0.05, abs=0.04)
            assert each.n == 400
    assert [figure.name for figure in run.figures()] == ["mistag-pile-up"]


def test_efficiencies_are_drawn_against_the_mass_of_known_signals(tmp_path: Path) -> None:
    run = Run.create(tmp_path, system="x", preset="tiny", settings={}, seed=1)
    table = score_table([_scored("x", 0.5)], background="background", fractions=(0.02,))
    draw_efficiencies(
        run, table, {"signal": 125.0}, xlabel="mass [GeV]", published=0.4, kind="stand-in",
        title="Efficiency", caption="c",
    )  # fmt: skip
    (figure,) = run.figures()
    header, line = figure.csv.read_text(encoding="utf-8").splitlines()
    assert header == "score,mass [GeV],efficiency,error"
    assert line.startswith("x,125")
    draw_efficiencies(run, table, {}, xlabel="mass", name="none", kind="stand-in", title="t", caption="c")
    assert len(run.figures()) == 1, "nothing to draw"
