"""How well a network tells generated from real showers, as in the CaloChallenge: AUC and calibrated JSD."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, Float64
from scipy.optimize import isotonic_regression
from scipy.special import expit, ndtr
from torch import Tensor, nn

from femtobarn.errors import InputError
from femtobarn.metrics._samples import Rows
from femtobarn.metrics.classifier_test import auc
from femtobarn.metrics.estimate import Estimate
from femtobarn.metrics.training import Parts, Training, accuracy, deep_network, fit, outputs, parted, single

_LEAST = 20  # rows of each sample
_CLIP = 1e-6


class Separability(NamedTuple):
    """What a classifier finds."""

    auc: Estimate  # area under the ROC curve: 0.5 if it finds nothing, 1 if it tells them all
    jsd: Estimate  # Jensen-Shannon divergence in bits, a lower bound of it: 0 to 1


def separability(
    real: Rows,
    generated: Rows,
    *,
    network: Callable[[], nn.Module] | None = None,
    training: Training | None = None,
    repeats: int = 1,
    device: str = "cpu",
    generator: torch.Generator | None = None,
) -> Separability:
    """AUC and JSD of a classifier trained to tell the samples apart, mean over `repeats` trainings.

    As published (arXiv:2410.21611): part of each sample trains, a second part chooses the epoch by
    accuracy and calibrates the scores by an isotonic regression, and the rest is scored. JSD = 1 - (binary
    cross entropy) / ln 2 of the calibrated scores. Rows are taken as they are: nothing is scaled. Departures:
    each repetition divides the samples anew, and samples of different size weigh alike.

    `error`: standard deviation over the trainings, as the challenge quotes it; of a single one that of the AUC
    on the scored rows (DeLong et al. 1988). `null` of the AUC is 0.5 and `null_error` its spread for scores
    that know nothing, since the scored rows took no part in the training. The null of the JSD is about 0, slightly
    negative since the calibration is fitted; it has no closed form.

    Args:
        real, generated: Rows (row, feature).
        network: Makes a module from rows to one logit each. Default: `deep_network`.
        training: Default: as published.
        repeats: Trainings.
        device: Of the network; the samples stay where they are.
        generator: Of weights, order and division; default: one of seed 0.

    Raises:
        InputError: Rows that do not match, are too few or not finite.
    """
    samples = [single(generated, "generated", _LEAST), single(real, "real", _LEAST)]
    if samples[0].shape[1] != samples[1].shape[1]:
        raise InputError(
            f"expected the same features in both samples, got {samples[1].shape[1]} and {samples[0].shape[1]}"
        )
    if repeats < 1:
        raise InputError(f"expected at least one training, got {repeats}")
    how, draw = training or Training(), generator or torch.Generator().manual_seed(0)
    make = network or (lambda: deep_network(samples[0].shape[1]))
    found = np.array([_once(samples, make, how, draw, device) for _ in range(repeats)])
    n, m = len(samples[1]), len(samples[0])
    # Scored rows of both samples; variance of the Mann-Whitney statistic of two samples of the same thing.
    scored = [parted(sample, how, torch.Generator()).score for sample in samples]
    spread = float(np.sqrt((1 / len(scored[0]) + 1 / len(scored[1])) / 12))
    mean = found.mean(axis=0)
    error = found[:, :2].std(axis=0, ddof=1) if repeats > 1 else found[0, 2:]
    method = (
        f"{'three layers of 2048' if network is None else 'given network'}, {how.epochs} epochs in batches of "
        f"{how.batch}, {repeats} trainings, {len(scored[1])} and {len(scored[0])} rows scored"
    )
    return Separability(
        Estimate(
            float(mean[0]),
            float(error[0]),
            n,
            m,
            0.5,
            spread,
            f"classifier AUC, {method}",
            float(ndtr((0.5 - mean[0]) / spread)),
        ),
        Estimate(float(mean[1]), float(error[1]), n, m, method=f"classifier JSD, {method}"),
    )


def calibrated(
    score: Float64[np.ndarray, " row"],
    label: Float64[np.ndarray, " row"],
    weight: Float64[np.ndarray, " row"],
) -> Callable[[Float64[np.ndarray, " new"]], Float64[np.ndarray, " new"]]:
    """Function from scores to chances of the label 1: the rising step function nearest to the labels.

    Between the scores seen it is linear, beyond them constant.
    """
    known, place = np.unique(score, return_inverse=True)
    total = np.bincount(place, weight)
    fitted = isotonic_regression(np.bincount(place, weight * label) / total, weights=total).x
    return lambda new: np.clip(np.interp(new, known, fitted), _CLIP, 1 - _CLIP)


def _once(
    samples: list[Float32[Tensor, "_ feature"]],
    make: Callable[[], nn.Module],
    training: Training,
    draw: torch.Generator,
    device: str,
) -> tuple[float, float, float, float]:
    """AUC, JSD and the errors of both, of one training."""
    parts = [parted(sample, training, draw) for sample in samples]
    model = fit(make, samples, parts, training, draw, device, accuracy)
    value, error = auc(*(-score for score in _scores(model, samples, parts, "score", device)[::-1]))
    chances = calibrated(*_labelled(_scores(model, samples, parts, "choose", device)))
    fake, true = (chances(score) for score in _scores(model, samples, parts, "score", device))
    terms = -np.log2(1 - fake), -np.log2(true)
    jsd = 1 - (terms[0].mean() + terms[1].mean()) / 2
    spread = np.sqrt(sum(term.var(ddof=1) / len(term) for term in terms)) / 2
    return value, float(jsd), error, float(spread)


def _scores(
    model: nn.Module, samples: list[Float32[Tensor, "_ feature"]], parts: list[Parts], which: str, device: str
) -> list[Float64[np.ndarray, " _"]]:
    """Chance of being real, of the generated and of the real rows."""
    rows = [getattr(part, which) for part in parts]
    logits = [outputs(model, x, some, device)[:, 0] for x, some in zip(samples, rows, strict=True)]
    return [expit(logit.double().numpy()) for logit in logits]


def _labelled(
    scores: list[Float64[np.ndarray, " _"]],
) -> tuple[Float64[np.ndarray, " row"], Float64[np.ndarray, " row"], Float64[np.ndarray, " row"]]:
    """Scores of both samples with label and weight."""
    label = np.repeat([0.0, 1.0], [len(score) for score in scores])
    weight = np.concatenate([np.full(len(score), 1 / len(score)) for score in scores])
    return np.concatenate(scores), label, weight
