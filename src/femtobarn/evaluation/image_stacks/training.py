"""Encoders of the images of one stack, learned from the stack alone, and the clusters that they then label themselves.

Hu, Padmakumar Bindu, Laskin, Chemical Science 13 (2022) 90, DOI 10.1039/D1SC04077D: contrastive learning of two views
of each image, spectral clustering, a linear head on its labels, and training on the head's confident labels.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.data.image_views import Counting, Images, counting_view, photographic_view
from femtobarn.errors import InputError
from femtobarn.losses import nt_xent
from femtobarn.nn.image_encoder import ImageEncoder

View = Callable[[Images, torch.Generator], Images]
Told = Callable[[int, int, str], None]  #: epoch, epochs, what to say
_LARGEST, _SMALL = 512, 64  # images of a batch; stacks up to that size make one


@dataclass(frozen=True)
class Views:
    """Which random views of an image count as the same."""

    kind: Literal["counting", "published"] = "counting"
    """counting: other counts, efficiencies and missing pixels. published: blur, brightness, contrast, noise."""
    counting: Counting = field(default_factory=Counting)

    def of(self, strength: str, inside: Bool[Tensor, "row column"]) -> View:
        """The view: "medium" to learn from, "weak" to take labels from, "strong" to be labelled."""
        if self.kind == "published":
            return lambda images, generator: photographic_view(images, strength, inside, generator=generator)
        used = self.counting
        if strength == "weak":  # half as much of all
            kept, counts = ((used.kept[1] + 1) / 2, 1.0), (used.counts[1], used.counts[1] + 0.5)
            used = replace(used, kept=kept, field=used.field / 2, counts=counts)
        return lambda images, generator: counting_view(images, used, generator=generator)


@dataclass(frozen=True)
class Contrasting:
    """Contrastive training; the defaults suit a small network that nobody trained before."""

    epochs: int = 60
    """Passes over the stack."""
    batch: int = 0
    """Images of a step; 0 for half the stack, at most 512, and for all of a stack of fewer than 64."""
    lr: float = 1e-3
    """Largest learning rate of Adam, which falls along a cosine."""
    temperature: float = 0.2
    """Temperature of the contrastive loss; 0.5 as published."""

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch < 0 or not (self.lr > 0 and self.temperature > 0):
            raise InputError(f"expected an epoch, a learning rate and a temperature above 0: got {self}")


@dataclass(frozen=True)
class SelfLabelling:
    """Training on the own confident labels; the defaults are those published."""

    head_epochs: int = 20
    """Passes of the linear head alone over the labels of the clusters."""
    epochs: int = 150
    """Passes of encoder and head together."""
    lr: float = 1e-4
    """Largest learning rate of the latter; ten times that of the head alone."""
    unsure: float = 0.4
    """Quantile of the head's confidence from which on an image counts."""

    def __post_init__(self) -> None:
        if min(self.head_epochs, self.epochs) < 1 or not (self.lr > 0 and 0 <= self.unsure < 1):
            raise InputError(f"expected epochs, a learning rate and a quantile in [0, 1): got {self}")


def contrast(
    encoder: ImageEncoder,
    images: Float32[np.ndarray, "image row column"],
    view: View,
    settings: Contrasting,
    *,
    seed: int,
    device: str = "cpu",
    report: Told,
) -> list[dict[str, float]]:
    """Train the encoder so that two views of an image are nearer to each other than to those of all others."""
    generator, data = torch.Generator(device).manual_seed(seed), torch.from_numpy(images).to(device)
    encoder.train().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # faster by a quarter
    optimiser, size = _adam(encoder), batch_size(len(data), settings.batch)
    history: list[dict[str, float]] = []
    for epoch in range(settings.epochs):
        _cool(optimiser, settings.lr, epoch / settings.epochs)
        losses = [
            _contrast_step(encoder, data[rows], view, settings, optimiser, generator)
            for rows in _batches(len(data), size, generator)
        ]
        history.append({"epoch": epoch, "train": float(torch.stack(losses).mean())})
        report(epoch + 1, settings.epochs, f"loss {history[-1]['train']:.3g}")
    encoder.cpu().eval()
    return history


def _contrast_step(
    encoder: ImageEncoder,
    images: Images,
    view: View,
    settings: Contrasting,
    optimiser: torch.optim.Optimizer,
    generator: torch.Generator,
) -> Tensor:
    views = (encoder.project(view(images, generator)) for _ in range(2))
    loss = nt_xent(*views, temperature=settings.temperature)
    _descend(loss, optimiser)
    return loss.detach()


def self_label(
    encoder: ImageEncoder,
    head: nn.Linear,
    images: Float32[np.ndarray, "image row column"],
    cluster: Int64[np.ndarray, "image"],
    weak: View,
    strong: View,
    settings: SelfLabelling,
    *,
    batch: int = 0,
    seed: int,
    device: str = "cpu",
    report: Told,
) -> list[dict[str, float]]:
    """Teach the head the clusters, then both what the head says of weak views where it is sure.

    Clusters count alike whatever their size, or the small ones would vanish. A batch without a sure image is skipped.

    Args:
        encoder: Trained.
        head: Untrained, from its features to clusters.
        images: The stack, see `femtobarn.data.image_stack.scaled`.
        cluster: Of each image.
        weak, strong: Views to take labels from, and to be labelled.
        settings: See `SelfLabelling`.
        batch: See `Contrasting`.
        seed: Of the batches and the views.
        device: Where the steps are made; encoder and head are left on the CPU.
        report: Called after each epoch.

    Returns:
        For each epoch the loss, the share of sure images, and the number of clusters that are labels of any.
    """
    both = nn.ModuleList((encoder, head)).to(device)
    generator, data = torch.Generator(device).manual_seed(seed), torch.from_numpy(images).to(device)
    features, label = (torch.from_numpy(each).to(device) for each in (embed(encoder, images), cluster))
    _teach(head, features, label, batch, settings, generator)
    limit = float(torch.from_numpy(confident(encoder, head, images)[1]).quantile(settings.unsure))
    optimiser, size = _adam(both), batch_size(len(data), batch)
    history: list[dict[str, float]] = []
    for epoch in range(settings.epochs):
        _cool(optimiser, settings.lr, epoch / settings.epochs)
        losses, labels = [], []
        for rows in _batches(len(data), size, generator):
            chosen, label = _sure(encoder, head, weak(data[rows], generator), limit)
            if len(chosen) < 2:
                continue
            seen = strong(data[rows[chosen]], generator)
            losses.append(_label_step(encoder, head, seen, label, optimiser))
            labels.append(label)
        live = torch.cat(labels).bincount().count_nonzero() if labels else 0
        sure = sum(map(len, labels))
        mean = float(torch.stack(losses).mean()) if losses else float("nan")
        history.append({"epoch": epoch, "train": mean, "sure": sure / len(data), "clusters": int(live)})
        report(epoch + 1, settings.epochs, f"{int(live)} clusters")
    both.cpu().eval()
    return history


def _sure(encoder: ImageEncoder, head: nn.Linear, images: Images, limit: float) -> tuple[Tensor, Tensor]:
    """Rows of the images that the head is sure of, and their clusters; how many there are decides the step's size."""
    encoder.eval()
    with torch.no_grad():
        chance, label = head(encoder(images)).softmax(dim=1).max(dim=1)
    chosen = torch.nonzero(chance > limit).squeeze(1)
    return chosen, label[chosen]


def _label_step(
    encoder: ImageEncoder, head: nn.Linear, images: Images, label: Tensor, optimiser: torch.optim.Optimizer
) -> Tensor:
    encoder.train()
    loss = F.cross_entropy(head(encoder(images)), label, weight=_balanced(label, head.out_features))
    _descend(loss, optimiser)
    return loss.detach()


def embed(
    encoder: ImageEncoder, images: Float32[np.ndarray, "image row column"]
) -> Float32[np.ndarray, "image feature"]:
    """Features of the images by an encoder in evaluation mode, on any device."""
    encoder.eval()
    pieces = torch.split(torch.from_numpy(images), _LARGEST)
    with torch.inference_mode():
        parts = [encoder(each.to(encoder.inside.device)).cpu() for each in pieces]
    return torch.cat(parts).numpy()


def confident(
    encoder: ImageEncoder, head: nn.Linear, images: Float32[np.ndarray, "image row column"]
) -> tuple[Int64[np.ndarray, "image"], Float32[np.ndarray, "image"]]:
    """Cluster of each image, and the probability that the head gives it."""
    with torch.inference_mode():
        features = torch.from_numpy(embed(encoder, images)).to(head.weight)
        chance, cluster = head(features).softmax(dim=1).max(dim=1)
    return cluster.cpu().numpy(), chance.cpu().numpy()


def batch_size(images: int, wanted: int = 0) -> int:
    """Images of a step; see `Contrasting`."""
    return min(wanted or (images if images < _SMALL else min(-(-images // 2), _LARGEST)), images)


def _teach(
    head: nn.Linear,
    features: Tensor,
    cluster: Tensor,
    batch: int,
    settings: SelfLabelling,
    generator: torch.Generator,
) -> None:
    optimiser = torch.optim.Adam(head.parameters(), lr=10 * settings.lr)
    for _ in range(settings.head_epochs):
        for rows in _batches(len(features), batch_size(len(features), batch), generator):
            _descend(F.cross_entropy(head(features[rows]), cluster[rows]), optimiser)


def _balanced(label: Tensor, clusters: int) -> Tensor:
    """Weights by which all clusters that are there count alike; 1 for those that are not."""
    count = torch.bincount(label, minlength=clusters)
    return torch.where(count > 0, len(label) / count.clamp(min=1), 1.0)


def _adam(model: nn.Module) -> torch.optim.Adam:
    return torch.optim.Adam([weight for weight in model.parameters() if weight.requires_grad])


def _cool(optimiser: torch.optim.Adam, largest: float, done: float) -> None:
    """Set the learning rate along a cosine."""
    for group in optimiser.param_groups:
        group["lr"] = largest * (1 + math.cos(math.pi * done)) / 2


def _batches(images: int, size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Random rows without the incomplete last batch, whose statistics would be others."""
    order = torch.randperm(images, generator=generator, device=generator.device)
    yield from order[: images // size * size].view(-1, size)


def _descend(loss: Tensor, optimiser: torch.optim.Optimizer) -> None:
    optimiser.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    optimiser.step()
