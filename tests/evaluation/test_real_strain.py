"""Tables of real strain: an event that was put in, its background by slides, and the published files."""

from pathlib import Path

import numpy as np
import pytest

from femtobarn.datasets import gwosc
from femtobarn.datasets.gwosc import EVENTS, StrainFile
from femtobarn.evaluation.strain.real import real_strain_tables
from femtobarn.evaluation.strain.scores import (
    CLASSICAL,
    COHERENT,
    POWER,
    VETOED,
    Network,
    Scorer,
    noise_levels,
)
from femtobarn.evaluation.strain.search import Preparation
from femtobarn.metrics.false_alarm import YEAR
from femtobarn.nn.strain_networks import StrainAutoencoder
from femtobarn.physics.waveforms import phenom_a
from femtobarn.runs import Result, Run
from femtobarn.simulate.strain import Strain, coloured_noise, events

NOISE = events("noise", 1000, Strain(), generator=np.random.default_rng(3)).strain
RATE = 2048


def _run(folder: Path) -> Run:
    return Run.create(folder, system="x", preset="tiny", settings={}, seed=1)


def _scorer() -> Scorer:
    zero = Network({"score": "zero"}, 1, StrainAutoencoder("zero"))
    return Scorer(noise_levels(NOISE[:200], rate=1024.0), 1024.0, 100, [zero])


def _pair(distance: float) -> tuple[StrainFile, StrainFile]:
    """Two black holes of 36 and 29 solar masses at the time of GW150914, 6 ms apart and with opposite signs."""
    start, n = 1126259446, 32 * RATE
    frequency = np.fft.rfftfreq(n, 1 / RATE)
    wave = phenom_a(frequency, np.array([36.0]), np.array([29.0]), low=20.0, distance=distance)[0]
    found = []
    for place, (name, sign) in enumerate((("H1", -0.6), ("L1", 0.6))):
        late = EVENTS["GW150914"] - start - 0.006 * place
        noise = coloured_noise((n,), rate=float(RATE), generator=np.random.default_rng(place))
        signal = sign * np.fft.irfft(wave * np.exp(-2j * np.pi * frequency * late)) * RATE
        found.append(
            StrainFile(name, float(start), float(RATE), noise + signal, np.ones(32, np.uint32), ("DATA",))
        )
    return found[0], found[1]


def _of(table: list[Result], name: str, **labels: str) -> Result:
    (row,) = [r for r in table if r.name == name and labels.items() <= r.labels.items()]
    return row


def test_an_event_stands_above_slides_and_noise_does_not(tmp_path: Path) -> None:
    for distance, found in ((600.0, True), (1e6, False)):
        run = _run(tmp_path)
        pairs = {"GW150914": _pair(distance)}
        table = real_strain_tables(run, pairs, _scorer(), Strain(), Preparation(), simulated=NOISE)
        rate = _of(table, "false alarms a year", score=COHERENT)
        assert all(r.data == "real" for r in table)
        if found:
            assert rate.value == 0
            assert rate.error == pytest.approx(3.0 * YEAR / (rate.n * 0.5), rel=0.01), "an upper limit"
            ratio = _of(table, "matched-filter SNR", detector="H1", template="36 + 29 Msun").value
            assert ratio > 10
        else:
            assert rate.value > 1e6
            assert _of(table, "matched-filter SNR", detector="H1", template="36 + 29 Msun").value < 6
        assert {figure.name for figure in run.figures()} == {"false-alarms-GW150914"}
        there = {r.labels["score"] for r in table if r.name == "AUC"}
        assert there == {*CLASSICAL, "zero"}
        name = "real noise above the threshold of 1 % of simulated noise"
        assert _of(table, name, score=POWER).value < 0.05


def test_the_published_events(tmp_path: Path, real_data: Path) -> None:
    """A template finds the louder one; coherent energy both; the rates are limits of what 32 s can tell."""
    pairs = gwosc.published_pairs(real_data / gwosc.NAME)
    table = real_strain_tables(_run(tmp_path), pairs, _scorer(), Strain(), Preparation(), simulated=NOISE)
    for detector, least in (("H1", 14), ("L1", 11)):
        snr = _of(table, "matched-filter SNR", event="GW150914", detector=detector, template="36 + 29 Msun")
        assert snr.value > least
    for event in pairs:
        for score in (COHERENT, VETOED):
            at, elsewhere = (
                _of(table, "score in real strain", event=event, score=score, quantity=each).value
                for each in ("at the event", "largest elsewhere")
            )
            assert at > elsewhere
    quiet = _of(table, "false alarms a year", event="LVT151012", score=POWER)
    loud = _of(table, "false alarms a year", event="GW150914", score=POWER)
    assert loud.value == 0 < quiet.value
