"""The Lorentz group autoencoder (Hao et al., arXiv:2212.07347): jets to scalars and four-vectors, and back.

Features of a particle are complex Lorentz scalars and complex four-vectors, the representations (0, 0) and
(1/2, 1/2). Scalars have the shape (..., 2, channel), vectors (..., 4, 2, channel); along the axis of length 2 stand
real and imaginary part. Products of these two representations that lie in them again are the product of scalars,
a scalar times a vector, and the Minkowski product of vectors (`couplings` finds no others), so none needs a table of
Clebsch-Gordan coefficients. What else a product of two vectors has, (1, 0) + (0, 1) + (1, 1), is dropped, as published.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.errors import InputError
from femtobarn.nn.minkowski import METRIC, minkowski
from femtobarn.physics._constant import numbers

Aggregation = Literal["mix", "min & max", "mean"]
Scalars = Float[Tensor, "jet particle 2 channel"]
Vectors = Float[Tensor, "jet particle 4 2 channel"]


class Latent(NamedTuple):
    """What a jet is compressed to; equal to what every other observer gets, up to his boost of the vectors."""

    scalars: Float[Tensor, "jet 2 scalar"]
    vectors: Float[Tensor, "jet 4 2 vector"]

    @property
    def numbers(self) -> Float[Tensor, "jet number"]:
        """All real numbers of it."""
        return torch.cat((self.scalars.flatten(1), self.vectors.flatten(1)), dim=1)


class LorentzAutoencoder(nn.Module):
    """Encoder and decoder: the momenta of a jet that went through the latent space.

    Every map commutes with boosts and rotations. That holds to the precision of the numbers, which for light
    particles float32 loses at rapidities of a few: use it in float64 (``.double()``).

    Args:
        particles: Of a jet, padding included.
        aggregation: How the particles become one latent. "mix": a linear map of all particles in the order given.
            "min & max": of each channel the two vectors with the smallest and the largest Minkowski norm. "mean": the
            mean. The last two do not depend on the order of the particles. In a jet of two massless particles all
            norms are the same by symmetry, and rounding decides for "min & max".
        scalars, vectors: Complex latent scalars and vectors; "min & max" has twice as many.
        encoder, decoder: Channels of the particles, from the first level on.
        hidden: Hidden layers of the network on the scalars after each level.
    """

    def __init__(
        self,
        particles: int = 30,
        *,
        aggregation: Aggregation = "mix",
        scalars: int = 1,
        vectors: int = 9,
        encoder: Sequence[int] = (3, 3, 4, 4),
        decoder: Sequence[int] = (4, 4, 3, 3),
        hidden: int = 6,
    ) -> None:
        super().__init__()
        self.encoder = LorentzEncoder(
            particles,
            aggregation=aggregation,
            scalars=scalars,
            vectors=vectors,
            channels=encoder,
            hidden=hidden,
        )
        copies = 2 if aggregation == "min & max" else 1
        self.decoder = LorentzDecoder(
            particles, scalars=copies * scalars, vectors=copies * vectors, channels=decoder, hidden=hidden
        )

    @property
    def latent_numbers(self) -> int:
        """Real numbers of the latent."""
        return 2 * self.decoder.scalars.inputs + 8 * self.decoder.vectors.inputs

    def compress(
        self, momentum: Float[Tensor, "jet particle 4"], mask: Bool[Tensor, "jet particle"]
    ) -> Float[Tensor, "jet number"]:
        """The real numbers of the latent."""
        latent: Latent = self.encoder(momentum, mask)
        return latent.numbers

    def forward(
        self, momentum: Float[Tensor, "jet particle 4"], mask: Bool[Tensor, "jet particle"]
    ) -> Float[Tensor, "jet particle 4"]:
        """The momenta that come out.

        Args:
            momentum: (E, px, py, pz), in a unit that makes the largest of them about 1.
            mask: True for real particles; what stands elsewhere has no effect.
        """
        decoded: Tensor = self.decoder(self.encoder(momentum, mask))
        return decoded


class LorentzEncoder(nn.Module):
    """Levels of messages between the particles of a jet, then one latent of all; see `LorentzAutoencoder`."""

    def __init__(
        self,
        particles: int,
        *,
        aggregation: Aggregation,
        scalars: int,
        vectors: int,
        channels: Sequence[int],
        hidden: int,
    ) -> None:
        super().__init__()
        if aggregation not in get_args(Aggregation):
            raise InputError(f"expected one of {', '.join(get_args(Aggregation))}: got {aggregation!r}")
        self.aggregation, self.particles = aggregation, particles
        self.start = nn.ModuleList(ComplexLinear(1, channels[0]) for _ in range(2))
        self.levels = nn.ModuleList(LorentzLevel(a, b, hidden=hidden) for a, b in pairwise(channels))
        inputs = channels[-1] * (particles if aggregation == "mix" else 1)
        self.scalars, self.vectors = ComplexLinear(inputs, scalars), ComplexLinear(inputs, vectors)

    def forward(
        self, momentum: Float[Tensor, "jet particle 4"], mask: Bool[Tensor, "jet particle"]
    ) -> Latent:
        """The latent of each jet."""
        p = torch.where(mask[..., None], momentum, 0)
        # The square of a massless particle is nothing to start from: the scalar of a particle is that it is there.
        s, v = (
            start(_real(x)) for start, x in zip(self.start, (mask.to(p.dtype)[..., None], p), strict=True)
        )
        s = s.squeeze(2)
        pairs = pair_invariants(p)
        for level in self.levels:
            s, v = level(s, v, p, pairs, mask)
        if self.aggregation == "mix":
            if mask.shape[1] != self.particles:
                raise InputError(f"expected {self.particles} particles of a jet, got {mask.shape[1]}")
            return Latent(self.scalars(_in_a_row(s)), self.vectors(_in_a_row(v)))
        s, v = self.scalars(s), self.vectors(v)
        if self.aggregation == "mean":
            count = mask.sum(dim=1)[:, None, None].clamp(min=1)
            keep = mask[:, :, None, None]
            total = torch.where(keep, s, 0).sum(dim=1), torch.where(keep[..., None], v, 0).sum(dim=1)
            return Latent(total[0] / count, total[1] / count[..., None])
        by_norm = (v.square() * numbers(METRIC, v.device, v.dtype)[:, None, None]).sum(dim=2)
        ends = [
            (_at(s, extreme(s, mask, largest=largest)), _at(v, extreme(by_norm, mask, largest=largest)))
            for largest in (False, True)
        ]
        return Latent(*(torch.cat(each, dim=-1) for each in zip(*ends, strict=True)))


class LorentzDecoder(nn.Module):
    """As many particles as a jet has, each started from the latent by a map of its own, and levels of messages.

    Only the vectors of the last level are read; its scalars are there since the published sizes count them.
    """

    def __init__(
        self, particles: int, *, scalars: int, vectors: int, channels: Sequence[int], hidden: int
    ) -> None:
        super().__init__()
        self.scalars, self.vectors = ComplexLinear(scalars, particles), ComplexLinear(vectors, particles)
        self.start = nn.ModuleList(ComplexLinear(1, channels[0]) for _ in range(2))
        self.levels = nn.ModuleList(LorentzLevel(a, b, hidden=hidden) for a, b in pairwise(channels))
        self.end = ComplexLinear(channels[-1], 1)

    def forward(self, latent: Latent) -> Float[Tensor, "jet particle 4"]:
        """The momenta of each jet: real and imaginary parts of one vector, added up."""
        s, v = self.scalars(latent.scalars), self.vectors(latent.vectors)
        p = v.sum(dim=2).mT
        s, v = (
            start(x[..., None]) for start, x in zip(self.start, (s.mT, v.permute(0, 3, 1, 2)), strict=True)
        )
        mask = torch.ones(p.shape[:2], dtype=torch.bool, device=p.device)
        pairs = pair_invariants(p)
        for level in self.levels:
            s, v = level(s, v, p, pairs, mask)
        found: Tensor = self.end(v).sum(dim=(-2, -1))
        return found


class LorentzLevel(nn.Module):
    """One round of messages, the products of a particle with itself, and a network on its scalars.

    Message of particle j to i: f((p_i - p_j)^2) times the product of p_i - p_j with the features of j. f is a sum of
    `Bells` with complex weights for each channel of either representation. Sums over j are written as products of
    matrices, so no vector of a pair is ever stored.
    """

    def __init__(self, inputs: int, outputs: int, *, hidden: int = 6) -> None:
        super().__init__()
        self.bells = Bells(4 * inputs)
        self.scalar_mix = ComplexLinear(4 * inputs, outputs)
        self.vector_mix = ComplexLinear(3 * inputs, outputs)
        widths = [2 * outputs] + hidden * [12 * outputs] + [2 * outputs]
        self.network = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))

    def forward(
        self,
        s: Scalars,
        v: Vectors,
        p: Float[Tensor, "jet particle 4"],
        pairs: Float[Tensor, "jet pair"],
        mask: Bool[Tensor, "jet particle"],
    ) -> tuple[Float[Tensor, "jet particle 2 output"], Float[Tensor, "jet particle 4 2 output"]]:
        """Features afterwards, zeros where there is no particle.

        Args:
            s, v: Features, zeros where there is no particle.
            p: Momenta, zeros where there is no particle.
            pairs: `pair_invariants` of them.
            mask: True for real particles.
        """
        seen_s, seen_v = self._messages(s, v, p, pairs)
        s_parts = (seen_s, s, complex_product(s, s), complex_dot(v, v))
        v_parts = (seen_v, v, complex_product(s[:, :, None], v))
        s, v = self.scalar_mix(torch.cat(s_parts, dim=-1)), self.vector_mix(torch.cat(v_parts, dim=-1))
        x = s.flatten(-2)
        for layer in list(self.network)[:-1]:
            x = layer(x)
            x = torch.maximum(x, 0.01 * x)  # leaky ReLU, which onnxruntime does not have in float64
        s = self.network[-1](x).view(s.shape)
        keep = mask[:, :, None, None]
        return torch.where(keep, s, 0), torch.where(keep[..., None], v, 0)

    def _messages(self, s: Tensor, v: Tensor, p: Tensor, pairs: Tensor) -> tuple[Tensor, Tensor]:
        jets, particles, _, channels = s.shape
        weight = _symmetric(self.bells(pairs), particles)
        weight = weight.view(jets, 2 * channels, 2 * particles, particles)
        # The product of p_i - p_j with the features of j is that of p_i less that of p_j.
        own_dot = (v * (p * numbers(METRIC, p.device, p.dtype))[..., None, None]).sum(dim=2, keepdim=True)
        for_scalars = torch.cat((v, own_dot), dim=2)
        own_scaled = p[..., None, None] * s[:, :, None]
        for_vectors = torch.cat((own_scaled, s[:, :, None]), dim=2)
        sent = torch.stack((for_scalars, for_vectors), dim=1)
        sent = sent.permute(0, 1, 5, 2, 3, 4).reshape(jets, 2 * channels, particles, 10)
        heard = (weight @ sent).view(jets, 2, channels, 2, particles, 5, 2)
        by_real, by_imaginary = heard.unbind(dim=3)
        real = by_real[..., 0] - by_imaginary[..., 1]
        imaginary = by_real[..., 1] + by_imaginary[..., 0]
        both = torch.stack((real, imaginary), dim=-1).permute(1, 0, 3, 4, 5, 2)
        to_scalars, to_vectors = both.unbind()
        seen_s = (to_scalars[:, :, :4] * (p * numbers(METRIC, p.device, p.dtype))[..., None, None]).sum(dim=2)
        return seen_s - to_scalars[:, :, 4], p[..., None, None] * to_vectors[:, :, 4:] - to_vectors[:, :, :4]


class Bells(nn.Module):
    """Learned functions of a Minkowski square s: linear maps of bells b / (1 + c^2 |s|) + a.

    Published as b / (1 + (c n)^2 + eps) + a of n = sign(s) sqrt|s|, in which neither the sign nor the root survives,
    so that nothing diverges at s = 0. Widths c start between 1 and 100, in equal steps of their logarithm, since
    neighbours in a jet have squares of 1e-4 and opposite particles of 1, in units of its largest momentum; widths
    around 1 would see one constant. Wider ones would see the rounding of s at large boosts, about gamma^2 1e-16.
    """

    def __init__(self, outputs: int, *, bells: int = 20) -> None:
        super().__init__()
        self.height, self.offset = nn.Parameter(torch.randn(bells)), nn.Parameter(torch.randn(bells))
        self.width = nn.Parameter(torch.logspace(0, 2, bells))
        self.mix = nn.Parameter(torch.randn(outputs, bells) / bells**0.5)

    def forward(self, square: Float[Tensor, "jet pair"]) -> Float[Tensor, "jet output pair"]:
        """The functions of each pair."""
        bell = self.height[:, None] / (1 + self.width.square()[:, None] * square.abs()[:, None])
        return self.mix @ (bell + self.offset[:, None])


class ComplexLinear(nn.Module):
    """A complex matrix on the channels: the linear map of scalars or vectors that commutes with the group."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.inputs = inputs
        scale = (
            2 * inputs
        ) ** -0.5  # as large comes out as went in; the published weights have no such factor
        self.real, self.imaginary = (nn.Parameter(scale * torch.randn(outputs, inputs)) for _ in range(2))

    def forward(self, x: Float[Tensor, "*batch 2 input"]) -> Float[Tensor, "*batch 2 output"]:
        """Channels mixed; the axis before them holds real and imaginary part."""
        rows = torch.cat((self.real, -self.imaginary), dim=1), torch.cat((self.imaginary, self.real), dim=1)
        mixed = F.linear(x.flatten(-2), torch.cat(rows))
        return mixed.view(*x.shape[:-1], len(self.real))


def complex_product(
    a: Float[Tensor, "... 2 channel"], b: Float[Tensor, "... 2 channel"]
) -> Float[Tensor, "... 2 channel"]:
    """The product channel by channel."""
    (a_re, a_im), (b_re, b_im) = a.unbind(dim=-2), b.unbind(dim=-2)
    return torch.stack((a_re * b_re - a_im * b_im, a_re * b_im + a_im * b_re), dim=-2)


def complex_dot(
    a: Float[Tensor, "*batch 4 2 channel"], b: Float[Tensor, "*batch 4 2 channel"]
) -> Float[Tensor, "*batch 2 channel"]:
    """The Minkowski product of complex vectors channel by channel, without conjugation."""
    return (complex_product(a, b) * numbers(METRIC, a.device, a.dtype)[:, None, None]).sum(dim=-3)


def pair_invariants(p: Float[Tensor, "jet particle 4"]) -> Float[Tensor, "jet pair"]:
    """(p_i - p_j)^2 of each pair i < j, in the order of `torch.triu_indices`."""
    i, j = torch.triu_indices(p.shape[1], p.shape[1], offset=1, device=p.device)
    difference = p[:, i] - p[:, j]
    return minkowski(difference, difference)


def extreme(
    value: Float[Tensor, "jet particle 2 channel"], mask: Bool[Tensor, "jet particle"], *, largest: bool
) -> Int[Tensor, "jet 2 channel"]:
    """Which real particle has the smallest or the largest value; the first of several, and of a jet without any."""
    sign = -1.0 if largest else 1.0
    return torch.where(mask[:, :, None, None], sign * value, torch.inf).argmin(dim=1)


def _at(x: Tensor, index: Int[Tensor, "jet 2 channel"]) -> Tensor:
    """The features of that particle."""
    index = index[:, None] if x.ndim == 4 else index[:, None, None].expand(-1, -1, 4, -1, -1)
    return x.gather(1, index).squeeze(1)


def _real(x: Float[Tensor, "jet particle n"]) -> Float[Tensor, "jet particle n 2 1"]:
    """Real numbers as complex ones of one channel."""
    return torch.stack((x, torch.zeros_like(x)), dim=-1)[..., None]


def _in_a_row(x: Tensor) -> Tensor:
    """The channels of all particles as those of the jet."""
    return x.movedim(1, -2).flatten(-2)


def _symmetric(
    values: Float[Tensor, "jet n pair"], particles: int
) -> Float[Tensor, "jet n particle particle"]:
    """Values of pairs i < j as symmetric matrices with zeros on the diagonal."""
    place = torch.full((particles, particles), values.shape[-1], device=values.device)
    i, j = torch.triu_indices(particles, particles, offset=1, device=values.device)
    place[i, j] = place[j, i] = torch.arange(values.shape[-1], device=values.device)
    padded = F.pad(values, (0, 1))
    return padded.index_select(-1, place.flatten()).view(*values.shape[:-1], particles, particles)
