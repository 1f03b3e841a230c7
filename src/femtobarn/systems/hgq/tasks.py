"""The three tasks of the paper: their data, network and loss, and what a network is judged by."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.datasets import muon_tgc, svhn
from femtobarn.nn.fpga_benchmarks import MuonTracker, digit_classifier, jet_classifier
from femtobarn.nn.quantised import QuantisedLinear
from femtobarn.systems.hgq.sample import Events, Task

_TAIL = 30.0  # mrad; residuals beyond it do not count, as published
_ROWS = 8192  # events computed at once
_CORRELATED = 0.01  # strips of two stations are joined where their hits correlate by more


class Judged(NamedTuple):
    """What a network of a task takes and what its quality is."""

    shape: tuple[int, ...]
    """Of the inputs of an event."""
    ports: str
    """Inputs and outputs in words."""
    quality: str = "accuracy"
    unit: str = ""
    sign: float = 1.0
    """Of the quality: with it, more is better."""

    @property
    def title(self) -> str:
        """The quality with its unit."""
        return f"{self.quality} [{self.unit}]" if self.unit else self.quality


TASKS: dict[Task, Judged] = {
    "jets": Judged((16,), "Inputs are the 16 observables, outputs the scores of the classes g, q, W, Z, t."),
    "svhn": Judged((3, svhn.SIDE, svhn.SIDE), "Inputs are the pixels, outputs the scores of the ten digits."),
    "muon": Judged(
        (muon_tgc.LAYERS, muon_tgc.STRIPS),
        "Inputs are the strips that fired, the output is the scaled angle.",
        "resolution",
        "mrad",
        -1.0,
    ),
}


def network(task: Task, *, hidden: Sequence[int], norm: bool) -> nn.Module:
    """Untrained network of a task; `hidden` and `norm` are for jets."""
    if task == "jets":
        return jet_classifier(hidden, norm=norm)
    return digit_classifier() if task == "svhn" else MuonTracker()


def loss(task: Task, output: Float[Tensor, "event output"], y: Tensor) -> Tensor:
    """Cross-entropy, or the mean squared error of the scaled angle."""
    return F.mse_loss(output[:, 0], y) if task == "muon" else F.cross_entropy(output, y)


def quality(task: Task, output: Float[np.ndarray, "event output"], events: Events) -> tuple[float, float]:
    """Accuracy and its error; for muons the resolution in mrad, with a minus so that more is better."""
    target = events.y.numpy()
    if task == "muon":
        residual = (output[:, 0].astype(np.float64) - target) * events.scale.unit
        core = residual[np.abs(residual) < _TAIL]
        if len(core) < len(residual) / 2:  # a resolution without most of the tracks would mean nothing
            return -math.inf, math.nan
        width = float(np.sqrt((core**2).mean()))
        return -width, width / math.sqrt(2 * len(core))
    share = float((output.argmax(axis=1) == target).mean())
    return share, math.sqrt(share * (1 - share) / len(target))


@torch.no_grad()
def outputs(net: nn.Module, events: Events) -> Float[np.ndarray, "event output"]:
    """Outputs of the network in `eval()`."""
    net.eval()
    return torch.cat([net(x) for x in torch.split(events.x, _ROWS)]).numpy()


def masks(task: Task, train: Events) -> dict[str, Tensor]:
    """Weights that may differ from zero, by the name of the layer, where that is not all of them.

    A strip of the first station is joined to those strips of the outer ones whose hits correlate with its own.
    """
    if task != "muon":
        return {}
    hits = train.x.numpy()
    fired = [hits[:, layers].max(axis=1) > 0 for layers in muon_tgc.STATIONS]
    first, *others = ((each - each.mean(axis=0)) / np.maximum(each.std(axis=0), 1e-6) for each in fired)
    return {
        f"link{place}": torch.from_numpy(first.T @ other / len(hits) > _CORRELATED)
        for place, other in enumerate(others, start=2)
    }


def keep_masked(net: nn.Module, masks: dict[str, Tensor]) -> None:
    """Set the weights outside the masks to zero, of a network in floating point or a quantised one."""
    with torch.no_grad():
        for name, mask in masks.items():
            layer = net.get_submodule(name)
            weight = layer.weights.weight if isinstance(layer, QuantisedLinear) else layer.weight
            assert isinstance(weight, Tensor)
            weight.mul_(mask)
