"""What is trained in one run: generators by name and seed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import nn

from femtobarn.engine import Descent
from femtobarn.errors import InputError
from femtobarn.generator_loop import Distance, Learner, fit_generator
from femtobarn.metrics.frechet import fpd
from femtobarn.nn.jet_generators import FEATURES, Jets, Scaling, generate, sets
from femtobarn.parts import Report
from femtobarn.physics.energy_flow import energy_flow_polynomials
from femtobarn.study import Models, Split, Trained
from femtobarn.systems.jet_generation.adversarial import Adversarial
from femtobarn.systems.jet_generation.networks import EpicFm, FullyConnected, Gapt, Igapt, Mpgan
from femtobarn.systems.jet_generation.sample import JetTable

ModelName = Literal["gapt", "igapt", "mpgan", "epicfm", "fc"]


@dataclass(frozen=True)
class Study:
    """Which generators are trained and compared, and with what sizes."""

    models: tuple[ModelName, ...] = ("epicfm", "gapt", "mpgan", "fc")
    """Generators to train and compare."""
    seeds: tuple[int, ...] = (1,)
    """Seeds of the trainings: initial weights, order of the batches, noise."""
    scaling: Literal["published", "sample", "log"] = "log"
    """Units of the GANs: features over the maxima of all JetNet; over those of the training jets; or generated
    momenta as logarithms within their range, and features of mean 0 and deviation 1 for the discriminator."""
    check_jets: int = 10_000
    """Maximum number of validation jets at each checkpoint."""
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

    def of(self, part: "Part") -> Any:
        """Sizes and training of a part."""
        return getattr(self, part.model)


class Part(NamedTuple):
    """One training of the study."""

    model: str
    seed: int

    @property
    def name(self) -> str:
        """Its folder, and its name for ``predict --model``, such as ``gapt-seed1``."""
        return f"{self.model}-seed{self.seed}"

    @property
    def labels(self) -> dict[str, str]:
        """Its place in tables."""
        return {"model": Study().of(self).title}


def build(_: Part, settings: Any, kept: Mapping[str, Any]) -> nn.Module:
    """The generator of a part; centre and width of its units come with the weights."""
    blank = Scaling((0.0,) * FEATURES, (1.0,) * FEATURES, log_pt=kept["log_pt"])
    generator: nn.Module = settings.generator(blank, kept["particles"])
    return generator


MODELS = Models(Part, lambda part: type(Study().of(part)), build)


def learner(part: Part, study: Study, train: Jets) -> Learner:
    """Networks and optimisers of a part; its weights depend on the seed alone."""
    torch.manual_seed(part.seed)
    settings, particles = study.of(part), train.mask.shape[1]
    if isinstance(settings, EpicFm):
        units = sets.scaling_by_moments(*train, deviation=settings.deviation, log_pt=settings.log_pt)
        flow = settings.generator(units, particles)
        return Descent(flow, lr=settings.lr, weight_decay=5e-5, clip=0.5, name="flow matching")
    mine, theirs = scalings(part.model, study, train)
    # The fully connected generator has no discriminator of its own: it is judged by that of GAPT.
    judge = study.gapt if isinstance(settings, FullyConnected) else settings
    return Adversarial(
        settings.generator(mine, particles),
        judge.discriminator(theirs),
        lr_generator=settings.lr_generator,
        lr_discriminator=settings.lr_discriminator,
    )


def scalings(name: str, study: Study, train: Jets) -> tuple[Scaling, Scaling]:
    """Units of a GAN's generator and of its discriminator."""
    if study.scaling == "log":
        # MPGAN's discriminator sums over the particles three times: features of size 1 would saturate its score.
        deviation = 0.05 if name == "mpgan" else 1.0
        by_moments = sets.scaling_by_moments(*train, deviation=deviation, log_pt=False)
        return sets.scaling_by_range(*train), by_moments
    maxima = sets.PUBLISHED_MAXIMA if study.scaling == "published" else sets.largest(*train)
    return sets.scaling_by_maxima(maxima), sets.scaling_by_maxima(maxima)


def train_one(study: Study, data: Split[JetTable], folder: Path, part: Part, report: Report) -> Trained[Part]:
    """Train one generator; the check kept has the smallest FPD from the validation jets."""
    course = study.of(part).course
    player = learner(part, study, data.train.jets)
    history = fit_generator(
        player,
        data.train.jets._asdict(),
        validation_fpd(data.validation.first(study.check_jets).jets, seed=part.seed, device=study.device),
        course=course,
        seed=part.seed,
        folder=folder / part.name,
        device=study.device,
        report=lambda row: report(int(row["epoch"]), course.epochs, f"FPD {row['distance']:.2e}"),
    )
    best = min(row["distance"] + row["error"] for row in history)
    kept = {"particles": player.generator.particles, "log_pt": player.generator.scaling.log_pt}
    return Trained(part, player.generator, history, best, kept)


def validation_fpd(real: Jets, *, seed: int, device: str = "cpu") -> Distance:
    """FPD between jets and as many generated ones of the same multiplicities; the check seeds the noise."""
    features = energy_flow_polynomials(real.particles.numpy(), real.mask.numpy())

    def distance(generator: nn.Module, check: int) -> tuple[float, float]:
        noise = torch.Generator(device).manual_seed(seed * 1_000_003 + check)
        made = generate(generator, real.mask.sum(dim=1), generator=noise)
        found = energy_flow_polynomials(made.particles.cpu().numpy(), made.mask.cpu().numpy())
        estimate = fpd(features, found)
        return estimate.value, estimate.error

    return distance
