"""How well the classifiers do against others of the same events, and how near the zoom comes to the exact minimum."""

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from femtobarn.errors import InputError
from femtobarn.evaluation.reference_classifiers import LOGISTIC, NETWORK, TREES, fit_reference
from femtobarn.metrics.classifier_test import auc
from femtobarn.metrics.roc import auc_difference
from femtobarn.parts import Report, run_parts
from femtobarn.runs import Result, Run
from femtobarn.study import Trained, Value, by_name, draw_against, draw_rejection, drawing, grouped, row
from femtobarn.systems.qaml_z.data import Problem, Problems, Scores, Table
from femtobarn.systems.qaml_z.study import BINARY, EXACT, MACHINES, ZOOMED, Part, classifier


@dataclass(frozen=True)
class Evaluation:
    """What stands beside the classifiers of cuts."""

    layers: tuple[int, ...] = (256, 256)
    """Hidden layers of the neural network."""
    epochs: int = 60
    """Passes of the neural network over the training events."""
    trees: int = 100
    """Number of boosted trees, of depth 4."""

    def __post_init__(self) -> None:
        if min(self.epochs, self.trees, *self.layers) < 1:
            raise InputError(f"layers, epochs and trees above 0 expected: got {self}")


def results(
    run: Run,
    problems: Problems,
    trained: Sequence[Trained[Part]],
    settings: Evaluation,
    *,
    workers: int,
    progress: bool,
) -> list[Result]:
    """All tables and figures."""
    others = [
        each.part._replace(variant=name)
        for each in trained
        if each.part.variant == ZOOMED
        for name in (LOGISTIC, TREES, NETWORK)
    ]
    answers = run_parts(
        functools.partial(reference, problems, settings),
        others,
        name=lambda part: part.name,
        title="other classifiers",
        workers=workers,
        progress=progress,
    )
    table: list[Result] = []
    for name, problem in problems.by_name.items():
        mine = [each for each in trained if each.part.problem == name]
        scored = {each.part: classifier(each).decision_function(problem.split.test.x) for each in mine}
        scored |= {part: s for part, s in zip(others, answers, strict=True) if part.problem == name}
        rows = [
            *_areas(scored, problem.split.test),
            *_gains(scored, problem.split.test),
            *_zooms(problem, mine),
        ]
        _draw(run, problem, name, mine, scored, rows)
        kind = None if name == next(iter(problems.by_name)) else problem.split.provenance.kind
        table += [replace(each, data=kind) for each in rows]
    return by_name(table)


def reference(problems: Problems, settings: Evaluation, part: Part, report: Report) -> Scores:
    """Test scores of a classifier of scikit-learn that learned from the same events."""
    problem = problems.by_name[part.problem]
    events = problem.drawn(part.size, part.seed)
    score = fit_reference(
        part.variant, events.x, events.label == 1, seed=part.seed,
        layers=settings.layers, epochs=settings.epochs, trees=settings.trees,
    )  # fmt: skip
    report(1, 1, part.variant)
    return score(problem.split.test.x)


def _by_labels(scored: Mapping[Part, Scores]) -> list[list[Part]]:
    """Parts that differ by their seed only."""
    return list(grouped(scored, lambda part: part._replace(seed=0)).values())


def _areas(scored: Mapping[Part, Scores], test: Table) -> list[Result]:
    rows = []
    for group in _by_labels(scored):
        values: list[Value] = [auc(*test.classes(scored[part])) for part in group]
        rows.append(row("AUC", values, group[0].labels, seeds=[p.seed for p in group], n=len(test)))
    return rows


def _gains(scored: Mapping[Part, Scores], test: Table) -> list[Result]:
    """QAML-Z over each other classifier of the same size, on the same events and draws."""
    rows = []
    for group in _by_labels(scored):
        over = group[0].variant
        if over == ZOOMED or any(part._replace(variant=ZOOMED) not in scored for part in group):
            continue
        gains: list[Value] = []
        for part in group:
            ours, theirs = (test.classes(scored[p])[::-1] for p in (part._replace(variant=ZOOMED), part))
            gains.append(auc_difference(*ours, *theirs))
        labels = {"problem": group[0].problem, "training events": str(group[0].size), "over": over}
        seeds = [part.seed for part in group]
        rows.append(
            row(
                "gain of QAML-Z in AUC",
                gains,
                labels,
                seeds=seeds,
                n=len(test),
                sample="paired (DeLong)",
                of_mean=True,
            )
        )
    return rows


def _zooms(problem: Problem, trained: Sequence[Trained[Part]]) -> list[Result]:
    """Of the first draw: squared error above the exact minimum after each step, and what was left to the annealer."""
    rows = []
    for each in trained:
        if not each.history or each.part.seed != trained[0].part.seed:
            continue
        events = problem.drawn(each.part.size, each.part.seed)
        lowest = classifier(each).lowest_error(events.x, events.label)
        for step in each.history:
            labels = each.part.labels | {"step": f"{step['step']:.0f}"}
            above = step["error"] / lowest - 1
            common: dict[str, Any] = {"n": each.part.size, "split": "train", "labels": labels}
            rows.append(Result("squared error above the minimum", 100 * above, unit="%", **common))
            if each.part.variant.removeprefix(f"{ZOOMED}, ") in MACHINES:
                rows.append(Result("spins left to the annealer", step["spins"], **common))
            if each.part.variant.split(", on ")[1:] and step["spins"]:
                rows.append(
                    Result("qubits", step["qubits"] or math.nan, error_kind="NaN: does not fit", **common)
                )
            if step["qubits"]:
                rows.append(Result("broken chains", step["broken"], **common))
    return rows


def _draw(
    run: Run,
    problem: Problem,
    name: str,
    trained: Sequence[Trained[Part]],
    scored: Mapping[Part, Scores],
    rows: Sequence[Result],
) -> None:
    areas = [each for each in rows if each.name == "AUC"]
    shown = (ZOOMED, EXACT, BINARY, "QAML-Z, bins", LOGISTIC, TREES, NETWORK)
    common: dict[str, Any] = {"section": name, "kind": problem.split.provenance.kind}
    draw_against(
        run,
        {c: some for c in shown if (some := [r for r in areas if r.labels["classifier"] == c])},
        label="training events",
        xlabel="training events",
        ylabel="area under the ROC curve",
        caption="Mean over draws of the training events; error: standard deviation over draws and of the test sample.",
        name=f"size-{name}",
        title=f"{name}: area against the number of training events",
        by="classifier",
        legend={},
        subplot_kw={"xscale": "log"},
        **common,
    )
    largest = max(part.size for part in scored if part.variant == ZOOMED)
    first = {p.variant: s for p, s in reversed(list(scored.items())) if p.size == largest}
    draw_rejection(
        run,
        {c: first[c] for c in shown if c in first},
        problem.split.test.label == 1,
        caption=f"One over the share of background against that of signal; {largest} training events, first draw.",
        name=f"roc-{name}",
        title=f"{name}: background rejection",
        by="classifier",
        **common,
    )
    _draw_steps(run, rows, name, common)
    _draw_weights(
        run, next(t for t in trained if t.part.variant == ZOOMED and t.part.size == largest), name, common
    )


def _draw_steps(run: Run, rows: Sequence[Result], name: str, common: Mapping[str, Any]) -> None:
    steps = [each for each in rows if each.name == "squared error above the minimum"]
    sizes = grouped(steps, lambda r: r.labels["training events"])
    size = max(sizes, key=lambda size: len(sizes[size]))  # where there are emulated annealers, too
    shown = [replace(each, value=max(each.value, 1e-6)) for each in sizes[size]]  # 0 has no place on the axis
    draw_against(
        run,
        grouped(shown, lambda r: r.labels["classifier"]),
        label="step",
        xlabel="step",
        ylabel="squared error above the minimum [%]",
        caption="Mean squared error of the training events above the minimum with weights in [-1, 1], which least "
        "squares finds exactly, after each step.",
        name=f"zoom-{name}",
        title=f"{name}: the zoom and the exact minimum",
        by="classifier",
        text=f"{size} training events",
        subplot_kw={"yscale": "log"},
        **common,
    )


def _draw_weights(
    run: Run, trained: Trained[Part], name: str, common: Mapping[str, Any], shown: int = 15
) -> None:
    rules = classifier(trained).explain()[:shown]
    with drawing(
        run,
        f"weights-{name}",
        title=f"{name}: the largest weights",
        caption=f"What an event far above the cut adds; {trained.part.size} training events, first draw.",
        size=(6.4, 4.8),
        **common,
    ) as d:
        place = np.arange(len(rules))[::-1]
        weights = np.array([each["weight"] for each in rules])
        d.ax.barh(place, weights)
        d.ax.set_yticks(place, [each["rule"] for each in rules], fontsize=7)
        d.ax.set_xlabel("weight")
        d.table = {"rule": [each["rule"] for each in rules], "weight": weights}
