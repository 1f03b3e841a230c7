"""How well a network tells a generated sample from a real one, and how well it tells real from real."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64, Real
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.errors import InputError
from femtobarn.metrics._placements import placements
from femtobarn.metrics._samples import Rows, numpy, scores
from femtobarn.metrics.estimate import Estimate


class Schedule(NamedTuple):
    """How the classifier is trained; defaults as in arXiv:2211.10295 except the stop."""

    epochs: int = 1000
    patience: int = 10  # epochs without a lower validation loss after which it stops
    batch: int = 384
    learning_rate: float = 3e-4
    weight_decay: float = 1e-4


def classifier_test(
    real: Rows,
    generated: Rows,
    *,
    network: Callable[[], nn.Module] | None = None,
    schedule: Schedule | None = None,
    null_trainings: int = 5,
    permutations: int = 1000,
    generator: torch.Generator | None = None,
) -> Estimate:
    """Area under the ROC curve (AUC) of a classifier trained to tell the samples apart; 0.5 is the ideal.

    Half of each sample trains, a sixth chooses the epoch of the lowest loss, a third is scored. `error` is
    that of the AUC on the scored rows (DeLong et al. 1988). `null` and `null_error`: mean and standard
    deviation of the AUC of as many trainings of real against real, on random halves of the real sample (so at
    half its size). `p_value`: share of the shuffles of the labels of the scored rows that give as much, for the
    classifier as trained. A low AUC does not prove much: a classifier misses what `fpd` sees
    (arXiv:2211.10295, Table II).

    Args:
        real, generated: Rows (row, feature), or particles (row, particle, feature) for a suitable network.
            Features are divided by the largest absolute value in the real sample.
        network: Makes a module from the shape of a row to two scores or one logit per row, such as
            `lambda: ParticleNet(3, 2)`; its weights are drawn by torch, with a seed from `generator`. Default:
            two hidden layers of 128 with LeakyReLU(0.2).
        schedule: How to train; default: `Schedule()`.
        null_trainings: Trainings for the null, each about half as long as the test itself; 0 for none.
        permutations: Shuffles behind `p_value`.
        generator: Of splits, weights and order; default: one of seed 0.

    Raises:
        InputError: Empty, not finite, rows that do not match, fewer than 12 rows (24 for a null).
    """
    x, y = _checked(real, "real"), _checked(generated, "generated")
    if x.shape[1:] != y.shape[1:]:
        raise InputError(f"expected the same features in both samples, got {x.shape[1:]} and {y.shape[1:]}")
    if min(len(x) // (1 + (null_trainings > 0)), len(y)) < 12:
        raise InputError(f"expected at least 12 rows (24 real ones for a null), got {len(x)} and {len(y)}")
    if null_trainings == 1:
        raise InputError("expected no null training or at least two, got 1")
    schedule, draw = schedule or Schedule(), generator or torch.Generator().manual_seed(0)
    make = network or (lambda: _perceptron(x.shape[-1]))
    largest = np.abs(x).max(axis=tuple(range(x.ndim - 1)))
    unit = np.where(largest > 0, largest, 1)
    first, second = (torch.from_numpy((table / unit).astype(np.float32)) for table in (x, y))
    scores = _trained_scores(first, second, make, schedule, draw)
    value, error = auc(*scores)
    null = []
    for _ in range(null_trainings):
        halves = first[torch.randperm(len(first), generator=draw)].tensor_split(2)
        null.append(auc(*_trained_scores(halves[0], halves[1], make, schedule, draw))[0])
    return Estimate(
        value=value,
        error=error,
        n_real=len(x),
        n_generated=len(y),
        null=float(np.mean(null)) if null else np.nan,
        null_error=float(np.std(null, ddof=1)) if null else np.nan,
        method=f"classifier AUC, {'two hidden layers of 128' if network is None else 'given network'}, features "
        f"over max |real|, at most {schedule.epochs} epochs in batches of {schedule.batch}, "
        f"{null_trainings} null trainings on halves of the real sample, {permutations} permutations",
        p_value=_p_value(*scores, value, permutations, draw),
    )


def auc(real: Real[np.ndarray, " real"], generated: Real[np.ndarray, " generated"]) -> tuple[float, float]:
    """Chance that a generated row scores higher than a real one (ties count half), and its standard error.

    Raises:
        InputError: Fewer than two scores of one of the two, or one that is not finite.
    """
    real, generated = scores(real, "real", least=2), scores(generated, "generated", least=2)
    above, below = placements(real, generated)
    variance = below.var(ddof=1) / len(generated) + above.var(ddof=1) / len(real)
    return float(below.mean()), float(np.sqrt(variance))


def _checked(sample: Rows, name: str) -> Float64[np.ndarray, "row ..."]:
    x = numpy(sample).astype(np.float64, copy=False)
    if x.ndim < 2 or 0 in x.shape:
        raise InputError(f"expected rows of features, got {name} of shape {x.shape}")
    if not np.isfinite(x).all():
        raise InputError(
            f"expected finite features, {name} has others in row {np.argwhere(~np.isfinite(x))[0][0]}"
        )
    return x


def _perceptron(features: int) -> nn.Module:
    return nn.Sequential(
        nn.Linear(features, 128), nn.LeakyReLU(0.2), nn.Linear(128, 128), nn.LeakyReLU(0.2), nn.Linear(128, 2)
    )


def _trained_scores(
    real: Float32[Tensor, "real ..."],
    generated: Float32[Tensor, "generated ..."],
    make: Callable[[], nn.Module],
    schedule: Schedule,
    draw: torch.Generator,
) -> tuple[Float64[np.ndarray, " _"], Float64[np.ndarray, " _"]]:
    """Scores of the real and of the generated rows that took no part in the training."""
    parts = []
    for sample in (real, generated):
        shuffled = sample[torch.randperm(len(sample), generator=draw)]
        parts.append(shuffled.tensor_split((len(sample) // 2, len(sample) * 2 // 3)))
    train, choose, _ = ((torch.cat(pair), _labels(*pair)) for pair in zip(*parts, strict=True))
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(int(torch.randint(2**62, (), generator=draw)))
        # The rows are float32, whatever torch's default type is.
        model = _fit(make().float(), train, choose, schedule, draw)
    with torch.inference_mode():
        real_score, generated_score = (_logit(model, p[2]).double().numpy() for p in parts)
    return real_score, generated_score


def _fit(
    model: nn.Module,
    train: tuple[Tensor, Tensor],
    choose: tuple[Tensor, Tensor],
    schedule: Schedule,
    draw: torch.Generator,
) -> nn.Module:
    """The model as it was after the epoch of the lowest loss on the rows that choose."""
    x, label = train
    weight, chosen_weight = _balance(label), _balance(choose[1])
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=schedule.learning_rate, weight_decay=schedule.weight_decay
    )
    best, since = (torch.inf, {k: v.clone() for k, v in model.state_dict().items()}), 0
    for _ in range(schedule.epochs):
        model.train()
        order = torch.randperm(len(x), generator=draw)
        for rows in torch.split(order, schedule.batch):
            if len(rows) < 2:  # batch norm
                continue
            optimiser.zero_grad()
            loss = F.binary_cross_entropy_with_logits(_logit(model, x[rows]), label[rows], weight[rows])
            torch.autograd.backward(loss)
            optimiser.step()
        model.eval()
        with torch.inference_mode():
            score = _logit(model, choose[0])
            chosen_loss = float(F.binary_cross_entropy_with_logits(score, choose[1], chosen_weight))
        since += 1
        if chosen_loss < best[0]:
            best, since = (chosen_loss, {k: v.clone() for k, v in model.state_dict().items()}), 0
        if since >= schedule.patience:
            break
    model.load_state_dict(best[1])
    return model.eval()


def _logit(model: nn.Module, x: Float[Tensor, "row ..."]) -> Float[Tensor, " row"]:
    """Score for "generated" in pieces that fit; the difference of two scores is the logit of a softmax."""
    pieces = torch.split(x, 4096) if not torch.is_grad_enabled() else (x,)
    out = torch.cat([model(piece) for piece in pieces]).reshape(len(x), -1)
    return out[:, 0] if out.shape[1] == 1 else out[:, 1] - out[:, 0]


def _labels(real: Tensor, generated: Tensor) -> Float32[Tensor, " row"]:
    return torch.cat((real.new_zeros(len(real)), generated.new_ones(len(generated))))


def _balance(label: Float32[Tensor, " row"]) -> Float32[Tensor, " row"]:
    """Weights that give both samples the same say, whatever their sizes."""
    return torch.where(label > 0, len(label) / label.sum(), len(label) / (1 - label).sum()) / 2


def _p_value(
    real: Float64[np.ndarray, " real"],
    generated: Float64[np.ndarray, " generated"],
    value: float,
    permutations: int,
    draw: torch.Generator,
) -> float:
    from scipy.stats import rankdata

    n, m = len(real), len(generated)
    rank = torch.from_numpy(rankdata(np.concatenate((real, generated))))
    as_much = 0
    for _ in range(permutations):
        chosen = rank[torch.randperm(n + m, generator=draw)[:m]]
        as_much += float(chosen.sum() - m * (m + 1) / 2) / (n * m) >= value - 1e-12
    return (1 + as_much) / (1 + permutations)
