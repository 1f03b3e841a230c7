"""Which of several generators showers look like: the multi-class metric of the CaloChallenge."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float64
from torch import nn

from femtobarn.errors import InputError
from femtobarn.metrics._samples import Rows
from femtobarn.metrics.estimate import Estimate
from femtobarn.metrics.training import Training, deep_network, fit, likelihood, outputs, parted, single


class Attribution(NamedTuple):
    """Scores of generators against each other; larger is better."""

    score: dict[str, Estimate]  # mean log posterior of each generator for the real rows
    consistency: Float64[
        np.ndarray, "sample sample"
    ]  # mean log posterior: scored rows of one (row) for another


def attribution(
    real: Rows,
    generated: Mapping[str, Rows],
    *,
    network: Callable[[int], nn.Module] | None = None,
    training: Training | None = None,
    device: str = "cpu",
    generator: torch.Generator | None = None,
) -> Attribution:
    """Mean log posterior of each generator for real rows, by a network trained on all of them and nothing real.

    It depends on which generators take part, so scores of different sets cannot be compared (arXiv:2410.21611).
    The epoch is chosen by the mean log posterior, not by accuracy, which does not see a network that is sure
    without reason. `null` is the value -ln K of K generators that cannot be told apart; a generator that is
    nearest to the real rows lies above it. `error` is that of the mean over the real rows, for the network as it
    is. The scored rows of each generator should prefer their own: the diagonal of `consistency` is the largest of
    each row.

    Args:
        real: Rows (row, feature).
        generated: The same of each generator, by name; at least two.
        network: Makes a module from rows to a given number of scores. Default: `deep_network`.
        training: Default: as published.
        device: Of the network.
        generator: Of weights, order and division; default: one of seed 0.

    Raises:
        InputError: Fewer than two generators, or rows that do not match, are too few or not finite.
    """
    if len(generated) < 2:
        raise InputError(f"expected at least two generated samples to tell apart, got {len(generated)}")
    samples = [single(sample, name, 20) for name, sample in generated.items()]
    truth = single(real, "real", 1)
    widths = {sample.shape[1] for sample in (truth, *samples)}
    if len(widths) > 1:
        raise InputError(f"expected the same features in all samples, got {sorted(widths)}")
    how, draw = training or Training(), generator or torch.Generator().manual_seed(0)
    make = network or (lambda classes: deep_network(truth.shape[1], classes))
    parts = [parted(sample, how, draw) for sample in samples]
    model = fit(lambda: make(len(samples)), samples, parts, how, draw, device, likelihood)
    posterior = _log_posterior(model, truth, torch.arange(len(truth)), device)
    method = f"mean log posterior of {len(samples)} generators, {how.epochs} epochs in batches of {how.batch}"
    score = {
        name: Estimate(
            value=float(column.mean()),
            error=float(column.std() / np.sqrt(len(column))),
            n_real=len(truth),
            n_generated=len(sample),
            null=float(-np.log(len(samples))),
            method=method,
        )
        for name, column, sample in zip(generated, posterior.T, samples, strict=True)
    }
    own = [
        _log_posterior(model, sample, part.score, device) for sample, part in zip(samples, parts, strict=True)
    ]
    return Attribution(score, np.stack([table.mean(axis=0) for table in own]))


def _log_posterior(
    model: nn.Module, sample: torch.Tensor, rows: torch.Tensor, device: str
) -> Float64[np.ndarray, "row sample"]:
    found = outputs(model, sample, rows, device).double()
    return np.asarray(torch.log_softmax(found, dim=1).numpy())
