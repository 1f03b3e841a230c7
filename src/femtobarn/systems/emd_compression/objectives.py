"""Training losses by name, and mixtures of them such as ``emd+0.5*mse``."""

import re
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from femtobarn.engine import Batch
from femtobarn.errors import InputError, check_known
from femtobarn.losses import (
    EmdNet,
    emd,
    emd_potentials,
    learned_emd,
    sinkhorn,
    sliced_wasserstein,
    telescope_mse,
    weighted_mse,
)
from femtobarn.nn.wafer_autoencoder import normalise
from femtobarn.physics import wafer

LOSSES = {
    "emd": "exact EMD",
    "sinkhorn": "Sinkhorn",
    "sliced": "sliced EMD",
    "learned": "learned EMD",
    "telescope": "telescope",
    "weighted-mse": "weighted MSE",
    "mse": "MSE",
}  #: names on the command line, and in tables


class Term(NamedTuple):
    """One loss of a mixture."""

    name: str
    weight: float


def parse(mixture: str) -> list[Term]:
    """Terms of a mixture: ``"emd+0.5*mse"`` gives the exact EMD plus half the squared error."""
    terms = []
    for text in mixture.split("+"):
        match = re.fullmatch(r"\s*(?:([0-9.]+(?:e-?[0-9]+)?)\s*\*)?\s*([a-z-]+)\s*", text)
        if not match:
            raise InputError(f"a loss is a name or a sum such as emd+0.5*mse: got {mixture!r}")
        factor, name = match.groups()
        check_known("loss", [name], LOSSES)
        terms.append(Term(name, float(factor or 1)))
    return terms


def title(mixture: str) -> str:
    """The mixture as tables name it: ``"emd+0.5*mse"`` is "exact EMD + 0.5 MSE"."""
    return " + ".join(
        (f"{term.weight:g} " if term.weight != 1 else "") + LOSSES[term.name] for term in parse(mixture)
    )


class CompressionLoss(nn.Module):
    """Mean loss of a batch of wafers, callable as an engine objective.

    For the exact EMD it keeps the optimal potentials of every training wafer: the next time the wafer comes by,
    the solver starts from them and is up to 1.7 times as fast. They are part of the checkpoint.

    Args:
        mixture: Names and weights, see ``parse``.
        wafers: Size of the training sample.
        net: The trained network that "learned" needs.
    """

    potentials: Tensor
    cost: Tensor
    positions: Tensor

    def __init__(self, mixture: str, *, wafers: int, net: EmdNet | None = None) -> None:
        super().__init__()
        self.terms, self.net = parse(mixture), net
        names = {term.name for term in self.terms}
        if "learned" in names and net is None:
            raise ValueError("the learned EMD needs its trained network")
        rows = wafers if "emd" in names else 0
        self.register_buffer("potentials", torch.zeros(rows, wafer.CELLS))
        self.register_buffer("cost", torch.from_numpy(wafer.distances().copy()), persistent=False)
        self.register_buffer("positions", torch.from_numpy(wafer.positions().copy()), persistent=False)
        self._functions: dict[str, Callable[[Tensor, Tensor, Batch], Tensor]] = {
            "emd": self._exact,
            "sinkhorn": lambda x, y, _: sinkhorn(x, y, self.cost, blur=0.5),
            "sliced": lambda x, y, _: sliced_wasserstein(x, y, self.positions, directions=8),
            "learned": lambda x, y, _: learned_emd(x, y, self.net),  # type: ignore[arg-type]
            "telescope": lambda x, y, _: telescope_mse(y, x),
            "weighted-mse": lambda x, y, _: weighted_mse(y, x),
            "mse": lambda x, y, _: (y - x).square().mean(),
        }

    def forward(self, model: nn.Module, batch: Batch) -> Tensor:
        """Weighted sum of the terms, each averaged over the batch."""
        target = normalise(batch["charge"])
        image = model(batch["charge"], batch["eta"], batch["layer"])
        each = [term.weight * self._functions[term.name](target, image, batch).mean() for term in self.terms]
        return torch.stack([value.float() for value in each]).sum()

    def _exact(self, target: Tensor, image: Tensor, batch: Batch) -> Tensor:
        transport = emd_potentials(target, image, self.cost, warm=self.potentials[batch["row"]])
        self.potentials[batch["row"]] = transport.potential.to(self.potentials.dtype)
        return transport.value


def mean_emd(model: nn.Module, batch: Batch) -> Tensor:
    """Mean exact EMD of a batch: by this every training chooses its best epoch, whatever its loss."""
    cost = torch.from_numpy(wafer.distances().copy())
    return emd(batch["charge"], model(batch["charge"], batch["eta"], batch["layer"]), cost).mean()
