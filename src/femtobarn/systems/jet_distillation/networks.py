"""Size, training and distillation of each network: settings that build it."""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from femtobarn.engine import Training
from femtobarn.errors import InputError
from femtobarn.nn.jet_taggers import BitTagger, DeepSetTagger, LorentzTagger, MlpTagger, ParticleTagger

_LORENTZNET = Training(epochs=35, batch=128, lr=1e-3, weight_decay=0.01)
_PARTICLENET = Training(epochs=20, batch=384, lr=1e-3, weight_decay=1e-4)
_STUDENT = Training(epochs=100, batch=64, lr=2e-4, weight_decay=0.01)
_CHIP = Training(epochs=15, batch=128, lr=3e-3, weight_decay=0.01)
_BITS = Training(epochs=15, lr=5e-3, batch=250)


@dataclass(frozen=True)
class LorentzNet:
    """Size and training of LorentzNet."""

    title: ClassVar[str] = "LorentzNet"
    width: int = 72
    """Features per particle in the hidden layers."""
    blocks: int = 6
    """Number of message-passing blocks."""
    dropout: float = 0.2
    """Dropout before the scores."""
    beams: bool = True
    """Give LorentzNet the two beams; without them it is the same in every frame without help, and knows less."""
    train: Training = _LORENTZNET

    def tagger(self) -> nn.Module:
        """The untrained network."""
        return LorentzTagger(width=self.width, blocks=self.blocks, dropout=self.dropout, beams=self.beams)


@dataclass(frozen=True)
class ParticleNet:
    """Size and training of ParticleNet."""

    title: ClassVar[str] = "ParticleNet"
    neighbours: int = 16
    """Nearest neighbours of each particle in the edge convolutions."""
    widths: tuple[int, ...] = (64, 128, 256)
    """Channels of each edge convolution."""
    hidden: int = 256
    """Width of the layer before the scores."""
    dropout: float = 0.1
    """Dropout before the scores."""
    train: Training = _PARTICLENET

    def tagger(self) -> nn.Module:
        """The untrained network."""
        return ParticleTagger(
            neighbours=self.neighbours, widths=self.widths, hidden=self.hidden, dropout=self.dropout
        )


@dataclass(frozen=True)
class DeepSet:
    """Size, training and distillation of the Deep Set."""

    title: ClassVar[str] = "Deep Set"
    width: int = 128
    """Width of all layers."""
    temperature: float = 1.0
    """Temperature of distillation, by which logits are divided."""
    weight: float = 1.0
    """Weight of the teacher against the labels in distillation; with 1 no labels are needed."""
    train: Training = _STUDENT

    def tagger(self) -> nn.Module:
        """The untrained network."""
        return DeepSetTagger(width=self.width)


@dataclass(frozen=True)
class Mlp:
    """Size, training and distillation of the MLP."""

    title: ClassVar[str] = "MLP"
    particles: int = 128
    """Hardest particles that go in, four numbers each."""
    hidden: int = 512
    """Width of both hidden layers."""
    leak: float = 0.01
    """Slope of the activation below zero; 0 is a ReLU."""
    temperature: float = 1.0
    """Temperature of distillation, by which logits are divided."""
    weight: float = 0.7
    """Weight of the teacher against the labels in distillation."""
    train: Training = _STUDENT

    def tagger(self) -> nn.Module:
        """The untrained network."""
        return MlpTagger(particles=self.particles, hidden=self.hidden, leak=self.leak)


@dataclass(frozen=True)
class Chip:
    """Size, training and distillation of the MLP for hardware, which has plain ReLUs."""

    title: ClassVar[str] = "MLP for hardware"
    particles: int = 16
    """Hardest particles that go in, four numbers each."""
    hidden: int = 32
    """Width of both hidden layers."""
    temperature: float = 1.0
    """Temperature of distillation, by which logits are divided."""
    weight: float = 0.7
    """Weight of the teacher against the labels in distillation."""
    train: Training = _CHIP

    def tagger(self) -> nn.Module:
        """The untrained network."""
        return MlpTagger(particles=self.particles, hidden=self.hidden, leak=0.0)


@dataclass(frozen=True)
class TrainedBits:
    """Trainings of the MLP for hardware together with its bits (HGQ)."""

    betas: tuple[float, ...] = (1e-6, 5e-6, 3e-5)
    """Weights of the effective bit operations (EBOPs) in the loss; one training each."""
    gamma: float = 1e-8
    """Weight of the total number of bits in the loss, which limits bits that enter no product."""
    fraction: float = 8.0
    """Initial fractional bits of the activations."""
    weight_fraction: float = 6.0
    """Initial fractional bits of the weights."""
    train: Training = _BITS
    """Course of each training of bits, which starts from the network in floating point."""

    def __post_init__(self) -> None:
        if not self.betas or min(self.betas) <= 0 or self.gamma < 0:
            raise InputError(f"expected betas above 0 and gamma of 0 or more: got {self.betas}, {self.gamma}")

    def tagger(self, start: MlpTagger, example: Float[Tensor, "jet input"]) -> nn.Module:
        """The network to train, from the one in floating point; ranges are those of the example."""
        return BitTagger(start, example, fraction=self.fraction, weight_fraction=self.weight_fraction).train()
