"""Weights, multiply-adds and latency of networks beside each other."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from femtobarn.hardware.latency import processors, single_event_latency
from femtobarn.hardware.multiply_adds import multiply_adds
from femtobarn.runs import Result
from femtobarn.study import by_name, row


def network_costs(
    networks: Mapping[str, nn.Module],
    event: tuple[Any, ...],
    *,
    calls: int,
    what: str = "event",
    size: int = 0,
    label: str = "network",
) -> list[Result]:
    """What each network costs on one event.

    Args:
        networks: By their names in tables.
        event: Arguments of the networks, a batch of one event.
        calls: Times that the event is timed; 0 leaves the latency out.
        what: The event as the results call it.
        size: Of the event, such as its number of particles.
        label: Of the results, that holds the name.
    """
    found, article = [], "an" if what[0] in "aeiou" else "a"
    for name, network in networks.items():
        labels = {label: name}
        weights = sum(weight.numel() for weight in network.parameters())
        operations = multiply_adds(network, *event)
        found.append(row("weights", [(weights, 0.0)], labels, split=""))
        found.append(row(f"multiply-adds of {article} {what}", [(operations, 0.0)], labels, n=size, split=""))
        if calls:
            with torch.inference_mode():
                time = single_event_latency(functools.partial(network, *event), calls=calls)
            values = [(time.median, time.percentile_95 - time.median)]
            sample, title = "95 % quantile - median", f"latency of one {what}, torch"
            found.append(row(title, values, labels, n=time.calls, unit="us", split="", sample=sample))
    return by_name(found)


def latencies(steps: Mapping[str, Callable[[], object]], *, calls: int, label: str = "step") -> list[Result]:
    """Median and 99th percentile of the time of each step on one event, with one thread of torch and with all.

    Args:
        steps: What computes one event, by name.
        calls: Times that each is timed; 0 for no results.
        label: Of the results, that holds the name.
    """
    found = []
    for name, step in steps.items() if calls else ():
        for threads in sorted({1, processors()}):
            with torch.inference_mode():
                time = single_event_latency(step, calls=calls, threads=threads)
            for quantity, value in (("median", time.median), ("99 %", time.percentile_99)):
                labels = {label: name, "threads": str(threads), "quantity": quantity}
                values = [(value / 1e3, 0.0)]
                found.append(row("latency of one event", values, labels, n=calls, unit="ms", split=""))
    return found
