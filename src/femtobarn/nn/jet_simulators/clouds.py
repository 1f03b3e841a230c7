"""Jets as arrays, as events and files hold them, to the tensors of networks and back."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from femtobarn.nn.jet_generators import scaling_by_moments
from femtobarn.nn.jet_simulators.momenta import axis, relative, simulate
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


def units_of(columns: Mapping[str, Tensor]) -> dict[str, list[float]]:
    """Means and standard deviations of the particles of training: of momenta, and relative to the generated jet."""
    sides = [(columns[name], columns[f"{name}_mask"]) for name in ("generated", "reconstructed")]
    momenta = torch.cat([momentum[mask] for momentum, mask in sides]).double()
    near = scaling_by_moments(relative(sides[1][0], axis(*sides[0])), sides[1][1], deviation=1.0, log_pt=True)
    return {
        "centre": momenta.mean(dim=0).tolist(),
        "width": momenta.std(dim=0).tolist(),
        "flow_centre": near.centre.tolist(),
        "flow_width": near.width.tolist(),
    }


@torch.no_grad()
def mean_loss(model: nn.Module, pairs: JetPairs, *, seed: int) -> float:
    """The loss of some pairs, without dropout."""
    model.eval()
    loss = float(model.loss(columns_of(pairs), generator=torch.Generator().manual_seed(seed)))  # type: ignore[operator]
    model.train()
    return loss


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array))
