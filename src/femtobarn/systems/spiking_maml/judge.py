"""How often each way to learn is right on test tasks, before and after it has learned, and what that costs."""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from femtobarn.data.cache import write_whole
from femtobarn.data.episodes import Episode
from femtobarn.errors import InputError
from femtobarn.evaluation.few_shot.digit_pairs import PUBLISHED, Pairs, Tasks
from femtobarn.evaluation.few_shot.episodes import FLOAT, Counts, Learner, right
from femtobarn.evaluation.few_shot.figures import draw_accuracy_cost, draw_counts, draw_validation
from femtobarn.evaluation.few_shot.tables import (
    ACCURACY,
    BEFORE,
    Tried,
    accuracy_rows,
    adaptation_times,
    cost_rows,
    gain_rows,
)
from femtobarn.parts import Report, run_parts
from femtobarn.runs import Result, Run
from femtobarn.study import Trained, by_name, grouped
from femtobarn.systems.spiking_maml.study import CNN, MODELS, SPIKING, Part, Study, learner, untrained

COUNTS, BLURRED, UNTRAINED = "event counts", "blurred event counts", "untrained spiking prototypes"
REFERENCES = (COUNTS, CNN, "first-order MAML")  #: that others are compared with, task by task
_SEED = 77  # of the test tasks, beside that of the run


@dataclass(frozen=True)
class Evaluation:
    """What is measured on test tasks."""

    tasks: int = 100
    """Test tasks, the same for all."""
    queries: int = 3
    """Query examples of each class."""
    calls: int = 20
    """Adaptations behind a time; 0 leaves times out."""

    def __post_init__(self) -> None:
        if self.tasks < 2 or self.queries < 1 or self.calls < 0:
            raise InputError(f"expected 2 tasks, a query, calls of 0 or more: got {self}")


def results(
    run: Run,
    data: Tasks,
    trained: Sequence[Trained[Part]],
    study: Study,
    settings: Evaluation,
    *,
    workers: int,
    progress: bool,
) -> list[Result]:
    """All tables and figures."""
    missing = [each.part for each in trained if not _file(run, each.part).exists()]
    work = functools.partial(_try, run, data, study, settings)
    run_parts(
        work, missing, name=lambda part: part.name, title="test tasks", workers=workers, progress=progress
    )
    tried, before = _trivial(data, study, settings), list[Tried]()
    for each in trained:
        with np.load(_file(run, each.part)) as file:
            for method, correct in file.items():
                labels = each.part.labels | {"method": method.removesuffix(BEFORE)}
                kept = before if method.endswith(BEFORE) else tried
                kept.append(Tried(labels, each.part.seed, correct))
    rows = accuracy_rows(ACCURACY, tried) + accuracy_rows(BEFORE, before)
    rows += gain_rows(tried, over=REFERENCES, seed=data.seed) + _costs(data, trained, study, settings)
    _draw(run, data, trained, rows)
    return by_name(rows)


def _tasks(pairs: Pairs, study: Study, settings: Evaluation, seed: int) -> Iterator[Episode]:
    return pairs.episodes(
        settings.tasks, ways=study.ways, shots=study.shots, queries=settings.queries, seed=(seed, _SEED)
    )


def _trivial(data: Tasks, study: Study, settings: Evaluation) -> list[Tried]:
    """Without training: the cosine of event counts."""
    found = []
    for split, sample in data.by_split.items():
        for method, net in ((COUNTS, Counts()), (BLURRED, Counts(blur=3))):
            tasks = _tasks(sample.test, study, settings, data.seed)
            correct = right(Learner(net, by_means=True), sample.test, tasks)
            found.append(Tried({"method": method, "classes": split}, None, correct))
    return found


def _try(run: Run, data: Tasks, study: Study, settings: Evaluation, part: Part, report: Report) -> None:
    """Keep what one training gets right, with what comes of it without further training."""
    one, pairs = learner(study, MODELS.load(run.folder / "work" / part.name)), data.by_split[part.split].test
    ways = {part.method: one}
    if one.by_means and part.split == PUBLISHED:
        ways |= {f"{part.method} {bits} bit": one.in_bits(bits) for bits in study.bits}
    if part.kind == SPIKING and part.split == PUBLISHED:
        ways[UNTRAINED] = untrained(study, data.by_split[part.split].train, part)
    found = {}
    for place, (method, way) in enumerate(ways.items(), 1):
        found[method] = right(way, pairs, _tasks(pairs, study, settings, data.seed))
        report(place, len(ways), f"{method} {found[method].mean():.3f}")
    if not one.by_means and (part.split, part.bits) == (PUBLISHED, FLOAT):
        tasks = _tasks(pairs, study, settings, data.seed)
        found[part.method + BEFORE] = right(one, pairs, tasks, adapt=False)
    write_whole(_file(run, part), lambda unfinished: np.savez(unfinished, **found))  # type: ignore[arg-type]


def _costs(data: Tasks, trained: Sequence[Trained[Part]], study: Study, settings: Evaluation) -> list[Result]:
    pairs = data.by_split[PUBLISHED].test
    task = next(_tasks(pairs, study, settings, data.seed))
    mine = grouped(
        (t for t in trained if t.part.split == PUBLISHED and t.part.bits == FLOAT), lambda t: t.part.method
    )
    rows = cost_rows({name: [t.model for t in same] for name, same in mine.items()}, pairs.frames(task.query))
    learners = {name: learner(study, same[0]) for name, same in mine.items()}
    label = torch.from_numpy(task.support_label)
    return rows + adaptation_times(
        learners, pairs.frames(task.support), label, ways=study.ways, calls=settings.calls
    )


def _draw(run: Run, data: Tasks, trained: Sequence[Trained[Part]], rows: Sequence[Result]) -> None:
    draw_validation(run, [each for each in trained if each.part.seed == trained[0].part.seed])
    draw_accuracy_cost(run, rows, dense=(CNN, "MAML without spikes"), classes=PUBLISHED)
    pairs = data.by_split[PUBLISHED].test
    (task,) = pairs.episodes(1, ways=2, shots=1, queries=1, seed=data.seed)
    example = pairs.frames(task.support[:1])[0].numpy()
    draw_counts(run, example, title=f"One example of the class {task.classes[0]:02d}")


def _file(run: Run, part: Part) -> Path:
    return run.folder / "work" / f"{part.name}-test.npz"
