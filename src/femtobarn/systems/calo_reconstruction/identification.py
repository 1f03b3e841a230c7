"""How well particles are identified: figures of merit of each method, and gains over boosted trees."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Bool

from femtobarn.metrics.classifier_test import auc
from femtobarn.metrics.roc import accuracy, background_rejection
from femtobarn.runs import Result
from femtobarn.study import by_name, draws_of_classes, gain, row
from femtobarn.systems.calo_reconstruction.evaluation import Evaluation, Outcome, over_seeds
from femtobarn.systems.calo_reconstruction.sample import TASKS, Selection, hadronic_ratio

Merit = Callable[[np.ndarray, np.ndarray], tuple[float, float]]
MERITS: dict[str, Merit] = {
    "AUC": lambda signal, background: auc(background, signal),
    "accuracy": accuracy,
    "background rejection at 90 % of signal": lambda s, b: background_rejection(s, b, efficiency=0.9),
}  #: figures of merit of (scores of the signal, scores of the background), with their errors
GAINS = {"trees": "gain in AUC over the BDT", "trees-layers": "gain in AUC over the BDT with layers"}


def results(
    outcomes: Sequence[Outcome], tests: Mapping[str, Selection], settings: Evaluation
) -> list[Result]:
    """Accuracy, AUC and rejection of each method; AUC in bins of energy, and of electron-like pions."""
    table = []
    for group in over_seeds(outcomes):
        test = tests[group[0].part.task]
        signal, everything = test.label == 1, np.ones(len(test.label), dtype=bool)
        for name, merit in MERITS.items():
            table.append(_row(name, merit, group, signal, everything))
        for words, inside in regions(test, group[0].part.task, settings).items():
            if min((inside & signal).sum(), (inside & ~signal).sum()) >= 20:
                more = {"showers": words}
                table.append(_row("AUC in a region", MERITS["AUC"], group, signal, inside, more))
    return by_name(table, [*MERITS, "AUC in a region"])


def regions(test: Selection, task: str, settings: Evaluation) -> dict[str, Bool[np.ndarray, "shower"]]:
    """Test showers of some energies, and those in which a pion looks like an electron."""
    found = {
        f"{low:g}-{high:g} GeV": (test.energy >= low) & (test.energy < high)
        for low, high in pairwise(settings.wide_bins)
    }
    if task == "e-pi":
        limit = settings.electron_like
        found[f"HCAL/ECAL < {limit:g}"] = hadronic_ratio(test.showers) < limit
    return found


def gains(outcomes: Sequence[Outcome], tests: Mapping[str, Selection], settings: Evaluation) -> list[Result]:
    """AUC of each other method minus that of trees in the same cells, on the same showers.

    Trees on shapes are the published baseline; those with layers know what the networks know.
    """
    trees = {o.part[:3]: o for o in outcomes if o.part.network in GAINS}
    table = []
    for (reference, name), group in itertools.product(GAINS.items(), over_seeds(outcomes)):
        part = group[0].part
        base = trees.get((reference, part.task, part.geometry))
        if base is None or part.network == reference:
            continue
        signal = tests[part.task].label == 1

        def area(outcome: Outcome, rows: np.ndarray, signal: np.ndarray = signal) -> float:
            score, mine = outcome.score[rows], signal[rows]
            return auc(score[~mine], score[mine])[0]

        draws = draws_of_classes(signal, count=settings.bootstraps, seed=0)
        values = gain(area, [(outcome, base) for outcome in group], draws)
        seeds, sample = [o.part.seed for o in group], "bootstrap of the test showers"
        table.append(
            row(name, values, part.labels, seeds=seeds, n=len(signal), sample=sample,
                of_mean=True)
        )  # fmt: skip
    return table


def filters(tests: Mapping[str, Selection]) -> list[Result]:
    """Share of the test showers of each task that the cut on HCAL / ECAL keeps."""
    table = []
    for task, test in tests.items():
        n = round(len(test.label) / max(test.kept, 1e-9))
        error = float(np.sqrt(test.kept * (1 - test.kept) / max(n, 1)))
        labels = {"task": TASKS[task].title}
        name = "share kept by the cut on HCAL/ECAL"
        table.append(row(name, [(test.kept, error)], labels, n=n, sample="binomial"))
    return table


def _row(
    name: str,
    merit: Merit,
    group: Sequence[Outcome],
    signal: Bool[np.ndarray, "shower"],
    inside: Bool[np.ndarray, "shower"],
    more: Mapping[str, str] | None = None,
) -> Result:
    values = [merit(o.score[inside & signal], o.score[inside & ~signal]) for o in group]
    labels, seeds = group[0].part.labels | dict(more or {}), [o.part.seed for o in group]
    return row(name, values, labels, seeds=seeds, n=int(inside.sum()))
