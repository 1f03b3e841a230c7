"""The trainings of one run: teachers, students in several ways, and students with trained bits."""

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn

from femtobarn.engine import Objective as Loss
from femtobarn.engine import TensorTable, Training, fit
from femtobarn.errors import InputError
from femtobarn.nn.jet_taggers import BitTagger, logits
from femtobarn.nn.quantised import CostedLoss
from femtobarn.parts import Report
from femtobarn.study import Models, Split, Trained
from femtobarn.systems.jet_distillation import networks
from femtobarn.systems.jet_distillation.objectives import Objective, error_rate
from femtobarn.systems.jet_distillation.sample import Sample

TeacherName = Literal["lorentznet", "particlenet"]
StudentName = Literal["deepset", "mlp", "chip"]
_EXAMPLE = 4096  # training jets that show a student with trained bits its first ranges


@dataclass(frozen=True)
class Study:
    """Which teachers and students are trained and compared, and with what sizes."""

    teachers: tuple[TeacherName, ...] = ("lorentznet", "particlenet")
    """Teachers: the first teaches all students, the others the first student only."""
    students: tuple[StudentName, ...] = ("deepset", "mlp")
    """Students: each is trained on labels, on smoothed labels, and distilled. "chip" is a small MLP for hardware."""
    seeds: tuple[int, ...] = (1, 2, 3)
    """Seeds of the students; teachers have the first."""
    smoothing: float = 0.1
    """Label smoothing: fraction of a label spread over both classes."""
    boost: float = 0.5
    """Largest speed along x of the boosted jets that the first student is trained on in two more trainings (on
    labels, distilled); 0 leaves these out."""
    few: int = 2000
    """Labelled jets of two more trainings of the first student: on them alone, and distilled on all jets without
    labels from a teacher trained on the same few; 0 leaves these out."""
    few_repeats: int = 10
    """Factor by which trainings on the few labelled jets have more epochs; all over few gives as many steps."""
    lorentznet: networks.LorentzNet = field(default_factory=networks.LorentzNet)
    particlenet: networks.ParticleNet = field(default_factory=networks.ParticleNet)
    deepset: networks.DeepSet = field(default_factory=networks.DeepSet)
    mlp: networks.Mlp = field(default_factory=networks.Mlp)
    chip: networks.Chip = field(default_factory=networks.Chip)

    def __post_init__(self) -> None:
        if not (self.teachers and self.students and self.seeds):
            raise InputError("at least one teacher, one student and one seed are needed")
        if not (0 <= self.boost < 1 and 0 <= self.smoothing < 1):
            raise InputError(
                f"expected boost and smoothing from 0 to below 1, got {self.boost}, {self.smoothing}"
            )
        if 0 < self.few < 50 or self.few_repeats < 1:
            raise InputError(f"expected 0 or at least 50 labelled jets, and a repeat, got {self.few}")

    def parts(self, betas: Sequence[float] = ()) -> list["Part"]:
        """All trainings: teachers, students seed by seed, and trained bits at each price."""
        main, *others = (Part(name, "teacher", self.seeds[0]) for name in dict.fromkeys(self.teachers))
        few = main._replace(labelled=self.few)
        found = [main, *others] + ([few] if self.few else [])
        for seed in self.seeds:
            for name in dict.fromkeys(self.students):
                student = Part(name, "labels", seed)
                found += [student, student._replace(method="smoothed"), student.taught_by(main)]
            first = Part(self.students[0], "labels", seed)
            found += [first.taught_by(other) for other in others]
            if self.boost:
                boosted = first._replace(boosted=True)
                found += [boosted, boosted.taught_by(main)]
            if self.few:
                found += [first._replace(labelled=self.few), first.taught_by(few)]
        for seed in self.seeds if betas else ():
            student = Part("chip", "labels", seed)
            for start in (student, student.taught_by(main)):
                found += [start._replace(beta=beta) for beta in betas]
        return found

    def of(self, part: "Part") -> Any:
        """Settings of the network of a part."""
        return getattr(self, part.network)

    def course(self, part: "Part") -> Training:
        """How a part is trained in floating point."""
        course: Training = self.of(part).train
        repeats = self.few_repeats if part.labelled and not part.teacher else 1
        return replace(course, epochs=course.epochs * repeats)

    def objective(self, part: "Part") -> Objective:
        """What a part minimises."""
        boost = self.boost if part.boosted else 0.0
        if not part.teacher:
            return Objective(smoothing=self.smoothing if part.method == "smoothed" else 0.0, boost=boost)
        settings = self.of(part)
        # Where labels are few the student is distilled on jets that have none.
        weight = 1.0 if part.labelled else settings.weight
        return Objective(weight=weight, temperature=settings.temperature, boost=boost)


#: Networks as they are called in tables.
TITLES = {name: getattr(Study(), name).title for name in (*get_args(TeacherName), *get_args(StudentName))}


class Part(NamedTuple):
    """One training of the study."""

    network: str
    method: str
    """teacher, labels, smoothed or distilled."""
    seed: int
    teacher: str = ""
    teacher_seed: int = 0
    labelled: int = 0
    """Labelled jets of the part or of its teacher; 0 for all."""
    boosted: bool = False
    beta: float = 0.0
    """Price of an effective bit operation; 0 in floating point."""

    def taught_by(self, teacher: "Part") -> "Part":
        """The same student, distilled from a teacher."""
        return self._replace(
            method="distilled",
            teacher=teacher.network,
            teacher_seed=teacher.seed,
            labelled=teacher.labelled,
        )

    @property
    def name(self) -> str:
        """Its folder, and its name for ``predict --model``, such as ``deepset-distilled-lorentznet-seed1``."""
        words = [self.network, self.method, self.teacher, "boosted" if self.boosted else ""]
        words += [f"{self.labelled}labels" if self.labelled else "", f"seed{self.seed}"]
        words += [f"beta{self.beta:g}" if self.beta else ""]
        return "-".join(word for word in words if word)

    @property
    def labels(self) -> dict[str, str]:
        """Its place in tables."""
        method = f"distilled from {TITLES[self.teacher]}" if self.teacher else self.method
        method = {"smoothed": "smoothed labels"}.get(method, method)
        method += f", trained bits (beta {self.beta:g})" if self.beta else ""
        return {
            "network": TITLES[self.network],
            "method": method + (", boosted" if self.boosted else ""),
            "labelled jets": str(self.labelled) if self.labelled else "all",
        }

    @property
    def is_teacher(self) -> bool:
        """Whether others are distilled from it."""
        return self.method == "teacher"

    @property
    def its_teacher(self) -> "Part":
        """The part that it is distilled from."""
        return Part(self.teacher, "teacher", self.teacher_seed, labelled=self.labelled)

    @property
    def start(self) -> "Part":
        """The part in floating point that a training of bits starts from."""
        return self._replace(beta=0.0)

    @property
    def needs(self) -> list["Part"]:
        """What has to be trained before."""
        return [self.its_teacher] * bool(self.teacher) + [self.start] * bool(self.beta)


def build(part: Part, settings: Any, _: Mapping[str, Any]) -> nn.Module:
    """The untrained network of a part."""
    tagger = settings.tagger()
    # Ranges come with the weights, so that a network with trained bits may be made from any rows.
    return BitTagger(tagger, torch.zeros(2, 4 * tagger.particles)) if part.beta else tagger


MODELS = Models(Part, lambda part: type(Study().of(part)), build, needs=operator.attrgetter("needs"))


def train_one(
    study: Study, bits: networks.TrainedBits, data: Split[Sample], folder: Path, part: Part, report: Report
) -> Trained[Part]:
    """Train one network; a teacher keeps its logits of all training jets for its students.

    Trained bits start from the same student in floating point and have its loss, plus the price of the hardware.
    """
    course: Training = bits.train if part.beta else study.course(part)
    loss: Loss = study.objective(part)
    validate: Loss = error_rate
    columns, checked = _columns(data.train, folder, part), data.validation.table
    if part.beta:
        loss, validate = (CostedLoss(each, beta=part.beta, gamma=bits.gamma) for each in (loss, validate))
        start = MODELS.load(folder / part.start.name).model
        model: nn.Module = bits.tagger(start, start.row(*data.train.take(slice(_EXAMPLE)).inputs))
    else:
        torch.manual_seed(part.seed)
        model = build(part, study.of(part), {})
    rows = len(columns["label"])
    rows -= rows % course.batch == 1  # batch norm cannot be trained on a last batch of one jet
    result = fit(
        model,
        loss,
        TensorTable({name: column[:rows] for name, column in columns.items()}),
        TensorTable(checked),
        settings=course,
        seed=part.seed,
        folder=folder / part.name,
        validate=validate,
        report=lambda row: report(
            int(row["epoch"]) + 1, course.epochs, f"validation {row['validation']:.4f}"
        ),
        progress=False,
    )
    wrong = result.validation
    if part.beta:  # what chose the epoch has the price in it
        with torch.no_grad():
            wrong = float(error_rate(model.eval(), checked))
    kept = {"logits": logits(model, *data.train.inputs)} if part.is_teacher else {}
    return Trained(part, model, result.history, wrong, kept)


def _columns(train: Sample, folder: Path, part: Part) -> dict[str, Tensor]:
    """The training jets of a part, with the logits of its teacher if it has one."""
    if part.teacher:
        return train.table | {"teacher": MODELS.load(folder / part.its_teacher.name).kept["logits"]}
    return train.take(slice(part.labelled or None)).table
