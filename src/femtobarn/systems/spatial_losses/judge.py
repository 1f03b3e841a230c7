"""Every network and every baseline on the same test maps: tables and figures."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from femtobarn.errors import InputError
from femtobarn.evaluation.maps import scores as scoring
from femtobarn.evaluation.maps.scores import Forecast
from femtobarn.nn import event_probabilities
from femtobarn.runs import Result, Run
from femtobarn.study import Trained, by_name, draw_training, grouped, row
from femtobarn.systems.spatial_losses.data import Problem
from femtobarn.systems.spatial_losses.study import BOTH, Part


@dataclass(frozen=True)
class Evaluation:
    """What is measured on the test maps."""

    radii: tuple[int, ...] = (0, 2, 4, 8)
    """Half-widths of the windows of the fractions skill score, in pixels."""
    blurs: tuple[int, ...] = (1, 2, 4, 8)
    """Half-widths by which the best baseline is blurred; the validation maps choose by their Brier score."""
    block: int = 64
    """Pixels a side of the places that the bootstrap draws."""
    bootstrap: int = 100
    """Bootstrap samples."""

    def __post_init__(self) -> None:
        if not self.radii or min((*self.radii, *self.blurs)) < 0 or min(self.block, self.bootstrap) < 2:
            raise InputError(f"expected half-widths of 0 or more, 2 samples and pixels or more: got {self}")


def results(
    run: Run, problem: Problem, trained: Sequence[Trained[Part]], settings: Evaluation, *, seed: int
) -> list[Result]:
    """All tables and figures."""
    samples, judged, tuning = (problem.test, problem.validation), [], []
    judge = functools.partial(
        scoring.judge_leads, leads=problem.leads, test=problem.test, validation=problem.validation,
        radii=settings.radii, block=settings.block,
    )  # fmt: skip
    simple = baselines(problem, settings)
    shown = {"what came": problem.test.target} | {name: final for name, (final, _) in simple.items()}
    for name, maps in simple.items():
        judged += [each for each, _ in judge(*maps, labels={"method": name, "sees": ""}, seed=None)]
    for one in trained:
        part = one.part
        final, tuned = (event_probabilities(one.model, each.past, each.guess) for each in samples)
        for each, kept in judge(final, tuned, labels=part.labels, seed=part.seed):
            judged.append(each)
            tuning.append((one, part.labels | {"lead": each.target}, kept))
        if part.seed == part.first and part.inputs == BOTH:
            shown[part.labels["method"].removeprefix("U-net, ")] = final
    blocks = len(judged[0].sums.squared)
    labels = list({one.part[:2]: one.part.labels for one in trained}.values())
    rows = scoring.spatial_table(
        judged, np.arange(blocks) % (blocks // len(problem.test)), seed=seed, bootstrap=settings.bootstrap,
        over=[{"method": name, "sees": ""} for name in simple],
        pairs=[(one, other) for one in labels for other in labels if one != other and _compared(one, other)],
    )  # fmt: skip
    scoring.draw_scales(run, rows, column="lead", pitch=problem.pitch, unit=problem.unit)
    scoring.draw_reliability(run, judged)
    _draw(run, problem, trained, shown)
    return by_name([*rows, *_tuning_rows(tuning)], first=("FSS, 9 px", "gain in FSS, 9 px"))


def baselines(problem: Problem, settings: Evaluation) -> dict[str, tuple[Forecast, Forecast]]:
    """Methods without training on the test and the validation maps; the best one also blurred."""
    final, tuned = problem.baselines(problem.test), problem.baselines(problem.validation)
    name = list(final)[-1]
    blur = functools.partial(scoring.best_blur, validation=problem.validation, radii=settings.blurs)
    soft = blur(final[name], tuned[name]), blur(tuned[name], tuned[name])
    return {key: (final[key], tuned[key]) for key in final} | {f"{name}, blurred": soft}


def _compared(first: dict[str, str], second: dict[str, str]) -> bool:
    """Whether a gain is shown: over Brier with the same inputs, and of the forecast among the inputs."""
    if first["sees"] == second["sees"]:
        return second["method"] == "U-net, brier"
    return first["method"] == second["method"] and first["sees"] == BOTH


def _tuning_rows(tuning: Sequence[tuple[Trained[Part], dict[str, str], dict[str, float]]]) -> list[Result]:
    """What the validation maps chose, and the scores after calibration with them; mean over seeds."""
    table = []
    for group in grouped(tuning, lambda each: tuple(each[1].values())).values():
        seeds, (one, labels, _) = [each[0].part.seed for each in group], group[0]
        kept = {name: [(each[2][name], 0.0) for each in group] for name in group[0][2]}
        table += [row(name, values, labels, seeds=seeds) for name, values in kept.items()]
        if labels["lead"] == tuning[0][1]["lead"]:
            table.append(row("learning rate", [(one.kept["rate"], 0.0)], one.part.labels, split="validation"))
    return table


def _draw(
    run: Run, problem: Problem, trained: Sequence[Trained[Part]], shown: Mapping[str, Forecast]
) -> None:
    draw_training(
        run, [each for each in trained if each.part.seed == each.part.first], ylabel="own loss on validation tiles",
        caption="The loss that a network is trained for, on tiles of the validation maps, first seed; not comparable.",
        legend={"loc": "upper left", "bbox_to_anchor": (1.01, 1), "fontsize": 7},
    )  # fmt: skip
    test, lead = problem.test, len(problem.leads) // 2
    issue = int(test.target[:, lead].sum(axis=(1, 2)).argmax())
    scoring.draw_maps(
        run, {name: each[issue, lead] for name, each in shown.items()}, title=f"Test maps, {problem.leads[lead]}",
        caption="Probability of an event, from white (0) to black (1), at the time of issue with the most events; "
        "networks of the first seed that see the guess.",
    )  # fmt: skip
