"""Settings of the trainings of an encoder together with its bits."""

from dataclasses import dataclass, field

from femtobarn.engine import Training
from femtobarn.errors import InputError


@dataclass(frozen=True)
class TrainedBits:
    """Trainings of the encoder together with its bits, and what is written of them; see ``quantiser``."""

    betas: tuple[float, ...] = (5e-6, 2e-5, 1e-4)
    """Prices of an effective bit operation, in units of the loss: an encoder is trained at each, for every rate."""
    gamma: float = 1e-8
    """Price of a bit, which keeps those low that multiply nothing."""
    seeds: tuple[int, ...] = (1,)
    """Seeds among those of the study; each training starts from the encoder of the same loss, rate and seed."""
    fraction: float = 6.0
    """Fractional bits of the activations at the start."""
    weight_fraction: float = 4.0
    """Fractional bits of the weights at the start; those of the chip have three."""
    train: Training = field(default_factory=lambda: Training(epochs=10, lr=8e-3, batch=200))
    """Of each training, and of the chip's formats that are trained as long beside them."""
    vectors: int = 10_000
    """Wafers that each encoder is simulated on: test wafers first, then those of validation and training."""
    pipeline: int = 5
    """Most adders between two registers; 0 for no registers."""
    optimise: bool = True
    """Share sums between outputs with alkaid; without it every weight is written by itself."""
    synthesis: tuple[int, ...] = (5,)
    """Rates in e-links at which yosys counts look-up tables, in minutes for each encoder; all have an estimate."""
    reference: bool = True
    """Write the encoder with the chip's formats too, at the highest rate; its yosys takes longest."""

    def __post_init__(self) -> None:
        if not (self.betas and self.seeds) or min(self.betas) <= 0 or self.gamma < 0:
            raise InputError(f"expected betas above 0, gamma of 0 or more and a seed: got {self.betas}")
        if self.vectors < 2 or self.pipeline < 0:
            raise InputError(
                f"expected at least two vectors and a pipeline of 0 or more: got {self.vectors}, {self.pipeline}"
            )
