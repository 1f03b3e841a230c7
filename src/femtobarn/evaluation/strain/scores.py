"""Scores of whitened strain of two detectors that need no network: power, what both have in common, and vetoes."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64

from femtobarn.evaluation.network_costs import latencies, network_costs
from femtobarn.evaluation.scores import Scored
from femtobarn.evaluation.strain.search import slid
from femtobarn.metrics.false_alarm import FalseAlarms
from femtobarn.metrics.roc import signal_efficiency
from femtobarn.metrics.working_point import LEAST
from femtobarn.nn.strain_networks import StrainAutoencoder, StrainClassifier
from femtobarn.physics.coherence import WINDOWS, Coherence, coherence, windowed, windowed_power
from femtobarn.runs import Result
from femtobarn.study import Value, by_name, grouped, row

POWER, BOTH, MANY = "excess power", "power of the weaker detector", "power, many windows"
CORRELATION, COHERENT, VETOED = "correlation", "coherent energy", "coherent energy and correlation"
CLASSICAL = (POWER, BOTH, MANY, CORRELATION, COHERENT, VETOED)
_VETO = WINDOWS.index(1 / 16)  # window of the correlation, 62 ms
Strains = Float32[np.ndarray, "event 2 sample"]


class Levels(NamedTuple):
    """What noise gives, for scores in its units: the median, and 1 % of noise above it by one unit."""

    median: dict[str, list[float]]
    unit: dict[str, list[float]]

    def of(self, name: str, values: Float64[np.ndarray, "event window"]) -> Float64[np.ndarray, "event"]:
        """Largest over the windows, each less the median of noise and in its unit."""
        found: np.ndarray = ((values - self.median[name]) / self.unit[name]).max(axis=1)
        return found


def noise_levels(noise: Strains, *, rate: float) -> Levels:
    """Levels of noise events; in their units windows of all lengths count alike."""
    columns = _columns(coherence(noise, rate=rate))
    median = {name: np.median(each, axis=0) for name, each in columns.items()}
    unit = {name: np.quantile(each, 0.99, axis=0) - median[name] for name, each in columns.items()}
    return Levels(*({name: each.tolist() for name, each in part.items()} for part in (median, unit)))


def power_terms(strain: Strains, *, window: int) -> Float64[np.ndarray, "event 2"]:
    """Largest power of the windows of each detector, side by side: what an autoencoder that gives zero scores."""
    return windowed_power(strain, window).max(axis=2)


def classical_scores(
    strain: Strains, levels: Levels, *, rate: float, window: int
) -> dict[str, Float64[np.ndarray, "event"]]:
    """Scores of each event by name, larger for a signal.

    ================================ =============================================================================
    excess power                      largest power of windows side by side of each detector, summed
    power of the weaker detector      the smaller of the two: both have to see something, not at the same time
    power, many windows               of both detectors at the same time; the best of several lengths of windows
    correlation                       of 62 ms of both, at the best difference of arrival
    coherent energy                   of the sum or the difference of both, the best of several lengths
    coherent energy and correlation   the smaller of the two, each in units of its noise: both have to be large
    ================================ =============================================================================

    Args:
        strain: Whitened.
        levels: Of noise that was prepared in the same way.
        rate: Samples a second.
        window: Of the excess power, samples.
    """
    terms = power_terms(strain, window=window)
    columns = _columns(coherence(strain, rate=rate))
    found = {name: levels.of(name, each) for name, each in columns.items()}
    both = np.minimum(found[COHERENT], found[CORRELATION])
    return {POWER: terms.sum(axis=1), BOTH: terms.min(axis=1), **found, VETOED: both}


def _columns(found: Coherence) -> dict[str, Float64[np.ndarray, "event _"]]:
    return {MANY: found.together, CORRELATION: found.correlation[:, [_VETO]], COHERENT: found.coherent}


class Network(NamedTuple):
    """A trained network as a score."""

    labels: dict[str, str]
    """Place in tables."""
    seed: int
    model: StrainAutoencoder | StrainClassifier

    def terms(self, strain: Strains) -> Float64[np.ndarray, "event term"]:
        """What is summed to its score: of each detector by itself, or of both together."""
        return self.model.terms(strain)


@dataclass(frozen=True)
class Scorer:
    """Every score of whitened strain of two detectors, the classical ones first."""

    levels: Levels
    rate: float
    """Samples a second."""
    window: int
    """Of the excess power, samples."""
    networks: Sequence[Network]

    def classical(self, strain: Strains) -> dict[str, Float64[np.ndarray, "event"]]:
        """Those that need no network: `classical_scores`."""
        return classical_scores(strain, self.levels, rate=self.rate, window=self.window)

    def scored(self, strains: Mapping[str, Strains]) -> list[Scored]:
        """Every score of every sample."""
        simple = {name: self.classical(strain) for name, strain in strains.items()}
        found = [
            Scored({"score": score}, None, {name: values[score] for name, values in simple.items()})
            for score in CLASSICAL
        ]
        for each in self.networks:
            values = {name: each.terms(strain).sum(axis=1) for name, strain in strains.items()}
            found.append(Scored(each.labels, each.seed, values))
        return found

    def of_seed(self, seed: int) -> "Scorer":
        """The same with the networks of one seed alone."""
        return replace(self, networks=[each for each in self.networks if each.seed == seed])

    def slid(self, noise: Strains, *, slides: int) -> list[Scored]:
        """Every score of noise in which the second detector is shifted by 1, 2 ... events, one sample a shift.

        Sums of what each detector gives by itself need no new pass. A network of both detectors would: it is left out.
        """
        shifts = range(1, min(slides, len(noise) - 1) + 1)
        simple = {str(k): self.classical(slid(noise, k)) for k in shifts}
        found = [
            Scored({"score": score}, None, {k: values[score] for k, values in simple.items()})
            for score in CLASSICAL
        ]
        for each in self.networks:
            terms = each.terms(noise)
            if terms.shape[1] == 2:
                values = {str(k): terms[:, 0] + np.roll(terms[:, 1], -k) for k in shifts}
                found.append(Scored(each.labels, each.seed, values))
        return found


def hourly_table(
    scored: Sequence[Scored], slid_noise: Sequence[Scored], *, background: str, duration: float
) -> list[Result]:
    """Share of each signal above the threshold that slid noise passes once in an hour.

    The error has that of the threshold, as if slid events were independent. Nothing where the slides are too short.

    Args:
        scored: Scores of signals.
        slid_noise: Of `Scorer.slid`.
        background: Name of the noise among the samples.
        duration: Of an event, s.
    """
    noise = {(e.name, e.seed): np.concatenate(list(e.scores.values())) for e in slid_noise}
    known = [each for each in scored if (each.name, each.seed) in noise]
    fraction, n = duration / 3600, len(next(iter(noise.values())))
    if fraction * n < LEAST:
        return []
    table = []
    for group in grouped(known, lambda each: each.name).values():
        seeds = [each.seed for each in group if each.seed is not None]
        for name in (name for name in group[0].scores if name != background):
            points = [
                signal_efficiency(e.scores[name], noise[e.name, e.seed], fraction=fraction) for e in group
            ]
            values: list[Value] = [(point.value, point.error) for point in points]
            labels = group[0].labels | {"signal": name}
            table.append(row("signal at one false alarm an hour", values, labels, seeds=seeds, n=n))
    return table


def per_year(rate: FalseAlarms) -> tuple[float, float, str]:
    """Value, error and kind of the error of a rate, for a `Result`."""
    words = f"upper limit at 95 % from none in {rate.time:.0f} s of slid noise"
    return rate.value, rate.error, "counts of slid events, clustered" if rate.passed else words


def glitch_table(
    scored: Sequence[Scored], kinds: Sequence[str], *, background: str, fraction: float
) -> list[Result]:
    """Share of glitches in one detector that pass the threshold of a share of noise: the smaller, the better."""
    table = []
    for group in grouped(scored, lambda each: tuple(each.labels.values())).values():
        for kind in kinds:
            points = [
                signal_efficiency(e.scores[kind], e.scores[background], fraction=fraction) for e in group
            ]
            values: list[Value] = [(point.value, point.error) for point in points]
            seeds = [each.seed for each in group if each.seed is not None]
            labels, n = group[0].labels | {"glitch": kind}, len(group[0].scores[kind])
            table.append(row(f"glitches at {100 * fraction:g} % of noise", values, labels, seeds=seeds, n=n))
    return table


def verdict(gains: Sequence[Result], names: Sequence[str]) -> str:
    """What scores gain over excess power in AUC, averaged over the signals, in a sentence each.

    One whose gain is not above its error is "no better than excess power".
    """
    words = []
    for name, rows in grouped(gains, lambda each: each.labels["score"]).items():
        if name in names:
            value, error = np.mean([(each.value, each.error or 0.0) for each in rows], axis=0)
            gain = f"gains {value:.3f} ± {error:.3f} in AUC over excess power"
            words.append(f"{name}: {gain if value > error else 'no better than excess power'}.")
    return " ".join(words)


def principal_components_left(
    train: Float[np.ndarray, "window sample"], test: Float[np.ndarray, "_ sample"], *, components: int
) -> float:
    """Share of the variance of test windows that the first principal components of training windows leave."""
    _, axes = np.linalg.eigh(train.T.astype(np.float64) @ train)
    kept = test @ axes[:, -components:]
    return 1 - float(np.square(kept).sum() / np.square(test, dtype=np.float64).sum())


def noise_left_table(
    left: Mapping[str, Sequence[Value]],
    noise: tuple[Strains, Float32[np.ndarray, "_ 2 sample"]],
    *,
    window: int,
    components: Sequence[int],
    seeds: Sequence[int],
) -> list[Result]:
    """What autoencoders leave of the variance of noise, 1 if they give zero, beside principal components.

    Args:
        left: Loss over the variance of the windows, by name, of each seed.
        noise: To fit the components, and to test them.
        window: Samples.
        components: How many are kept.
        seeds: Of the autoencoders.
    """
    n = len(noise[1])
    table = [
        row("noise left", v, {"score": k}, seeds=seeds, n=n, split="validation") for k, v in left.items()
    ]
    train, test = (windowed(each, window).reshape(-1, window) for each in noise)
    for count in components:
        values = [(principal_components_left(train, test, components=count), 0.0)]
        table.append(row("noise left", values, {"score": f"PCA ({count})"}, n=n, split="validation"))
    return table


def strain_costs(scorer: Scorer, event: Strains, *, calls: int) -> list[Result]:
    """Weights and multiply-adds of autoencoders on a window, and the time that their scores and others take.

    Args:
        scorer: Has the networks; the first of each name counts.
        event: One event.
        calls: Times that it is scored; 0 leaves the time out.
    """
    steps: dict[str, Callable[[], object]] = {
        POWER: functools.partial(power_terms, event, window=scorer.window),
        COHERENT: functools.partial(coherence, event, rate=scorer.rate),
    }
    table = []
    for name, group in grouped(scorer.networks, lambda each: each.labels["score"]).items():
        model = group[0].model
        steps[name] = functools.partial(model.terms, event)
        if isinstance(model, StrainAutoencoder):
            example = (torch.zeros(1, *model.input_shape),)
            table += network_costs({name: model}, example, calls=0, what="window")
    return by_name(table + latencies(steps, calls=calls))
