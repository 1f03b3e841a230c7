"""Shower shapes from the cells of an ECAL and an HCAL window, as in the LCD data of arXiv:1912.06794.

Showers are dense arrays: ECAL (shower, x, y, layer), HCAL the same, of any size in x and y. Sizes in mm are those
of the CLIC-like stack that the stand-in is made in; the published sheet of the data has cells of 5.1 mm and
30 mm, 25 and 60 layers.
"""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64, Real
from torch import Tensor

from femtobarn.errors import InputError
from femtobarn.physics._constant import constant

Array = np.ndarray[Any, np.dtype[np.float64]]

ECAL, HCAL = (51, 51, 25), (11, 11, 60)  #: cells of the published windows in x, y and depth
ECAL_CELLS = ECAL[0] * ECAL[1] * ECAL[2]
ECAL_CELL, HCAL_CELL = 5.1, 30.0  #: sizes of the cells, mm
FACE = 1500.0  #: distance of the face from the interaction point, mm
ECAL_ABSORBER = np.array([2.4] * 17 + [4.8] * 8)  #: mm of tungsten before each layer
ECAL_SILICON, ECAL_GAP = 0.5, 1.9  # mm
HCAL_ABSORBER, HCAL_SCINTILLATOR, HCAL_GAP = 19.0, 3.0, 4.5  # mm
#: By which the layers of the ECAL are weighted before they are summed: the back ones sample half as often.
SAMPLING_WEIGHTS = ECAL_ABSORBER / ECAL_ABSORBER[0]

HIT = 0.1  #: above which a cell counts as hit, in the unit of the published files
NO_ANGLE = 100.0  #: angle of an event without energy

_MOMENTS = 6
_MOST_RATIO = 1e3  # of the HCAL to an ECAL with nothing in it


def ecal_depths() -> Float64[np.ndarray, "25"]:
    """Middle of each layer of silicon behind the face of the ECAL, mm."""
    ends = np.cumsum(ECAL_ABSORBER + ECAL_SILICON + ECAL_GAP, dtype=np.float64)
    return np.asarray(ends - ECAL_GAP - ECAL_SILICON / 2, np.float64)


def hcal_depths() -> Float64[np.ndarray, "60"]:
    """Middle of each layer of scintillator behind the face of the ECAL, mm."""
    start = float((ECAL_ABSORBER + ECAL_SILICON + ECAL_GAP).sum())
    pitch = HCAL_ABSORBER + HCAL_SCINTILLATOR + HCAL_GAP
    first = start + HCAL_ABSORBER + HCAL_SCINTILLATOR / 2
    return np.asarray(first + pitch * np.arange(HCAL[2]), np.float64)


def _feature_names() -> tuple[str, ...]:
    names = ["ECAL_E", "HCAL_E", "ECAL_nHits", "HCAL_nHits", "HCAL_ECAL_ERatio", "HCAL_ECAL_nHitsRatio"]
    for part in ("ECAL", "HCAL"):
        names += [f"{part}_ratioFirstLayerToTotalE", f"{part}_ratioFirstLayerToSecondLayerE"]
    for part in ("ECAL", "HCAL"):
        names += [f"{part}moment{axis}{order}" for axis in "XYZ" for order in range(1, _MOMENTS + 1)]
    return (*names, "R9", "tau1", "tau2", "tau3")


FEATURES = _feature_names()  #: columns of `features`, by the names of the published files


def features(
    ecal: Float[np.ndarray, "shower x y layer"],
    hcal: Float[np.ndarray, "shower u v depth"],
    *,
    hit: float = HIT,
) -> Float64[np.ndarray, "shower feature"]:
    """The columns `FEATURES` of each shower: sums, hits, ratios, moments, R9 and N-subjettiness.

    Moments are energy-weighted, in units of cells: the first is the mean index, those of order 2 to 6 are taken
    about it and given as ``sign(m) |m|^(1/order)`` (the published files have m itself, which trees do not tell
    apart and which overflow nothing else). R9: largest energy of 3 x 3 neighbours of the ECAL summed over its depth,
    over all. tau_N: of the ECAL summed over its depth, see `subjettiness`. A ratio whose divisor is 0 is 0 where
    both are, else 1000; so is one beyond that. Of an empty part all moments are 0.

    Args:
        ecal, hcal: Energies of the cells, in any unit, 0 or more.
        hit: Energy above which a cell counts as hit.
    """
    e, h = ecal.astype(np.float64), hcal.astype(np.float64)
    sums = [part.sum(axis=(1, 2, 3)) for part in (e, h)]
    hits = [(part > hit).sum(axis=(1, 2, 3)).astype(np.float64) for part in (e, h)]
    columns = [*sums, *hits, _ratio(sums[1], sums[0]), _ratio(hits[1], hits[0])]
    for part, total in zip((e, h), sums, strict=True):
        first, second = (part[..., layer].sum(axis=(1, 2)) for layer in (0, 1))
        columns += [_ratio(first, total), _ratio(first, second)]
    for part in (e, h):
        columns += [moment for axis in (1, 2, 3) for moment in _moments(part, axis).T]
    image = e.sum(axis=3)
    columns += [r9(image), *subjettiness(image, most=3).T]
    return np.stack(columns, axis=1)


def r9(image: Float[np.ndarray, "shower x y"]) -> Float64[np.ndarray, "shower"]:
    """Largest energy of 3 x 3 neighbouring cells over that of all cells; 0 for an empty image."""
    padded = np.pad(image.astype(np.float64), ((0, 0), (1, 1), (1, 1)))
    n, m = image.shape[1:]
    blocks = sum(padded[:, i : i + n, j : j + m] for i in range(3) for j in range(3))
    return _ratio(np.asarray(blocks).max(axis=(1, 2)), image.sum(axis=(1, 2), dtype=np.float64))


def subjettiness(
    image: Float[np.ndarray, "shower x y"], *, most: int = 3, steps: int = 8
) -> Float64[np.ndarray, "shower most"]:
    """tau_1 to tau_most of each image: mean distance of the energy from the nearest of N axes, in cells.

    The axes are the energy-weighted centres of N groups after as many Lloyd steps, started at the cell of most
    energy and then each time at the cell with the most energy times squared distance from the axes so far. Two
    photons have a small tau_2 / tau_1. An empty image has 0. (The published code took the axes from jets.)
    """
    n, m = image.shape[1:]
    grid = np.stack(np.meshgrid(np.arange(n), np.arange(m), indexing="ij"), axis=-1).reshape(-1, 2)
    energy = image.reshape(len(image), n * m).astype(np.float64)
    total = energy.sum(axis=1)
    start = grid[energy.argmax(axis=1)][:, None].astype(np.float64)
    columns = []
    for number in range(1, most + 1):
        if number > 1:
            start = np.concatenate((start, _farthest(energy, grid, start)), axis=1)
        axes = start
        for _ in range(steps):
            axes = _centred(energy, grid, axes)
        columns.append(_ratio((energy * np.sqrt(_squared(grid, axes).min(axis=2))).sum(axis=1), total))
    return np.stack(columns, axis=1)


def shower_angle(
    ecal: Real[Tensor, "shower x y layer"],
    *,
    depths: Float[Tensor, "layer"] | None = None,
    cell: float = ECAL_CELL,
) -> Float[Tensor, "shower"]:
    """Polar angle of each shower's axis in rad, from the cells alone: pi/2 for one along the normal of the face.

    As in the 3-D GAN (github.com/svalleco/3Dgan, Anglegan): from the barycentre of the shower to that of each
    layer, dy against the way in x and depth gives an angle; the mean is weighted with the number of the layer (here
    also with its energy, so that a stray hit does not count as much as the core). `NO_ANGLE` for a shower without
    energy. Differentiable.

    Args:
        ecal: Energies of the cells.
        depths: Of the layers, mm; those of the CLIC-like stack if not given.
        cell: Size of a cell, mm.
    """
    ecal = ecal if ecal.is_floating_point() else ecal.to(torch.get_default_dtype())
    z = constant(_ecal_depths, ecal.device, ecal.dtype) if depths is None else depths.to(ecal)
    row, column, layer = (torch.arange(n, device=ecal.device, dtype=ecal.dtype) for n in ecal.shape[1:])
    energy = ecal.sum(dim=(1, 2))
    filled = energy > 0
    safe = torch.where(filled, energy, 1.0)
    x, y = (
        torch.einsum("bxyl,x->bl", ecal, cell * row) / safe,
        torch.einsum("bxyl,y->bl", ecal, cell * column) / safe,
    )
    total = energy.sum(dim=1, keepdim=True)
    whole = torch.where(total > 0, total, 1.0)
    x0, y0, z0 = ((energy * place).sum(dim=1, keepdim=True) / whole for place in (x, y, z.expand_as(energy)))
    dz = z - z0
    # A layer at the barycentre has no direction: it is moved by a hundredth of a millimetre, and weighs little.
    dz = torch.where(dz.abs() < 1e-2, 1e-2, dz)
    along = torch.sqrt((x - x0) ** 2 + dz**2) * torch.sign(dz)
    angle = torch.pi / 2 - torch.atan((y - y0) / along)
    weight = torch.where(filled, energy * (1 + layer) * dz.abs(), 0.0)
    weighted = (weight * angle).sum(dim=1) / torch.where(total[:, 0] > 0, weight.sum(dim=1), 1.0)
    return torch.where(total[:, 0] > 0, weighted, torch.full_like(weighted, NO_ANGLE))


def _ecal_depths() -> Tensor:
    return torch.from_numpy(ecal_depths())


def centred(
    ecal: Float[np.ndarray, "shower x y layer"], size: int
) -> Float[np.ndarray, "shower size size layer"]:
    """The middle `size` x `size` cells of each layer.

    Raises:
        InputError: An even size, or more cells than there are.
    """
    n = ecal.shape[1]
    if size % 2 != n % 2 or size > n:
        raise InputError(f"expected an odd number of cells up to {n}, got {size}")
    edge = (n - size) // 2
    return ecal[:, edge : n - edge, edge : n - edge]


def _ratio(a: Array, b: Array) -> Array:
    """a / b, 0 for 0 / 0, never more than a thousand."""
    quotient = np.divide(a, b, out=np.where(a > 0, _MOST_RATIO, 0.0), where=b > 0)
    return np.minimum(quotient, _MOST_RATIO)


def _moments(part: Array, axis: int) -> Float64[np.ndarray, "shower order"]:
    others = tuple({1, 2, 3} - {axis})
    profile = part.sum(axis=others)
    total = profile.sum(axis=1)
    share = profile / np.where(total > 0, total, 1.0)[:, None]
    index = np.arange(profile.shape[1])
    mean = share @ index
    away = index - mean[:, None]
    columns = [mean]
    for order in range(2, _MOMENTS + 1):
        moment = np.where(total > 0, (share * away**order).sum(axis=1), 0.0)
        columns.append(np.sign(moment) * np.abs(moment) ** (1 / order))
    return np.stack(columns, axis=1)


def _squared(
    grid: np.ndarray, axes: Float64[np.ndarray, "shower n 2"]
) -> Float64[np.ndarray, "shower cell n"]:
    away: Array = grid[None, :, None, 0] - axes[:, None, :, 0]
    across: Array = grid[None, :, None, 1] - axes[:, None, :, 1]
    return away**2 + across**2


def _farthest(
    energy: Array, grid: np.ndarray, axes: Float64[np.ndarray, "shower n 2"]
) -> Float64[np.ndarray, "shower 1 2"]:
    score = energy * _squared(grid, axes).min(axis=2)
    return grid[score.argmax(axis=1)][:, None].astype(np.float64)


def _centred(
    energy: Array, grid: np.ndarray, axes: Float64[np.ndarray, "shower n 2"]
) -> Float64[np.ndarray, "shower n 2"]:
    """One Lloyd step: the centres of the cells nearest to each axis; an axis without cells stays."""
    nearest = _squared(grid, axes).argmin(axis=2)
    moved = axes.copy()
    for number in range(axes.shape[1]):
        weight = np.where(nearest == number, energy, 0.0)
        total = weight.sum(axis=1)
        centre = (weight @ grid) / np.where(total > 0, total, 1.0)[:, None]
        moved[:, number] = np.where((total > 0)[:, None], centre, axes[:, number])
    return moved
