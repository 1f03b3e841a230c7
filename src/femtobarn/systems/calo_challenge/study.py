"""What is trained in one run: generators by name and seed, each a part that can be done on its own."""

import functools
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import nn

from femtobarn.engine import load_tensors, save_tensors
from femtobarn.errors import InputError
from femtobarn.generator_loop import Distance, Learner, fit_generator
from femtobarn.metrics.frechet import fpd
from femtobarn.metrics.scaling import max_scale
from femtobarn.metrics.shower_features import features
from femtobarn.physics.voxels import geometry
from femtobarn.runs import Run
from femtobarn.settings import from_dict
from femtobarn.systems.calo_challenge import model, pairing
from femtobarn.systems.calo_challenge.coupling_flow import CaloInn
from femtobarn.systems.calo_challenge.descent import Course, Descent
from femtobarn.systems.calo_challenge.diffusion import CaloDiffusion
from femtobarn.systems.calo_challenge.energy_transformer import EnergyTransformer
from femtobarn.systems.calo_challenge.flow_matching import CaloDream
from femtobarn.systems.calo_challenge.gan import Adversarial, BoloGan, Critic
from femtobarn.systems.calo_challenge.model import Batch
from femtobarn.systems.calo_challenge.networks import FlatNet, GridNet, TokenNet
from femtobarn.systems.calo_challenge.preprocessing import Preprocessing
from femtobarn.systems.calo_challenge.sample import Geant4Sample, gflash_showers
from femtobarn.systems.calo_challenge.vae import CaloVae, CaloVaeTraining

ModelName = Literal["dream", "diffusion", "inn", "vae", "gan"]
TITLES: dict[str, str] = {
    "dream": "CaloDREAM",
    "diffusion": "CaloDiffusion",
    "inn": "CaloINN",
    "vae": "CaloVAE+INN",
    "gan": "BoloGAN",
    "from-noise": "flow from noise",
    "from-gflash": "flow from GFLASH",
}  #: as the models are called in tables
HYBRIDS = ("from-noise", "from-gflash")  #: flow matching alike but for the start


@dataclass(frozen=True)
class Vae:
    """Sizes and training of CaloVAE+INN."""

    latent: int = 50
    """Numbers between encoder and decoder."""
    hidden: tuple[int, ...] = (1500, 1000, 500)
    """Widths of the encoder, and backwards of the decoder."""
    beta: float = 1.0
    """Weight of the divergence of the latent numbers from normal noise."""
    flow_blocks: int = 18
    """Coupling blocks of the flow of latent numbers and energy split."""
    flow_width: int = 32
    """Width of their networks."""
    flow_bins: int = 10
    """Of a spline."""
    course: Course = field(default_factory=Course)


@dataclass(frozen=True)
class Gan:
    """Sizes and training of BoloGAN."""

    noise: int = 50
    """Numbers that the generator starts from."""
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
    """Width of their networks."""
    course: Course = field(default_factory=Course)


@dataclass(frozen=True)
class Inn:
    """Sizes and training of CaloINN."""

    blocks: int = 12
    """Coupling blocks."""
    bins: int = 10
    """Of a spline."""
    bound: float = 18.0
    """Where the splines end."""
    width: int = 256
    """Of the networks in the blocks."""
    layers: int = 4
    """Linear layers of each."""
    energy_blocks: int = 0
    """Coupling blocks of a flow of the energy split alone; 0, as published: one flow for split and voxels."""
    energy_width: int = 32
    """Width of its networks."""
    course: Course = field(default_factory=Course)


@dataclass(frozen=True)
class Diffusion:
    """Sizes and training of CaloDiffusion."""

    energy_width: int = 256
    """Of the network of the energy split."""
    energy_blocks: int = 5
    """Its residual blocks."""
    shape: Literal["grid", "flat"] = "grid"
    """Voxels as a cylinder of cells in a U-Net, or as one vector."""
    width: int = 512
    """Of the network of one vector."""
    depth: int = 4
    """Its blocks."""
    channels: tuple[int, ...] = (32, 32, 64, 32)
    """Of the U-Net, at its entrance and at each level."""
    blocks: int = 2
    """ResNet blocks at each level."""
    fold: int = 1
    """Neighbouring rings in one cell of the U-Net."""
    steps: int = 400
    """Of the sampler."""
    course: Course = field(default_factory=Course)


@dataclass(frozen=True)
class Dream:
    """Sizes and training of CaloDREAM."""

    energy: Literal["flat", "transformer"] = "transformer"
    """Energy split at once by one network, or one u after another."""
    shape: Literal["flat", "tokens"] = "tokens"
    """Voxels as one vector, or as patches in a transformer."""
    width: int = 480
    """Of the network of the voxels."""
    depth: int = 6
    """Its blocks."""
    heads: int = 6
    """Attention heads of the transformer."""
    ratio: int = 4
    """Hidden over outer width of the transformer's MLPs."""
    patch: tuple[int, int, int] = (3, 16, 1)
    """Layers, slices and rings of a patch."""
    energy_width: int = 512
    """Of the network of the energy split."""
    energy_depth: int = 4
    """Its blocks."""
    steps: int = 50
    """Midpoint steps of each flow."""
    course: Course = field(default_factory=Course)


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
    """Where to train: cpu, cuda, cuda:1."""
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
        names = (*self.models, *(HYBRIDS if self.hybrids else ()))
        return [Part(name, seed) for name in names for seed in self.seeds]


class Part(NamedTuple):
    """One training."""

    model: str
    seed: int

    @property
    def name(self) -> str:
        """As it is called on the command line and on disk."""
        return f"{self.model}-seed{self.seed}"

    @property
    def is_hybrid(self) -> bool:
        """Whether it belongs to the comparison of starts."""
        return self.model in HYBRIDS


class Trained(NamedTuple):
    """A trained generator."""

    part: Part
    generator: Any
    history: list[dict[str, float]]
    weights: int
    """In the training: with encoders and critics."""

    @property
    def title(self) -> str:
        """As the model is called in tables."""
        return TITLES[self.part.model]

    @property
    def best(self) -> dict[str, float]:
        """The check whose weights were kept."""
        return min(self.history, key=lambda row: row["distance"] + row["error"])


def build_generator(name: str, study: Study, preprocessing: Preprocessing) -> nn.Module:
    """The untrained generator of that name."""
    match name:
        case "vae":
            v = study.vae
            return CaloVae(
                preprocessing,
                latent=v.latent,
                hidden=v.hidden,
                flow_blocks=v.flow_blocks,
                flow_width=v.flow_width,
                flow_bins=v.flow_bins,
            )
        case "gan":
            g = study.gan
            return BoloGan(
                preprocessing,
                noise=g.noise,
                hidden=g.hidden,
                flow_blocks=g.flow_blocks,
                flow_width=g.flow_width,
            )
        case "inn":
            i = study.inn
            return CaloInn(
                preprocessing,
                blocks=i.blocks,
                bins=i.bins,
                bound=i.bound,
                width=i.width,
                layers=i.layers,
                energy_blocks=i.energy_blocks,
                energy_width=i.energy_width,
            )
        case "diffusion":
            return _diffusion(study.diffusion, preprocessing)
        case "dream":
            return _dream(study.dream, preprocessing)
        case _:
            source = Preprocessing(preprocessing.geometry, knots=study.knots)
            return _dream(
                study.hybrid.network, preprocessing, source=source if name == "from-gflash" else None
            )


def _diffusion(settings: Diffusion, preprocessing: Preprocessing) -> CaloDiffusion:
    geometry = preprocessing.geometry
    numbers = len(geometry.layers)
    energy = FlatNet(numbers, 1, width=settings.energy_width, blocks=settings.energy_blocks)
    shape = (
        GridNet(
            geometry,
            1 + numbers,
            channels=settings.channels,
            blocks=settings.blocks,
            fold=settings.fold,
        )
        if settings.shape == "grid"
        else FlatNet(geometry.voxels, 1 + numbers, width=settings.width, blocks=settings.depth)
    )
    return CaloDiffusion(preprocessing, energy, shape, steps=settings.steps)


def _dream(
    settings: Dream, preprocessing: Preprocessing, *, source: Preprocessing | None = None
) -> CaloDream:
    geometry = preprocessing.geometry
    numbers = len(geometry.layers)
    energy = (
        EnergyTransformer(numbers, flow_width=settings.energy_width, flow_blocks=settings.energy_depth)
        if settings.energy == "transformer"
        else FlatNet(numbers, 1, width=settings.energy_width, blocks=settings.energy_depth)
    )
    shape = (
        TokenNet(
            geometry,
            1 + numbers,
            patch=settings.patch,
            width=settings.width,
            depth=settings.depth,
            heads=settings.heads,
            ratio=settings.ratio,
        )
        if settings.shape == "tokens"
        else FlatNet(geometry.voxels, 1 + numbers, width=settings.width, blocks=settings.depth)
    )
    start = None if source is None else functools.partial(gflash_showers, geometry.name)
    return CaloDream(preprocessing, energy, shape, steps=settings.steps, start=start, source=source)


def course_of(name: str, study: Study) -> Course:
    """How the model of that name is trained."""
    if name in HYBRIDS:
        return study.hybrid.network.course
    course: Course = getattr(study, name).course
    return course


def learner(part: Part, study: Study, train: Batch, *, dataset: str) -> Learner:
    """Networks and optimisers of a part; its weights depend on the seed and the training showers alone.

    For ``from-gflash`` these have a column "start", see `with_starts`.
    """
    torch.manual_seed(part.seed)
    units = Preprocessing(geometry(dataset), knots=study.knots, coloured=_is_coloured(part, study))
    units.learn(train["energies"], train["showers"], generator=torch.Generator().manual_seed(part.seed))
    generator, course = build_generator(part.model, study, units), course_of(part.model, study)
    if isinstance(generator, CaloDream) and generator.source is not None:
        noise = torch.Generator().manual_seed(part.seed)
        generator.source.learn(train["energies"], train["start"], generator=noise)
    if isinstance(generator, BoloGan):
        voxels, g = units.geometry.voxels, study.gan
        critic = Critic(voxels, 1 + generator.split, width=g.critic)
        return Adversarial(generator, critic, course, critic_steps=g.critic_steps, penalty=g.penalty)
    if isinstance(generator, CaloVae):
        training = CaloVaeTraining(generator, hidden=study.vae.hidden, beta=study.vae.beta)
        return Descent(training, course, generator=generator)
    return Descent(generator, course)


def with_starts(train: Batch, *, dataset: str, starts: int, seed: int) -> Batch:
    """The training showers so many times, each time with another GFLASH shower, one that is `alike`, to start from."""
    noise, threshold = torch.Generator().manual_seed(seed), geometry(dataset).threshold
    energies, showers = train["energies"], train["showers"]
    begins = []
    for _ in range(starts):
        made = gflash_showers(dataset, energies, noise)
        begins.append(made[pairing.alike(energies, showers, made, threshold=threshold)])
    repeated = {name: column.repeat(starts, *[1] * (column.ndim - 1)) for name, column in train.items()}
    return repeated | {"start": torch.cat(begins)}


def validation_fpd(
    train: Batch, validation: Batch, *, dataset: str, showers: int, seed: int, device: str = "cpu"
) -> Distance:
    """FPD between the first validation showers and generated ones of the same energies.

    Features are in units of their largest value in the training showers: in a thousand others it is another each time.
    """
    voxels = geometry(dataset)
    energies, real = validation["energies"][:showers], validation["showers"][:showers]
    known = features(energies.numpy(), real.numpy(), voxels)
    scale = max_scale(features(train["energies"].numpy(), train["showers"].numpy(), voxels))

    def distance(generator: nn.Module, check: int) -> tuple[float, float]:
        noise = torch.Generator(device).manual_seed(seed * 1_000_003 + check)
        made = model.generate(generator, energies, generator=noise)
        estimate = fpd(known, features(energies.numpy(), made.numpy(), voxels), scale=scale)
        return estimate.value, estimate.error

    return distance


def fit(
    part: Part,
    train: Batch,
    validation: Batch,
    *,
    dataset: str,
    study: Study,
    folder: Path,
    report: Callable[[int, int, str], None] = lambda *_: None,
) -> None:
    """Train one generator and leave ``model.pt`` in its folder; nothing is done if it is there already.

    Args:
        part: Which one, and its seed.
        train, validation: Showers with columns "energies" and "showers" in MeV.
        dataset: Their geometry.
        study: Sizes and trainings.
        folder: Where checkpoints and the result go.
        report: Called with epochs done, epochs in all and the latest distance.
    """
    if (folder / "model.pt").exists():
        return
    torch.set_num_threads(1)
    if part.is_hybrid:
        train = with_starts(train, dataset=dataset, starts=study.hybrid.starts, seed=part.seed)
    if part.model == "from-noise":  # the same showers in the same order
        train.pop("start")
    course, player = course_of(part.model, study), learner(part, study, train, dataset=dataset)
    distance = validation_fpd(
        train,
        validation,
        dataset=dataset,
        showers=study.check_showers,
        seed=part.seed,
        device=study.device,
    )
    history = fit_generator(
        player,
        train,
        distance,
        course=course,
        seed=part.seed,
        folder=folder,
        device=study.device,
        report=lambda row: report(int(row["epoch"]), course.epochs, f"FPD {1e3 * row['distance']:.2f}e-3"),
    )
    weights = sum(weight.numel() for weight in player.networks.parameters())
    save_part(Trained(part, player.generator, history, weights), study, folder)
    for checkpoint in ("last.ckpt", "best.ckpt"):  # they served to resume; model.pt is what stays
        (folder / checkpoint).unlink(missing_ok=True)


def save_part(trained: Trained, study: Study, folder: Path) -> None:
    """Write ``model.pt``: weights, history, and the settings to build the generator again."""
    content = {
        "part": trained.part._asdict(),
        "study": settings_of(trained.part, study),
        "dataset": trained.generator.preprocessing.geometry.name,
        "weights": trained.generator.state_dict(),
        "weights in training": trained.weights,
        "history": trained.history,
    }
    save_tensors(content, folder / "model.pt")


def settings_of(part: Part, study: Study) -> dict[str, Any]:
    """What it takes to build the generator of a part again: plain data."""
    name = "hybrid" if part.is_hybrid else part.model
    return {"knots": study.knots, "coloured": study.coloured, name: _plain(asdict(getattr(study, name)))}


def load_part(folder: Path) -> Trained:
    """The trained generator in a folder that ``fit`` wrote.

    Raises:
        InputError: The file is missing, damaged, or of another model.
    """
    content = load_tensors(folder / "model.pt")
    try:
        part, study = Part(**content["part"]), from_dict(Study, content["study"])
        units = Preprocessing(
            geometry(content["dataset"]), knots=study.knots, coloured=_is_coloured(part, study)
        )
        generator = build_generator(part.model, study, units)
        generator.load_state_dict(content["weights"])
        return Trained(part, generator.eval(), content["history"], content["weights in training"])
    except (KeyError, TypeError, RuntimeError, ValueError) as error:
        raise InputError(f"{folder / 'model.pt'} does not hold a generator of this system") from error


def choose(run: Run, name: str | None) -> Trained:
    """The trained generator of that name; without one, the one with the smallest FPD on the validation showers.

    Of the comparison of starts, which has another target, none is chosen unless it is named.

    Raises:
        InputError: The run holds no trained model, or none of that name.
    """
    trained = [load_part(folder) for folder in run.trained(name)]
    found = [each for each in trained if name is not None or not each.part.is_hybrid]
    if not found:
        raise InputError(f"name one of the models: {', '.join(each.part.name for each in trained)}")
    return min(found, key=lambda t: (t.best["distance"] + t.best["error"], t.part))


def _is_coloured(part: Part, study: Study) -> bool:
    return study.coloured and part.model in ("dream", "diffusion", *HYBRIDS)


def _plain(value: Any) -> Any:
    """Tuples as lists, which checkpoints may hold."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return list(value) if isinstance(value, tuple) else value
