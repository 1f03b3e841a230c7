"""The scores on real strain: two events against the background of the same 32 s, and signals in that background."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from femtobarn.datasets.gwosc import EVENTS, StrainFile
from femtobarn.evaluation.scores import score_table
from femtobarn.evaluation.strain.scores import CLASSICAL, POWER, Scorer, Strains, per_year
from femtobarn.evaluation.strain.search import Cuts, Preparation, Stretch, cut_events, prepared, slid
from femtobarn.metrics.false_alarm import YEAR, false_alarm_rate
from femtobarn.metrics.working_point import calibrate, measured
from femtobarn.physics.matched_filter import matched_filter
from femtobarn.physics.waveforms import phenom_a
from femtobarn.physics.whitening import power_spectral_density
from femtobarn.runs import Result, Run
from femtobarn.simulate.strain import Strain, whitened_signals
from femtobarn.study import Value, drawing, grouped, row

Pairs = Mapping[str, tuple[StrainFile, StrainFile]]
NOISE = "noise"
_SHORT = 0.5  # s, of the pieces an event is looked for in
_AWAY = 1.0  # s from the event, beyond which strain is background
_TEMPLATES = {"36 + 29 Msun": (36.0, 29.0), "23 + 13 Msun": (23.0, 13.0)}
_FRACTION = 0.05  # of the slid background; there is too little of it for a smaller one
_SIGNALS = 300


def real_strain_tables(
    run: Run,
    pairs: Pairs,
    scorer: Scorer,
    settings: Strain,
    preparation: Preparation,
    *,
    simulated: Strains,
    kinds: Sequence[str] = ("BBH", "sine-Gaussian"),
    drawn: Sequence[str] = CLASSICAL,
) -> list[Result]:
    """Scores of real events, of the background of the same files, and of signals in that background.

    Pieces of half a second: each score at the event, the largest more than a second away, and how often background in
    which L1 is shifted against H1 scores as much. Events as long as the simulated ones: weak signals in shifted
    background, and the share of it above a threshold of simulated noise. Templates: the largest ratio at the event.

    Args:
        run: Where the figures are saved.
        pairs: Files of both detectors by event.
        scorer: Gives the scores.
        settings: Of the simulated strain.
        preparation: Of the real strain.
        simulated: Whitened events of simulated noise, by which thresholds are set.
        kinds: Of signals that are added.
        drawn: Scores in the figures.
    """
    table: list[Result] = []
    background: list[tuple[Stretch, np.ndarray]] = []
    for event, files in pairs.items():
        pieces = prepared(files, preparation)
        table += _event(run, event, pieces, scorer, drawn) + _matched(event, files)
        far = _off_source(
            cut_events(pieces, duration=settings.duration, step=settings.duration / 2),
            event,
            settings.duration,
        )
        shifted = np.concatenate([slid(far.strain, k) for k in range(1, len(far.time))])
        background.append((pieces[0], shifted))
    table += _injected(background, scorer, settings, simulated, kinds)
    return [replace(each, data="real") for each in table]


def _off_source(cuts: Cuts, event: str, duration: float) -> Cuts:
    middle = cuts.time + duration / 2
    return cuts.take(np.abs(middle - EVENTS[event]) > _AWAY + duration / 2)


def _event(run: Run, event: str, pieces: list[Stretch], scorer: Scorer, names: Sequence[str]) -> list[Result]:
    """Each score at the event, the largest elsewhere, and how often slid background is as large."""
    near = cut_events(pieces, duration=_SHORT, step=_SHORT / 2)
    near = near.take(np.abs(near.time + _SHORT / 2 - EVENTS[event]) <= _SHORT / 2)
    far = _off_source(cut_events(pieces, duration=_SHORT, step=_SHORT), event, _SHORT)
    shifts = range(1, len(far.time))
    samples = {"event": near.strain, "far": far.strain}
    samples["slid"] = np.concatenate([slid(far.strain, k) for k in shifts])
    table: list[Result] = []
    drawn: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for group in grouped(scorer.scored(samples), lambda each: each.labels["score"]).values():
        labels, seeds = {"event": event, **group[0].labels}, [e.seed for e in group if e.seed is not None]
        found: dict[str, list[float]] = {"at the event": [], "largest elsewhere": []}
        for each in group:
            found["at the event"].append(each.scores["event"].max())
            found["largest elsewhere"].append(each.scores["far"].max())
        for quantity, values in found.items():
            pairs: list[Value] = [(float(value), 0.0) for value in values]
            table.append(
                row(
                    "score in real strain",
                    pairs,
                    labels | {"quantity": quantity},
                    seeds=seeds,
                    n=len(far.time),
                )
            )
        first = group[0].scores
        slides, most = first["slid"].reshape(len(shifts), -1), first["event"].max()
        value, error, kind = per_year(false_alarm_rate(slides >= most, duration=_SHORT))
        table.append(
            Result(
                "false alarms a year", value, error, n=slides.size, split="test",
                labels=labels, seeds=tuple(seeds[:1]), error_kind=kind,
            )
        )  # fmt: skip
        if labels["score"] in names:
            at = np.sort(slides.ravel())[::-1]
            drawn[labels["score"]] = (at / most, np.arange(1, at.size + 1) * YEAR / (slides.size * _SHORT))
    _draw(run, event, drawn)
    return table


def _draw(run: Run, event: str, drawn: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> None:
    caption = (
        f"Pieces of {_SHORT:g} s of the strain more than {_AWAY:g} s from {event}, L1 shifted against H1, that score "
        "so much or more. Beyond 1, slid background is as large as the event."
    )
    with drawing(
        run, f"false-alarms-{event}", title=f"Slid background of {event}", caption=caption, section="Real strain",
        by="score", legend={}, kind="real",
    ) as d:  # fmt: skip
        for label, (at, rate) in drawn.items():
            d.ax.step(at, rate, label=label)
            d.drawn[label] = {"score over that of the event": at, "false alarms a year": rate}
        d.ax.axvline(1, color="0.5", linestyle=":")
        d.ax.set(xlabel="score over that of the event", ylabel="false alarms a year", yscale="log")


def _matched(event: str, files: tuple[StrainFile, StrainFile]) -> list[Result]:
    """Largest signal-to-noise ratio of templates within half a second of the event."""
    from scipy.signal.windows import tukey

    table = []
    for file in files:
        n, rate = len(file.strain), file.rate
        frequency, density = power_spectral_density(file.strain, rate=rate)
        grid = np.fft.rfftfreq(n, 1 / rate)
        near = np.abs(file.start + np.arange(n) / rate - EVENTS[event]) < 0.5
        for name, masses in _TEMPLATES.items():
            template = phenom_a(grid, *(np.array([mass]) for mass in masses), low=20.0)[0]
            snr = matched_filter(
                file.strain * tukey(n, 0.1),
                template,
                np.interp(grid, frequency, density),
                rate=rate,
                band=(25.0, 1000.0),
            )
            labels = {"event": event, "template": name, "detector": file.detector}
            table.append(row("matched-filter SNR", [(float(np.abs(snr[near]).max()), 0.0)], labels, n=1))
    return table


def _injected(
    background: Sequence[tuple[Stretch, np.ndarray]],
    scorer: Scorer,
    settings: Strain,
    simulated: np.ndarray,
    kinds: Sequence[str],
) -> list[Result]:
    """Weak signals in slid real noise, and how much of that noise passes thresholds of simulated noise."""
    generator = np.random.default_rng(3)
    samples = {NOISE: np.concatenate([strain for _, strain in background])}
    for kind in kinds:
        made = []
        for piece, strain in background:
            ratio = generator.uniform(5, 10, _SIGNALS // len(background))
            signal, _ = whitened_signals(
                kind, ratio, piece.taps, settings, generator=generator, density=piece.densities
            )
            made.append(strain[generator.integers(len(strain), size=len(ratio))] + signal.astype(np.float32))
        samples[f"{kind} 5-10 in real noise"] = np.concatenate(made)
    found = scorer.scored(samples | {"simulated": simulated})
    real = [each._replace(scores={name: each.scores[name] for name in samples}) for each in found]
    table = score_table(
        real, background=NOISE, trivial=[{"score": POWER}], fractions=(_FRACTION,), efficiency=0.5
    )
    for group in grouped(found, lambda each: each.labels["score"]).values():
        values: list[Value] = []
        for each in group:
            share = measured(each.scores[NOISE], calibrate(each.scores["simulated"], 0.01).threshold)
            values.append((share.value, (share.high - share.low) / 2))
        seeds = [each.seed for each in group if each.seed is not None]
        name = "real noise above the threshold of 1 % of simulated noise"
        table.append(row(name, values, group[0].labels, seeds=seeds, n=len(samples[NOISE])))
    return table
