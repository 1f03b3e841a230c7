"""What is trained in one run: teachers, and students in several ways, each a part that can be done on its own."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from femtobarn.engine import TensorTable, Training, fit, load_tensors, save_tensors
from femtobarn.errors import InputError
from femtobarn.nn.quantised import CostedLoss
from femtobarn.runs import Run
from femtobarn.settings import from_dict
from femtobarn.systems.jet_distillation.model import (
    DeepSetTagger,
    LorentzTagger,
    MlpTagger,
    ParticleTagger,
    without_batch_norm,
)
from femtobarn.systems.jet_distillation.objectives import Objective, error_rate
from femtobarn.systems.jet_distillation.quantised import BitTagger, TrainedBits
from femtobarn.systems.jet_distillation.sample import Sample

TeacherName = Literal["lorentznet", "particlenet"]
StudentName = Literal["deepset", "mlp", "chip"]
Method = Literal["teacher", "labels", "smoothed", "distilled"]
TITLES = {
    "lorentznet": "LorentzNet",
    "particlenet": "ParticleNet",
    "deepset": "Deep Set",
    "mlp": "MLP",
    "chip": "MLP for hardware",
}  #: as the networks are called in tables
_EXAMPLE = 4096  # training jets that show a student with trained bits its first ranges


@dataclass(frozen=True)
class LorentzNet:
    """Size and training of LorentzNet."""

    width: int = 72
    """Features of a particle."""
    blocks: int = 6
    """Rounds of messages."""
    dropout: float = 0.2
    """Before the scores."""
    beams: bool = True
    """Give it the two beams; without them it is the same in every frame without help, and knows less."""
    train: Training = field(
        default_factory=lambda: Training(epochs=35, batch=128, lr=1e-3, weight_decay=0.01)
    )


@dataclass(frozen=True)
class ParticleNet:
    """Size and training of ParticleNet."""

    neighbours: int = 16
    """Nearest neighbours that a particle looks at."""
    widths: tuple[int, ...] = (64, 128, 256)
    """Of the edge convolutions."""
    hidden: int = 256
    """Width of the layer before the scores."""
    dropout: float = 0.1
    """Before the scores."""
    train: Training = field(
        default_factory=lambda: Training(epochs=20, batch=384, lr=1e-3, weight_decay=1e-4)
    )


@dataclass(frozen=True)
class DeepSet:
    """Size, training and distillation of the Deep Set."""

    width: int = 128
    """Of all layers."""
    temperature: float = 1.0
    """By which logits are divided in distillation."""
    weight: float = 1.0
    """Of the teacher against the labels; with 1 no labels are needed."""
    train: Training = field(
        default_factory=lambda: Training(epochs=100, batch=64, lr=2e-4, weight_decay=0.01)
    )


@dataclass(frozen=True)
class Mlp:
    """Size, training and distillation of the MLP."""

    particles: int = 128
    """Hardest particles that go in, four numbers each."""
    hidden: int = 512
    """Width of both hidden layers."""
    leak: float = 0.01
    """Slope of the activation below zero; 0 is a ReLU."""
    temperature: float = 1.0
    """By which logits are divided in distillation."""
    weight: float = 0.7
    """Of the teacher against the labels."""
    train: Training = field(
        default_factory=lambda: Training(epochs=100, batch=64, lr=2e-4, weight_decay=0.01)
    )


@dataclass(frozen=True)
class Chip:
    """Size, training and distillation of the MLP for hardware, which has plain ReLUs."""

    particles: int = 16
    """Hardest particles that go in, four numbers each."""
    hidden: int = 32
    """Width of both hidden layers."""
    temperature: float = 1.0
    """By which logits are divided in distillation."""
    weight: float = 0.7
    """Of the teacher against the labels."""
    train: Training = field(
        default_factory=lambda: Training(epochs=15, batch=128, lr=3e-3, weight_decay=0.01)
    )


@dataclass(frozen=True)
class Study:
    """Which teachers and students are trained and compared, and with what sizes."""

    teachers: tuple[TeacherName, ...] = ("lorentznet", "particlenet")
    """The first teaches all students, the others the first student only."""
    students: tuple[StudentName, ...] = ("deepset", "mlp")
    """Each is trained on labels, on smoothed labels, and distilled. "chip" is a small MLP for hardware."""
    seeds: tuple[int, ...] = (1, 2, 3)
    """Of the students; teachers have the first."""
    smoothing: float = 0.1
    """Share of a smoothed label spread over both classes."""
    boost: float = 0.5
    """Largest speed along x of the boosted jets that the first student is trained on in two more trainings (on
    labels, distilled); 0 leaves these out."""
    few: int = 2000
    """The first student is also trained on so many labelled jets only, and distilled on all jets without labels
    from a teacher trained on the same few; 0 leaves these out."""
    few_repeats: int = 4
    """How many times as many epochs trainings on the few have: their epochs are short."""
    lorentznet: LorentzNet = field(default_factory=LorentzNet)
    particlenet: ParticleNet = field(default_factory=ParticleNet)
    deepset: DeepSet = field(default_factory=DeepSet)
    mlp: Mlp = field(default_factory=Mlp)
    chip: Chip = field(default_factory=Chip)

    def __post_init__(self) -> None:
        if not (self.teachers and self.students and self.seeds):
            raise InputError("at least one teacher, one student and one seed are needed")
        if not (0 <= self.boost < 1 and 0 <= self.smoothing < 1):
            raise InputError(
                f"expected boost and smoothing from 0 to below 1, got {self.boost}, {self.smoothing}"
            )
        if 0 < self.few < 50 or self.few_repeats < 1:
            raise InputError(f"expected 0 or at least 50 labelled jets, and a repeat, got {self.few}")

    def teaching(self) -> list["Part"]:
        """The teachers, which the distilled students wait for."""
        seed, main = self.seeds[0], self.teachers[0]
        parts = [Part(name, "teacher", seed) for name in dict.fromkeys(self.teachers)]
        return parts + ([Part(main, "teacher", seed, labels=self.few)] if self.few else [])

    def learning(self) -> list["Part"]:
        """The students, those of the first seed first."""
        main, *others = dict.fromkeys(self.teachers)
        first = self.students[0]
        found = []
        for seed in self.seeds:
            for name in dict.fromkeys(self.students):
                found += [Part(name, "labels", seed), Part(name, "smoothed", seed)]
                found += [Part(name, "distilled", seed, teacher=main)]
            found += [Part(first, "distilled", seed, teacher=other) for other in others]
            if self.boost:
                found += [Part(first, "labels", seed, boosted=True)]
                found += [Part(first, "distilled", seed, teacher=main, boosted=True)]
            if self.few:
                found += [Part(first, "labels", seed, labels=self.few)]
                found += [Part(first, "distilled", seed, teacher=main, labels=self.few)]
        return found

    def with_bits(self, settings: TrainedBits) -> list["Part"]:
        """Trainings of the student for hardware together with its bits: on labels and distilled, every price."""
        ways = {"labels": "", "distilled": self.teachers[0]}
        return [
            Part("chip", method, seed, teacher=teacher, beta=beta)
            for seed in self.seeds
            for method, teacher in ways.items()
            for beta in settings.betas
        ]


class Part(NamedTuple):
    """One training of the study."""

    network: str
    method: str
    seed: int
    teacher: str = ""
    labels: int = 0  # labelled jets that it or its teacher had; 0: all of them
    boosted: bool = False
    beta: float = 0.0  # price of an effective bit operation; 0: in floating point

    @property
    def name(self) -> str:
        """As it is called on disk and by ``predict --model``, such as ``deepset-distilled-lorentznet-seed1``."""
        words = [self.network, self.method, self.teacher, "boosted" if self.boosted else ""]
        words += [f"{self.labels}labels" if self.labels else "", f"seed{self.seed}"]
        words += [f"beta{self.beta:g}" if self.beta else ""]
        return "-".join(word for word in words if word)

    @property
    def start(self) -> "Part":
        """The part in floating point that a training of bits starts from."""
        return self._replace(beta=0.0)

    @property
    def is_teacher(self) -> bool:
        """Whether others are distilled from it."""
        return self.method == "teacher"

    @property
    def its_teacher(self) -> str:
        """Name of the teacher's part without its seed; empty if it has none."""
        few = f"-{self.labels}labels" if self.labels else ""
        return f"{self.teacher}-teacher{few}" if self.teacher else ""

    @property
    def labels_in_tables(self) -> dict[str, str]:
        """As it is labelled in tables; parts that differ by their seed only have the same labels."""
        method = f"distilled from {TITLES[self.teacher]}" if self.teacher else self.method
        method = {"smoothed": "smoothed labels"}.get(method, method)
        method += f", trained bits (beta {self.beta:g})" if self.beta else ""
        return {
            "network": TITLES[self.network],
            "method": method + (", boosted" if self.boosted else ""),
            "labelled jets": str(self.labels) if self.labels else "all",
        }


class Trained(NamedTuple):
    """A trained network and how it came to be."""

    part: Part
    model: nn.Module
    history: list[dict[str, float]]
    validation: float  # share of the validation jets on the wrong side


def build(part: Part, study: Study) -> nn.Module:
    """The untrained network of a part; its weights depend on the seed alone."""
    torch.manual_seed(part.seed)
    match part.network:
        case "lorentznet":
            t = study.lorentznet
            return LorentzTagger(width=t.width, blocks=t.blocks, dropout=t.dropout, beams=t.beams)
        case "particlenet":
            p = study.particlenet
            return ParticleTagger(
                neighbours=p.neighbours, widths=p.widths, hidden=p.hidden, dropout=p.dropout
            )
        case "deepset":
            return DeepSetTagger(width=study.deepset.width)
        case "chip":
            c = study.chip
            tagger = MlpTagger(particles=c.particles, hidden=c.hidden, leak=0.0)
            # Ranges are in the weights, so that it may be made from any rows.
            return BitTagger(tagger, torch.zeros(2, 4 * c.particles)) if part.beta else tagger
        case _:
            m = study.mlp
            return MlpTagger(particles=m.particles, hidden=m.hidden, leak=m.leak)


def train_part(
    part: Part,
    train: Sample,
    validation: Sample,
    *,
    study: Study,
    work: Path,
    report: Callable[[int, int, str], None] = lambda *_: None,
) -> None:
    """Train one network and leave ``model.pt`` in its folder under `work`; nothing is done if it is there already.

    A teacher leaves its logits of all training jets beside it.
    """
    folder = work / part.name
    if (folder / "model.pt").exists():
        return
    settings = course(part, study)
    columns = _with_teacher(part, train, study=study, work=work)
    rows = part.labels if part.labels and not part.teacher else len(train)
    # Batch norm cannot be trained on a last batch of one jet.
    rows = min(rows, len(train)) - (min(rows, len(train)) % settings.batch == 1)
    model = build(part, study)
    result = fit(
        model,
        objective(part, study),
        TensorTable({name: column[:rows] for name, column in columns.items()}),
        TensorTable(table(validation)),
        settings=settings,
        seed=part.seed,
        folder=folder,
        validate=error_rate,
        report=lambda row: report(
            int(row["epoch"]) + 1, settings.epochs, f"validation accuracy {1 - row['validation']:.4f}"
        ),
        progress=False,
    )
    if part.is_teacher:
        save_tensors({"logits": logits(model, train)}, folder / "logits.pt")
    save_part(Trained(part, model, result.history, result.validation), study, folder)
    for checkpoint in ("last.ckpt", "best.ckpt"):  # they served to resume; model.pt is what stays
        (folder / checkpoint).unlink(missing_ok=True)


def train_bits(
    part: Part,
    train: Sample,
    validation: Sample,
    *,
    study: Study,
    settings: TrainedBits,
    work: Path,
    report: Callable[[int, int, str], None] = lambda *_: None,
) -> None:
    """Train a student together with its bits, from the part it starts from; leave ``model.pt``.

    The loss is that of the part it starts from, plus the price of the hardware. Nothing is done if it is there
    already.
    """
    folder = work / part.name
    if (folder / "model.pt").exists():
        return
    columns = _with_teacher(part, train, study=study, work=work)
    started = load_part(work / part.start.name).model
    if not isinstance(started, MlpTagger):
        raise InputError(f"{part.start.name} is no MLP: only these have a fixed row of inputs")
    model = BitTagger(
        started,
        started.row(*(columns[name][:_EXAMPLE] for name in ("momentum", "mass", "mask"))),
        fraction=settings.fraction,
        weight_fraction=settings.weight_fraction,
    ).train()
    result = fit(
        model,
        CostedLoss(objective(part, study), beta=part.beta, gamma=settings.gamma),
        TensorTable(columns),
        TensorTable(table(validation)),
        settings=settings.train,
        seed=part.seed,
        folder=folder,
        validate=CostedLoss(error_rate, beta=part.beta, gamma=settings.gamma),
        report=lambda row: report(
            int(row["epoch"]) + 1, settings.train.epochs, f"validation error and cost {row['validation']:.3f}"
        ),
        progress=False,
    )
    with torch.no_grad():
        wrong = float(error_rate(model.eval(), table(validation)))
    save_part(Trained(part, model, result.history, wrong), study, folder)
    for checkpoint in ("last.ckpt", "best.ckpt"):
        (folder / checkpoint).unlink(missing_ok=True)


def _with_teacher(part: Part, train: Sample, *, study: Study, work: Path) -> dict[str, Tensor]:
    """The training jets, with the logits of the part's teacher if it has one."""
    columns = table(train)
    if part.teacher:
        folder = work / f"{part.its_teacher}-seed{study.seeds[0]}"
        columns["teacher"] = load_tensors(folder / "logits.pt")["logits"]
    return columns


def course(part: Part, study: Study) -> Training:
    """How a part is trained."""
    settings: Training = getattr(study, part.network).train
    if part.labels and not part.teacher:
        return from_dict(Training, asdict(settings) | {"epochs": settings.epochs * study.few_repeats})
    return settings


def objective(part: Part, study: Study) -> Objective:
    """What a part minimises."""
    boost = study.boost if part.boosted else 0.0
    if not part.teacher:
        return Objective(smoothing=study.smoothing if part.method == "smoothed" else 0.0, boost=boost)
    settings = getattr(study, part.network)
    # Where labels are few the student is distilled on jets that have none.
    weight = 1.0 if part.labels else settings.weight
    return Objective(weight=weight, temperature=settings.temperature, boost=boost)


def save_part(trained: Trained, study: Study, folder: Path) -> None:
    """Write ``model.pt``: weights, history, and the settings to build the network again."""
    kept = asdict(getattr(study, trained.part.network))
    kept = {key: list(value) if isinstance(value, tuple) else value for key, value in kept.items()}
    content = {
        "part": trained.part._asdict(),
        "study": {trained.part.network: kept},
        "weights": trained.model.state_dict(),
        "history": trained.history,
        "validation": trained.validation,
    }
    save_tensors(content, folder / "model.pt")


def load_part(folder: Path) -> Trained:
    """The trained network in a folder that ``train_part`` wrote.

    Raises:
        InputError: The file is missing, damaged, or of another model.
    """
    content = load_tensors(folder / "model.pt")
    try:
        part = Part(**content["part"])
        model = build(part, from_dict(Study, content["study"]))
        model.load_state_dict(content["weights"])
        return Trained(part, model.eval(), content["history"], content["validation"])
    except (KeyError, TypeError, RuntimeError, ValueError) as error:
        raise InputError(f"{folder / 'model.pt'} does not hold a tagger of this system") from error


def choose(run: Run, name: str | None) -> Trained:
    """The trained network of that name; without one, the student that is best on the validation jets.

    Raises:
        InputError: The run holds no trained model, or none of that name.
    """
    trained = [load_part(folder) for folder in run.trained(name)]
    students = [each for each in trained if not each.part.is_teacher] or trained
    return min(students, key=lambda each: (each.validation, each.part.name))


def deployable(run: Run, name: str) -> nn.Sequential:
    """The layers of a trained MLP from its row of features to its logits, with batch norms folded away.

    Its input is `MlpTagger.row`; with ``study.mlp.leak`` 0 it holds linear layers and ReLUs only.

    Raises:
        InputError: No such model, or it is not an MLP.
    """
    model = choose(run, name).model
    if not isinstance(model, MlpTagger):
        raise InputError(f"{name} is no MLP: only these have a fixed row of inputs")
    return without_batch_norm(model.net)


def table(sample: Sample) -> dict[str, Tensor]:
    """The columns that training needs, as tensors."""
    columns = {name: torch.from_numpy(getattr(sample, name)) for name in ("momentum", "mass", "mask")}
    return columns | {"label": torch.from_numpy(sample.is_signal.astype(np.int64))}


@torch.no_grad()
def logits(
    model: nn.Module, sample: Sample, *, frame: Callable[..., Any] | None = None, chunk: int = 64
) -> Tensor:
    """Logits of all jets, shape (jet, 2), float32.

    Args:
        model: In evaluation mode.
        sample: The jets.
        frame: Changes (momentum, mass, mask) of each piece into what the model is called with.
        chunk: Jets at once; the pairs of more than some tens do not fit a processor's cache.
    """
    columns = table(sample)
    pieces = []
    for start in range(0, len(sample), chunk):
        piece = tuple(columns[name][start : start + chunk] for name in ("momentum", "mass", "mask"))
        pieces.append(model(*(piece if frame is None else frame(*piece))).float())
    return torch.cat(pieces)
