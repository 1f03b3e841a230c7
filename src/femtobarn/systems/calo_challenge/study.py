"""What is trained in one run: generators by name and seed."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

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
    "from-noise-paired": "flow from noise, paired",
    "from-gflash": "flow from GFLASH",
    "from-gflash-paired": "flow from GFLASH, paired",
}  #: flow matching alike but for the start and its pairing, as it is called in tables


@dataclass(frozen=True)
class Hybrid:
    """Flow matching from noise and from GFLASH, each with random and with paired starts."""

    target: Literal["geant4", "data"] = "geant4"
    """Target of the flow: Geant4 showers, or the showers that all other models are trained on."""
    geant4: Geant4Sample = field(default_factory=Geant4Sample)
    starts: int = 4
    """Number of starting points (GFLASH showers or noise) drawn for each training shower."""
    network: Dream = field(default_factory=Dream)


@dataclass(frozen=True)
class Study:
    """Which generators are trained and compared, and with what sizes."""

    models: tuple[ModelName, ...] = ("diffusion", "dream", "inn", "vae", "gan")
    """Generators to train, the slowest first, so that parallel trainings end together."""
    hybrids: bool = True
    """Also compare flow matching from noise and from GFLASH, each with random and with paired starts."""
    seeds: tuple[int, ...] = (1,)
    """Seeds of the trainings: initial weights, order of the batches, noise."""
    knots: int = 15
    """Number of incident energies at which the preprocessing is tabulated; 1 as published."""
    coloured: bool = True
    """Give the starting noise of flow matching and diffusion the correlations of the showers; not as published."""
    check_showers: int = 2000
    """Maximum number of validation showers in the distance that chooses the checkpoint."""
    device: str = "cpu"
    """Torch device of the trainings, such as cpu, cuda or cuda:1."""
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
        titles = {name: STARTS.get(name) or getattr(self, name).title for name in names}
        return [Part(name, seed, titles[name]) for name in names for seed in self.seeds]

    def of(self, part: "Part") -> Any:
        """Sizes and training of a part."""
        return self.hybrid.network if part.is_hybrid else getattr(self, part.model)


class Part(NamedTuple):
    """One training of the study."""

    model: str
    seed: int
    title: str = ""
    """As it is called in tables."""

    @property
    def name(self) -> str:
        """Its folder, and its name for ``predict --model``, such as ``inn-seed1``."""
        return f"{self.model}-seed{self.seed}"

    @property
    def labels(self) -> dict[str, str]:
        """Its place in tables."""
        return {"model": self.title}

    @property
    def is_hybrid(self) -> bool:
        """Whether it belongs to the comparison of starts."""
        return self.model in STARTS

    @property
    def from_gflash(self) -> bool:
        """Whether it starts from GFLASH showers."""
        return self.model.startswith("from-gflash")

    @property
    def is_paired(self) -> bool:
        """Whether each start is one that is like its shower."""
        return self.model.endswith("-paired")


def build(part: Part, settings: Any, kept: Mapping[str, Any]) -> nn.Module:
    """The generator of a part; the tables of its units come with the weights."""
    units = Preprocessing(geometry(kept["dataset"]), knots=kept["knots"], coloured=kept["coloured"])
    return _generator(part, settings, units)


MODELS = Models(Part, lambda part: type(Study().of(part)), build)


def learner(part: Part, study: Study, train: Batch, voxels: VoxelGeometry) -> Learner:
    """Networks and optimisers of a part; its weights depend on the seed and the training showers alone.

    For those from GFLASH these have a column "start", see `with_starts`.
    """
    torch.manual_seed(part.seed)
    settings = study.of(part)
    units = Preprocessing(voxels, knots=study.knots, coloured=study.coloured and settings.coloured)
    units.learn(train["energies"], train["showers"], generator=torch.Generator().manual_seed(part.seed))
    generator = _generator(part, settings, units)
    if part.from_gflash:
        noise = torch.Generator().manual_seed(part.seed)
        generator.source.learn(train["energies"], train["start"], generator=noise)  # type: ignore[union-attr, operator]
    found: Learner = settings.learner(generator)
    return found


def with_starts(train: ShowerTable, *, starts: int, paired: bool, seed: int) -> Batch:
    """The training showers so many times, each time with another GFLASH shower of the same energy to start from.

    Paired, it is one that is `alike`: the logarithms of ``1 + E / threshold`` in all voxels are compared.
    """
    noise, begins = torch.Generator().manual_seed(seed), list[Tensor]()
    ends = _logarithms(train.showers, train.voxels)
    for _ in range(starts):
        made = gflash_showers(train.voxels.name, train.energies, noise)
        if paired:
            made = made[pairing.alike(train.energies, ends, _logarithms(made, train.voxels))]
        begins.append(made)
    return _repeated(train, starts) | {"start": torch.cat(begins)}


def with_noise(train: ShowerTable, units: Preprocessing, *, starts: int, seed: int) -> Batch:
    """The training showers so many times, each time with noise that is `alike` in network units to start from."""
    random, begins = torch.Generator().manual_seed(seed), list[Tensor]()
    for _ in range(starts):
        ends = units.encode(**train.batch, generator=random).voxels
        made = units.noise(len(train), generator=random).voxels
        begins.append(made[pairing.alike(train.energies, ends, made)])
    return _repeated(train, starts) | {"noise": torch.cat(begins)}


def train_one(study: Study, data: Samples, folder: Path, part: Part, report: Report) -> Trained[Part]:
    """Train one generator; the check kept has the smallest FPD from the validation showers."""
    split, course, voxels = data.of(part.is_hybrid), study.of(part).course, data.main.train.voxels
    how: dict[str, Any] = {"starts": study.hybrid.starts, "seed": part.seed}
    batch = _repeated(split.train, study.hybrid.starts) if part.is_hybrid else split.train.batch
    if part.from_gflash:
        batch = with_starts(split.train, paired=part.is_paired, **how)
    player = learner(part, study, batch, voxels)
    if part.is_paired and not part.from_gflash:
        batch = with_noise(split.train, player.generator.preprocessing, **how)
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


def _repeated(train: ShowerTable, times: int) -> Batch:
    return train.take(torch.arange(len(train)).repeat(times)).batch


def _logarithms(showers: Tensor, voxels: VoxelGeometry) -> Tensor:
    return (showers / voxels.threshold).log1p()


def _generator(part: Part, settings: Any, units: Preprocessing) -> nn.Module:
    if not part.from_gflash:
        generator: nn.Module = settings.generator(units)
        return generator
    source = Preprocessing(units.geometry, knots=units.knots)
    start = functools.partial(gflash_showers, units.geometry.name)
    hybrid: nn.Module = settings.generator(units, source=source, start=start)
    return hybrid
