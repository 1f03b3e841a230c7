"""Real strain made ready: common time, gaps, events, slides; scores and rates of slid noise."""

import numpy as np
import pytest

from femtobarn.datasets.gwosc import StrainFile
from femtobarn.errors import InputError
from femtobarn.evaluation.scores import Scored
from femtobarn.evaluation.strain.scores import (
    BOTH,
    CLASSICAL,
    COHERENT,
    CORRELATION,
    POWER,
    VETOED,
    Network,
    Scorer,
    glitch_table,
    hourly_table,
    noise_left_table,
    noise_levels,
    per_year,
    power_terms,
)
from femtobarn.evaluation.strain.search import Cuts, Preparation, cut_events, prepared, slid
from femtobarn.metrics.false_alarm import false_alarm_rate
from femtobarn.nn.strain_networks import StrainAutoencoder
from femtobarn.simulate.strain import Strain, coloured_noise, events

FLAGS = ("DATA",)
NOISE = events("noise", 60, Strain(stretch=32.0), generator=np.random.default_rng(3)).strain
SETTINGS = Preparation(filter=2.0)


def _file(name: str, start: float = 0.0, seconds: int = 20, rate: int = 2048, seed: int = 1) -> StrainFile:
    strain = coloured_noise((seconds * rate,), rate=float(rate), generator=np.random.default_rng(seed))
    return StrainFile(name, start, float(rate), strain, np.ones(seconds, np.uint32), FLAGS)


def test_the_common_time_is_resampled_and_whitened() -> None:
    files = [_file("H1"), _file("L1", start=3.0, rate=4096, seed=2)]
    (piece,) = prepared(files, SETTINGS)
    assert piece.start == pytest.approx(4.0)
    assert piece.strain.shape == (2, 15 * 1024)
    assert piece.strain.std(axis=1) == pytest.approx([1, 1], abs=0.1)
    assert piece.densities(np.array([100.0])).shape == (2, 1)


def test_a_pulse_keeps_its_time() -> None:
    file = _file("H1", start=100.0)
    file.strain[12 * 2048] += 3e-19
    (piece,) = prepared([file], SETTINGS)
    assert piece.start + np.abs(piece.strain[0]).argmax() / 1024 == pytest.approx(112.0, abs=2e-3)


def test_a_gap_in_one_detector_cuts_both() -> None:
    files = [_file("H1"), _file("L1", seed=2)]
    files[1].strain[9 * 2048 : 9 * 2048 + 3] = np.nan
    pieces = prepared(files, SETTINGS)
    assert [piece.start for piece in pieces] == pytest.approx([1.0, 10 + 2 / 1024], abs=2 / 1024 + 1)
    assert all(np.isfinite(piece.strain).all() for piece in pieces)
    cuts = cut_events(pieces, duration=1.0, step=0.5)
    inside = (cuts.time < 8 + 1e-6) | (cuts.time > 9)
    assert inside.all()
    assert (np.abs(cuts.time + 0.5 - 9) > 1.4).all(), "nothing within the filter of the gap"


def test_seconds_of_bad_quality_are_left_out() -> None:
    file = _file("H1")
    file.quality[:6] = 0
    (piece,) = prepared([file], SETTINGS)
    assert piece.start == pytest.approx(7.0)
    file.quality[::2] = 0
    with pytest.raises(InputError, match="at least 4 s in a row with DATA"):
        prepared([file], SETTINGS)


def test_detectors_and_rates_that_do_not_fit() -> None:
    with pytest.raises(InputError, match="different detectors, got H1, H1"):
        prepared([_file("H1"), _file("H1")], SETTINGS)
    with pytest.raises(InputError, match="multiple of 1024 Hz, got 1500"):
        prepared([_file("H1", rate=1500)], SETTINGS)
    with pytest.raises(InputError, match="got 0 s in all"):
        prepared([_file("H1"), _file("L1", start=50.0)], SETTINGS)
    with pytest.raises(InputError, match="at least 30 s in a row"):
        cut_events(prepared([_file("H1")], SETTINGS), duration=30.0, step=1.0)


def test_events_are_pieces_of_the_stretch() -> None:
    (piece,) = prepared([_file("H1")], SETTINGS)
    cuts = cut_events([piece], duration=2.0, step=0.5)
    np.testing.assert_allclose(cuts.strain[3, 0], piece.strain[0, 1536 : 1536 + 2048], rtol=1e-6)
    assert cuts.time[3] == pytest.approx(piece.start + 1.5)
    assert isinstance(cuts.take(cuts.time > 5), Cuts)


# Scores


def _scorer(*names: str) -> Scorer:
    models = [Network({"score": name}, 1, StrainAutoencoder(name, published=False).eval()) for name in names]
    return Scorer(noise_levels(NOISE, rate=1024.0), 1024.0, 100, models)


def test_in_units_of_noise_one_event_of_a_hundred_is_above_one() -> None:
    scores = _scorer().classical(NOISE)
    assert set(scores) == set(CLASSICAL)
    np.testing.assert_array_equal(scores[VETOED], np.minimum(scores[COHERENT], scores[CORRELATION]))
    assert (scores[CORRELATION] > 1).mean() <= 0.02
    assert np.median(scores[CORRELATION]) == pytest.approx(0, abs=0.1)
    terms = power_terms(NOISE, window=100)
    np.testing.assert_allclose(scores[POWER], terms.sum(axis=1))
    np.testing.assert_allclose(scores[BOTH], terms.min(axis=1))


def test_a_network_that_gives_zero_scores_as_excess_power() -> None:
    """Acceptance 4: the same order, to the last event."""
    found = {each.name: each.scores["noise"] for each in _scorer("zero").scored({"noise": NOISE})}
    np.testing.assert_array_equal(np.argsort(found["zero"]), np.argsort(found[POWER]))


def test_slides_of_sums_are_slides_of_strain() -> None:
    scorer = _scorer("dense", "LSTM of both detectors")
    found = {each.name: each.scores for each in scorer.slid(NOISE, slides=3)}
    assert "LSTM of both detectors" not in found
    assert list(found["dense"]) == ["1", "2", "3"]
    again = {e.name: e.scores["x"] for e in scorer.scored({"x": slid(NOISE, 2)})}
    for name in ("dense", COHERENT, POWER):
        np.testing.assert_allclose(found[name]["2"], again[name], rtol=1e-5)
    assert len(scorer.of_seed(2).networks) == 0


def test_one_false_alarm_an_hour_needs_hours() -> None:
    draw = np.random.default_rng(1)
    noise, signal = draw.normal(size=40_000), draw.normal(4, 1, size=1000)
    scored = [Scored({"score": "x"}, None, {"noise": noise[:10], "wave": signal})]
    slides = [Scored({"score": "x"}, None, {"1": noise[:20_000], "2": noise[20_000:]})]
    (row,) = hourly_table(scored, slides, background="noise", duration=2.5)
    threshold = np.quantile(noise, 1 - 2.5 / 3600)
    assert row.value == pytest.approx((signal > threshold).mean(), abs=0.01)
    assert row.labels == {"score": "x", "signal": "wave"}
    short = [Scored({"score": "x"}, None, {"1": noise[:1000]})]
    assert hourly_table(scored, short, background="noise", duration=2.5) == []


def test_glitches_are_counted_at_the_threshold_of_noise() -> None:
    scores = {"noise": np.arange(1000.0), "pop": np.array([995.0, 2.0, 3.0, 2000.0])}
    (row,) = glitch_table([Scored({"score": "x"}, None, scores)], ["pop"], background="noise", fraction=0.01)
    assert (row.value, row.n, row.labels["glitch"]) == (0.5, 4, "pop")


def test_what_principal_components_leave_stands_beside_the_networks() -> None:
    rows = noise_left_table(
        {"LSTM": [(1.0, 0.0), (0.9, 0.0)]},
        (NOISE[:40], NOISE[40:]),
        window=100,
        components=(5, 60),
        seeds=(1, 2),
    )
    values = {row.labels["score"]: row.value for row in rows}
    assert values["LSTM"] == pytest.approx(0.95)
    assert 0 <= values["PCA (60)"] < values["PCA (5)"] < 1


def test_a_rate_of_nothing_is_told_as_a_limit() -> None:
    value, error, kind = per_year(false_alarm_rate(np.zeros((2, 10), bool), duration=1.0))
    assert value == 0
    assert error > 0
    assert "upper limit at 95 % from none in 20 s" in kind
