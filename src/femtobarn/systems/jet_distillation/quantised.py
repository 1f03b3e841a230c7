"""The student for hardware: a small MLP whose bits are trained by the loss that distilled it."""

from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from femtobarn.engine import Training
from femtobarn.errors import InputError
from femtobarn.nn.quantised import BitTrue, quantise
from femtobarn.systems.jet_distillation.model import MlpTagger, first_particles, without_batch_norm


@dataclass(frozen=True)
class TrainedBits:
    """Trainings of the student for hardware together with its bits, and what is written of them; see ``quantiser``."""

    betas: tuple[float, ...] = (1e-6, 5e-6, 3e-5)
    """Prices of an effective bit operation, in units of the loss: the student is trained at each."""
    gamma: float = 1e-8
    """Price of a bit, which keeps those low that multiply nothing."""
    fraction: float = 8.0
    """Fractional bits of the activations at the start."""
    weight_fraction: float = 6.0
    """Fractional bits of the weights at the start."""
    train: Training = field(default_factory=lambda: Training(epochs=15, lr=5e-3, batch=250))
    """Of each training, from the student in floating point."""
    vectors: int = 1000
    """Test jets that each student is simulated on."""
    pipeline: int = 5
    """Most adders between two registers; 0 for no registers."""
    optimise: bool = True
    """Share sums between outputs with alkaid; without it every weight is written by itself."""
    synthesis: bool = True
    """Count look-up tables with yosys."""

    def __post_init__(self) -> None:
        if not self.betas or min(self.betas) <= 0 or self.gamma < 0:
            raise InputError(f"expected betas above 0 and gamma of 0 or more: got {self.betas}, {self.gamma}")
        if self.vectors < 2 or self.pipeline < 0:
            raise InputError(
                f"expected at least two vectors and a pipeline of 0 or more: got {self.vectors}, {self.pipeline}"
            )


class BitTagger(nn.Module):
    """An MLP whose every weight and activation has bits of its own, all trained; in `eval()` it computes in integers.

    Args:
        tagger: Of ReLUs; its batch norms are folded into the linear layers behind them.
        example: Rows of inputs of some jets, for first ranges.
        fraction, weight_fraction: Fractional bits at the start.
    """

    def __init__(
        self,
        tagger: MlpTagger,
        example: Float[Tensor, "jet input"],
        *,
        fraction: float = 8.0,
        weight_fraction: float = 6.0,
    ) -> None:
        super().__init__()
        self.particles = tagger.particles
        net = quantise(
            without_batch_norm(tagger.net),
            example,
            fraction=fraction,
            weight_fraction=weight_fraction,
            overflow="SAT",
        )
        self.exact = BitTrue(net)

    def forward(
        self,
        momentum: Float[Tensor, "jet particle 4"],
        mass: Float[Tensor, "jet particle"],
        mask: Bool[Tensor, "jet particle"],
    ) -> Float[Tensor, "jet class"]:
        """Logits of each jet."""
        logits: Tensor = self.exact(first_particles(momentum, mass, mask, self.particles).to(torch.float32))
        return logits
