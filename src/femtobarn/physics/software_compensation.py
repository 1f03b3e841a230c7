"""Software compensation: bright and faint cells of a shower count differently (CALICE, arXiv:1207.4210).

A hadron shower's bright cells are its electromagnetic part, to which a calorimeter responds more strongly. So the
energy in cells of each brightness is weighted by itself, with weights that change with the energy of the shower.
"""

import torch
from jaxtyping import Float, Float64
from torch import Tensor

_FAINTEST, _BRIGHTEST = 0.004, 4.0  # GeV
_BINS = 12
_MIDDLE = 15.0  # GeV, where the logarithm of the energy is 0
_RIDGE = 0.1  # of the mean square of a column; found on validation showers
COLUMNS = 2 * 3 * _BINS  #: of `columns`


def columns(
    ecal: Float[Tensor, "shower x y layer"], hcal: Float[Tensor, "shower u v depth"]
) -> Float[Tensor, "shower 72"]:
    """The `spectrum` of each calorimeter in calibrated GeV, times 1, ln E and ln^2 E of the sum over 15 GeV."""
    middles = torch.linspace(0, 1, _BINS, device=ecal.device).to(ecal)
    logs = torch.log(_FAINTEST * (_BRIGHTEST / _FAINTEST) ** middles)
    spectra = torch.cat([spectrum(cells, logs) for cells in (ecal, hcal)], dim=1)
    log = (spectra.sum(dim=1, keepdim=True).clamp(min=1.0) / _MIDDLE).log()
    return torch.cat((spectra, spectra * log, spectra * log**2), dim=1)


def spectrum(
    cells: Float[Tensor, "shower x y layer"], logs: Float[Tensor, "bin"]
) -> Float[Tensor, "shower bin"]:
    """Energy of each shower in cells near each of the energies (their logarithms); the sum is that of all cells.

    A cell between two energies gives to both.
    """
    flat = cells.flatten(1)
    shower, cell = torch.nonzero(flat > 0, as_tuple=True)
    value = flat[shower, cell]
    place = ((value.log() - logs[0]) / (logs[1] - logs[0])).clamp(0, len(logs) - 1)
    low = place.floor().clamp(max=len(logs) - 2)
    share, at = place - low, shower * len(logs) + low.long()
    sums = value.new_zeros(len(flat) * len(logs))
    sums = sums.index_add(0, at, value * (1 - share)).index_add(0, at + 1, value * share)
    return sums.view(len(flat), len(logs))


def fit(
    found: Float[Tensor, "shower column"], sums: Float[Tensor, "shower"], energy: Float[Tensor, "shower"]
) -> Float64[Tensor, "column"]:
    """Weights of the columns whose sum, added to the calibrated sum, has the least squared relative residual.

    A ridge holds them near 0, that is, the energy near the calibrated sum.
    """
    design = found.double() / energy.double()[:, None]
    away = 1 - sums.double() / energy.double()
    scale = design.square().mean(dim=0).sqrt() + 1e-9
    scaled = design / scale
    square = scaled.T @ scaled / len(scaled)
    held = square + _RIDGE * torch.eye(len(scale), dtype=torch.float64)
    return torch.linalg.solve(held, scaled.T @ away / len(scaled)) / scale
