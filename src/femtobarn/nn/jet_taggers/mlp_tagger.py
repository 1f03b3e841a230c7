"""A network on the hardest particles of a jet in one row (arXiv:2311.14160)."""

from jaxtyping import Bool, Float
from torch import Tensor, nn

from femtobarn.nn.jet_taggers.features import first_particles


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
            activation = nn.LeakyReLU(leak) if leak else nn.ReLU()
            layers += [nn.Linear(inputs, hidden), activation, nn.BatchNorm1d(hidden)]
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
