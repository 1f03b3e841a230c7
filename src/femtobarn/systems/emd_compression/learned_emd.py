"""The learned EMD of a run: trained once, used as a loss by some autoencoders, examined for the report."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from femtobarn.errors import InputError
from femtobarn.losses import EmdNet, emd, learned_emd, pairs_all, train_emd_net
from femtobarn.parts import Report
from femtobarn.physics import wafer
from femtobarn.runs import Result
from femtobarn.study import Trained, draws_of_units, row
from femtobarn.systems.emd_compression.sample import Wafers

_EXAMINED, _BOOTSTRAPS = 4000, 100
_UNITS = {
    "bias, (learned - exact) / exact": "",
    "spread of that": "",
    "correlation": "",
    "EMD of a wafer and itself": "cell",
    "smallest value": "cell",
}


@dataclass(frozen=True)
class LearnedEmd:
    """How the learned EMD is trained, on pairs of training wafers."""

    pairs: int = 40_000
    """Number of training pairs; a fifth as many are used for validation."""
    epochs: int = 4
    """Passes over the pairs."""
    batch: int = 256
    """Pairs per step."""
    lr: float = 6e-3
    """Peak learning rate."""

    def __post_init__(self) -> None:
        if min(self.pairs, self.epochs, self.batch) < 1 or not self.lr > 0:
            raise InputError("pairs, epochs, batch and lr of the learned EMD must be positive")


def train(part: Any, wafers: Wafers, settings: LearnedEmd, *, seed: int, report: Report) -> Trained[Any]:
    """The learned EMD, trained on pairs of these wafers."""
    history: list[dict[str, float]] = []

    def progress(epoch: int, loss: float) -> None:
        history.append({"epoch": epoch, "validation": loss})
        report(epoch + 1, settings.epochs, f"validation loss {loss:.4f}")

    net, _ = train_emd_net(
        torch.from_numpy(wafers.charge),
        generator=torch.Generator().manual_seed(seed),
        pairs=settings.pairs,
        epochs=settings.epochs,
        batch=settings.batch,
        lr=settings.lr,
        progress=progress,
    )
    return Trained(part, net, history, min(row["validation"] for row in history))


@torch.no_grad()
def examine(net: EmdNet, test: Wafers, *, seed: int) -> dict[str, np.ndarray]:
    """Exact and learned EMD of pairs of test wafers, and the learned EMD of a wafer and itself.

    Returns:
        Columns "true", "predicted" and "self", in sensor-cell pitches.
    """
    charge = torch.from_numpy(test.charge)
    a, b = pairs_all(charge, _EXAMINED, generator=torch.Generator().manual_seed(seed))
    true = emd(a.double(), b.double(), torch.from_numpy(wafer.distances().copy()))
    return {
        "true": true.numpy(),
        "predicted": learned_emd(a, b, net).double().numpy(),
        "self": learned_emd(a, a, net).double().numpy(),
    }


def results(columns: Mapping[str, np.ndarray]) -> list[Result]:
    """Accuracy of the learned EMD on the pairs of `examine`; errors are bootstraps over the pairs."""
    n = len(columns["true"])
    draws = draws_of_units(np.arange(n), count=_BOOTSTRAPS, seed=0)
    found = np.array([_accuracy({name: c[rows] for name, c in columns.items()}) for rows in draws])
    values = zip(_UNITS.items(), found[0], found[1:].std(axis=0, ddof=1), strict=True)
    return [
        row(
            "learned EMD", [(value, error)], {"quantity": name}, n=n, unit=unit, sample="bootstrap over pairs"
        )
        for (name, unit), value, error in values
    ]


def _accuracy(columns: Mapping[str, np.ndarray]) -> tuple[float, ...]:
    true, predicted = columns["true"], columns["predicted"]
    relative = predicted[true > 0] / true[true > 0] - 1
    correlation = np.corrcoef(true, predicted)[0, 1]
    return relative.mean(), relative.std(ddof=1), correlation, columns["self"].mean(), predicted.min()
