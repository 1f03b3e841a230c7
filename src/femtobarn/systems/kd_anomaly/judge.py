"""How well teacher, students and trivial scores find what is not normal, and what they cost: tables and figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from femtobarn.errors import InputError
from femtobarn.evaluation.anomaly_baselines import simple_scores, supervised_ceiling
from femtobarn.evaluation.network_costs import network_costs
from femtobarn.evaluation.scores import Scored, draw_scores, follow_table, score_table
from femtobarn.evaluation.trigger import draw_rates
from femtobarn.runs import Result, Run
from femtobarn.study import Design, Trained, Writing, by_name, design_rows, draw_training, write_designs
from femtobarn.systems.kd_anomaly.data import Inputs, Problem, Problems
from femtobarn.systems.kd_anomaly.study import TEACHER, Part

NORMAL = "normal"  #: the background among the samples


@dataclass(frozen=True)
class Evaluation:
    """What is measured on the test events."""

    fractions: tuple[float, ...] = (0.01, 0.02)
    """Shares of normal events that may pass a threshold."""
    components: int = 20
    """Principal components of the linear autoencoder among the trivial scores."""
    bunches: int = 2500
    """Colliding bunches behind a trigger rate."""
    calls: int = 200
    """Single events behind a latency; 0 leaves it out."""
    hardware: Writing = field(default_factory=Writing)

    def __post_init__(self) -> None:
        if not self.fractions or not all(0 < f < 1 for f in self.fractions) or self.bunches < 1:
            raise InputError(f"expected shares in (0, 1) and bunches, got {self.fractions}, {self.bunches}")


def results(
    run: Run, data: Problems, trained: Sequence[Trained[Part]], settings: Evaluation, *, workers: int, progress: bool
) -> list[Result]:  # fmt: skip
    """All tables; the figures and the hardware are those of the first problem."""
    table: list[Result] = []
    for name, problem in data.by_name.items():
        samples = {NORMAL: problem.test, **data.signals(name)}
        mine = [each for each in trained if each.part.problem == name]
        found = scored(problem, samples, mine, settings, seed=data.seed)
        rows = score_table(
            found, background=NORMAL, fractions=settings.fractions,
            trivial=[each.labels for each in found if each.seed is None and not each.labels["taught"]],
            reference=samples[NORMAL].sum(axis=(1, 2), dtype=np.float64), variable="sum of the inputs",
        )  # fmt: skip
        teachers = {each.seed: each.scores for each in found if each.labels["score"] == "teacher"}
        students = [each for each in found if each.labels["score"].startswith("student")]
        rows += follow_table(students, teachers, background=NORMAL)
        table += [replace(each, labels={"problem": name} | each.labels) for each in rows]
        if not run.figures():
            draw_scores(run, found, background=NORMAL, shown=10)
            shown = [t for t in mine if t.part.seed == mine[0].part.seed and t.part.mode != TEACHER]
            draw_training(
                run, shown, ylabel="mean absolute error of the students", caption="On validation events, normal and "
                "foreign, after each epoch; with the price of the hardware where bits are trained.",
            )  # fmt: skip
            table += _rates(run, found, problem, settings)
            table += _hardware(run, mine, problem.test, settings, workers=workers, progress=progress)
            table += _costs(mine, problem.test, settings)
    return by_name(table)


def scored(
    problem: Problem, samples: Mapping[str, Inputs], mine: Sequence[Trained[Part]], settings: Evaluation, *, seed: int
) -> list[Scored]:  # fmt: skip
    """Every score on every sample: trivial ones, supervised trees, teachers, students."""
    flat = {name: x.reshape(len(x), -1) for name, x in samples.items()}
    train = problem.train.reshape(len(problem.train), -1)
    simple = simple_scores(train, components=settings.components, seed=seed)
    found = [
        Scored(_labels(n), None, {key: score(x) for key, x in flat.items()}) for n, score in simple.items()
    ]
    for signal in (name for name in flat if name != NORMAL):
        normal, own = supervised_ceiling(flat[NORMAL], flat[signal], seed=seed)
        labels = _labels(f"supervised trees ({signal})", "labels")
        found.append(Scored(labels, None, {NORMAL: normal, signal: own}))
    tensors = {name: torch.from_numpy(x) for name, x in samples.items()}
    for part, model in ((each.part, each.model) for each in mine):
        for name in (TEACHER,) if part.mode == TEACHER else model.students:
            scores = {key: model.scores(name, x).double().numpy() for key, x in tensors.items()}
            labels = (
                _labels(TEACHER) if name == TEACHER else _labels(f"student {name}", part.labels["taught"])
            )
            found.append(Scored(labels, part.seed, scores))
    return found


def _labels(score: str, taught: str = "") -> dict[str, str]:
    return {"score": score, "taught": taught}


def _rates(run: Run, found: Sequence[Scored], problem: Problem, settings: Evaluation) -> list[Result]:
    if problem.pileup is None:
        return []
    first = {each.labels["score"]: each.scores[NORMAL] for each in reversed(found)}
    shown = {name: score for name, score in first.items() if name in ("teacher", "student v1")}
    total = problem.test.sum(axis=(1, 2), dtype=np.float64)
    share, bunches = max(settings.fractions), settings.bunches
    return draw_rates(run, shown, problem.pileup, total, share=share, bunches=bunches)


def _hardware(
    run: Run, trained: Sequence[Trained[Part]], test: Inputs, settings: Evaluation, *, workers: int, progress: bool
) -> list[Result]:  # fmt: skip
    """Students in fixed point as Verilog, simulated and counted; those of the first seed."""
    designs, labels = [], {}
    for each in trained:
        if each.part.in_fixed_point and each.part.seed == trained[0].part.seed:
            for name, student in each.model.students.items():
                key = f"{name}-{each.part.name}"
                designs.append(Design(key, lambda s=student: s.integers))  # type: ignore[misc]
                labels[key] = _labels(f"student {name}", each.part.labels["taught"])
    events = test.astype(np.float64)[:, None]
    reports = write_designs(
        run, designs, events, settings=settings.hardware, module="student", workers=workers, progress=progress
    )
    return design_rows("students in hardware", reports, labels, n=len(test))


def _costs(trained: Sequence[Trained[Part]], test: Inputs, settings: Evaluation) -> list[Result]:
    """The teacher and its students in floating point, on one event."""
    event = torch.from_numpy(test[:1])
    floats = [each.model.students for each in trained if not each.part.in_fixed_point]
    students = {f"student {name}": student for each in floats for name, student in each.items()}
    teacher = network_costs({"teacher": trained[0].model.teacher}, (event,), calls=settings.calls)
    return teacher + network_costs(students, (event.unsqueeze(1),), calls=settings.calls)
