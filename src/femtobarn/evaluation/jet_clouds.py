"""Jets as sets of particles, as a table of rows and as the four-momenta that networks and errors are about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from femtobarn.physics.jets import relative_mass


@dataclass(frozen=True)
class Jets:
    """Jets as padded sets of particles, a row each.

    Their azimuth, which the files lack, is 0: it makes no difference to a network that commutes with rotations, and
    the others see particles relative to the jet.
    """

    relative: Float[Tensor, "jet particle 3"]
    """(eta, phi, pT) relative to the jet, zeros where padded."""
    mask: Bool[Tensor, "jet particle"]
    axis: Float64[Tensor, "jet 2"]
    """pT (GeV) and eta of the jet."""

    def __len__(self) -> int:
        return len(self.mask)

    def take(self, rows: Sequence[int] | np.ndarray | slice) -> "Jets":
        """These jets."""
        index = rows if isinstance(rows, slice) else torch.as_tensor(rows)
        return Jets(self.relative[index], self.mask[index], self.axis[index])

    @classmethod
    def of(cls, columns: Mapping[str, np.ndarray]) -> "Jets":
        """Jets of the columns "particles", "mask" and "jet" of `femtobarn.datasets.jetnet.open_jets`."""
        relative = np.where(columns["mask"][..., None], columns["particles"], 0).astype(np.float32)
        axis = columns["jet"][:, :2].astype(np.float64)
        return cls(
            torch.from_numpy(relative), torch.from_numpy(columns["mask"].copy()), torch.from_numpy(axis)
        )

    @property
    def momentum(self) -> Float64[Tensor, "jet particle 4"]:
        """(E, px, py, pz) of the massless particles in GeV."""
        return four_momenta(self.relative, self.axis)

    @property
    def unit(self) -> Float64[Tensor, "jet 1 1"]:
        """What the momenta of a jet are divided by for a network: the largest component, an energy, as published."""
        return self.momentum[..., 0].amax(dim=1)[:, None, None]

    @property
    def pt(self) -> Float64[np.ndarray, "jet"]:
        """pT of the jet, GeV."""
        return self.axis[:, 0].numpy()

    @property
    def eta(self) -> Float64[np.ndarray, "jet"]:
        """Pseudorapidity of the jet."""
        return self.axis[:, 1].numpy()

    @property
    def mass(self) -> Float64[np.ndarray, "jet"]:
        """Mass of the particles listed, GeV."""
        mass: np.ndarray = relative_mass(self.relative.numpy(), self.mask.numpy()) * self.pt
        return mass


def four_momenta(
    relative: Float[Tensor, "jet particle 3"], axis: Float64[Tensor, "jet 2"]
) -> Float64[Tensor, "jet particle 4"]:
    """(E, px, py, pz) of massless particles in the laboratory; a pt_rel below 0, as networks may give, counts as 0."""
    eta, phi, pt = relative.double().unbind(dim=-1)
    pt, eta = pt.clamp(min=0) * axis[:, :1], eta + axis[:, 1:]
    return torch.stack((pt * eta.cosh(), pt * phi.cos(), pt * phi.sin(), pt * eta.sinh()), dim=-1)
