"""What is trained: a teacher for each problem, and all students at once in each way of teaching."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import nn

from femtobarn.engine import TensorTable, Training, fit
from femtobarn.errors import InputError
from femtobarn.nn import distilled
from femtobarn.nn.distilled import STUDENTS, TEACHER_LEARNS, Committee, Task, fixed_point_students, lesson
from femtobarn.nn.quantised import CostedLoss
from femtobarn.parts import Report
from femtobarn.study import Models, Trained
from femtobarn.systems.kd_anomaly.data import Problems

Mode = Literal["baseline", "late exposure", "co-learning", "exposure", "noise"]
TEACHER, PUBLISHED, BITS = "teacher", "published bits", "trained bits"


@dataclass(frozen=True)
class Study:
    """Which students are taught, in which ways, and for how long."""

    modes: tuple[Mode, ...] = ("baseline", "late exposure")
    """Ways to teach. baseline: by the finished teacher, on normal events. late exposure: by the finished teacher, on
    normal and foreign inputs. co-learning: while the teacher learns. exposure: the same, with foreign inputs that the
    teacher scores and does not learn from. noise: the same, on noisy normal events, scored as such."""
    students: tuple[str, ...] = ("v1", "v2")
    """Networks that learn the score: v1 and v2 of regions, A (largest) to G of images."""
    seeds: tuple[int, ...] = (1, 2, 3)
    """Seeds of the initial weights and of the batches."""
    train: Training = field(
        default_factory=lambda: Training(20, batch=200, lr=2e-3, clip=None, schedule="cosine")
    )
    """Training of teachers, and of the students that learn beside them."""
    late: Training = field(default_factory=lambda: Training(epochs=100, batch=200, lr=5e-3, clip=None))
    """Training of students that the finished teacher teaches; its scores are computed once."""
    betas: tuple[float, ...] = ()
    """Prices of an effective bit operation at which student v1 is trained with its bits, in units of the score.
    Without any nothing is written for hardware."""
    bits: Training = field(default_factory=lambda: Training(epochs=100, batch=200, lr=5e-3, clip=None))
    """Training in fixed point, from the student in floating point."""

    def __post_init__(self) -> None:
        if not (self.modes and self.students and self.seeds):
            raise InputError("at least one mode, one student and one seed are needed")
        ready = "v1" in self.students and "late exposure" in self.modes
        if self.betas and (min(self.betas) <= 0 or not ready):
            raise InputError("trained bits need prices above 0, the student v1 and the mode late exposure")

    def check(self, task: Task) -> None:
        """Refuse students that the task does not have."""
        if unknown := [name for name in self.students if name not in STUDENTS[task]]:
            raise InputError(
                f"{task} have the students {', '.join(STUDENTS[task])}: got {', '.join(unknown)}"
            )

    def parts(self, task: Task, problems: Mapping[str, Any]) -> list["Part"]:
        """All trainings, those of the first seed first."""
        found = []
        for seed in self.seeds:
            for name in problems:
                found += [Part(task, name, mode, seed) for mode in (TEACHER, *self.modes)]
                if self.betas:
                    found += [Part(task, name, PUBLISHED, seed)]
                    found += [Part(task, name, BITS, seed, beta) for beta in self.betas]
        return found


class Part(NamedTuple):
    """One training."""

    task: Task
    problem: str
    mode: str
    seed: int
    beta: float = 0.0

    @property
    def name(self) -> str:
        """Its folder, such as ``zero-bias-exposure-seed1``."""
        words = f"{self.problem} {self.mode}{f' {self.beta:g}' if self.beta else ''} seed{self.seed}"
        return words.replace(" ", "-")

    @property
    def labels(self) -> dict[str, str]:
        """Its place in tables."""
        beta = f" (beta {self.beta:g})" if self.beta else ""
        return {"problem": self.problem, "taught": self.mode + beta}

    @property
    def in_fixed_point(self) -> bool:
        """Whether it is a training in fixed point."""
        return self.mode in (PUBLISHED, BITS)


def build(part: Part, settings: Study, _: Mapping[str, Any]) -> nn.Module:
    """The untrained networks of a part; weights depend on the seed alone."""
    torch.manual_seed(part.seed)
    students = STUDENTS[part.task]
    if not part.in_fixed_point:
        chosen = () if part.mode == TEACHER else settings.students
        return Committee(part.task, {name: students[name]() for name in chosen})
    untrained = {name: students[name]() for name in settings.students}
    blank = torch.zeros(2, 1, *distilled.REGIONS)  # ranges come with the weights
    return Committee(part.task, fixed_point_students(untrained, blank, trained=part.mode == BITS))


def needs(part: Part) -> tuple[Part, ...]:
    """The finished teacher, or the students in floating point."""
    if part.in_fixed_point:
        return (part._replace(mode="late exposure", beta=0.0),)
    return () if part.mode in TEACHER_LEARNS else (part._replace(mode=TEACHER),)


MODELS = Models(Part, lambda _: Study, build, needs)


def train_one(study: Study, problems: Problems, work: Path, part: Part, report: Report) -> Trained[Part]:
    """Train the networks of a part; the epoch kept has the smallest error of the students on validation events."""
    model, problem = build(part, study, {}), problems.by_name[part.problem]
    assert isinstance(model, Committee)
    for earlier in needs(part):
        start = MODELS.load(work / earlier.name).model
        model.teacher.load_state_dict(start.teacher.state_dict())
        if part.in_fixed_point:
            example = torch.from_numpy(problem.train[:2000]).unsqueeze(1)
            students = fixed_point_students(dict(start.students), example, trained=part.mode == BITS)
            model.students = nn.ModuleDict(students)
    teacher_learns = part.mode in TEACHER_LEARNS
    known = None if teacher_learns else model
    shown, kept = np.split(problem.foreign, [int(0.8 * len(problem.foreign))])
    judged: Any = distilled.teacher_loss if part.mode == TEACHER else distilled.validation_error
    objective: Any = lesson(part.mode)
    settings = study.bits if part.in_fixed_point else study.train if teacher_learns else study.late
    if part.beta:
        objective, judged = (CostedLoss(each, beta=part.beta) for each in (objective, judged))
    tables = (table(x, y, part.seed, known) for x, y in ((problem.train, shown), (problem.validation, kept)))
    fitted = fit(
        model, objective, *tables, settings=settings, seed=part.seed, folder=work / part.name, validate=judged,
        report=lambda row: report(int(row["epoch"]) + 1, settings.epochs, f"error {row['validation']:.3g}"),
        progress=False,
    )  # fmt: skip
    return Trained(part, model.eval(), fitted.history, fitted.validation)


def table(normal: np.ndarray, foreign: np.ndarray, seed: int, finished: Committee | None) -> TensorTable:
    """Normal events, each with a foreign one beside it, and with what a finished teacher says of both."""
    rows = np.random.default_rng(seed).integers(len(foreign), size=len(normal))
    columns = {"x": torch.from_numpy(normal), "foreign": torch.from_numpy(foreign[rows])}
    if finished is not None:
        columns |= {f"{key}_target": finished.eval().scores(TEACHER, x) for key, x in columns.items()}
        finished.train()
    return TensorTable(columns)
