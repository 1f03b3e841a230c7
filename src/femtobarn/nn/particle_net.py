"""ParticleNet: convolutions over the nearest neighbours of each particle (Qu, Gouskos, arXiv:1902.08570)."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.errors import InputError


class ParticleNet(nn.Module):
    """Scores of each class for a jet of particles, as trained for FPND in arXiv:2106.11535.

    Three edge convolutions, each over the k nearest neighbours in the features made so far; what goes into a
    convolution is kept beside what comes out; mean over the particles; two linear layers. Published
    ParticleNets differ in details: this one has a bias in its edge networks and no shortcut projection.

    Args:
        features: Numbers per particle; the first `coordinates` of them say what is near at first.
        classes: Scores that come out, without softmax.
        neighbours: k. A jet with fewer other particles uses those it has.
        widths: Of the edge convolutions, three layers each.
        hidden: Width of the layer before the scores, whose values are the `activations`.
        coordinates: Leading features in which the first neighbours are sought: (eta, phi).
        dropout: Share of the activations left out in training.
    """

    def __init__(
        self,
        features: int = 3,
        classes: int = 5,
        *,
        neighbours: int = 16,
        widths: tuple[int, ...] = (64, 128, 256),
        hidden: int = 256,
        coordinates: int = 2,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.neighbours, self.coordinates = neighbours, coordinates
        self.convolutions = nn.ModuleList()
        for width in widths:
            self.convolutions.append(EdgeConvolution(features, width))
            features += width
        self.hidden = nn.Linear(features, hidden)
        self.dropout = nn.Dropout(dropout)
        self.scores = nn.Linear(hidden, classes)

    def forward(
        self, x: Float[Tensor, "jet particle feature"], mask: Bool[Tensor, "jet particle"] | None = None
    ) -> Float[Tensor, "jet class"]:
        """Scores of each jet; without a mask all places count as particles."""
        return self.scores(self.dropout(F.relu(self.activations(x, mask))))

    def activations(
        self, x: Float[Tensor, "jet particle feature"], mask: Bool[Tensor, "jet particle"] | None = None
    ) -> Float[Tensor, "jet hidden"]:
        """Values of the hidden layer before its ReLU; a jet without particles has that of a mean of zero."""
        if x.shape[1] < 2:
            raise InputError(f"expected room for at least two particles in a jet, got {x.shape[1]}")
        mask = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device) if mask is None else mask
        x = torch.where(mask[..., None], x, 0)
        near = x[..., : self.coordinates]
        for convolution in self.convolutions:
            index, real = nearest(near, mask, self.neighbours)
            x = torch.cat((convolution(x, index, real), x), dim=-1)
            near = x
        mean = x.sum(dim=1) / mask.sum(dim=1, keepdim=True).clamp(min=1)
        return self.hidden(mean)


class EdgeConvolution(nn.Module):
    """Mean over the neighbours j of a network of (x_i, x_j - x_i): three times linear, batch norm, ReLU."""

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs in (2 * features, width, width):
            layers += [nn.Linear(inputs, width), nn.BatchNorm1d(width), nn.ReLU()]
        self.edge = nn.Sequential(*layers)

    def forward(
        self,
        x: Float[Tensor, "jet particle feature"],
        index: Int[Tensor, "jet particle k"],
        real: Bool[Tensor, "jet particle k"],
    ) -> Float[Tensor, "jet particle width"]:
        """One vector per particle; zeros where it has no neighbour. Only real edges enter the batch norm."""
        first = self.edge[0]
        assert isinstance(first, nn.Linear)
        # The first layer is linear in x_i and x_j: k times less work before the pairs are formed.
        centre, other = first.weight.chunk(2, dim=1)
        own, theirs = F.linear(x, centre - other, first.bias), F.linear(x, other)
        jet = torch.arange(len(x), device=x.device)[:, None, None]
        edges = (own[:, :, None] + theirs[jet, index])[real]
        out = x.new_zeros((*index.shape, own.shape[-1]))
        out[real] = self.edge[1:](edges).to(out.dtype)
        return out.sum(dim=2) / real.sum(dim=2, keepdim=True).clamp(min=1)


def nearest(
    x: Float[Tensor, "jet particle feature"], mask: Bool[Tensor, "jet particle"], k: int
) -> tuple[Int[Tensor, "jet particle k"], Bool[Tensor, "jet particle k"]]:
    """The k nearest other particles of each (all others if fewer), and which of these pairs are both real."""
    distance = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")
    themselves = torch.eye(x.shape[1], dtype=torch.bool, device=x.device)
    distance = distance.masked_fill(themselves | ~mask[:, None, :], torch.inf)
    far, index = distance.topk(min(k, x.shape[1] - 1), largest=False)
    return index, far.isfinite() & mask[..., None]
