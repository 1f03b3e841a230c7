"""Weights, multiply-adds and latency of networks beside each other, and the latency of a part of one."""

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
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


class EncoderAlone(nn.Module):
    """The `encode` of an autoencoder as a network of its own, to be counted; it has the weights of these parts alone.

    Args:
        network: The autoencoder.
        parts: Names of its modules that `encode` uses.
    """

    def __init__(self, network: Any, parts: Sequence[str]) -> None:
        super().__init__()
        self.parts = nn.ModuleDict({name: getattr(network, name) for name in parts})
        self._encode: Callable[..., Any] = network.encode

    def forward(self, *event: torch.Tensor) -> Any:
        """What `encode` gives."""
        return self._encode(*event)


def latency_ratio(
    part: Callable[[], object], whole: Callable[[], object], *, calls: int
) -> tuple[float, float]:
    """Median over calls of the time of a part over that of the whole, and half the width of its middle 68 %.

    Both are timed by turns, so that what else the machine does meanwhile hits both.
    """
    ratios = []
    with torch.inference_mode():
        for call in range(calls + 3):
            start = time.perf_counter()
            part()
            middle = time.perf_counter()
            whole()
            if call >= 3:  # the first are slow
                ratios.append((middle - start) / (time.perf_counter() - middle))
    low, median, high = np.quantile(ratios, (0.16, 0.5, 0.84))
    return float(median), float(high - low) / 2


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
