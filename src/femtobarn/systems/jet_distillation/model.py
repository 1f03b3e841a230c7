"""Teachers and students. All take (momentum, mass, mask) of a jet's particles and give two logits: other, top.

Momenta are (E, px, py, pz) in GeV. Masses are an input of their own: of a boosted light particle
sqrt(E^2 - p^2) is rounding noise.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.errors import InputError
from femtobarn.nn.deep_set import DeepSet
from femtobarn.nn.lorentz_net import LorentzNet
from femtobarn.nn.particle_net import ParticleNet
from femtobarn.physics.vectors import delta_phi

BEAMS = ((2**0.5, 0.0, 0.0, 1.0), (2**0.5, 0.0, 0.0, -1.0))  #: with mass 1 GeV (arXiv:2201.08187)


class Features(NamedTuple):
    """What students see of each particle; zeros in padding."""

    share: Float[Tensor, "jet particle"]
    """pT of the particle over that of the jet, which is the sum of its particles."""
    eta: Float[Tensor, "jet particle"]
    """Relative to the jet."""
    phi: Float[Tensor, "jet particle"]
    """Relative to the jet, radians."""
    mass: Float[Tensor, "jet particle"]
    """GeV."""


def features(
    momentum: Float[Tensor, "jet particle 4"],
    mass: Float[Tensor, "jet particle"],
    mask: Bool[Tensor, "jet particle"],
) -> Features:
    """Features of each particle; they hold the z axis for special and so depend on boosts across it."""
    momentum = torch.where(mask[..., None], momentum, 0)
    jet = momentum.sum(dim=1, keepdim=True)
    (pt, eta, phi), (jet_pt, jet_eta, jet_phi) = _cylindrical(momentum), _cylindrical(jet)
    columns = (pt / jet_pt, eta - jet_eta, delta_phi(phi, jet_phi), mass.to(pt.dtype))
    return Features(*(torch.where(mask, column, 0) for column in columns))


def first_particles(
    momentum: Float[Tensor, "jet particle 4"],
    mass: Float[Tensor, "jet particle"],
    mask: Bool[Tensor, "jet particle"],
    count: int,
) -> Float[Tensor, "jet input"]:
    """Four features of the first particle, four of the second ..., zeros where there are fewer than `count`."""
    seen = torch.stack(features(momentum, mass, mask), dim=-1)[:, :count]
    return F.pad(seen, (0, 0, 0, count - seen.shape[1])).flatten(1)


class LorentzTagger(nn.Module):
    """LorentzNet on the particles and the two beams.

    Its logits stay the same in every frame if the beams are seen from there too: give them as `beams`.
    Without beams they need no such help, and know nothing of the z axis.
    """

    beams: Tensor

    def __init__(self, *, width: int = 72, blocks: int = 6, dropout: float = 0.2, beams: bool = True) -> None:
        super().__init__()
        self.net = LorentzNet(2, 2, width=width, blocks=blocks, dropout=dropout)
        vectors = torch.tensor(BEAMS if beams else [], dtype=torch.float64).view(-1, 4)
        self.register_buffer("beams", vectors, persistent=False)

    def forward(
        self,
        momentum: Float[Tensor, "jet particle 4"],
        mass: Float[Tensor, "jet particle"],
        mask: Bool[Tensor, "jet particle"],
        beams: Float[Tensor, "jet beam 4"] | None = None,
    ) -> Float[Tensor, "jet class"]:
        """Logits of each jet."""
        if beams is None:
            beams = self.beams.expand(len(mask), -1, -1)
        ones = torch.ones(beams.shape[:2], device=mask.device, dtype=mass.dtype)
        scalars = torch.cat(
            (torch.stack((torch.zeros_like(ones), ones), dim=-1), torch.stack((mass, 0 * mass), dim=-1)),
            dim=1,
        )
        together = torch.cat((beams, momentum.double()), dim=1)
        return self.net(together, scalars, torch.cat((ones > 0, mask), dim=1))


class ParticleTagger(nn.Module):
    """ParticleNet on (eta, phi, log of the share of pT, mass), the first two relative to the jet."""

    def __init__(
        self,
        *,
        neighbours: int = 16,
        widths: tuple[int, ...] = (64, 128, 256),
        hidden: int = 256,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.net = ParticleNet(
            4, 2, neighbours=neighbours, widths=widths, hidden=hidden, coordinates=2, dropout=dropout
        )

    def forward(
        self,
        momentum: Float[Tensor, "jet particle 4"],
        mass: Float[Tensor, "jet particle"],
        mask: Bool[Tensor, "jet particle"],
    ) -> Float[Tensor, "jet class"]:
        """Logits of each jet."""
        share, eta, phi, mass = features(momentum, mass, mask)
        log_share = torch.where(mask & (share > 0), share, 1).log()
        x = torch.stack((eta, phi, log_share, mass), dim=-1)
        return self.net(x.to(self.net.scores.weight.dtype), mask)


class DeepSetTagger(nn.Module):
    """Deep Set on the features, summed with the shares of pT as weights."""

    def __init__(self, *, width: int = 128, leak: float = 0.01) -> None:
        super().__init__()
        self.net = DeepSet(4, 2, width=width, leak=leak)

    def forward(
        self,
        momentum: Float[Tensor, "jet particle 4"],
        mass: Float[Tensor, "jet particle"],
        mask: Bool[Tensor, "jet particle"],
    ) -> Float[Tensor, "jet class"]:
        """Logits of each jet."""
        x = torch.stack(features(momentum, mass, mask), dim=-1).to(self.net.norm.weight.dtype)
        return self.net(x, mask, x[..., 0])


class MlpTagger(nn.Module):
    """Two hidden layers on the features of the hardest particles in one row.

    The order is that of the input: it is not sorted again after a boost, as in the published code.

    Args:
        particles: How many of the first particles are seen; padding is zeros.
        hidden: Width of both layers.
        leak: Slope of LeakyReLU below 0; with 0 it is a ReLU, which hardware likes.
    """

    def __init__(self, *, particles: int = 128, hidden: int = 512, leak: float = 0.01) -> None:
        super().__init__()
        self.particles = particles
        layers: list[nn.Module] = []
        for inputs in (4 * particles, hidden):
            bend = nn.LeakyReLU(leak) if leak else nn.ReLU()
            layers += [nn.Linear(inputs, hidden), bend, nn.BatchNorm1d(hidden)]
        self.net = nn.Sequential(*layers, nn.Linear(hidden, 2))

    def forward(
        self,
        momentum: Float[Tensor, "jet particle 4"],
        mass: Float[Tensor, "jet particle"],
        mask: Bool[Tensor, "jet particle"],
    ) -> Float[Tensor, "jet class"]:
        """Logits of each jet."""
        return self.net(self.row(momentum, mass, mask))

    def row(
        self,
        momentum: Float[Tensor, "jet particle 4"],
        mass: Float[Tensor, "jet particle"],
        mask: Bool[Tensor, "jet particle"],
    ) -> Float[Tensor, "jet input"]:
        """What goes into the first layer."""
        return first_particles(momentum, mass, mask, self.particles).to(self.net[0].weight.dtype)  # type: ignore[arg-type]


def without_batch_norm(net: nn.Sequential) -> nn.Sequential:
    """The same function in evaluation, with each batch norm folded into the linear layer behind it.

    What is left are linear layers and activations, for quantisation and hardware.

    Raises:
        InputError: A batch norm that no linear layer follows.
    """
    layers: list[nn.Module] = []
    scale = shift = None
    for layer in net:
        if isinstance(layer, nn.BatchNorm1d):
            assert layer.running_var is not None
            assert layer.running_mean is not None
            scale = layer.weight * (layer.running_var + layer.eps).rsqrt()
            shift = layer.bias - layer.running_mean * scale
        elif isinstance(layer, nn.Linear) and scale is not None and shift is not None:
            layers.append(_behind(layer, scale, shift))
            scale = shift = None
        elif scale is None:
            layers.append(layer)
        else:
            raise InputError(f"expected a linear layer behind a batch norm, got {type(layer).__name__}")
    if scale is not None:
        raise InputError("expected a linear layer behind each batch norm, the last one has none")
    return nn.Sequential(*layers).eval()


@torch.no_grad()
def _behind(layer: nn.Linear, scale: Tensor, shift: Tensor) -> nn.Linear:
    folded = nn.Linear(layer.in_features, layer.out_features, dtype=layer.weight.dtype)
    folded.weight.copy_(layer.weight * scale)
    folded.bias.copy_(layer.weight @ shift + layer.bias)
    return folded


def _cylindrical(momentum: Float[Tensor, "jet particle 4"]) -> tuple[Tensor, Tensor, Tensor]:
    """pT, eta and phi; for no momentum at all eta and phi are 0."""
    _, px, py, pz = momentum.unbind(-1)
    pt = torch.hypot(px, py)
    tiny = torch.finfo(pt.dtype).tiny
    return pt, torch.asinh(pz / pt.clamp(min=tiny)), torch.atan2(py, px)
