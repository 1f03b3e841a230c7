"""What is trained in one run: generators by name and seed, each a part that can be done on its own."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import nn

from femtobarn.engine import load_tensors, save_tensors
from femtobarn.errors import InputError
from femtobarn.generator_loop import Course, Distance, Learner, fit_generator
from femtobarn.metrics.frechet import fpd
from femtobarn.physics.energy_flow import energy_flow_polynomials
from femtobarn.runs import Run
from femtobarn.settings import from_dict
from femtobarn.systems.jet_generation import model
from femtobarn.systems.jet_generation.adversarial import Adversarial
from femtobarn.systems.jet_generation.epic_flow import EpicFlow
from femtobarn.systems.jet_generation.fully_connected import FullyConnectedGenerator
from femtobarn.systems.jet_generation.gapt import GaptDiscriminator, GaptGenerator
from femtobarn.systems.jet_generation.igapt import IgaptDiscriminator, IgaptGenerator
from femtobarn.systems.jet_generation.matching import Matching
from femtobarn.systems.jet_generation.model import Jets, Scaling
from femtobarn.systems.jet_generation.mpgan import MpganDiscriminator, MpganGenerator

ModelName = Literal["gapt", "igapt", "mpgan", "epicfm", "fc"]
TITLES: dict[str, str] = {
    "gapt": "GAPT",
    "igapt": "iGAPT",
    "mpgan": "MPGAN",
    "epicfm": "EPiC-FM",
    "fc": "FC generator",
}  #: as the models are called in tables


@dataclass(frozen=True)
class Gapt:
    """Sizes and training of GAPT."""

    width: int = 64
    """Features of a particle inside the networks."""
    heads: int = 4
    """Attention heads."""
    dropout: float = 0.5
    """Dropout of the discriminator."""
    lr_generator: float = 1e-4
    """Learning rate of the generator."""
    lr_discriminator: float = 3e-4
    """Learning rate of the discriminator."""
    course: Course = field(default_factory=Course)


@dataclass(frozen=True)
class Igapt:
    """Sizes and training of iGAPT."""

    width: int = 64
    """Features of a particle and of the jet inside the networks."""
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


@dataclass(frozen=True)
class Mpgan:
    """Sizes and training of MPGAN."""

    hidden: int = 32
    """Features of a particle between the rounds of messages."""
    edge: tuple[int, ...] = (96, 160, 192)
    """Widths of the layers that make a message."""
    node: tuple[int, ...] = (256, 256)
    """Widths of the hidden layers that update a particle."""
    dropout: float = 0.5
    """Dropout of the discriminator."""
    lr_generator: float = 1e-5
    """Learning rate of the generator."""
    lr_discriminator: float = 3e-5
    """Learning rate of the discriminator."""
    course: Course = field(default_factory=Course)


@dataclass(frozen=True)
class EpicFm:
    """Sizes and training of EPiC flow matching."""

    hidden: int = 128
    """Features of a particle inside the network."""
    layers: int = 6
    """EPiC layers."""
    whole: int = 10
    """Features of the jet inside the network."""
    deviation: float = 5.0
    """Standard deviation of the particle features that the flow ends in; that of the noise is 1."""
    log_pt: bool = False
    """Let the flow make logarithms of the transverse momenta."""
    solver_steps: int = 100
    """Midpoint steps from noise to jets, two calls of the network each."""
    lr: float = 1e-3
    """Largest learning rate."""
    course: Course = field(default_factory=Course)


@dataclass(frozen=True)
class FullyConnected:
    """Sizes and training of the fully connected generator; its discriminator is that of GAPT."""

    width: int = 256
    """Features of the hidden layers."""
    layers: int = 2
    """Hidden layers."""
    lr_generator: float = 1e-4
    """Learning rate of the generator."""
    lr_discriminator: float = 3e-4
    """Learning rate of the discriminator."""
    course: Course = field(default_factory=Course)


@dataclass(frozen=True)
class Study:
    """Which generators are trained and compared, and with what sizes."""

    models: tuple[ModelName, ...] = ("epicfm", "gapt", "mpgan", "fc")
    """Generators, best known first."""
    seeds: tuple[int, ...] = (1,)
    """Seeds of the initial weights, batches and noise."""
    scaling: Literal["published", "sample", "log"] = "log"
    """Units of the GANs: features over the maxima of all JetNet; over those of the training jets; or generated
    momenta as logarithms within their range, and features of mean 0 and deviation 1 for the discriminator."""
    check_jets: int = 10_000
    """Validation jets, at most, by which a checkpoint is measured."""
    device: str = "cpu"
    """Torch device of the trainings: cpu, cuda."""
    gapt: Gapt = field(default_factory=Gapt)
    igapt: Igapt = field(default_factory=Igapt)
    mpgan: Mpgan = field(default_factory=Mpgan)
    epicfm: EpicFm = field(default_factory=EpicFm)
    fc: FullyConnected = field(default_factory=FullyConnected)

    def __post_init__(self) -> None:
        if not (self.models and self.seeds):
            raise InputError("at least one model and one seed are needed")

    def parts(self) -> list["Part"]:
        """All trainings of the study, those of the first seed first."""
        return [Part(name, seed) for seed in self.seeds for name in dict.fromkeys(self.models)]


class Part(NamedTuple):
    """One training of the study."""

    model: str
    seed: int

    @property
    def name(self) -> str:
        """As it is called on disk and by ``predict --model``, such as ``gapt-seed1``."""
        return f"{self.model}-seed{self.seed}"


class Trained(NamedTuple):
    """A trained generator and how it came to be."""

    part: Part
    generator: nn.Module
    history: list[dict[str, float]]

    @property
    def best(self) -> dict[str, float]:
        """The row of the history whose weights were kept."""
        return min(self.history, key=lambda row: row["distance"] + row["error"])

    @property
    def title(self) -> str:
        """The model as it is called in tables."""
        return TITLES[self.part.model]


def build_generator(name: str, study: Study, *, particles: int, scaling: Scaling) -> nn.Module:
    """The untrained generator of that name, with the weights that torch's random state gives it."""
    match name:
        case "gapt":
            g = study.gapt
            return GaptGenerator(scaling, particles=particles, width=g.width, heads=g.heads)
        case "igapt":
            i = study.igapt
            return IgaptGenerator(
                scaling, particles=particles, width=i.width, heads=i.heads, blocks=i.generator_blocks
            )
        case "mpgan":
            m = study.mpgan
            return MpganGenerator(scaling, particles=particles, hidden=m.hidden, edge=m.edge, node=m.node)
        case "fc":
            f = study.fc
            return FullyConnectedGenerator(scaling, particles=particles, width=f.width, layers=f.layers)
        case _:
            e = study.epicfm
            return EpicFlow(
                scaling,
                particles=particles,
                hidden=e.hidden,
                layers=e.layers,
                whole=e.whole,
                steps=e.solver_steps,
            )


def build_discriminator(name: str, study: Study, *, scaling: Scaling) -> nn.Module:
    """The untrained discriminator that goes with the generator of that name."""
    match name:
        case "mpgan":
            m = study.mpgan
            return MpganDiscriminator(scaling, hidden=m.hidden, edge=m.edge, node=m.node, dropout=m.dropout)
        case "igapt":
            i = study.igapt
            return IgaptDiscriminator(
                scaling, width=i.width, heads=i.heads, blocks=i.discriminator_blocks, dropout=i.dropout
            )
        case _:
            g = study.gapt
            return GaptDiscriminator(scaling, width=g.width, heads=g.heads, dropout=g.dropout)


def learner(part: Part, study: Study, train: Jets) -> Learner:
    """Networks and optimisers of a part; its weights depend on the seed alone."""
    torch.manual_seed(part.seed)
    settings, particles = getattr(study, part.model), train.mask.shape[1]
    if part.model == "epicfm":
        scaling = model.scaling_by_moments(*train, deviation=settings.deviation, log_pt=settings.log_pt)
        flow = build_generator(part.model, study, particles=particles, scaling=scaling)
        return Matching(flow, lr=settings.lr)  # type: ignore[arg-type]
    mine, theirs = scalings(part.model, study, train)
    generator = build_generator(part.model, study, particles=particles, scaling=mine)
    discriminator = build_discriminator(part.model, study, scaling=theirs)
    return Adversarial(
        generator,
        discriminator,
        lr_generator=settings.lr_generator,
        lr_discriminator=settings.lr_discriminator,
    )


def scalings(name: str, study: Study, train: Jets) -> tuple[Scaling, Scaling]:
    """Units of a GAN's generator and of its discriminator."""
    if study.scaling == "log":
        # MPGAN's discriminator sums over the particles three times: features of size 1 would saturate its score.
        deviation = 0.05 if name == "mpgan" else 1.0
        by_moments = model.scaling_by_moments(*train, deviation=deviation, log_pt=False)
        return model.scaling_by_range(*train), by_moments
    maxima = model.PUBLISHED_MAXIMA if study.scaling == "published" else model.largest(*train)
    return model.scaling_by_maxima(maxima), model.scaling_by_maxima(maxima)


def validation_fpd(validation: Jets, *, jets: int, seed: int, device: str = "cpu") -> Distance:
    """FPD between the first validation jets and as many generated ones of the same multiplicities."""
    real = some(validation, jets)
    features = polynomials(real)

    def distance(generator: nn.Module, check: int) -> tuple[float, float]:
        noise = torch.Generator(device).manual_seed(seed * 1_000_003 + check)
        made = model.generate(generator, real.mask.sum(dim=1), generator=noise)
        estimate = fpd(features, polynomials(made))
        return estimate.value, estimate.error

    return distance


def polynomials(jets: Jets) -> Any:
    """The 36 energy flow polynomials of each jet."""
    return energy_flow_polynomials(jets.particles.cpu().numpy(), jets.mask.cpu().numpy())


def train_part(
    part: Part,
    train: Jets,
    validation: Jets,
    *,
    study: Study,
    folder: Path,
    report: Callable[[int, int, str], None] = lambda *_: None,
) -> None:
    """Train one generator and leave ``model.pt`` in its folder; nothing is done if it is there already."""
    if (folder / "model.pt").exists():
        return
    torch.set_num_threads(1)
    course: Course = getattr(study, part.model).course
    player = learner(part, study, train)
    history = fit_generator(
        player,
        train._asdict(),
        validation_fpd(validation, jets=study.check_jets, seed=part.seed, device=study.device),
        course=course,
        seed=part.seed,
        folder=folder,
        device=study.device,
        report=lambda row: report(int(row["epoch"]), course.epochs, f"FPD {1e3 * row['distance']:.2f}e-3"),
    )
    save_part(Trained(part, player.generator, history), study, folder)
    for checkpoint in ("last.ckpt", "best.ckpt"):  # they served to resume; model.pt is what stays
        (folder / checkpoint).unlink(missing_ok=True)


def save_part(trained: Trained, study: Study, folder: Path) -> None:
    """Write ``model.pt``: weights, history, and the settings to build the generator again."""
    content = {
        "part": trained.part._asdict(),
        "study": settings_of(trained.part, study),
        "particles": trained.generator.particles,
        "log_pt": trained.generator.scaling.log_pt,  # type: ignore[union-attr]
        "weights": trained.generator.state_dict(),
        "history": trained.history,
    }
    save_tensors(content, folder / "model.pt")


def settings_of(part: Part, study: Study) -> dict[str, Any]:
    """What it takes to build the generator of a part again: plain data."""
    kept = asdict(getattr(study, part.model))
    return {part.model: {k: list(v) if isinstance(v, tuple) else v for k, v in kept.items()}}


def load_part(folder: Path) -> Trained:
    """The trained generator in a folder that ``train_part`` wrote.

    Raises:
        InputError: The file is missing, damaged, or of another model.
    """
    content = load_tensors(folder / "model.pt")
    try:
        part = Part(**content["part"])
        study = from_dict(Study, content["study"])
        # Centre and width come with the weights.
        blank = Scaling((0.0,) * model.FEATURES, (1.0,) * model.FEATURES, log_pt=content["log_pt"])
        generator = build_generator(part.model, study, particles=content["particles"], scaling=blank)
        generator.load_state_dict(content["weights"])
        return Trained(part, generator.eval(), content["history"])
    except (KeyError, TypeError, RuntimeError, ValueError) as error:
        raise InputError(f"{folder / 'model.pt'} does not hold a generator of this system") from error


def choose(run: Run, name: str | None) -> Trained:
    """The trained generator of that name; without one, that with the smallest FPD on the validation jets.

    Raises:
        InputError: The run holds no trained model, or none of that name.
    """
    trained = map(load_part, run.trained(name))
    return min(trained, key=lambda t: (t.best["distance"] + t.best["error"], t.part))


def some(jets: Jets, count: int) -> Jets:
    """The first jets, at most so many."""
    return Jets(jets.particles[:count], jets.mask[:count])
