"""Tables of simulated against reconstructed jets, over seeds: distances, conditions, scatter, response."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from femtobarn.evaluation.fast_simulation.baselines import Simulator
from femtobarn.evaluation.fast_simulation.distances import (
    QUANTITIES,
    Entries,
    emd_bincontent,
    entries,
    half_distances,
    halves,
    jet_table,
)
from femtobarn.evaluation.generators import seconds_each
from femtobarn.evaluation.jet_scores import JetSample, jet_sample
from femtobarn.metrics import fpd, wasserstein_1d
from femtobarn.physics.jet_pairs import Cloud, JetPairs, jet_axes, relative_to
from femtobarn.runs import DataKind, Result
from femtobarn.study import Value, draws_of_units, gain, grouped, row

REAL = "reconstructed jets"
#: Quantities of jets and their responses.
RESPONSES = {"jet pT": "pT response", "jet mass": "mass response", "particles": "particle response"}
_RANGES = {
    "jet mass": (0.0, 140.0),
    "jet pT": (150.0, 500.0),
    "jet energy": (100.0, 1600.0),
}  # of the authors' plots
_LEAST = 200  # jets on either side for FPD
_OF_MEDIAN = np.sqrt(np.pi / 2)  # standard error of a median over that of a mean, for normal numbers


class Outcome(NamedTuple):
    """What one simulator made of the generated test jets."""

    labels: dict[str, str]
    """With "model"; trainings that differ by their seed only have the same."""
    seed: int | None
    """Of the training; none for a baseline."""
    jets: Cloud
    entries: dict[str, Entries]
    simulate: Simulator

    @property
    def model(self) -> str:
        """Its name in tables."""
        return self.labels["model"]


def outcome(
    labels: dict[str, str], seed: int | None, simulate: Simulator, test: JetPairs, *, draw: int
) -> Outcome:
    """What a simulator makes of the generated test jets; `draw` and the training's seed decide its noise."""
    jets = simulate(test.generated, generator=np.random.default_rng([draw, seed or 0]))
    return Outcome(labels, seed, jets, entries(test.generated, jets), simulate)


def distance_rows(found: Sequence[Outcome], test: JetPairs, *, cuts: int, seed: int) -> list[Result]:
    """W1 of every quantity in units of the floor, the floor, and the authors' distance of bin contents.

    Args:
        found: Of the test jets.
        test: Generated and reconstructed.
        cuts: Random halves to average over.
        seed: Of the halves.
    """
    real, table = entries(test.generated, test.reconstructed), []
    parts = halves(len(test), count=cuts, seed=seed)
    floor = half_distances(real, real, parts)
    for name, unit in QUANTITIES.items():
        value = [(float(floor.value[name].mean()), float(floor.value[name].std()))]
        labels = {"quantity": name}
        table.append(row("floor of W1", value, labels, n=len(test), unit=unit, sample="random halves"))
    for same in _same(found):
        over = [half_distances(real, each.entries, parts).over(floor) for each in same]
        for name in QUANTITIES:
            about = _about(same, test, quantity=name) | {"sample": "bootstrap over generated jets"}
            table.append(row("W1 over the floor", [each[name] for each in over], **about))
        for name, limits in _RANGES.items():
            contents = [emd_bincontent(real[name].value, e.entries[name].value, range=limits) for e in same]
            about = _about(same, test, quantity=name)
            table.append(row("distance of bin contents", [(each, 0.0) for each in contents], **about))
    return table


def fpd_rows(found: Sequence[Outcome], test: JetPairs, *, seed: int) -> list[Result]:
    """FPD of one half of the simulated jets from the other half of the reconstructed ones, relative to the generated.

    The row of the reconstructed jets is what a perfect simulator gets. Nothing for fewer than 400 jets.
    """
    (half,) = halves(len(test), count=1, seed=seed)
    if half.sum() < _LEAST:
        return []
    axes, table = jet_axes(test.generated), []
    real = _sample(test.reconstructed, axes, half).efp

    def distance(jets: Cloud) -> Value:
        found = fpd(real, _sample(jets, axes, ~half).efp)
        return found.value, found.error

    for same in _same(found):
        values = [distance(each.jets) for each in same]
        table.append(row("FPD", values, **_about(same, test), sample="samples"))
    floor = [distance(test.reconstructed)]
    return [*table, row("FPD", floor, {"model": REAL}, n=len(test), sample="samples")]


def ratio_rows(
    name: str, found: Sequence[Outcome], test: JetPairs, models: tuple[str, str], *, bootstrap: int, seed: int
) -> list[Result]:
    """W1 of one model's jets over that of another's, seed by seed, on the same jets.

    Args:
        name: Of the results.
        found: Of the test jets.
        test: Generated and reconstructed.
        models: Names of the two.
        bootstrap: Samples behind the error.
        seed: Of these.
    """
    first, second = ({each.seed: each for each in found if each.model == model} for model in models)
    seeds = [each for each in first if each in second and each is not None]
    if not seeds:
        return []
    real, table = entries(test.generated, test.reconstructed), []
    draws = draws_of_units(np.arange(len(test)), count=bootstrap, seed=seed)
    for quantity in (*RESPONSES, *RESPONSES.values()):

        def distance(each: Outcome, rows: np.ndarray, of: str = quantity) -> float:
            return wasserstein_1d(real[of].value[rows], each.entries[of].value[rows])

        values = gain(distance, [(first[each], second[each]) for each in seeds], draws, ratio=True)
        about: dict[str, Any] = {"n": len(test), "sample": "bootstrap over test jets", "of_mean": True}
        table.append(row(name, values, {"quantity": quantity}, seeds=seeds, **about))
    return table


def condition_rows(found: Sequence[Outcome], test: JetPairs, *, seed: int) -> list[Result]:
    """Correlation of simulated with generated jet pT, for the right generated jets and for others in their place."""
    order = np.random.default_rng([seed, 1]).permutation(len(test))
    pt, table = jet_axes(test.generated)[:, 0], []
    for same in _same(found):
        draw = np.random.default_rng([seed, 2])
        others = [each.simulate(test.generated.take(order), generator=draw) for each in same]
        for conditions, jets in (("right", [each.jets for each in same]), ("shuffled", others)):
            values = [(_correlation(pt, jet_axes(each)[:, 0]), 0.0) for each in jets]
            about = _about(same, test, conditions=conditions)
            table.append(row("correlation with the generated pT", values, **about))
    return table


def spread_rows(found: Sequence[Outcome], again: JetPairs, *, seed: int) -> list[Result]:
    """Scatter of many simulations of a generated jet over that of the detector: 1 is right, 0 knows no noise.

    Args:
        found: Simulators.
        again: Generated jets, each as often as the detector measured it; those of one `event` belong together.
        seed: Of the simulations.
    """
    real, table = _deviations(again.reconstructed, again.event), []
    for same in _same(found):
        made = [each.simulate(again.generated, generator=np.random.default_rng([seed, 3])) for each in same]
        scatter = [_deviations(jets, again.event) for jets in made]
        for name in RESPONSES:
            ratios = [each[name] / real[name].clip(min=1e-9) for each in scatter]
            values = [(float(np.median(r)), float(_OF_MEDIAN * r.std() / np.sqrt(len(r)))) for r in ratios]
            about = _about(same, again, quantity=name) | {"n": len(real[name]), "sample": "jets"}
            table.append(row("spread over that of the detector", values, **about))
    return table


def time_rows(
    found: Sequence[Outcome], test: JetPairs, *, batches: Sequence[int], repeats: int
) -> list[Result]:
    """Time of a jet on one thread by the jets asked for at once; of several seeds the first is timed."""
    table = []
    for each in {one.model: one for one in reversed(found)}.values():

        def some(batch: int, run: Simulator = each.simulate) -> object:
            jets = test.generated.take(np.arange(batch) % len(test))
            return run(jets, generator=np.random.default_rng(0))

        for batch, seconds in seconds_each(some, batches, repeats=repeats).items():
            labels = each.labels | {"jets at once": str(batch)}
            table.append(row("time per jet", [(1e6 * seconds, 0.0)], labels, n=batch, unit="us", split=""))
    return table


def response_rows(pairs: JetPairs, title: str, *, data: DataKind | None = None) -> list[Result]:
    """Median and interquartile range of the responses of reconstructed jets.

    Args:
        pairs: Of jets; those without a reconstructed one do not count.
        title: Of the jets, in the table.
        data: Kind of the data, where it is not that of the run.
    """
    there, table = pairs.take(np.flatnonzero(pairs.reconstructed.mask.any(axis=1))), []
    found = entries(there.generated, there.reconstructed)
    for name in RESPONSES.values():
        low, middle, high = np.quantile(found[name].value, (0.25, 0.5, 0.75))
        for what, value in (("median", middle), ("interquartile range", high - low)):
            labels = {"quantity": name, "of": what, "jets": title}
            table.append(
                Result("response", float(value), n=len(there), split="test", labels=labels, data=data)
            )
    return table


def _same(found: Sequence[Outcome]) -> list[list[Outcome]]:
    return list(grouped(found, lambda each: each.model).values())


def _about(same: Sequence[Outcome], test: JetPairs, **labels: str) -> dict[str, Any]:
    """Labels, seeds and number of jets of a row."""
    seeds = [each.seed for each in same if each.seed is not None]
    return {"labels": labels | same[0].labels, "seeds": seeds, "n": len(test)}


def _sample(jets: Cloud, axes: np.ndarray, chosen: np.ndarray) -> JetSample:
    """Jets relative to the generated ones, as the metrics of generators take them."""
    some = jets.take(chosen)
    return jet_sample(relative_to(some, axes[chosen]), some.mask)


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.corrcoef(x, y)[0, 1]) if y.std() > 0 else 0.0


def _deviations(jets: Cloud, event: np.ndarray) -> dict[str, np.ndarray]:
    columns = jet_table(jets)
    return {name: np.array([columns[name][event == i].std() for i in np.unique(event)]) for name in RESPONSES}
