"""Calorimeter cells seen with the granularity of another detector: area overlap there and back, energy kept.

As in arXiv:1912.06794: lengths are measured in Moliere radii, cells of the other detector collect what falls on
them and then give it back evenly to the cells below, so that the same network can be used. What is lost is detail.
"""

import math
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn

from femtobarn.errors import InputError

Geometry = Literal["clic", "atlas", "cms"]


class Section(NamedTuple):
    """Layers that another detector reads as one, and the size of its cells there (eta, phi)."""

    first: int
    last: int
    """Exclusive."""
    eta: float
    phi: float


MOLIERE = {"clic": 0.9327, "atlas": 9.043, "cms": 1.959}  #: radius, cm, as in the published code
_CLIC_CELL = 0.003  # in eta and phi
#: Sections of 25 layers. The published code has 0.5 where the third layer of ATLAS has 0.05 (JINST 3 S08003).
SECTIONS: dict[str, tuple[Section, ...]] = {
    "atlas": (
        Section(0, 5, 0.025 / 8, 0.1),
        Section(5, 22, 0.025, 0.025),
        Section(22, 25, 0.05, 0.025),
    ),
    "cms": (Section(0, 25, 0.0175, 0.0175),),
}


def cells_per_cell(geometry: Literal["atlas", "cms"], size: float) -> float:
    """CLIC cells on the side of a cell of this size (in eta or phi) of another detector, in Moliere radii."""
    return (size / MOLIERE[geometry]) / (_CLIC_CELL / MOLIERE["clic"])


def spread(cells: int, scale: float) -> Float64[np.ndarray, "coarse cell"]:
    """Shares of each of `cells` cells that fall on cells `scale` times as large, both rows centred.

    The larger row has the fewest cells that cover the other, so the shares of a cell add up to 1.

    Raises:
        InputError: No cells or a scale that is not positive.
    """
    if cells < 1 or not scale > 0:
        raise InputError(f"expected at least one cell and a positive scale, got {cells} and {scale}")
    return _overlap(cells, math.ceil(cells / scale - 1e-9), scale)


def there_and_back(cells: int, scale: float) -> Float64[np.ndarray, "cell cell"]:
    """Matrix of `spread` and then back: each larger cell gives its energy evenly to the cells it covers."""
    down = spread(cells, scale)
    up = _overlap(len(down), cells, 1 / scale)
    return (up / up.sum(axis=0)) @ down


class Resampling(nn.Module):
    """ECAL cells as the other detector would have seen them, on the grid they came on; "clic" changes nothing.

    Sections are summed in depth and given back evenly to their layers, so a total of weighted layers is only kept
    if the layers are weighted before.
    """

    def __init__(self, cells: int, geometry: Geometry) -> None:
        super().__init__()
        self.sections = SECTIONS.get(geometry, ())
        for place, section in enumerate(self.sections):
            for axis, size in (("phi", section.phi), ("eta", section.eta)):
                matrix = there_and_back(cells, cells_per_cell(geometry, size))  # type: ignore[arg-type]
                # Not saved: they follow from the arguments.
                self.register_buffer(f"{axis}{place}", torch.from_numpy(matrix).float(), persistent=False)

    def forward(self, ecal: Float[Tensor, "shower x y layer"]) -> Float[Tensor, "shower x y layer"]:
        """The same energy in total; x is phi, y is eta."""
        if not self.sections:
            return ecal
        parts = []
        for place, section in enumerate(self.sections):
            layers = section.last - section.first
            mean = ecal[..., section.first : section.last].mean(dim=3)
            phi, eta = getattr(self, f"phi{place}"), getattr(self, f"eta{place}")
            seen = torch.einsum("ij,bjk,lk->bil", phi.to(ecal), mean, eta.to(ecal))
            parts.append(seen.unsqueeze(-1).expand(-1, -1, -1, layers))
        return torch.cat(parts, dim=3)


def _overlap(cells: int, others: int, scale: float) -> Float64[np.ndarray, "other cell"]:
    """Share of each cell (size 1) that lies under each of the others (size `scale`), both rows centred on 0."""
    low = np.arange(cells) - cells / 2
    left = (np.arange(others)[:, None] - others / 2) * scale
    covered = np.minimum(low + 1, left + scale) - np.maximum(low, left)
    return np.clip(covered, 0.0, 1.0)
