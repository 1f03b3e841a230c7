"""How well each score finds signals in noise: tables and figures, the trivial and the classical ones first."""

from collections.abc import Sequence
from dataclasses import dataclass

from femtobarn.errors import InputError
from femtobarn.evaluation.comparisons import paired_gains
from femtobarn.evaluation.scores import score_table
from femtobarn.evaluation.strain.figures import draw_strain_scores
from femtobarn.evaluation.strain.scores import (
    COHERENT,
    CORRELATION,
    MANY,
    POWER,
    VETOED,
    Scorer,
    glitch_table,
    hourly_table,
    noise_left_table,
    strain_costs,
)
from femtobarn.runs import Result, Run
from femtobarn.study import Trained, by_name, draw_training, grouped
from femtobarn.systems.gw_anomaly.data import BINS, NOISE, Data, Problem
from femtobarn.systems.gw_anomaly.study import Part, Study

DRAWN = (POWER, CORRELATION, COHERENT, VETOED, "LSTM")  #: in figures, beside classifiers


@dataclass(frozen=True)
class Evaluation:
    """What is measured on the test events."""

    fraction: float = 0.01
    """Share of noise events that may pass a threshold."""
    slides: int = 12
    """Shifts of L1 against H1, by one event each, from which the rates of false alarms are measured."""
    calls: int = 100
    """Single events behind a latency; 0 leaves it out."""

    def __post_init__(self) -> None:
        if not 0 < self.fraction < 1 or self.slides < 1:
            raise InputError(f"expected a fraction in (0, 1) and a slide, got {self}")


def results(
    run: Run,
    problem: Problem,
    trained: Sequence[Trained[Part]],
    scorer: Scorer,
    data: Data,
    study: Study,
    settings: Evaluation,
) -> list[Result]:
    """All tables of simulated events, or of those of a file."""
    signals, glitches = problem.tested(data)
    found = scorer.scored({name: events.strain for name, events in (signals | glitches).items()})
    wanted = [each._replace(scores={name: each.scores[name] for name in signals}) for each in found]
    table = score_table(
        wanted, background=NOISE, trivial=[{"score": POWER}], fractions=(settings.fraction,), efficiency=0.5
    )
    shown = [each for each in wanted if each.labels["score"] in DRAWN or "supervised" in each.labels["score"]]
    draw_strain_scores(run, shown, table, background=NOISE, bins=BINS, fraction=settings.fraction)
    table += paired_gains(wanted, background=NOISE, label="score", one=COHERENT, other=MANY)
    table += glitch_table(found, list(glitches), background=NOISE, fraction=settings.fraction)
    slides = scorer.of_seed(study.seeds[0]).slid(problem.noise.test.strain, slides=settings.slides)
    table += hourly_table(wanted, slides, background=NOISE, duration=data.strain.duration)
    networks = [each for each in trained if each.part.is_autoencoder]
    left = grouped(networks, lambda each: each.part.network).items()
    table += noise_left_table(
        {name: [(each.validation / each.kept["variance"], 0.0) for each in group] for name, group in left},
        (problem.noise.train.strain, problem.noise.validation.strain),
        window=study.window, components=(8, study.window // 10, 16), seeds=study.seeds,
    )  # fmt: skip
    draw_training(
        run, [t for t in trained if t.part.seed == trained[0].part.seed], ylabel="validation loss",
        caption="Mean squared error of windows of noise (variance 1), or the cross-entropy of classifiers; first seed.",
    )  # fmt: skip
    return by_name(table + strain_costs(scorer, problem.noise.test.strain[:1], calls=settings.calls))
