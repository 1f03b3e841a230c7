"""Training of a network that tells samples apart, shared by the metrics that need one."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.errors import InputError
from femtobarn.metrics._samples import Rows, numpy

#: From the outputs for some rows of each sample to a number that is to be large.
Quality = Callable[[Sequence[Float32[Tensor, "_ output"]]], float]
Samples = Sequence[Float32[Tensor, "_ feature"]]
_AT_ONCE = 2048  # rows scored together


class Training(NamedTuple):
    """How a classifier is trained; defaults as in the CaloChallenge (arXiv:2410.21611)."""

    epochs: int = 50
    batch: int = 1000
    learning_rate: float = 2e-4
    shares: tuple[float, float] = (
        0.6,
        0.2,
    )  # of each sample, to train and to choose the epoch; the rest is scored


class Parts(NamedTuple):
    """Rows of one sample that train, choose the epoch, and are scored."""

    train: Int64[Tensor, " _"]
    choose: Int64[Tensor, " _"]
    score: Int64[Tensor, " _"]


def deep_network(features: int, outputs: int = 1, *, width: int = 2048) -> nn.Module:
    """The network of the CaloChallenge's classifiers: three layers of `width` with LeakyReLU(0.01), then a linear one.

    Args:
        features: Inputs.
        outputs: 1 for a logit, or one for each class.
        width: Of the layers.
    """
    layers: list[nn.Module] = []
    for inputs in (features, width, width):
        layers += [nn.Linear(inputs, width), nn.LeakyReLU(0.01)]
    return nn.Sequential(*layers, nn.Linear(width, outputs))


def single(sample: Rows, name: str, least: int) -> Float32[Tensor, "row feature"]:
    """Rows as float32, without a copy where they are.

    Raises:
        InputError: Not a table, too few rows, or a number that is not finite.
    """
    table = numpy(sample)
    if table.ndim != 2 or len(table) < least or not table.shape[1]:
        raise InputError(f"expected at least {least} rows of features, got {name} of shape {table.shape}")
    if not np.isfinite([table.min(), table.max()]).all():
        raise InputError(f"expected finite features, {name} has others")
    return torch.from_numpy(np.ascontiguousarray(table, dtype=np.float32))


def parted(sample: Float32[Tensor, "row feature"], training: Training, draw: torch.Generator) -> Parts:
    """A random division of the rows."""
    order = torch.randperm(len(sample), generator=draw)
    first, second = np.cumsum(training.shares) * len(sample)
    return Parts(order[: round(first)], order[round(first) : round(second)], order[round(second) :])


def fit(
    make: Callable[[], nn.Module],
    samples: Samples,
    parts: Sequence[Parts],
    training: Training,
    draw: torch.Generator,
    device: str,
    quality: Quality,
) -> nn.Module:
    """The network as it was after the epoch of the best quality on the rows that choose.

    Classes weigh alike, whatever their sizes. With one output, the second sample is what it says yes to.
    """
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(int(torch.randint(2**62, (), generator=draw)))
        model = make().to(device, torch.float32)  # as the rows, whatever torch's default type is
    optimiser = torch.optim.Adam(model.parameters(), lr=training.learning_rate)
    rows = torch.cat([part.train for part in parts])
    label = torch.repeat_interleave(torch.arange(len(parts)), torch.tensor([len(p.train) for p in parts]))
    weight = len(label) / (len(parts) * torch.bincount(label).float())
    best, kept = -np.inf, {k: v.clone() for k, v in model.state_dict().items()}
    for _ in range(training.epochs):
        model.train()
        for batch in torch.split(torch.randperm(len(rows), generator=draw), training.batch):
            if len(batch) < 2:  # batch norm
                continue
            # In order of the class: the order in a batch has no meaning.
            batch = batch[label[batch].argsort(stable=True)]
            x = torch.cat([sample[rows[batch[label[batch] == k]]] for k, sample in enumerate(samples)])
            optimiser.zero_grad()
            loss = _loss(model(x.to(device)), label[batch].to(device), weight.to(device))
            torch.autograd.backward(loss)
            optimiser.step()
        found = quality([outputs(model, x, p.choose, device) for x, p in zip(samples, parts, strict=True)])
        if found > best:
            best, kept = found, {k: v.clone() for k, v in model.state_dict().items()}
    model.load_state_dict(kept)
    return model.eval()


def outputs(
    model: nn.Module, sample: Float32[Tensor, "row feature"], rows: Int64[Tensor, " _"], device: str
) -> Float32[Tensor, "_ output"]:
    """What the network makes of some rows, in evaluation mode."""
    model.eval()
    with torch.inference_mode():
        pieces = [model(sample[some].to(device)).cpu() for some in torch.split(rows, _AT_ONCE)]
    return torch.cat(pieces)


def accuracy(found: Sequence[Float32[Tensor, "_ output"]]) -> float:
    """Mean over the classes of the share of rows that are put into their own."""
    shares = []
    for label, scores in enumerate(found):
        guess = scores.argmax(dim=1) if scores.shape[1] > 1 else (scores[:, 0] > 0).long()
        shares.append(float((guess == label).double().mean()))
    return float(np.mean(shares))


def likelihood(found: Sequence[Float32[Tensor, "_ output"]]) -> float:
    """Mean over the classes of the mean log posterior of the right one."""
    own = [scores.double().log_softmax(dim=1)[:, label].mean() for label, scores in enumerate(found)]
    return float(torch.stack(own).mean())


def _loss(found: Tensor, label: Int64[Tensor, " row"], weight: Float32[Tensor, " class"]) -> Tensor:
    if found.shape[1] > 1:
        return F.cross_entropy(found, label, weight)
    return F.binary_cross_entropy_with_logits(found[:, 0], label.float(), weight[label])
