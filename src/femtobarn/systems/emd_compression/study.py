"""All settings of a run, and the list of what it trains."""

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from femtobarn.engine import Training
from femtobarn.errors import InputError
from femtobarn.nn.wafer_autoencoder import BITS
from femtobarn.physics.wafer_formats import BEST_CHOICE
from femtobarn.study import Writing
from femtobarn.systems.emd_compression.learned_emd import LearnedEmd
from femtobarn.systems.emd_compression.objectives import parse, title
from femtobarn.systems.emd_compression.sample import Data

DecoderName = Literal["published", "large", "best-choice", "pyramid"]  # the last two have no encoder to train


PYRAMID = ("pyramid code", "pyramid code, trained decoder")  #: ours, in tables


class Part(NamedTuple):
    """One training: an autoencoder, or the learned EMD that some of them need as their loss."""

    loss: str
    links: int  # 0 for the learned EMD
    decoder: DecoderName | Literal["none"]
    seed: int
    beta: float = 0.0  # price of an effective bit operation; 0 for the chip's formats
    further: bool = False  # goes on from `start`

    @property
    def name(self) -> str:
        """Its folder, and its name for ``predict --model``, such as ``emd-5links-large-seed1``."""
        if not self.links:
            return "learned-emd"
        words = [self.loss.replace("*", "x"), f"{self.links}links", self.decoder, f"seed{self.seed}"]
        words += [f"beta{self.beta:g}" if self.beta else "longer"] if self.further else []
        return "-".join(words)

    @property
    def labels(self) -> dict[str, str]:
        """Its place in tables; parts that differ by their seed only have the same labels."""
        if self.decoder == "best-choice":
            return {"method": BEST_CHOICE[-1], "e-links": str(self.links)}
        if self.decoder == "pyramid":
            return {"method": PYRAMID[-1], "e-links": str(self.links)}
        method = title(self.loss) + (", large decoder" if self.decoder == "large" else "")
        if self.further:
            method += f", trained bits (beta {self.beta:g})" if self.beta else ", trained as long as bits"
        return {"method": method, "e-links": str(self.links)}

    @property
    def start(self) -> "Part":
        """The part with the chip's formats whose weights a further training starts from."""
        return self._replace(beta=0.0, further=False)

    @property
    def needs(self) -> list["Part"]:
        """Parts that must be trained before."""
        metric = [LEARNED_EMD] if self.links and "learned" in self.loss else []
        return metric + ([self.start] if self.further else [])


LEARNED_EMD = Part("learned", 0, "none", 0)  #: known by its name; its seed is that of the run


@dataclass(frozen=True)
class Study:
    """Which autoencoders are trained and compared."""

    losses: tuple[str, ...] = ("emd", "mse")
    """Losses trained at every rate, with the published decoder."""
    links: tuple[int, ...] = (2, 3, 4, 5)
    """Rates as numbers of e-links: 2, 3, 4, 5 give 3, 5, 7, 9 bits for each of the 16 codes."""
    large_decoder: bool = True
    """Also train the large decoder, with the first loss, at every rate."""
    best_choice_decoder: bool = True
    """Also train a large decoder for the best-choice algorithm, with the first loss, at every rate."""
    pyramid_decoder: bool = True
    """Also train a large decoder for the pyramid code, with the first loss, at every rate."""
    large_lr: float = 0.2
    """Learning rate of the large decoders, relative to that of the encoder."""
    other_losses: tuple[str, ...] = ("sinkhorn", "sliced", "learned", "telescope")
    """Losses trained at one rate only, that of ``other_links``."""
    other_links: int = 5
    """Rate of the losses in ``other_losses``, as number of e-links."""
    seeds: tuple[int, ...] = (1, 2, 3)
    """Seeds of the trainings: initial weights, order of the batches."""
    quantised: bool = True
    """Train the encoder in the fixed-point formats of the chip; otherwise in floating point with unlimited codes."""

    def __post_init__(self) -> None:
        for mixture in (*self.losses, *self.other_losses):
            parse(mixture)
        for links in (*self.links, self.other_links):
            if links not in BITS:
                raise InputError(f"links must be among {list(BITS)}: got {links}")
        if not (self.losses and self.links and self.seeds):
            raise InputError("at least one loss, one rate and one seed are needed")

    def parts(self) -> list[Part]:
        """All autoencoders of the study, those of the first seed first."""
        plain = [(loss, links, "published") for loss in self.losses for links in self.links]
        other = [(loss, self.other_links, "published") for loss in self.other_losses]
        wanted = {
            "large": self.large_decoder,
            "best-choice": self.best_choice_decoder,
            "pyramid": self.pyramid_decoder,
        }
        decoders = [name for name, is_wanted in wanted.items() if is_wanted]
        large = [(self.losses[0], links, name) for name in decoders for links in self.links]
        chosen = dict.fromkeys(plain + other + large)
        return [Part(*each, seed) for seed in self.seeds for each in chosen]  # type: ignore[arg-type]


@dataclass(frozen=True)
class TrainedBits:
    """Trainings of the encoder together with its bits, and what is written of them; see ``quantiser``."""

    betas: tuple[float, ...] = (5e-6, 2e-5, 1e-4)
    """Weights of the effective bit operations (EBOPs) in the loss; one encoder is trained for each weight and rate."""
    gamma: float = 1e-8
    """Weight of the total number of bits in the loss, which limits bits that enter no product."""
    seeds: tuple[int, ...] = (1,)
    """Seeds, among those of the study, with trained bits; they start from the encoder of that loss, rate and seed."""
    fraction: float = 6.0
    """Initial fractional bits of the activations."""
    weight_fraction: float = 4.0
    """Initial fractional bits of the weights; the chip has three."""
    train: Training = field(default_factory=lambda: Training(epochs=10, lr=8e-3, batch=200))
    """Training of the bits, and of the chip's formats that are trained as long beside them."""
    synthesis: tuple[int, ...] = (5,)
    """Rates, in e-links, at which yosys counts look-up tables (minutes per encoder); others are estimated only."""
    reference: bool = True
    """Also write Verilog of the encoder with the chip's formats, at the highest rate; its synthesis takes longest."""

    def __post_init__(self) -> None:
        if not (self.betas and self.seeds) or min(self.betas) <= 0 or self.gamma < 0:
            raise InputError(f"expected betas above 0, gamma of 0 or more and a seed: got {self.betas}")

    def parts(self, study: Study) -> list[Part]:
        """Trainings that go on from the first loss and the published decoder, at every rate.

        The chip's formats first, trained as much longer, so that a gain by bits is not one by epochs; then the
        encoder together with its bits, at every price.
        """
        seeds = [seed for seed in study.seeds if seed in self.seeds]
        if not seeds:
            raise InputError(f"hgq.seeds must be among those of the study {study.seeds}: got {self.seeds}")
        return [
            Part(study.losses[0], links, "published", seed, beta, further=True)
            for seed in seeds
            for links in study.links
            for beta in (0.0, *self.betas)
        ]


@dataclass(frozen=True)
class Config:
    """All settings of a run."""

    data: Data = field(default_factory=Data)
    study: Study = field(default_factory=Study)
    train: Training = field(default_factory=lambda: Training(epochs=12, lr=8e-3, batch=100))
    surrogate: LearnedEmd = field(default_factory=LearnedEmd)
    quantiser: Literal["chip", "hgq"] = "chip"
    """Formats of the encoder: those of the chip, or also a study of encoders whose bits are trained (HGQ,
    arXiv:2405.00645) and written as Verilog, beside the chip's formats trained as long."""
    hgq: TrainedBits = field(default_factory=TrainedBits)
    verilog: Writing = field(default_factory=lambda: Writing(vectors=10_000))
    seed: int = 1
    """Seed of the split, the stand-in and the learned EMD."""
    workers: int = 2
    """Parallel processes in simulation and training."""

    def __post_init__(self) -> None:
        if self.quantiser == "hgq" and not self.study.quantised:
            raise InputError("trained bits start from the chip's formats: leave study.quantised on")

    def parts(self) -> list[Part]:
        """Everything that is trained; what others need comes first."""
        parts = self.study.parts() + (self.hgq.parts(self.study) if self.quantiser == "hgq" else [])
        return [LEARNED_EMD] * any(LEARNED_EMD in part.needs for part in parts) + parts

    def of(self, part: Part) -> Any:
        """Settings without which a part cannot be built again."""
        return self.study if part.links else self.surrogate
