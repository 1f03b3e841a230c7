"""What all generators of jets share: units, masks, noise, and the way from raw output to jets.

Particles are (eta_rel, phi_rel, pt_rel). The multiplicity is always an input: all attempts to have the mask
learned failed (arXiv:2106.11535, appendix).
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from femtobarn.errors import InputError

FEATURES = 3  #: eta_rel, phi_rel, pt_rel
#: Largest absolute feature in JetNet, as in its ParticleNet and the MPGAN code (``fpnd_norm``).
PUBLISHED_MAXIMA = (1.6211985349655151, 0.520724892616272, 0.8934717178344727)
SOFTEST = 1e-5  #: pt_rel below which logarithms are not taken
NOISE_WIDTH = 0.2  #: of the noise of all GANs here, arXiv:2106.11535


class Jets(NamedTuple):
    """Jets as padded sets of particles."""

    particles: Float[Tensor, "jet particle 3"]
    mask: Bool[Tensor, "jet particle"]


class Scaling(nn.Module):
    """From physical particle features to those of a network, ``(x - centre) / width``, and back.

    With `log_pt` the third feature enters as its logarithm, so that hard and soft particles are resolved alike
    and no generated momentum is negative.
    """

    centre: Tensor
    width: Tensor

    def __init__(self, centre: Sequence[float], width: Sequence[float], *, log_pt: bool = False) -> None:
        super().__init__()
        self.log_pt = log_pt
        self.register_buffer("centre", torch.tensor(centre, dtype=torch.float32))
        self.register_buffer("width", torch.tensor(width, dtype=torch.float32))

    def forward(self, x: Float[Tensor, "jet particle 3"]) -> Float[Tensor, "jet particle 3"]:
        """Network units."""
        if self.log_pt:
            x = torch.cat((x[..., :2], x[..., 2:].clamp(min=SOFTEST).log()), dim=-1)
        return (x - self.centre) / self.width

    def inverse(self, y: Float[Tensor, "jet particle 3"]) -> Float[Tensor, "jet particle 3"]:
        """Physical units."""
        x = y * self.width + self.centre
        return torch.cat((x[..., :2], x[..., 2:].clamp(max=0.0).exp()), dim=-1) if self.log_pt else x


def scaling_by_maxima(maxima: Sequence[float] = PUBLISHED_MAXIMA) -> Scaling:
    """That of all GANs here: every feature over its maximum, and the transverse momentum half a unit lower."""
    return Scaling((0.0, 0.0, 0.5 * maxima[2]), maxima)


def scaling_by_range(
    particles: Float[Tensor, "jet particle 3"], mask: Bool[Tensor, "jet particle"]
) -> Scaling:
    """Every feature, the transverse momentum as logarithm, from -1 at its smallest to 1 at its largest."""
    real = Scaling((0.0,) * FEATURES, (1.0,) * FEATURES, log_pt=True)(particles)[mask].double()
    low, high = real.amin(dim=0), real.amax(dim=0)
    return Scaling(((low + high) / 2).tolist(), ((high - low) / 2).tolist(), log_pt=True)


def scaling_by_moments(
    particles: Float[Tensor, "jet particle 3"],
    mask: Bool[Tensor, "jet particle"],
    *,
    deviation: float,
    log_pt: bool,
) -> Scaling:
    """Mean 0 and the given standard deviation for each feature of the real particles."""
    plain = Scaling((0.0,) * FEATURES, (1.0,) * FEATURES, log_pt=log_pt)
    real = plain(particles)[mask].double()
    return Scaling(real.mean(dim=0).tolist(), (real.std(dim=0) / deviation).tolist(), log_pt=log_pt)


def largest(particles: Float[Tensor, "jet particle 3"], mask: Bool[Tensor, "jet particle"]) -> list[float]:
    """Largest absolute value of each feature over the real particles."""
    return [float(v) for v in particles[mask].abs().amax(dim=0)]


def lowest(score: Float[Tensor, "jet slot"], multiplicity: Int[Tensor, "jet"]) -> Bool[Tensor, "jet slot"]:
    """True for the slots of the `multiplicity` lowest scores of each jet (arXiv:2106.11535, "rank" masking).

    The score is the first noise feature: which slots are real then does not depend on their order.
    """
    rank = score.sort(dim=1).indices.sort(dim=1).indices
    return rank < multiplicity[:, None]


def first(slots: int, multiplicity: Int[Tensor, "jet"]) -> Bool[Tensor, "jet slot"]:
    """True for the first `multiplicity` slots of each jet."""
    return torch.arange(slots, device=multiplicity.device) < multiplicity[:, None]


def normal(*shape: int, generator: torch.Generator, width: float = 1.0) -> Tensor:
    """Normal noise on the device of the random generator."""
    return width * torch.randn(*shape, generator=generator, device=generator.device)


def finish(jets: Jets) -> Jets:
    """Jets as they are stored: hardest particle first, momenta not negative, padding all zero."""
    x, mask = jets
    # By the momenta before they are cut at zero: then no two are equal and the order is the same everywhere.
    order = torch.where(mask, x[..., 2], -torch.inf).sort(dim=1, descending=True).indices
    mask = mask.gather(1, order)
    x = x.gather(1, order.unsqueeze(-1).expand_as(x))
    x = torch.cat((x[..., :2], x[..., 2:].clamp(min=0)), dim=-1)
    return Jets(torch.where(mask.unsqueeze(-1), x, 0.0), mask)


@torch.no_grad()
def generate(
    model: nn.Module,
    multiplicity: Int[Tensor, "jet"],
    *,
    generator: torch.Generator,
    chunk: int = 1000,
) -> Jets:
    """Jets from a trained generator, finished: hardest particle first, padding zero.

    Args:
        model: One of the generators of this package.
        multiplicity: Particles of each jet.
        generator: Source of the noise; its device is that of the model.
        chunk: Jets made at once; the jets depend on it, as it sets the order of the noise.

    Raises:
        InputError: A multiplicity below 0 or above what the generator was built for.
    """
    slots: int = model.particles  # type: ignore[assignment]
    if len(multiplicity) and not (multiplicity.min() >= 0 and multiplicity.max() <= slots):
        got = f"{int(multiplicity.min())} to {int(multiplicity.max())}"
        raise InputError(f"multiplicities from 0 to {slots} expected: got {got}")
    was_training = model.training
    model.eval()
    pieces = list(_pieces(model, multiplicity, generator, chunk))
    model.train(was_training)
    if not pieces:
        empty = torch.zeros(0, slots, FEATURES)
        return Jets(empty, empty[..., 0] > 0)
    return Jets(*(torch.cat(parts) for parts in zip(*pieces, strict=True)))


def _pieces(model: nn.Module, multiplicity: Tensor, generator: torch.Generator, chunk: int) -> Iterator[Jets]:
    for n in torch.split(multiplicity.to(generator.device), chunk):
        if len(n):
            yield finish(model(n, *model.noise(len(n), generator=generator)))  # type: ignore[operator]
