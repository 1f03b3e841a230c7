"""Variational autoencoder of jets as sets of particles: the deep set of arXiv:2311.17162.

Facts of its published code and checkpoints: github.com/ryanliu30/FastAnomalyDetection.
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from femtobarn.nn.masked_batch_norm import MaskedBatchNorm

SPECIES = 8  #: kinds of particles
_KINEMATICS = 8
_LARGEST = 5.0  # features are cut to +- this, as is ten times the share of momentum
_SHARE_SCALE = 10.0  # of the share of momentum in features and loss


class SetLayer(nn.Module):
    """Each particle from itself and from the mean of all: normalise, W3 (phi(W1 x) + rho(W2 mean x))."""

    def __init__(self, width: int, hidden: int, *, first_batch: bool, momentum: float) -> None:
        super().__init__()
        self.norm = MaskedBatchNorm(width, first_batch=first_batch, momentum=momentum)
        self.each, self.mean = nn.Linear(width, hidden), nn.Linear(width, hidden)
        self.out = nn.Linear(hidden, width)

    def forward(
        self, x: Float[Tensor, "jet particle width"], mask: Bool[Tensor, "jet particle"]
    ) -> Float[Tensor, "jet particle width"]:
        """Particles of the next layer; what stands at padding is without meaning."""
        x = self.norm(x, mask)
        pooled = functional.leaky_relu(self.mean(masked_mean(x, mask)))
        return functional.leaky_relu(self.out(functional.leaky_relu(self.each(x)) + pooled.unsqueeze(1)))


class Encoded(NamedTuple):
    """Latent distribution of each jet."""

    mean: Float[Tensor, "jet latent"]
    log_variance: Float[Tensor, "jet latent"]


class SetVae(nn.Module):
    """Encoder of a set into a latent normal distribution, and decoder into as many particles of the same kinds.

    The decoder is given how many particles of each kind there are: a slot knows its kind and its number among its kind
    (without `species`, its number). What it makes are shares of momentum, times ten, and angles from the jet axis.

    Args:
        width, hidden: Numbers per particle between and within layers; 64 and 128 as published: 205,155 weights.
        layers: Of encoder and decoder each.
        latent: Components.
        species: Whether the kinds of particles are inputs of encoder and decoder.
        first_batch, momentum: Of the batch norms (see `MaskedBatchNorm`). Published: False and 0.01; statistics that
            start at 0 and 1 take hundreds of steps to arrive, too many for a short training.
    """

    def __init__(
        self,
        *,
        width: int = 64,
        hidden: int = 128,
        layers: int = 4,
        latent: int = 16,
        species: bool = True,
        first_batch: bool = True,
        momentum: float = 0.1,
    ) -> None:
        super().__init__()
        self.species, self.width = species, width

        def stack() -> nn.ModuleList:
            return nn.ModuleList(
                SetLayer(width, hidden, first_batch=first_batch, momentum=momentum) for _ in range(layers)
            )

        self.enter = nn.Linear(_KINEMATICS + SPECIES * species, width)
        self.encoder = stack()
        self.mean, self.log_variance = nn.Linear(width, latent), nn.Linear(width, latent)
        self.start = nn.Linear(latent, width)
        self.kind = nn.Embedding(SPECIES, width) if species else None
        self.decoder = stack()
        self.leave = nn.Linear(width, 3)

    def forward(
        self,
        particles: Float[Tensor, "jet particle 4"],
        species: Int[Tensor, "jet particle"],
        jet: Float[Tensor, "jet 2"],
        noise: Float[Tensor, "jet latent"] | None = None,
    ) -> tuple[Float[Tensor, "jet particle 3"], Encoded]:
        """What the decoder makes of a jet, and its latent distribution.

        Args:
            particles: Eta and phi from the jet axis, pT and energy (GeV).
            species: Kind of each particle, -1 for padding.
            jet: pT and energy (GeV).
            noise: Standard normal numbers of the latent components; none decodes the mean.
        """
        encoded = self.encode(particles, species, jet)
        z = encoded.mean
        if noise is not None:
            z = z + noise * (encoded.log_variance / 2).exp()
        return self.decode(z, species), encoded

    def encode(
        self,
        particles: Float[Tensor, "jet particle 4"],
        species: Int[Tensor, "jet particle"],
        jet: Float[Tensor, "jet 2"],
    ) -> Encoded:
        """The latent distribution alone."""
        mask = species >= 0
        x = kinematics(particles, jet)
        if self.species:
            x = torch.cat((x, functional.one_hot(species.clamp(min=0).long(), SPECIES).to(x)), dim=-1)
        x = self.enter(torch.where(mask.unsqueeze(-1), x, 0.0))
        for layer in self.encoder:
            x = layer(x, mask)
        pooled = masked_mean(x, mask)
        return Encoded(self.mean(pooled), self.log_variance(pooled))

    def decode(
        self, z: Float[Tensor, "jet latent"], species: Int[Tensor, "jet particle"]
    ) -> Float[Tensor, "jet particle 3"]:
        """Share of momentum times ten, eta and phi from the axis, of each particle; its kind is that of its slot."""
        mask = species >= 0
        kinds = species.clamp(min=0).long()
        x = self.start(z).unsqueeze(1) + _waves(
            _number_of_its_kind(species, by_kind=self.species), self.width
        )
        if self.kind is not None:
            x = x + self.kind(kinds)
        for layer in self.decoder:
            x = layer(x, mask)
        share, angles = self.leave(x).split((1, 2), dim=-1)
        return torch.cat((share.exp(), angles), dim=-1)


def shares_and_angles(
    particles: Float[Tensor, "jet particle 4"], jet: Float[Tensor, "jet 2"]
) -> Float[Tensor, "jet particle 3"]:
    """What the decoder is to make: ten times the share of momentum, cut at 5 as published, eta and phi."""
    share = (_SHARE_SCALE * particles[..., 2] / jet[:, :1]).clamp(max=_LARGEST)
    return torch.cat((share.unsqueeze(-1), particles[..., :2]), dim=-1)


def kinematics(
    particles: Float[Tensor, "jet particle 4"], jet: Float[Tensor, "jet 2"]
) -> Float[Tensor, "jet particle 8"]:
    """The published features of each particle; padding is without meaning."""
    eta, phi, pt, energy = particles.unbind(dim=-1)
    jet_pt, jet_energy = jet[:, :1], jet[:, 1:]
    pt, energy = pt.clamp(min=1e-6), energy.clamp(min=1e-6)
    cut = (
        _SHARE_SCALE * pt / jet_pt,
        (pt.log() - 1.7) * 0.7,
        (energy.log() - 2.0) * 0.7,
        ((pt / jet_pt).log() + 4.7) * 0.7,
        ((energy / jet_energy).log() + 4.7) * 0.7,
        (torch.hypot(eta, phi) - 0.2) * 4.0,
    )
    share, *others = (each.clamp(-_LARGEST, _LARGEST) for each in cut)
    return torch.stack((share, eta, phi, *others), dim=-1)


def masked_mean(
    x: Float[Tensor, "jet particle width"], mask: Bool[Tensor, "jet particle"]
) -> Float[Tensor, "jet width"]:
    """Mean over the particles of a jet."""
    total = torch.where(mask.unsqueeze(-1), x, 0.0).sum(dim=1)
    return total / mask.sum(dim=1, keepdim=True).clamp(min=1)


def _number_of_its_kind(
    species: Int[Tensor, "jet particle"], *, by_kind: bool
) -> Int[Tensor, "jet particle"]:
    """How many particles of the same kind stand before each: 0 for the first photon, 1 for the second ..."""
    if not by_kind:
        return torch.arange(species.shape[1], device=species.device).expand(species.shape)
    kinds = functional.one_hot(species.clamp(min=0).long(), SPECIES) * (species >= 0).unsqueeze(-1)
    before = kinds.cumsum(dim=1) - kinds
    return before.gather(2, species.clamp(min=0).long().unsqueeze(-1)).squeeze(-1)


def _waves(place: Int[Tensor, "jet particle"], width: int) -> Float[Tensor, "jet particle width"]:
    """Sines and cosines of the place with wavelengths from 2 pi to 2 pi 10^4 (arXiv:1706.03762, section 3.5)."""
    steps = torch.arange(width // 2, device=place.device)
    angle = place.unsqueeze(-1) * torch.exp(-2 * steps / width * math.log(10_000.0))
    return torch.stack((angle.sin(), angle.cos()), dim=-1).flatten(-2)
