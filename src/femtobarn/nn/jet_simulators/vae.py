"""The convolutional variational autoencoder of arXiv:2203.00520: from generated to reconstructed particles of a jet."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from femtobarn.errors import InputError
from femtobarn.losses import jet_terms, kl_standard_normal
from femtobarn.nn.jet_simulators import momenta
from femtobarn.nn.jet_simulators.momenta import Particles
from femtobarn.nn.jet_simulators.multiplicity import count_loss, draw_count

SOFTEST = 0.25  #: GeV; outputs of less transverse momentum are no particles (training script of the authors)


class LossWeights(NamedTuple):
    """Weights of the terms; the defaults are those of the authors' training script."""

    divergence: float = 0.3
    particles: float = 0.015
    mass: float = 1.0
    pt: float = 0.1


class JetVae(nn.Module):
    """Encoder of the generated particles, a latent vector drawn from it, decoder to the reconstructed particles.

    The convolutions run along the list of particles, hardest first: another order gives another result. 14.79
    million weights with the defaults.

    With `masked` the outputs have a number, the slots of a list are particles one after the other, and no output
    has to be zero. Without, as published, surplus outputs have to find the padding zeros of the target.

    Args:
        centre, width: Mean and standard deviation of px, py, pz of the particles in training, GeV.
        particles: Length of the lists.
        latent: Components of the latent vector.
        channels: Of the three convolutions.
        dense: Width of the layers between lists and latent vector.
        dropout: After convolutions, and after dense layers.
        weights: Of the loss.
        masked: Tell the number of particles apart from their momenta.
        turned: Turn each jet about the beam, so that the generated one is at phi = 0.
        free_bits: Divergence of a latent component, in nats, up to which it costs nothing; keeps components in use.
    """

    centre: Tensor
    width: Tensor

    def __init__(
        self,
        centre: Float[Tensor, "3"],
        width: Float[Tensor, "3"],
        *,
        particles: int = 50,
        latent: int = 20,
        channels: tuple[int, int, int] = (32, 64, 128),
        dense: int = 1500,
        dropout: tuple[float, float] = (0.05, 0.3),
        weights: LossWeights | None = None,
        masked: bool = False,
        turned: bool = False,
        free_bits: float = 0.0,
    ) -> None:
        super().__init__()
        if particles < 13:
            raise InputError(f"three convolutions over 5 particles need at least 13 of them, got {particles}")
        self.particles, self.latent, self.weights = particles, latent, weights or LossWeights()
        self.masked, self.turned, self.free_bits = masked, turned, free_bits
        self.register_buffer("centre", centre)
        self.register_buffer("width", width)
        light, heavy = dropout
        a, b, c = channels
        inner = (c, 1, particles - 12)
        flat = c * (particles - 12)
        self.encoder = nn.Sequential(
            *_step(nn.Conv2d(1, a, (3, 5)), light),
            *_step(nn.Conv2d(a, b, (1, 5)), light),
            *_step(nn.Conv2d(b, c, (1, 5)), light),
            nn.Flatten(),
            *_step(nn.Linear(flat, dense), heavy),
            nn.Linear(dense, 2 * latent),
        )
        self.decoder = nn.Sequential(
            *_step(nn.Linear(latent, dense), heavy),
            *_step(nn.Linear(dense, flat), heavy),
            nn.Unflatten(1, inner),
            *_step(nn.ConvTranspose2d(c, b, (1, 5)), light),
            *_step(nn.ConvTranspose2d(b, a, (1, 5)), light),
            nn.ConvTranspose2d(a, 1, (3, 5)),
        )
        if masked:
            self.count = nn.Sequential(nn.Linear(latent + 1, 64), nn.ReLU(), nn.Linear(64, particles))

    def encode(
        self, generated: Float[Tensor, "jet particle 3"]
    ) -> tuple[Float[Tensor, "jet latent"], Float[Tensor, "jet latent"]]:
        """Mean and logarithm of the variance of the latent vector; padding has to be zero."""
        scaled = (generated - self.centre) / self.width
        mean, log_variance = self.encoder(scaled.transpose(1, 2).unsqueeze(1)).chunk(2, dim=1)
        return mean, log_variance

    def decode(self, z: Float[Tensor, "jet latent"]) -> Float[Tensor, "jet particle 3"]:
        """Momenta in GeV."""
        momentum: Tensor = self.decoder(z).squeeze(1).transpose(1, 2)
        return momentum * self.width + self.centre

    def draw(
        self,
        generated: Float[Tensor, "jet particle 3"],
        mask: Bool[Tensor, "jet particle"],
        *,
        generator: torch.Generator,
    ) -> Particles:
        """Reconstructed particles; those below 0.25 GeV of transverse momentum are none."""
        angle = self._angle(generated, mask)
        mean, log_variance = self.encode(momenta.turned(generated, -angle))
        z = mean + torch.exp(0.5 * log_variance) * _noise(mean, generator)
        output = self.decode(z)
        there = torch.hypot(output[..., 0], output[..., 1]) >= SOFTEST
        if self.masked:
            there = there & draw_count(self._logits(z, mask), generator=generator)
        return Particles(momenta.turned(output, angle), there)

    def loss(self, batch: Mapping[str, Tensor], *, generator: torch.Generator) -> Float[Tensor, ""]:
        """(1 - b_KL) [b_p D + b_m MSE(mass) + b_pT MSE(pT)] + b_KL KL, and with `masked` the loss of the number.

        The batch has ``generated``, ``generated_mask``, ``reconstructed``, ``reconstructed_mask``.
        """
        x, y = batch["generated"], batch["reconstructed"]
        x_mask, y_mask = batch["generated_mask"], batch["reconstructed_mask"]
        if self.turned:
            angle = self._angle(x, x_mask)
            x, y = momenta.turned(x, -angle), momenta.turned(y, -angle)
        mean, log_variance = self.encode(x)
        z = mean + torch.exp(0.5 * log_variance) * _noise(mean, generator)
        counts = y_mask if self.masked else torch.ones_like(y_mask)
        terms = jet_terms(self.decode(z), y, counts, counts)
        divergence = kl_standard_normal(mean, log_variance).mean(dim=0).clamp(min=self.free_bits).sum()
        w = self.weights
        found = w.particles * terms.particles + w.mass * terms.mass + w.pt * terms.pt
        total = (1 - w.divergence) * found + w.divergence * divergence
        return total + count_loss(self._logits(z, x_mask), y_mask) if self.masked else total

    @torch.no_grad()
    def divergences(
        self, generated: Float[Tensor, "jet particle 3"], mask: Bool[Tensor, "jet particle"]
    ) -> Float[Tensor, "latent"]:
        """Mean divergence of each latent component from N(0, 1), in nats; a component without any is not used."""
        angle = self._angle(generated, mask)
        return kl_standard_normal(*self.encode(momenta.turned(generated, -angle))).mean(dim=0)

    def _angle(self, generated: Tensor, mask: Tensor) -> Tensor:
        """By which a jet is turned back in the end."""
        return momenta.axis(generated, mask).phi if self.turned else generated.new_zeros(len(mask))

    def _logits(self, z: Tensor, mask: Tensor) -> Tensor:
        share = mask.to(z.dtype).mean(dim=1, keepdim=True)
        found: Tensor = self.count(torch.cat((z, share), dim=1))
        return found


def _step(layer: nn.Module, dropout: float) -> tuple[nn.Module, nn.Module, nn.Module]:
    return layer, nn.ReLU(), nn.Dropout(dropout)


def _noise(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(like.shape, generator=generator, device=like.device, dtype=like.dtype)
