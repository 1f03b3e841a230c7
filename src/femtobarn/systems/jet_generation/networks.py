"""Sizes and training of each generator: settings that build it, and the learner that trains it."""

from dataclasses import dataclass, field
from typing import ClassVar

from torch import nn

from femtobarn.generator_loop import Course
from femtobarn.nn import jet_generators as nets
from femtobarn.nn.jet_generators import Scaling


@dataclass(frozen=True)
class Gapt:
    """Sizes and training of GAPT."""

    title: ClassVar[str] = "GAPT"
    width: int = 64
    """Features per particle in the hidden layers."""
    heads: int = 4
    """Attention heads."""
    dropout: float = 0.5
    """Dropout of the discriminator."""
    lr_generator: float = 1e-4
    """Learning rate of the generator."""
    lr_discriminator: float = 3e-4
    """Learning rate of the discriminator."""
    course: Course = field(default_factory=Course)

    def generator(self, scaling: Scaling, particles: int) -> nn.Module:
        """The untrained generator."""
        return nets.GaptGenerator(scaling, particles=particles, width=self.width, heads=self.heads)

    def discriminator(self, scaling: Scaling) -> nn.Module:
        """The untrained discriminator."""
        return nets.GaptDiscriminator(scaling, width=self.width, heads=self.heads, dropout=self.dropout)


@dataclass(frozen=True)
class Igapt:
    """Sizes and training of iGAPT."""

    title: ClassVar[str] = "iGAPT"
    width: int = 64
    """Features per particle and of the jet in the hidden layers."""
    heads: int = 4
    """Attention heads."""
    generator_blocks: int = 4
    """Attention blocks of the generator."""
    discriminator_blocks: int = 8
    """Attention blocks of the discriminator."""
    dropout: float = 0.5
    """Dropout of the discriminator."""
    lr_generator: float = 0.5e-4
    """Learning rate of the generator."""
    lr_discriminator: float = 1.5e-4
    """Learning rate of the discriminator."""
    course: Course = field(default_factory=Course)

    def generator(self, scaling: Scaling, particles: int) -> nn.Module:
        """The untrained generator."""
        return nets.IgaptGenerator(
            scaling, particles=particles, width=self.width, heads=self.heads, blocks=self.generator_blocks
        )

    def discriminator(self, scaling: Scaling) -> nn.Module:
        """The untrained discriminator."""
        return nets.IgaptDiscriminator(
            scaling,
            width=self.width,
            heads=self.heads,
            blocks=self.discriminator_blocks,
            dropout=self.dropout,
        )


@dataclass(frozen=True)
class Mpgan:
    """Sizes and training of MPGAN."""

    title: ClassVar[str] = "MPGAN"
    hidden: int = 32
    """Features per particle between message-passing steps."""
    edge: tuple[int, ...] = (96, 160, 192)
    """Layer widths of the edge (message) networks."""
    node: tuple[int, ...] = (256, 256)
    """Hidden-layer widths of the node (update) networks."""
    dropout: float = 0.5
    """Dropout of the discriminator."""
    lr_generator: float = 1e-5
    """Learning rate of the generator."""
    lr_discriminator: float = 3e-5
    """Learning rate of the discriminator."""
    course: Course = field(default_factory=Course)

    def generator(self, scaling: Scaling, particles: int) -> nn.Module:
        """The untrained generator."""
        return nets.MpganGenerator(
            scaling, particles=particles, hidden=self.hidden, edge=self.edge, node=self.node
        )

    def discriminator(self, scaling: Scaling) -> nn.Module:
        """The untrained discriminator."""
        return nets.MpganDiscriminator(
            scaling, hidden=self.hidden, edge=self.edge, node=self.node, dropout=self.dropout
        )


@dataclass(frozen=True)
class FullyConnected:
    """Sizes and training of the fully connected generator; its discriminator is that of GAPT."""

    title: ClassVar[str] = "FC generator"
    width: int = 256
    """Width of the hidden layers."""
    layers: int = 2
    """Hidden layers."""
    lr_generator: float = 1e-4
    """Learning rate of the generator."""
    lr_discriminator: float = 3e-4
    """Learning rate of the discriminator."""
    course: Course = field(default_factory=Course)

    def generator(self, scaling: Scaling, particles: int) -> nn.Module:
        """The untrained generator."""
        return nets.FullyConnectedGenerator(
            scaling, particles=particles, width=self.width, layers=self.layers
        )


@dataclass(frozen=True)
class EpicFm:
    """Sizes and training of EPiC flow matching."""

    title: ClassVar[str] = "EPiC-FM"
    hidden: int = 128
    """Features per particle in the hidden layers."""
    layers: int = 6
    """EPiC layers."""
    whole: int = 10
    """Global features of the jet in the hidden layers."""
    deviation: float = 5.0
    """Standard deviation of the normalised particle features, the target of the flow; the noise has 1."""
    log_pt: bool = False
    """Generate the logarithm of the transverse momenta."""
    solver_steps: int = 100
    """Midpoint steps of the ODE solver, two network calls each."""
    lr: float = 1e-3
    """Peak learning rate."""
    course: Course = field(default_factory=Course)

    def generator(self, scaling: Scaling, particles: int) -> nn.Module:
        """The untrained generator."""
        return nets.EpicFlow(
            scaling,
            particles=particles,
            hidden=self.hidden,
            layers=self.layers,
            whole=self.whole,
            steps=self.solver_steps,
        )
