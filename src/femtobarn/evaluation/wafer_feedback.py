"""The same feedback on another network: codes of calorimeter wafers whose gain drifts in one of three sectors."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from femtobarn.engine.feedback import Cost, Feedback, no_feedback, tune
from femtobarn.nn.wafer_autoencoder import Autoencoder, Codes
from femtobarn.physics import wafer
from femtobarn.runs import Result
from femtobarn.simulate.toy_wafers import toy_wafers
from femtobarn.study import Trained, bootstrapped, draws_of_units, gain, row

LOST = 0.2  #: share of the gain that one sector loses in the first half of the batches
WAFERS_A_BATCH = 64
NONE, LATENT, JOINT, MEANS = (
    "no feedback",
    "gradient, latent",
    "gradient, latent + gains",
    "means of the sectors",
)
ERROR, RATIO = "wafer image error", "wafer image error over that without feedback"
_SLOW = 0.9  # of the mean of the sectors over the batches


def wafer_image(model: nn.Module, charge: Tensor, moved: Tensor | float = 0.0) -> Tensor:
    """Image (wafer, 48) of each wafer, which sums to one, after its codes were moved."""
    code, zero = model.encoder.encode(charge), torch.zeros(len(charge))
    image = model.decoder(Codes(code.values + moved, code.total), zero, zero)
    return image / image.sum(dim=1, keepdim=True)


def charges(count: int, *, seed: int) -> Tensor:
    """(wafer, 48) of wafers with some charge, in counts."""
    made = toy_wafers(2 * count, generator=np.random.default_rng(seed))["charge"]
    return torch.from_numpy(made[made.sum(axis=1) > 200][:count])


def sectors() -> Tensor:
    """(48,): which of the three sectors of 16 cells a cell is in."""
    found = torch.empty(wafer.CELLS, dtype=torch.long)
    for sector in range(3):
        found[torch.from_numpy(wafer.image_4x4x3()[..., sector].ravel().astype(np.int64))] = sector
    return found


class Calibrated(NamedTuple):
    """Errors of the images against those without a drift, for each wafer of the later half."""

    error: np.ndarray
    gain: float
    """Of the drifting sector over that of the others, as it was found last; the truth is 1 - LOST."""


def wafers_followed(model: Autoencoder, method: str, *, batches: int, seed: int) -> Calibrated:
    """Follow wafers while a sector loses gain; the cost is measured in counts, the truth is not looked at."""
    sector, before = sectors(), charges(1000, seed=seed + 1)
    nominal = _of_sectors(before, sector)
    codes = codes_spread(model, before)
    joint, state = method == JOINT, no_feedback(1, len(codes) + 3 * (method == JOINT))
    mean, errors, gains = nominal, [], torch.ones(3)
    for batch in range(batches):
        true = charges(WAFERS_A_BATCH, seed=seed + 100 + batch)
        real = torch.tensor([1 - LOST * min(1.0, 2 * batch / batches), 1.0, 1.0])
        read = torch.floor(true * real[sector])
        vector = torch.zeros(1, len(codes))
        if method == MEANS:
            mean = _SLOW * mean + (1 - _SLOW) * _of_sectors(read, sector)
            gains = mean / nominal
        elif method != NONE:
            state, vector, _ = tune(
                _cost(model, read, sector, codes, joint), state, Feedback("gradient", 3, 0.02)
            )
            gains = _gains(vector, len(codes)) if joint else gains
        with torch.no_grad():
            found = wafer_image(model, read / gains[sector], vector[0, : len(codes)] * codes)
        errors.append((found - true / true.sum(dim=1, keepdim=True)).abs().sum(dim=1))
    late = torch.cat(errors[batches // 2 :]).numpy()
    return Calibrated(late, float(gains[0] / gains[1:].mean()))


def wafer_feedback_table(trained: Sequence[Trained[Any]], *, batches: int, seed: int) -> list[Result]:
    """Error of the images with each method, and its ratio to no feedback on the same wafers."""
    if not trained or not batches:
        return []
    seeds = [each.part.seed for each in trained]
    found = {
        method: [wafers_followed(each.model, method, batches=batches, seed=seed) for each in trained]
        for method in (NONE, LATENT, JOINT, MEANS)
    }
    count = len(found[NONE][0].error)
    draws = draws_of_units(np.arange(count), count=100, seed=seed)
    rows = []
    for method, each in found.items():
        ours, theirs = ([one.error for one in some] for some in (each, found[NONE]))
        labels, more = {"method": method}, {"seeds": seeds, "n": count, "sample": "bootstrap of wafers"}
        rows.append(row(ERROR, bootstrapped(_mean, ours, draws), labels, **more))
        rows.append(row("relative gain found", [(one.gain, 0.0) for one in each], labels, **more))
        if method != NONE:
            pairs = list(zip(ours, theirs, strict=True))
            rows.append(row(RATIO, gain(_mean, pairs, draws, ratio=True), labels, of_mean=True, **more))
    return sorted(rows, key=lambda each: each.name)


def codes_spread(model: Autoencoder, charge: Tensor) -> Tensor:
    """Standard deviation of each code: the unit in which feedback moves it."""
    with torch.no_grad():
        return model.encoder(charge).std(dim=0).clamp(min=1e-3)


def _cost(model: Autoencoder, read: Tensor, sector: Tensor, codes: Tensor, joint: bool) -> Cost:
    measured = read / read.sum(dim=1, keepdim=True)

    def cost(vector: Tensor) -> Tensor:
        gains = _gains(vector, len(codes))[sector] if joint else torch.ones(wafer.CELLS)
        expected = wafer_image(model, read / gains, vector[0, : len(codes)] * codes) * gains
        return (expected / expected.sum(dim=1, keepdim=True) - measured).abs().sum(dim=1).mean()[None]

    return cost


def _gains(vector: Tensor, codes: int) -> Tensor:
    """Of the three sectors; their product is one, since no image tells their scale."""
    log = vector[0, codes:]
    return torch.exp(log - log.mean())


def _of_sectors(charge: Tensor, sector: Tensor) -> Tensor:
    """Mean share of the charge in each sector."""
    share = (charge / charge.sum(dim=1, keepdim=True)).mean(dim=0)
    return torch.zeros(3).index_add(0, sector, share)


def _mean(values: np.ndarray, rows: np.ndarray) -> float:
    return float(values[rows].mean())
