"""What networks cost: their weights, and the time of one event on one core."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from femtobarn.hardware.latency import single_event_latency
from femtobarn.runs import Result
from femtobarn.study import by_name, row


def cost_table(networks: Mapping[str, tuple[nn.Module, Tensor]], *, calls: int) -> list[Result]:
    """Weights and latency of each network by its name.

    Args:
        networks: Each with one event that it is called with.
        calls: Single events that are timed; 0 leaves the latency out.
    """
    table = []
    for name, (net, event) in networks.items():
        weights = float(sum(p.numel() for p in net.parameters()))
        table.append(row("weights", [(weights, 0.0)], {"network": name}, split=""))
        if calls:
            with torch.inference_mode():
                found = single_event_latency(lambda n=net, x=event: n(x), calls=calls)  # type: ignore[misc]
            table.append(
                Result(
                    "latency of one event, torch",
                    found.median,
                    found.percentile_95 - found.median,
                    "us",
                    found.calls,
                    labels={"network": name},
                    error_kind="95 % quantile - median",
                )
            )
    return by_name(table)
