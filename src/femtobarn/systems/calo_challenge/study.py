"""What is trained in one run: generators by name and seed."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import nn

from femtobarn.errors import InputError
from femtobarn.generator_loop import Distance, Learner, fit_generator
from femtobarn.metrics.frechet import fpd
from femtobarn.metrics.scaling import max_scale
from femtobarn.metrics.shower_features import features
from femtobarn.nn.shower_generators import Batch, Preprocessing, generate
from femtobarn.parts import Report
from femtobarn.physics.voxels import VoxelGeometry, geometry
from femtobarn.study import Models, Trained
from femtobarn.systems.calo_challenge import pairing
from femtobarn.systems.calo_challenge.networks import Diffusion, Dream, Gan, Inn, Vae
from femtobarn.systems.calo_challenge.sample import Geant4Sample, Samples, ShowerTable, gflash_showers

ModelName = Literal["dream", "diffusion", "inn", "vae", "gan"]
STARTS = {
    "from-noise": "flow from noise",
    "from-gflash": "flow from GFLASH",
}  #: flow matching alike but for the start, as it is called in tables


@dataclass(frozen=True)
class Hybrid:
    """Flow matching that starts from GFLASH, beside the same that starts from noise."""

    target: Literal["geant4", "data"] = "geant4"
    """Showers from Geant4, or those that all other models are trained on."""
    geant4: Geant4Sample = field(default_factory=Geant4Sample)
    starts: int = 4
    """GFLASH showers made for each training shower."""
    network: Dream = field(default_factory=Dream)


@dataclass(frozen=True)
class Study:
    """Which generators are trained and compared, and with what sizes."""

    models: tuple[ModelName, ...] = ("diffusion", "dream", "inn", "vae", "gan")
    """Generators, that of the longest training first."""
    hybrids: bool = True
    """Also compare the two starts of flow matching."""
    seeds: tuple[int, ...] = (1,)
    """Seeds of the initial weights, batches and noise."""
    knots: int = 15
    """Incident energies at which centre and width of all numbers are known; 1 as published."""
    coloured: bool = True
    """Start flow matching and diffusion from noise with the correlations of the showers; not as published."""
    check_showers: int = 2000
    """Validation showers, at most, behind the distance that chooses the checkpoint."""
    device: str = "cpu"
    """Torch device of the trainings: cpu, cuda, cuda:1."""
    dream: Dream = field(default_factory=Dream)
    diffusion: Diffusion = field(default_factory=Diffusion)
    inn: Inn = field(default_factory=Inn)
    vae: Vae = field(default_factory=Vae)
    gan: Gan = field(default_factory=Gan)
    hybrid: Hybrid = field(default_factory=Hybrid)

    def __post_init__(self) -> None:
        if not self.models or not self.seeds:
            raise InputError("a study needs at least one model and one seed")
        if len(set(self.models)) < len(self.models) or len(set(self.seeds)) < len(self.seeds):
            raise InputError(f"models or seeds are given twice: {self.models}, {self.seeds}")
        if self.knots < 1 or self.check_showers < 200:
            got = f"{self.knots}, {self.check_showers}"
            raise InputError(f"at least 1 knot and 200 showers to check expected: got {got}")

    def parts(self) -> list["Part"]:
        """Every training of the study."""
        names = (*self.models, *(STARTS if self.hybrids else ()))
        return [Part(name, seed) for name in names for seed in self.seeds]

    def of(self, part: "Part") -> Any:
        """Sizes and training of a part."""
        return self.hybrid.network if part.is_hybrid else getattr(self, part.model)


class Part(NamedTuple):
    """One training of the study."""

    model: str
    seed: int

    @property
    def name(self) -> str:
        """Its folder, and its name for ``predict --model``, such as ``inn-seed1``."""
        return f"{self.model}-seed{self.seed}"

    @property
    def labels(self) -> dict[str, str]:
        """Its place in tables."""
        return {"model": STARTS.get(self.model) or Study().of(self).title}

    @property
    def is_hybrid(self) -> bool:
        """Whether it belongs to the comparison of starts."""
        return self.model in STARTS


def build(part: Part, settings: Any, kept: Mapping[str, Any]) -> nn.Module:
    """The generator of a part; the tables of its units come with the weights."""
    units = Preprocessing(geometry(kept["dataset"]), knots=kept["knots"], coloured=kept["coloured"])
    return _generator(part, settings, units)


MODELS = Models(Part, lambda part: type(Study().of(part)), build)


def learner(part: Part, study: Study, train: Batch, voxels: VoxelGeometry) -> Learner:
    """Networks and optimisers of a part; its weights depend on the seed and the training showers alone.

    For ``from-gflash`` these have a column "start", see `with_starts`.
    """
    torch.manual_seed(part.seed)
    settings = study.of(part)
    units = Preprocessing(voxels, knots=study.knots, coloured=study.coloured and settings.coloured)
    units.learn(train["energies"], train["showers"], generator=torch.Generator().manual_seed(part.seed))
    generator = _generator(part, settings, units)
    if part.model == "from-gflash":
        noise = torch.Generator().manual_seed(part.seed)
        generator.source.learn(train["energies"], train["start"], generator=noise)  # type: ignore[union-attr, operator]
    found: Learner = settings.learner(generator)
    return found


def with_starts(train: ShowerTable, *, starts: int, seed: int) -> Batch:
    """The training showers so many times, each time with another GFLASH shower, one that is `alike`, to start from."""
    noise, begins = torch.Generator().manual_seed(seed), list[torch.Tensor]()
    for _ in range(starts):
        made = gflash_showers(train.voxels.name, train.energies, noise)
        rows = pairing.alike(train.energies, train.showers, made, threshold=train.voxels.threshold)
        begins.append(made[rows])
    repeated = train.take(torch.arange(len(train)).repeat(starts))
    return repeated.batch | {"start": torch.cat(begins)}


def train_one(study: Study, data: Samples, folder: Path, part: Part, report: Report) -> Trained[Part]:
    """Train one generator; the check kept has the smallest FPD from the validation showers."""
    split, course = data.of(part.is_hybrid), study.of(part).course
    batch, voxels = split.train.batch, split.train.voxels
    if part.is_hybrid:
        batch = with_starts(split.train, starts=study.hybrid.starts, seed=part.seed)
    if part.model == "from-noise":  # the same showers in the same order
        batch.pop("start")
    player = learner(part, study, batch, voxels)
    validation = split.validation.first(study.check_showers)
    history = fit_generator(
        player,
        batch,
        validation_fpd(batch, validation, seed=part.seed, device=study.device),
        course=course,
        seed=part.seed,
        folder=folder / part.name,
        device=study.device,
        report=lambda row: report(int(row["epoch"]), course.epochs, f"FPD {1e3 * row['distance']:.2f}e-3"),
    )
    units = player.generator.preprocessing
    kept = {
        "dataset": voxels.name,
        "knots": units.knots,
        "coloured": units.coloured,
        "weights in training": sum(weight.numel() for weight in player.networks.parameters()),
    }
    best = min(row["distance"] + row["error"] for row in history)
    return Trained(part, player.generator, history, best, kept)


def validation_fpd(train: Batch, validation: ShowerTable, *, seed: int, device: str = "cpu") -> Distance:
    """FPD between the validation showers and generated ones of the same energies; the check seeds the noise.

    Features are in units of their largest value in the training showers: in a thousand others it is another each time.
    """
    voxels, energies = validation.voxels, validation.energies
    known = features(energies.numpy(), validation.showers.numpy(), voxels)
    scale = max_scale(features(train["energies"].numpy(), train["showers"].numpy(), voxels))

    def distance(generator: nn.Module, check: int) -> tuple[float, float]:
        noise = torch.Generator(device).manual_seed(seed * 1_000_003 + check)
        made = generate(generator, energies, generator=noise)
        estimate = fpd(known, features(energies.numpy(), made.numpy(), voxels), scale=scale)
        return estimate.value, estimate.error

    return distance


def _generator(part: Part, settings: Any, units: Preprocessing) -> nn.Module:
    if part.model != "from-gflash":
        generator: nn.Module = settings.generator(units)
        return generator
    source = Preprocessing(units.geometry, knots=units.knots)
    start = functools.partial(gflash_showers, units.geometry.name)
    hybrid: nn.Module = settings.generator(units, source=source, start=start)
    return hybrid
