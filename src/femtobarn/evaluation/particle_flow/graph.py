"""How many of the exact neighbours the bins of a graph find."""

import numpy as np
import torch
from torch import nn

from femtobarn.nn.binned_graph import BinnedGraph
from femtobarn.physics.particle_flow import FlowEvents


@torch.inference_mode()
def share_of_neighbours(model: nn.Module, events: FlowEvents) -> float:
    """Share of the exact neighbours in the embedding of a network that its bins give too.

    Args:
        model: With a `BinnedGraph` as `graph` and a method `neighbours`, such as `Mlpf`.
        events: Whose elements.
    """
    graph = model.graph
    assert isinstance(graph, BinnedGraph)
    element, mask, _ = events.padded(int(np.diff(events.offset).max(initial=1)))
    given = torch.from_numpy(element), torch.from_numpy(mask)
    way, found = graph.bins, []
    for bins in (way, "one"):
        graph.bins = bins
        found.append(model.neighbours(*given))  # type: ignore[operator]
    graph.bins = way
    ours, exact = found
    same = (ours.number[..., :, None] == exact.number[..., None, :]) & exact.there[..., None, :]
    hit = (same & ours.there[..., :, None]).any(dim=-2)
    return float(hit.sum() / exact.there.sum().clamp(min=1))
