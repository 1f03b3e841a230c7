"""The learned EMD of a run: trained once, used as a loss by some autoencoders, examined for the report."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from femtobarn.errors import InputError
from femtobarn.losses import EmdNet, emd, learned_emd, load_emd_net, pairs_all, save_emd_net, train_emd_net
from femtobarn.parts import Report
from femtobarn.physics import wafer
from femtobarn.runs import DataKind, Result
from femtobarn.systems.emd_compression.sample import Sample, Split

_EXAMINED = 4000


@dataclass(frozen=True)
class Surrogate:
    """How the learned EMD is trained, on pairs of training wafers."""

    pairs: int = 40_000
    """Pairs to train on; a fifth of that to choose the best epoch."""
    epochs: int = 4
    """Passes over them."""
    batch: int = 256
    """Pairs per step."""
    lr: float = 6e-3
    """Largest learning rate."""

    def __post_init__(self) -> None:
        if min(self.pairs, self.epochs, self.batch) < 1 or not self.lr > 0:
            raise InputError("pairs, epochs, batch and lr of the learned EMD must be positive")


def train_net(data: Split, settings: Surrogate, *, seed: int, folder: Path, report: Report) -> None:
    """Train the learned EMD on the training wafers and leave ``net.pt`` in the folder, if it is not there yet."""
    if (folder / "net.pt").exists():
        return
    torch.set_num_threads(1)
    net, _ = train_emd_net(
        torch.from_numpy(data.train.charge),
        generator=torch.Generator().manual_seed(seed),
        pairs=settings.pairs,
        epochs=settings.epochs,
        batch=settings.batch,
        lr=settings.lr,
        progress=lambda epoch, loss: report(epoch + 1, settings.epochs, f"validation loss {loss:.4f}"),
    )
    save_emd_net(net, folder / "net.pt")


def load_net(folder: Path) -> EmdNet:
    """The trained network of a run."""
    return load_emd_net(folder / "net.pt")


@torch.no_grad()
def examine(net: EmdNet, test: Sample, *, seed: int) -> dict[str, np.ndarray]:
    """Exact and learned EMD of pairs of test wafers, and the learned EMD of a wafer and itself.

    Returns:
        Columns "true", "predicted" and "self", in sensor-cell pitches.
    """
    charge = torch.from_numpy(test.charge)
    a, b = pairs_all(charge, _EXAMINED, generator=torch.Generator().manual_seed(seed))
    cost = torch.from_numpy(wafer.distances().copy())
    true = emd(a.double(), b.double(), cost)
    return {
        "true": true.numpy(),
        "predicted": learned_emd(a, b, net).double().numpy(),
        "self": learned_emd(a, a, net).double().numpy(),
    }


def results(columns: Mapping[str, np.ndarray], *, data: DataKind) -> list[Result]:
    """Accuracy of the learned EMD on the pairs of ``examine``; errors are bootstraps over the pairs."""
    generator = np.random.default_rng(0)
    n = len(columns["true"])
    draws = [generator.integers(n, size=n) for _ in range(100)]
    value = _accuracy(columns)
    spread = [_accuracy({name: column[rows] for name, column in columns.items()}) for rows in draws]
    return [
        Result(
            "learned EMD",
            value[name],
            float(np.std([s[name] for s in spread], ddof=1)),
            unit,
            n,
            "test",
            data,
            {"quantity": name},
            error_kind="bootstrap over pairs",
        )
        for name, unit in _UNITS.items()
    ]


_UNITS = {
    "bias, (learned - exact) / exact": "",
    "spread of that": "",
    "correlation": "",
    "EMD of a wafer and itself": "cell",
    "smallest value": "cell",
}


def _accuracy(columns: Mapping[str, np.ndarray]) -> dict[str, float]:
    true, predicted = columns["true"], columns["predicted"]
    relative = predicted[true > 0] / true[true > 0] - 1
    numbers = (
        relative.mean(),
        relative.std(ddof=1),
        np.corrcoef(true, predicted)[0, 1],
        columns["self"].mean(),
        predicted.min(),
    )
    return dict(zip(_UNITS, map(float, numbers), strict=True))
