"""Which methods follow the machines, with which settings, and the tables and figures of what came of it."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from femtobarn.engine.feedback import Feedback
from femtobarn.errors import InputError
from femtobarn.evaluation.feedback.figures import draw_calls, draw_followed
from femtobarn.evaluation.feedback.following import Mode, followed
from femtobarn.evaluation.feedback.scores import (
    HIDDEN,
    NO_FEEDBACK,
    OVER,
    SCREEN,
    WARNING,
    following_table,
    later_half,
    warned,
)
from femtobarn.runs import Result, Run
from femtobarn.simulate.beam_histories import BeamHistory
from femtobarn.simulate.beam_line import BeamLine
from femtobarn.study import Trained, by_name, draw_training, row
from femtobarn.systems.latent_feedback.data import BURNT, STILL, Problem
from femtobarn.systems.latent_feedback.study import NARROW, WIDE, Part

NAMES = {
    "seeking": "extremum seeking",
    "gradient": "gradient",
    "random": "random search",
    "simplex": "Nelder-Mead",
}  #: methods that have a step to choose
JOINT, PIXELS = "gradient, latent + calibration", "gradient, every pixel"
DRAWN = (NO_FEEDBACK, NAMES["random"], NAMES["seeking"], NAMES["gradient"], JOINT, PIXELS)


@dataclass(frozen=True)
class Evaluation:
    """How machines are followed, and how this is judged."""

    steps: tuple[float, ...] = (0.02, 0.05, 0.1, 0.15, 0.25, 0.4)
    """Step sizes of the descent, the search and the simplex; each method takes the one with the least screen error in
    the tuning histories, with the first seed."""
    oscillations: tuple[float, ...] = (0.05, 0.15)
    """Amplitudes of extremum seeking; with each of the gains a trial, so that it has as many as the others."""
    gains: tuple[float, ...] = (5.0, 20.0, 60.0)
    """Gains of extremum seeking."""
    calls: tuple[int, ...] = (1, 3, 10)
    """Evaluations of the forward model for each shot."""
    prior: float = 0.02
    """Weight of the prior of the gradient method that has one."""
    pixel_calls: int = 30
    """Evaluations for each shot where every pixel is tuned; 0 leaves it out."""
    retrain: bool = True
    """Whether a network that is trained again every 50 shots is among the methods."""
    block: int = 15
    """Shots in a row that the bootstrap keeps together."""
    bootstrap: int = 200
    """Samples of the bootstrap."""
    batches: int = 60
    """Batches of showers in the study of a calorimeter; 0 leaves it out."""

    def __post_init__(self) -> None:
        if not (self.steps and self.calls) or min(*self.calls, self.block) < 1 or self.bootstrap < 2:
            raise InputError(
                f"expected a step, a call, blocks of a shot and two bootstraps or more, got {self}"
            )
        if len(self.steps) != len(self.oscillations) * len(self.gains):
            got = f"{len(self.steps)} and {len(self.oscillations)} x {len(self.gains)}"
            raise InputError(
                f"expected as many steps as oscillations times gains, all methods alike, got {got}"
            )


def tuned(
    model: Any, tuning: Sequence[BeamHistory], line: BeamLine, settings: Evaluation
) -> dict[str, Feedback]:
    """Each method as it does best where its settings are chosen, all with the most calls and as many trials."""

    def screen_error(feedback: Feedback) -> float:
        found = followed(model, tuning, Mode("", feedback), line, seed=0)
        return float(later_half(found.screen).mean())

    most = max(settings.calls)
    trials = {name: [Feedback(name, most, step) for step in settings.steps] for name in NAMES}
    pairs = itertools.product(settings.oscillations, settings.gains)
    trials["seeking"] = [Feedback("seeking", most, step, gain) for step, gain in pairs]
    return {name: min(each, key=screen_error) for name, each in trials.items()}


def modes(chosen: Mapping[str, Feedback], settings: Evaluation) -> list[Mode]:
    """All ways to follow, the trivial ones first."""
    few, most = sorted(settings.calls)[len(settings.calls) // 2], max(settings.calls)

    def of(method: str, calls: int) -> Feedback:
        return replace(chosen[method], calls=calls)

    none, slow, fast = Feedback("none", calls=1), of("seeking", most), of("gradient", few)
    several = [calls for calls in settings.calls if calls > 1]
    found = [Mode(NO_FEEDBACK, none), Mode(f"{NO_FEEDBACK}, wide box", none, network=WIDE)]
    found += [Mode(NAMES["random"], of("random", calls)) for calls in several]
    found += [Mode(NAMES["simplex"], of("simplex", most))]
    found += [Mode(NAMES["seeking"], of("seeking", calls)) for calls in settings.calls]
    found += [Mode(NAMES["gradient"], of("gradient", calls)) for calls in several]
    found += [
        Mode("gradient, prior", replace(fast, prior=settings.prior)),
        Mode("gradient, wide box", fast, network=WIDE),
        Mode("extremum seeking, latent + calibration", slow, joint=True),
        Mode(JOINT, fast, joint=True),
        Mode(f"{NO_FEEDBACK}, frozen", none, frozen=True),
        Mode("extremum seeking, frozen", slow, frozen=True),
        Mode("gradient, frozen", fast, frozen=True),
    ]
    if settings.pixel_calls:
        every = Feedback("gradient", settings.pixel_calls, step=0.1, limit=20.0)
        found.append(Mode(PIXELS, every, pixels=True))
    if settings.retrain:
        found.append(Mode("re-trained every 50 shots", none, retrained=True))
    return found


def results(
    run: Run,
    problem: Problem,
    trained: Sequence[Trained[Part]],
    line: BeamLine,
    settings: Evaluation,
    *,
    seed: int,
) -> list[Result]:
    """All tables and figures of the beam line; settings are chosen before the histories are looked at."""
    models = {each.part: each.model for each in trained}
    boxes, seeds = {part.box for part in models}, sorted({part.seed for part in models})
    chosen = tuned(models[Part(NARROW, seeds[0])], problem.tuning, line, settings)
    traces = {}
    for mode in modes(chosen, settings):
        if (box := mode.network or NARROW) in boxes:
            some = ((models[Part(box, each)], each) for each in seeds)
            traces[mode] = [followed(model, problem.histories, mode, line, seed=each) for model, each in some]
    table = following_table(
        problem.histories, traces, independent=(STILL,), block=settings.block, bootstrap=settings.bootstrap,
        seeds=seeds, seed=seed,
    )  # fmt: skip
    table += warned(run, table)
    picked = [("step chosen", key, each.step) for key, each in chosen.items()]
    picked.append(("gain chosen", "seeking", chosen["seeking"].gain))
    table += [
        row(name, [(value, 0.0)], {"method": NAMES[key]}, split="validation") for name, key, value in picked
    ]
    draw_training(
        run, [each for each in trained if each.part.seed == seeds[0]], ylabel="validation loss",
        caption="Divergence of the maps from the truth, each on maps of its own box; first seed.",
    )  # fmt: skip
    names = [history.name for history in problem.histories]
    draw_followed(run, problem.histories, traces, names=DRAWN, but=(STILL,))
    draw_calls(run, table, names=list(NAMES.values()), history=BURNT if BURNT in names else names[0])
    return by_name(table, [SCREEN, HIDDEN, *OVER.values(), WARNING])
