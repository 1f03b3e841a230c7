"""Feedback on another network: an autoencoder of calorimeter images while the gain of one quadrant drifts."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from femtobarn.engine.feedback import Cost, Feedback, latent_cost, no_feedback, tune
from femtobarn.nn import MapInverse
from femtobarn.runs import Result
from femtobarn.simulate.cell_images import CELLS, cell_images
from femtobarn.study import Trained, bootstrapped, draws_of_units, gain, row

LOST = 0.2  #: share of its gain that the quadrant loses in the first half of the batches
BATCH = 64  #: showers that are followed together
NONE, MEANS = "no feedback", "means of the quadrants"
EACH, JOINT = "gradient, latent of each shower", "gradient, latent + gains"
BOTH = f"{JOINT}, then of each shower"
ERROR, RATIO = "calorimeter image error", "calorimeter image error over that without feedback"
FOUND = "relative gain of the quadrant found"
_SLOW = 0.9  # of the mean over the batches
_FEEDBACK = Feedback("gradient", calls=3, step=0.02)


class Followed(NamedTuple):
    """What came of a method in the later half of the batches."""

    error: np.ndarray
    """(shower,): sum of absolute differences between the image and the truth, both of which sum to one."""
    gain: float
    """Of the drifting quadrant over that of the others as it was found last; the truth is 1 - LOST."""


def showers_followed(model: MapInverse, method: str, *, batches: int, seed: int) -> Followed:
    """Follow showers while a quadrant loses gain; the truth serves for the error alone.

    Args:
        model: Autoencoder of `simulate.cell_images`, without settings.
        method: NONE; EACH, in which every shower has a vector of its own; JOINT, in which all share a vector and
            the relative gains of the quadrants; BOTH, one after the other; or MEANS, which compares mean energies
            with those before the drift.
        batches: Of showers, in time.
        seed: Of the showers.
    """
    draw = np.random.default_rng(seed)
    nominal = _quadrants(cell_images(2000, generator=draw)).mean(dim=0)
    codes, mean, gains, errors = len(model.spread), nominal, torch.ones(4), []
    state = no_feedback(1, codes + 4)
    for batch in range(batches):
        true = cell_images(BATCH, generator=draw)
        drifted = torch.tensor([1 - LOST * min(1.0, 2 * batch / batches), 1.0, 1.0, 1.0])
        read, vector = true * _spread(drifted), torch.zeros(1, codes)
        if method == MEANS:
            mean = _SLOW * mean + (1 - _SLOW) * _quadrants(read).mean(dim=0)
            gains = mean / nominal
        elif method in (JOINT, BOTH):
            state, best, _ = tune(_joint_cost(model, read), state, _FEEDBACK)
            vector, gains = best[:, :codes], _gains(best[:, codes:])
        if method in (EACH, BOTH):
            vector = tune(_own_cost(model, read, gains), no_feedback(BATCH, codes), _FEEDBACK).best
        with torch.no_grad():
            image = model.decode(_code(model, read / _spread(gains)) + vector * model.spread)
        errors.append((image - _unit(true)).abs().sum(dim=(1, 2)))
    late = torch.cat(errors[batches // 2 :]).numpy()
    return Followed(late, float(gains[0] / gains[1:].mean()))


def calorimeter_table(trained: Sequence[Trained[Any]], *, batches: int, seed: int) -> list[Result]:
    """Error of the images with each method, its ratio to that without on the same showers, and the gain found."""
    if not trained or not batches:
        return []
    seeds = [each.part.seed for each in trained]
    found = {
        method: [showers_followed(each.model, method, batches=batches, seed=seed) for each in trained]
        for method in (NONE, MEANS, EACH, JOINT, BOTH)
    }
    theirs = [each.error for each in found[NONE]]
    draws = draws_of_units(np.arange(len(theirs[0])), count=100, seed=seed)
    about: dict[str, Any] = {"seeds": seeds, "n": len(theirs[0]), "sample": "bootstrap of showers"}
    tables: dict[str, list[Result]] = {ERROR: [], RATIO: [], FOUND: []}
    for method, each in found.items():
        ours, labels = [one.error for one in each], {"method": method}
        tables[ERROR].append(row(ERROR, bootstrapped(_mean, ours, draws), labels, **about))
        if method != NONE:
            ratio = gain(_mean, list(zip(ours, theirs, strict=True)), draws, ratio=True)
            tables[RATIO].append(row(RATIO, ratio, labels, of_mean=True, **about))
        if method in (MEANS, JOINT, BOTH):
            tables[FOUND].append(row(FOUND, [(one.gain, 0.0) for one in each], labels, **about))
    return [result for table in tables.values() for result in table]


def _own_cost(model: MapInverse, read: Tensor, gains: Tensor) -> Cost:
    """Of a vector of each shower, with gains that are known."""
    each = _spread(gains)
    return latent_cost(
        _code(model, read / each),
        model.decode,
        lambda image: _unit(image * each),
        _unit(read),
        spread=model.spread,
    )


def _joint_cost(model: MapInverse, read: Tensor) -> Cost:
    """Of a vector and four logarithms of gains, which all showers share: one machine."""
    codes, measured = len(model.spread), _unit(read)

    def cost(vector: Tensor) -> Tensor:
        gains = _spread(_gains(vector[:, codes:]))
        image = model.decode(_code(model, read / gains) + vector[:, :codes] * model.spread)
        return (_unit(image * gains) - measured).abs().sum(dim=(1, 2)).mean()[None]

    return cost


def _code(model: MapInverse, images: Tensor) -> Tensor:
    return model.encode(images, torch.zeros(len(images), 0))


def _gains(logarithms: Tensor) -> Tensor:
    """Of the quadrants; their product is one, since no image that sums to one tells their scale."""
    return torch.exp(logarithms - logarithms.mean())[0]


def _spread(gains: Tensor) -> Tensor:
    """The gain of each cell, by quadrant."""
    half = CELLS // 2
    return gains.view(2, 2).repeat_interleave(half, dim=0).repeat_interleave(half, dim=1)


def _quadrants(images: Tensor) -> Tensor:
    """Energy of each quadrant of each shower."""
    half = CELLS // 2
    return images.view(len(images), 2, half, 2, half).sum(dim=(2, 4)).flatten(1)


def _unit(images: Tensor) -> Tensor:
    return images / images.sum(dim=(1, 2), keepdim=True)


def _mean(values: np.ndarray, rows: np.ndarray) -> float:
    return float(values[rows].mean())
