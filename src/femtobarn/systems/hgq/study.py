"""All settings of a run, and the list of what it trains."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from femtobarn.engine import Sweep
from femtobarn.errors import InputError
from femtobarn.study import Writing
from femtobarn.systems.hgq.sample import Data

Method = Literal["float", "trained bits", "uniform bits", "after training"]
OURS: Method = "trained bits"
BASELINES: tuple[Method, ...] = ("uniform bits", "after training")


class Part(NamedTuple):
    """One training, or the quantisation of a trained network."""

    method: Method
    bits: int
    """Width of all numbers; 0 where it is trained, and in floating point."""
    seed: int

    @property
    def name(self) -> str:
        """Its folder, such as ``uniform-bits-6-seed1``."""
        width = f"-{self.bits}" if self.bits else ""
        return f"{self.method.replace(' ', '-')}{width}-seed{self.seed}"

    @property
    def labels(self) -> dict[str, str]:
        """Its place in tables."""
        return {"method": self.method} | ({"bits": str(self.bits)} if self.bits else {})

    @property
    def start(self) -> "Part":
        """The training in floating point whose weights it starts from."""
        return Part("float", 0, self.seed)

    @property
    def needs(self) -> list["Part"]:
        """What has to be trained before."""
        return [] if self.method == "float" else [self.start]


@dataclass(frozen=True)
class Study:
    """Which networks are trained and compared."""

    hidden: tuple[int, ...] = (32, 16)
    """Widths of the hidden layers of the jet classifier."""
    norm: bool = False
    """Batch normalisation in the jet classifier, folded into the weights before they are rounded."""
    uniform: tuple[int, ...] = (8, 7, 6, 5, 4, 3)
    """Widths of quantisation-aware trainings with the same number of bits everywhere."""
    after: tuple[int, ...] = (12, 10, 9, 8, 7, 6, 5, 4)
    """Widths of quantisation after training."""
    seeds: tuple[int, ...] = (1, 2, 3)
    """Seeds of the initial weights and the order of the events."""
    within: tuple[float, ...] = (0.005, 0.02, 0.05)
    """How far from floating point the networks written as Verilog may be, in units of the quality: accuracy, or mrad.
    Savings are quoted for the first."""

    def __post_init__(self) -> None:
        if not (self.hidden and self.seeds and self.within) or min(self.hidden) < 1:
            raise InputError(
                "at least one hidden layer, one seed and one distance from floating point are needed"
            )
        if min((*self.uniform, *self.after), default=2) < 2:
            raise InputError(f"uniform numbers have at least 2 bits: got {self.uniform}, {self.after}")
        if list(self.within) != sorted(self.within) or self.within[0] <= 0:
            raise InputError(
                f"distances from floating point that grow from above 0 expected: got {self.within}"
            )

    def parts(self) -> list[Part]:
        """All trainings: those in floating point, from which the others start, then the longest first."""
        kinds: list[tuple[Method, int]] = [("float", 0), (OURS, 0)]
        kinds += [("uniform bits", bits) for bits in self.uniform]
        kinds += [("after training", bits) for bits in self.after]
        return [Part(method, bits, seed) for method, bits in kinds for seed in self.seeds]


@dataclass(frozen=True)
class Training:
    """How the networks are trained."""

    float_epochs: int = 300
    """Passes over the training events in floating point, where every other training starts."""
    uniform_epochs: int = 500
    """Passes of each training with uniform bits; a fair comparison has as many as the sweep."""
    sweep_epochs: int = 500
    """Passes of the sweep, the one training of bits."""
    batch: int = 1024
    """Events in a step; fewer make the ranges of activations noisy."""
    lr: float = 5e-3
    """Largest learning rate of Adam; it falls as a cosine to zero."""
    restart: int = 50
    """Epochs after which the sweep's learning rate starts again from the top."""
    beta: tuple[float, float] = (1e-6, 1e-3)
    """Weight of the EBOPs in the loss of the sweep, at its start and at its end."""
    hold: float = 0.1
    """Share of the sweep during which beta stays at its start, before it grows by a constant factor an epoch."""
    gamma: float = 2e-6
    """Weight of the sum of all bits in the loss, which keeps bits that multiply nothing low."""
    fraction: float = 4.0
    """Fractional bits of the activations at the start of the sweep."""
    weight_fraction: float = 5.0
    """Fractional bits of the weights at the start of the sweep."""
    overflow: Literal["WRAP", "SAT"] = "SAT"
    """Activations of the sweep beyond their range: SAT cuts them off and trains the range too, WRAP has a range
    that holds all of the training events and needs no comparisons in hardware."""
    device: str = "cpu"
    """Torch device of the trainings: cpu, cuda."""

    def __post_init__(self) -> None:
        for name in ("float_epochs", "uniform_epochs", "sweep_epochs", "batch", "restart"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1: got {getattr(self, name)}")
        if not (self.lr > 0 and 0 < self.beta[0] < self.beta[1] and 0 <= self.hold < 1 and self.gamma >= 0):
            raise InputError(
                "expected lr > 0, betas that grow from above 0, a share hold in [0, 1) and gamma of 0 or more: "
                f"got {self.lr}, {self.beta}, {self.hold}, {self.gamma}"
            )

    def course(self, method: Method) -> Sweep:
        """Course of a training: a sweep of prices for trained bits, none for the others."""
        if method == OURS:
            return Sweep(
                self.sweep_epochs, self.batch, self.lr, self.restart, self.beta, self.hold, self.gamma
            )
        epochs = self.float_epochs if method == "float" else self.uniform_epochs
        return Sweep(epochs, self.batch, self.lr, epochs)


@dataclass(frozen=True)
class Config:
    """All settings of a run."""

    data: Data = field(default_factory=Data)
    study: Study = field(default_factory=Study)
    train: Training = field(default_factory=Training)
    hardware: Writing = field(default_factory=lambda: Writing(largest=100_000))
    seed: int = 1
    """Seed of the split and the stand-in."""
    workers: int = 2
    """Processes that simulate, train and count look-up tables side by side."""
