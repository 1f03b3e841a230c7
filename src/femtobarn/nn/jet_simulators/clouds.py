"""Jets as arrays, as events and files hold them, to the tensors of networks and back."""

import numpy as np
import torch
from torch import Tensor, nn

from femtobarn.nn.jet_simulators.momenta import simulate
from femtobarn.physics.jet_pairs import Cloud, JetPairs


def columns_of(pairs: JetPairs) -> dict[str, Tensor]:
    """The batch that the losses of this package take."""
    sides = {"generated": pairs.generated, "reconstructed": pairs.reconstructed}
    columns = {name: _tensor(side.momentum) for name, side in sides.items()}
    return columns | {f"{name}_mask": _tensor(side.mask) for name, side in sides.items()}


def simulated(model: nn.Module, generated: Cloud, *, seed: int, device: str = "cpu") -> Cloud:
    """A reconstructed jet for each generated one, by `simulate`."""
    momentum, mask = (_tensor(each).to(device) for each in generated)
    found = simulate(model, momentum, mask, generator=torch.Generator(device).manual_seed(seed))
    return Cloud(*(each.cpu().numpy() for each in found))


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array))
