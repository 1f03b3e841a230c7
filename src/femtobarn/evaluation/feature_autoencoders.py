"""Two autoencoders of a few features as anomaly scores: a plain one, and one whose density is normalised (WNAE)."""

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from femtobarn.errors import InputError
from femtobarn.evaluation.scores import Scored
from femtobarn.nn.normalised_autoencoder import Chains, FeatureAutoencoder, langevin, wasserstein_loss

PLAIN, NORMALISED = "autoencoder of features", "WNAE of features"
_FARTHEST = 20.0  # standard deviations; one broken event must not rule the training

Score = Callable[[np.ndarray], np.ndarray]


def feature_autoencoders(
    train: Float[np.ndarray, "event feature"], *, seed: int, steps: int | None = None, batch: int = 128
) -> dict[str, Score]:
    """Both scores by name, the mean squared error of the features in standard deviations of the training events.

    Both see as many batches. The WNAE learns its first half as the plain one does, so that its chains begin in a
    landscape worth walking in, and keeps its last weights: no signal and no test event has a say.

    Args:
        train: Background events.
        seed: Of weights, batches and chains.
        steps: Batches that each is trained on; as many as there are events, at most 1,200, if it is None.
        batch: Events of one.

    Raises:
        InputError: Fewer than two events, or a number that is not finite.
    """
    if len(train) < 2 or not np.isfinite(train).all():
        raise InputError(
            f"expected at least two events of finite numbers, got {len(train)} with {train.shape[1]} each"
        )
    mean, width = train.mean(axis=0, dtype=np.float64), train.std(axis=0, dtype=np.float64)
    width = np.where(width > 0, width, 1.0)  # a feature that is always the same

    def scaled(rows: np.ndarray) -> Tensor:
        return torch.from_numpy(np.clip((rows - mean) / width, -_FARTHEST, _FARTHEST).astype(np.float32))

    def score_of(model: FeatureAutoencoder) -> Score:
        @torch.inference_mode()
        def score(rows: np.ndarray) -> np.ndarray:
            energies: np.ndarray = model.energy(scaled(rows)).double().numpy()
            return energies

        return score

    x, steps = scaled(train), min(len(train), 1200) if steps is None else steps
    return {
        PLAIN: score_of(_trained(x, seed, steps, batch, steps)),
        NORMALISED: score_of(_trained(x, seed, steps, batch, steps // 2)),
    }


def feature_scores(
    train: Float[np.ndarray, "_ feature"],
    samples: Mapping[str, Float[np.ndarray, "_ feature"]],
    *,
    seeds: Iterable[int],
    labels: Callable[[str], dict[str, str]],
) -> list[Scored]:
    """`feature_autoencoders` of each seed on all samples; `labels` gives the place of a score in tables."""
    return [
        Scored(labels(name), seed, {sample: score(rows) for sample, rows in samples.items()})
        for seed in dict.fromkeys(seeds)
        for name, score in feature_autoencoders(train, seed=seed).items()
    ]


def _trained(x: Tensor, seed: int, steps: int, batch: int, plain_steps: int) -> FeatureAutoencoder:
    """An autoencoder that learns to restore for `plain_steps`, and to be normalised for the rest."""
    draw = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = FeatureAutoencoder(x.shape[1])
    optimizer, chains = torch.optim.Adam(model.parameters(), lr=1e-3), Chains(x.shape[1])
    for step in range(steps):
        events = x[torch.randint(len(x), (min(batch, len(x)),), generator=draw)]
        if step < plain_steps:
            loss = model.energy(events).mean()
        else:
            ends = langevin(model.energy, chains.starts(len(events), draw), generator=draw)
            chains.push(ends)
            loss = wasserstein_loss(events, ends)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return model.eval()
