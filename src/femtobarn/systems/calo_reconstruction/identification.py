"""How well particles are identified: figures of merit of each method, and gains over trees on shapes."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from femtobarn.metrics.classifier_test import auc
from femtobarn.metrics.roc import accuracy, background_rejection
from femtobarn.runs import DataKind, Result
from femtobarn.systems.calo_reconstruction.evaluation import Evaluation, Outcome, grouped, truth_of
from femtobarn.systems.calo_reconstruction.sample import TASKS, Data, Split, of_task

Merit = Callable[[np.ndarray, np.ndarray], tuple[float, float]]
MERITS: dict[str, Merit] = {
    "AUC": lambda signal, background: auc(background, signal),
    "accuracy": accuracy,
    "background rejection at 90 % of signal": lambda s, b: background_rejection(s, b, efficiency=0.9),
}  #: figures of merit of (scores of the signal, scores of the background), with their errors


def results(
    outcomes: Sequence[Outcome], split: Split, data: Data, settings: Evaluation, *, kind: DataKind
) -> list[Result]:
    """Accuracy, AUC and rejection of each method; AUC in bins of energy, and of electron-like pions."""
    table = []
    for group in grouped(outcomes):
        test = truth_of(split, data, group[0].task)
        signal = test.label == 1
        for name, merit in MERITS.items():
            values = [merit(o.score[signal], o.score[~signal]) for o in group]
            table.append(_result(name, values, group, len(signal), kind))
        regions = {
            f"{low:g}-{high:g} GeV": (test.energy >= low) & (test.energy < high)
            for low, high in pairwise(settings.wide_bins)
        }
        if group[0].task == "e-pi":
            regions[f"HCAL/ECAL < {settings.electron_like:g}"] = test.ratio < settings.electron_like
        for words, inside in regions.items():
            if min((inside & signal).sum(), (inside & ~signal).sum()) < 20:
                continue
            values = [auc(o.score[inside & ~signal], o.score[inside & signal]) for o in group]
            more = {"showers": words}
            table.append(_result("AUC in a region", values, group, int(inside.sum()), kind, more=more))
    order = [*MERITS, "AUC in a region"]
    return sorted(table, key=lambda result: order.index(result.name))


def gains(
    outcomes: Sequence[Outcome], split: Split, data: Data, settings: Evaluation, *, kind: DataKind
) -> list[Result]:
    """AUC of each other method minus that of the trees on shapes in the same cells, on the same showers."""
    table = []
    trees = {(o.task, o.geometry): o for o in outcomes if o.method == "trees"}
    for group in grouped(outcomes):
        reference = trees.get((group[0].task, group[0].geometry))
        if reference is None or group[0].method == "trees":
            continue
        test = truth_of(split, data, group[0].task)
        value, error = auc_gain(group, reference, test.label == 1, settings.bootstraps)
        seeds = tuple(o.seed for o in group)
        kinds = "bootstrap of the test showers" + (", and of the seeds" if len(seeds) > 1 else "")
        labels = group[0].labels
        table.append(
            Result(
                "gain in AUC over the BDT",
                value,
                error,
                "",
                len(test.rows),
                "test",
                kind,
                labels,
                seeds,
                kinds,
            )
        )
    return table


def auc_gain(
    group: Sequence[Outcome], reference: Outcome, signal: np.ndarray, bootstraps: int
) -> tuple[float, float]:
    """Mean over the seeds of the difference of AUCs, and its error: test showers and seeds in quadrature."""
    generator = np.random.default_rng(0)
    ones, zeros = np.flatnonzero(signal), np.flatnonzero(~signal)

    def gain(s: np.ndarray, b: np.ndarray) -> np.ndarray:
        base = auc(reference.score[b], reference.score[s])[0]
        return np.array([auc(o.score[b], o.score[s])[0] - base for o in group])

    each = gain(ones, zeros)
    drawn = [
        gain(generator.choice(ones, len(ones)), generator.choice(zeros, len(zeros))).mean()
        for _ in range(bootstraps)
    ]
    between = each.std(ddof=1) / np.sqrt(len(each)) if len(each) > 1 else 0.0
    return float(each.mean()), float(np.hypot(np.std(drawn, ddof=1), between))


def filters(split: Split, data: Data, tasks: Sequence[str], *, kind: DataKind) -> list[Result]:
    """Share of the test showers of each task that the cut on HCAL / ECAL keeps."""
    table = []
    for task in tasks:
        rows, _, share = of_task(split.test, task, data)
        n = round(len(rows) / max(share, 1e-9))
        error = float(np.sqrt(share * (1 - share) / max(n, 1)))
        labels = {"task": TASKS[task].title}
        table.append(
            Result(
                "share kept by the cut on HCAL/ECAL",
                share,
                error or None,
                "",
                n,
                "test",
                kind,
                labels,
                (),
                "binomial",
            )
        )
    return table


def _result(
    name: str,
    values: Sequence[tuple[float, float]],
    group: Sequence[Outcome],
    n: int,
    kind: DataKind,
    *,
    more: dict[str, str] | None = None,
) -> Result:
    value, error = np.array(values).T
    between = float(value.std(ddof=1)) if len(group) > 1 else 0.0
    words = "test sample" + (f" and standard deviation over {len(group)} seeds" if len(group) > 1 else "")
    seeds = tuple(outcome.seed for outcome in group)
    labels = group[0].labels | (more or {})
    total = float(np.hypot(error.mean(), between))
    return Result(name, float(value.mean()), total, "", n, "test", kind, labels, seeds, words)
