"""Anomaly scores of a reconstructed image, and scores that have no side until the background gives them one."""

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor
from torch.nn import functional as F

from femtobarn.losses import inverse_dice
from femtobarn.metrics.decorrelation import residual, two_sided

Columns = dict[str, Float64[np.ndarray, "_"]]  #: a score of each event, by the name of the sample


def cross_entropy(
    logits: Float[Tensor, "event *pixel"], x: Float[Tensor, "event *pixel"]
) -> Float[Tensor, "event"]:
    """Binary cross entropy of each image, summed over its pixels.

    It grows nearly linearly with the number of occupied pixels: a score made of it is in good part a counter.
    """
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none").flatten(1).sum(dim=1)


def reconstruction_scores(
    logits: Float[Tensor, "event *pixel"], x: Float[Tensor, "event *pixel"]
) -> dict[str, Float[Tensor, "event"]]:
    """What a reconstruction misses, by name: the larger, the more anomalous (arXiv:2306.12955).

    "BCE" is `cross_entropy`, "Dice" the inverse Dice coefficient (1 for equal images), "count difference" that of the
    sums over the pixels.

    Args:
        logits: Of each pixel being occupied.
        x: The image, 0 or 1.
    """
    p, entropy = torch.sigmoid(logits), cross_entropy(logits, x)
    dice = 1 + inverse_dice(p, x)
    return {
        "BCE": entropy,
        "Dice": dice,
        "BCE + Dice": entropy + dice,
        "squared error": (p - x).square().flatten(1).sum(dim=1),
        "count difference": (p - x).flatten(1).sum(dim=1).abs(),
    }


def signed(
    samples: Mapping[str, Float[np.ndarray, "_"]],
    background: Float[np.ndarray, "event"],
    variable: Float[np.ndarray, "event"],
) -> Columns:
    """A score without a side, turned such that it rises with a variable of the background; no signal has a say.

    Args:
        samples: Scores by the name of the sample.
        background: Scores of background that is in none of the samples.
        variable: Of the same events, such as the number of occupied pixels.
    """
    covariance = float(np.cov(background, variable)[0, 1])
    sign = -1.0 if covariance < 0 else 1.0
    return {name: np.asarray(sign * score, dtype=np.float64) for name, score in samples.items()}


def two_sided_residuals(
    samples: Mapping[str, Float[np.ndarray, "_"]],
    variables: Mapping[str, Float[np.ndarray, "_"]],
    background: Float[np.ndarray, "event"],
    variable: Float[np.ndarray, "event"],
    *,
    degree: int = 2,
) -> Columns:
    """|score less what background has on average at this variable|, in interquartile ranges of the background.

    Args:
        samples, variables: Scores and the variable, by the name of the sample.
        background, variable: Of background that is in none of the samples.
        degree: Of the polynomial that is fitted.
    """
    known = residual(background, variable, background, variable, degree=degree)
    return {
        name: two_sided(residual(score, variables[name], background, variable, degree=degree), known)
        for name, score in samples.items()
    }
