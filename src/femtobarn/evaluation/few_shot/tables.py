"""Accuracies of ways to learn on the same tasks, gains task by task, and what an inference costs."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor, nn

from femtobarn.evaluation.few_shot.episodes import Learner
from femtobarn.hardware.latency import single_event_latency
from femtobarn.hardware.multiply_adds import multiply_adds
from femtobarn.metrics.few_shot import few_shot_accuracy
from femtobarn.nn.spiking_net import SpikingNet, inference_cost
from femtobarn.runs import Result
from femtobarn.study import draws_of_units, gain, grouped, row

ACCURACY, BEFORE, GAIN = "accuracy", "accuracy before adaptation", "gain in accuracy"
COST, ADAPTATION = "cost of an inference", "time of an adaptation"
_DRAWS = 300  # bootstrap samples of tasks


class Tried(NamedTuple):
    """One way to learn, tried on tasks."""

    labels: dict[str, str]
    """Its place in tables, with a "method"."""
    seed: int | None
    """None for what has no weights."""
    correct: Bool[np.ndarray, "task query"]


def accuracy_rows(name: str, tried: Sequence[Tried]) -> list[Result]:
    """Mean accuracy of each method; the error is one standard error over tasks, joined with the spread over seeds."""
    rows = []
    for same in grouped(tried, lambda each: tuple(each.labels.items())).values():
        found = [few_shot_accuracy(each.correct) for each in same]
        seeds = [each.seed for each in same if each.seed is not None]
        rows.append(
            row(
                name, [(each.value, each.error) for each in found], same[0].labels, seeds=seeds, n=found[0].tasks,
                sample="tasks",
            )
        )  # fmt: skip
    return rows


def gain_rows(tried: Sequence[Tried], *, over: Sequence[str], seed: int) -> list[Result]:
    """Gain of each method over others on the same tasks, seed by seed; the error joins tasks (bootstrap) and seeds.

    Args:
        tried: All on the same tasks, where their labels but the method are the same.
        over: Methods to compare with.
        seed: Of the bootstrap.
    """
    rows = []
    by_place = grouped(tried, lambda each: tuple((k, v) for k, v in each.labels.items() if k != "method"))
    for place, same in by_place.items():
        methods = grouped(same, lambda each: each.labels["method"])
        draws = draws_of_units(np.arange(len(same[0].correct)), count=_DRAWS, seed=seed)
        for reference in (name for name in over if name in methods):
            known = {each.seed: each.correct for each in methods[reference]}
            for method, mine in methods.items():
                if method == reference:
                    continue
                pairs = [(e.correct, known.get(e.seed, next(iter(known.values())))) for e in mine]
                values = gain(_mean, pairs, draws)
                labels = {**dict(place), "method": method, "over": reference}
                seeds = [each.seed for each in mine if each.seed is not None]
                rows.append(
                    row(
                        GAIN,
                        values,
                        labels,
                        seeds=seeds,
                        n=len(draws[0]),
                        of_mean=True,
                        sample="bootstrap of tasks",
                    )
                )
    return rows


def cost_rows(networks: Mapping[str, Sequence[nn.Module]], x: Tensor) -> list[Result]:
    """Spikes and operations of an inference.

    Args:
        networks: Of several seeds, by method.
        x: Inputs to average over.
    """
    rows = []
    for method, same in networks.items():
        found: dict[str, list[float]] = {
            "weights": [sum(w.numel() for w in net.parameters()) for net in same]
        }
        if all(isinstance(net, SpikingNet) and net.is_spiking for net in same):
            costs = [inference_cost(net, x) for net in same if isinstance(net, SpikingNet)]
            found |= {
                "spikes": [each.spikes for each in costs],
                "synaptic operations": [each.synaptic_operations for each in costs],
                "updates of units": [each.updates for each in costs],
            }
        found["multiply-adds if dense"] = [multiply_adds(net, x[:1]) for net in same]
        rows += [
            row(COST, [(value, 0.0) for value in values], {"method": method, "quantity": quantity}, n=len(x))
            for quantity, values in found.items()
        ]
    return rows


def adaptation_times(
    learners: Mapping[str, Learner], support: Tensor, label: Tensor, *, ways: int, calls: int
) -> list[Result]:
    """Time to learn the support of one task, on one thread."""
    rows = []
    for method, one in learners.items() if calls else ():

        def learn(one: Learner = one) -> None:
            with torch.no_grad():
                one.learn(support, label, ways)

        time = single_event_latency(learn, calls=calls)
        values = [(time.median / 1e3, (time.percentile_95 - time.median) / 1e3)]
        rows.append(
            row(
                ADAPTATION,
                values,
                {"method": method},
                n=time.calls,
                unit="ms",
                split="",
                sample="95 % quantile - median",
            )
        )
    return rows


def _mean(correct: Bool[np.ndarray, "task query"], rows: Int[np.ndarray, " _"]) -> float:
    return float(correct[rows].mean())
