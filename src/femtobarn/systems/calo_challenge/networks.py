"""Sizes and training of each generator: settings that build it, and the learner that trains it."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from torch import nn

from femtobarn import generator_loop
from femtobarn.engine import Descent
from femtobarn.errors import InputError
from femtobarn.generator_loop import Learner
from femtobarn.nn import shower_generators as nets
from femtobarn.nn.shower_generators import Preprocessing, Start
from femtobarn.systems.calo_challenge.adversarial import Adversarial


@dataclass(frozen=True)
class Course(generator_loop.Course):
    """Training length of a generator, choice of its checkpoint, and its optimiser."""

    ema: float = 0.999
    """Decay per step of the exponential moving average of the weights, which is validated and kept; 0 for none."""
    schedule: Literal["constant", "cosine"] = "cosine"
    """Learning-rate schedule: constant, or cosine decay to zero."""
    warmup: float = 0.02
    """Fraction of the steps with linear learning-rate warm-up."""
    lr: float = 1e-3
    """Peak learning rate of the generator."""
    weight_decay: float = 0.0
    """Decoupled weight decay (AdamW)."""
    clip: float = 1.0
    """Maximum gradient norm of the generator."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (self.lr > 0 and self.clip > 0):
            raise InputError(f"lr and clip above 0 expected: got {self.lr}, {self.clip}")

    def descent(self, trained: nn.Module, *, generator: nn.Module | None = None) -> Learner:
        """One objective, the loss of `trained`; `generator` is the part of it that is kept, all if None."""
        return Descent(
            trained, lr=self.lr, weight_decay=self.weight_decay, clip=self.clip, generator=generator
        )


@dataclass(frozen=True)
class Vae:
    """Sizes and training of CaloVAE+INN."""

    title: ClassVar[str] = "CaloVAE+INN"
    coloured: ClassVar[bool] = False
    latent: int = 50
    """Numbers between encoder and decoder."""
    hidden: tuple[int, ...] = (1500, 1000, 500)
    """Widths of the encoder, and in reverse of the decoder."""
    beta: float = 1.0
    """Weight of the divergence of the latent numbers from normal noise."""
    flow_blocks: int = 18
    """Coupling blocks of the flow of latent numbers and energy split."""
    flow_width: int = 32
    """Width of the networks of that flow."""
    flow_bins: int = 10
    """Bins of a spline of that flow."""
    course: Course = field(default_factory=Course)

    def generator(self, units: Preprocessing) -> nets.CaloVae:
        """The untrained generator."""
        return nets.CaloVae(
            units,
            latent=self.latent,
            hidden=self.hidden,
            flow_blocks=self.flow_blocks,
            flow_width=self.flow_width,
            flow_bins=self.flow_bins,
        )

    def learner(self, generator: nets.CaloVae) -> Learner:
        """The generator in training, with its encoder."""
        training = nets.CaloVaeTraining(generator, hidden=self.hidden, beta=self.beta)
        return self.course.descent(training, generator=generator)


@dataclass(frozen=True)
class Gan:
    """Sizes and training of BoloGAN."""

    title: ClassVar[str] = "BoloGAN"
    coloured: ClassVar[bool] = False
    noise: int = 50
    """Random numbers that the generator starts from."""
    hidden: tuple[int, ...] = (50, 100, 200)
    """Widths of the generator."""
    critic: int | None = None
    """Width of the three layers of the critic; as many as voxels if none is given."""
    critic_steps: int = 5
    """Steps of the critic for one of the generator; each takes its part of a batch."""
    penalty: float = 10.0
    """Weight of the gradient penalty."""
    flow_blocks: int = 6
    """Coupling blocks of the flow of the energy split."""
    flow_width: int = 32
    """Width of the networks of that flow."""
    course: Course = field(default_factory=Course)

    def generator(self, units: Preprocessing) -> nets.BoloGan:
        """The untrained generator."""
        return nets.BoloGan(
            units,
            noise=self.noise,
            hidden=self.hidden,
            flow_blocks=self.flow_blocks,
            flow_width=self.flow_width,
        )

    def learner(self, generator: nets.BoloGan) -> Learner:
        """The generator in training, with its critic."""
        critic = nets.Critic(generator.preprocessing.geometry.voxels, 1 + generator.split, width=self.critic)
        steps = {"lr": self.course.lr, "penalty": self.penalty}
        return Adversarial(generator, critic, critic_steps=self.critic_steps, **steps)


@dataclass(frozen=True)
class Inn:
    """Sizes and training of CaloINN."""

    title: ClassVar[str] = "CaloINN"
    coloured: ClassVar[bool] = False
    blocks: int = 12
    """Coupling blocks."""
    bins: int = 10
    """Bins of a spline."""
    bound: float = 18.0
    """Largest absolute value that the splines change."""
    width: int = 256
    """Width of the networks in the blocks."""
    layers: int = 4
    """Linear layers of a network in a block."""
    energy_blocks: int = 0
    """Coupling blocks of a flow of the energy split alone; 0, as published: one flow for split and voxels."""
    energy_width: int = 32
    """Width of the networks of the flow of the energy split."""
    course: Course = field(default_factory=Course)

    def generator(self, units: Preprocessing) -> nets.CaloInn:
        """The untrained generator."""
        return nets.CaloInn(
            units,
            blocks=self.blocks,
            bins=self.bins,
            bound=self.bound,
            width=self.width,
            layers=self.layers,
            energy_blocks=self.energy_blocks,
            energy_width=self.energy_width,
        )

    def learner(self, generator: nn.Module) -> Learner:
        """The generator in training."""
        return self.course.descent(generator)


@dataclass(frozen=True)
class Diffusion:
    """Sizes and training of diffusion: CaloDiffusion, or the same with one vector of voxels."""

    coloured: ClassVar[bool] = True
    energy_width: int = 256
    """Width of the network of the energy split."""
    energy_blocks: int = 5
    """Residual blocks of the network of the energy split."""
    shape: Literal["grid", "flat"] = "grid"
    """Voxels as a cylinder of cells in a U-Net, or as one vector."""
    width: int = 512
    """Width of the network of the voxels as one vector."""
    depth: int = 4
    """Blocks of the network of the voxels as one vector."""
    channels: tuple[int, ...] = (32, 32, 64, 32)
    """Channels of the U-Net, at its entrance and at each level."""
    blocks: int = 2
    """ResNet blocks at each level of the U-Net."""
    fold: int = 1
    """Neighbouring rings in one cell of the U-Net."""
    steps: int = 400
    """Steps of the sampler."""
    course: Course = field(default_factory=Course)

    @property
    def title(self) -> str:
        """In tables: as published only with the published network."""
        return "CaloDiffusion" if self.shape == "grid" else "diffusion"

    def generator(self, units: Preprocessing) -> nets.CaloDiffusion:
        """The untrained generator."""
        geometry, numbers = units.geometry, len(units.geometry.layers)
        energy = nets.FlatNet(numbers, 1, width=self.energy_width, blocks=self.energy_blocks)
        shape = (
            nets.GridNet(geometry, 1 + numbers, channels=self.channels, blocks=self.blocks, fold=self.fold)
            if self.shape == "grid"
            else nets.FlatNet(geometry.voxels, 1 + numbers, width=self.width, blocks=self.depth)
        )
        return nets.CaloDiffusion(units, energy, shape, steps=self.steps)

    def learner(self, generator: nn.Module) -> Learner:
        """The generator in training."""
        return self.course.descent(generator)


@dataclass(frozen=True)
class Dream:
    """Sizes and training of flow matching: CaloDREAM, or the same with residual networks."""

    coloured: ClassVar[bool] = True
    energy: Literal["flat", "transformer"] = "transformer"
    """Energy split at once by one network, or one u after another."""
    shape: Literal["flat", "tokens"] = "tokens"
    """Voxels as one vector, or as patches in a transformer."""
    width: int = 480
    """Width of the network of the voxels."""
    depth: int = 6
    """Blocks of the network of the voxels."""
    heads: int = 6
    """Attention heads of the transformer of the voxels."""
    ratio: int = 4
    """Hidden over outer width of the MLPs in the transformer of the voxels."""
    patch: tuple[int, int, int] = (3, 16, 1)
    """Layers, slices and rings of a patch."""
    energy_width: int = 512
    """Width of the network of the energy split."""
    energy_depth: int = 4
    """Blocks of the network of the energy split."""
    steps: int = 50
    """Midpoint steps of each flow."""
    course: Course = field(default_factory=Course)

    @property
    def title(self) -> str:
        """In tables: as published only with the published networks."""
        published = self.energy == "transformer" and self.shape == "tokens"
        return "CaloDREAM" if published else "flow matching"

    def generator(
        self, units: Preprocessing, *, start: Start | None = None, source: Preprocessing | None = None
    ) -> nets.CaloDream:
        """The untrained generator; for `start` and `source` see `nn.shower_generators.CaloDream`."""
        geometry, numbers = units.geometry, len(units.geometry.layers)
        energy = (
            nets.EnergyTransformer(numbers, flow_width=self.energy_width, flow_blocks=self.energy_depth)
            if self.energy == "transformer"
            else nets.FlatNet(numbers, 1, width=self.energy_width, blocks=self.energy_depth)
        )
        sizes = {"width": self.width, "depth": self.depth, "heads": self.heads, "ratio": self.ratio}
        shape = (
            nets.TokenNet(geometry, 1 + numbers, patch=self.patch, **sizes)
            if self.shape == "tokens"
            else nets.FlatNet(geometry.voxels, 1 + numbers, width=self.width, blocks=self.depth)
        )
        return nets.CaloDream(units, energy, shape, steps=self.steps, start=start, source=source)

    def learner(self, generator: nn.Module) -> Learner:
        """The generator in training."""
        return self.course.descent(generator)
