"""Dense batches of sparse calorimeter showers, made when they are asked for."""

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor
from torch.utils.data import Dataset

from femtobarn.datasets.clic import Showers
from femtobarn.physics.calorimeter_cells import ECAL, ECAL_CELLS, HCAL, SAMPLING_WEIGHTS


class ShowerTable(Dataset[dict[str, Tensor]]):
    """Batches of dense windows; an index tensor picks a whole batch at once.

    A batch holds ``ecal`` (the middle `window` x `window` cells) and ``hcal``, in file units; ``sums``, of the
    whole windows, the ECAL's layers weighted; ``direction`` (reco eta, reco phi); and, where known, ``energy`` in
    GeV, ``eta``, ``phi``, and ``label``.

    Args:
        showers: Sparse cells and columns.
        window: Cells of the ECAL in x and y.
        label: Class of each shower.
    """

    def __init__(self, showers: Showers, *, window: int, label: np.ndarray | None = None) -> None:
        self.window, self._length = window, len(showers)
        ecal, hcal = showers.layers()
        columns = {
            "sums": np.stack((ecal @ SAMPLING_WEIGHTS, hcal.sum(axis=1)), axis=1),
            "direction": _direction(showers),
        }
        for name in ("energy", "eta", "phi"):
            if name in showers.columns:
                columns[name] = showers.columns[name]
        self.columns = {name: torch.from_numpy(column).float() for name, column in columns.items()}
        if label is not None:
            self.columns["label"] = torch.from_numpy(label)
        self._cropped = _cropped(showers, window)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: Tensor) -> dict[str, Tensor]:
        first, cell, value = self._cropped
        rows = index.numpy()
        counts = first[rows + 1] - first[rows]
        before = np.cumsum(counts) - counts
        hits = np.arange(int(counts.sum())) + np.repeat(first[rows] - before, counts)
        crop = self.window**2 * ECAL[2]
        size = crop + int(np.prod(HCAL))
        whole = np.zeros(len(rows) * size, np.float32)
        whole[np.repeat(np.arange(len(rows)) * size, counts) + cell[hits]] = value[hits]
        table = torch.from_numpy(whole.reshape(len(rows), size))
        return {
            "ecal": table[:, :crop].reshape(-1, self.window, self.window, ECAL[2]),
            "hcal": table[:, crop:].reshape(-1, *HCAL),
        } | {name: column[index] for name, column in self.columns.items()}

    def batches(self, rows: int) -> list[Tensor]:
        """Indices of all showers in their order, so many at a time."""
        return list(torch.split(torch.arange(len(self)), rows)) if len(self) else []


def _direction(showers: Showers) -> Float64[np.ndarray, "shower 2"]:
    """Pseudorapidity and azimuth of the barycentre, 0 where the file does not have them."""
    nothing = np.zeros(len(showers))
    return np.stack([showers.columns.get(f"reco_{name}", nothing) for name in ("eta", "phi")], axis=1)


def _cropped(showers: Showers, window: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The sparse cells with those of the ECAL outside the window left out and the others renumbered."""
    cell, in_ecal = showers.cell.astype(np.int64), showers.cell < ECAL_CELLS
    edge = (ECAL[0] - window) // 2
    x, y, layer = cell // (ECAL[1] * ECAL[2]) - edge, cell // ECAL[2] % ECAL[1] - edge, cell % ECAL[2]
    inside = (x >= 0) & (x < window) & (y >= 0) & (y < window)
    number = np.where(
        in_ecal, (x * window + y) * ECAL[2] + layer, cell - ECAL_CELLS + window * window * ECAL[2]
    )
    kept = ~in_ecal | inside
    return np.concatenate(([0], np.cumsum(kept)))[showers.first], number[kept], showers.value[kept]
