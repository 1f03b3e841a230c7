"""Batches of calorimeter cells for tests, without Geant4."""

import torch

from femtobarn.physics.calorimeter_cells import HCAL, SAMPLING_WEIGHTS


def cell_batch(count: int, window: int = 13, seed: int = 0) -> dict[str, torch.Tensor]:
    """Random cells of two species in turn, as in a batch of `ShowerTable`."""
    g = torch.Generator().manual_seed(seed)
    ecal = torch.rand(count, window, window, 25, generator=g) ** 200
    hcal = torch.rand(count, *HCAL, generator=g) ** 60
    weights = torch.from_numpy(SAMPLING_WEIGHTS).float()
    sums = torch.stack(((ecal * weights).sum(dim=(1, 2, 3)), hcal.sum(dim=(1, 2, 3))), dim=1)
    draw = torch.randn(count, 4, generator=g) * 0.3
    energy = 50 + 20 * torch.rand(count, generator=g)
    label = (torch.arange(count) % 2).long()
    return {
        "ecal": ecal, "hcal": hcal, "sums": sums, "direction": draw[:, :2], "eta": draw[:, 2], "phi": draw[:, 3],
        "energy": energy, "label": label,
    }  # fmt: skip


def call(model: torch.nn.Module, batch: dict[str, torch.Tensor]):
    """What a network says about a batch."""
    return model(*(batch[name] for name in ("ecal", "hcal", "sums", "direction")))


def hadrons(count: int, seed: int) -> dict[str, torch.Tensor]:
    """Showers whose bright cells count in full and whose faint cells show half of their energy."""
    g = torch.Generator().manual_seed(seed)
    energy = 5 + 45 * torch.rand(count, generator=g)
    bright = torch.rand(count, generator=g)
    ecal, hcal = torch.zeros(count, 5, 5, 25), torch.zeros(count, *HCAL)
    ecal[:, 2, 2, :10] = (0.1 * bright * energy)[:, None]
    hcal[:, :, :, 3] = (0.5 * (1 - bright) * energy / 121)[:, None, None]
    sums = torch.stack((ecal.sum(dim=(1, 2, 3)), hcal.sum(dim=(1, 2, 3))), dim=1)
    return {"ecal": ecal, "hcal": hcal, "sums": sums, "energy": energy}
