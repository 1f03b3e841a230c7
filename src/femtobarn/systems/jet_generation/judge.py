"""How like the real jets the generated ones are, and how long one takes: tables and figures."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch

from femtobarn import metrics
from femtobarn.errors import InputError
from femtobarn.evaluation import figures
from femtobarn.evaluation.generators import draw_cost, draw_learning, draw_losses, seconds_each
from femtobarn.evaluation.jet_scores import JetSample, moment_scores, resample_size
from femtobarn.metrics.estimate import Estimate
from femtobarn.nn.jet_generators import generate
from femtobarn.runs import Result, Run
from femtobarn.study import Split, Trained, by_name, grouped, row
from femtobarn.systems.jet_generation import marginals
from femtobarn.systems.jet_generation.sample import JetTable, scored
from femtobarn.systems.jet_generation.study import Part

TRUTH = "real jets"  #: training jets in place of generated ones: the floor, measured once
EXPECTED = "null"  #: what two samples of the test jets would give on average


@dataclass(frozen=True)
class Evaluation:
    """How the trained generators are evaluated."""

    jets: int = 50_000
    """Maximum number of test jets; as many are generated."""
    batches: tuple[int, ...] = (1, 10, 100, 1000, 10_000)
    """Batch sizes at which the generation time is measured; more than 1000 jets are generated 1000 at a time."""
    repeats: int = 5
    """Repetitions of each time measurement; the median is quoted."""

    def __post_init__(self) -> None:
        if self.jets < 200 or self.repeats < 1 or not self.batches or min(self.batches) < 1:
            raise InputError(f"at least 200 jets, 1 repeat and batches of 1 expected: got {self}")


class Outcome(NamedTuple):
    """What one model, or a baseline, made for the multiplicities of the test jets."""

    labels: dict[str, str]
    seed: int | None
    """Seed of the training; none for a baseline."""
    jets: JetSample
    seconds: dict[int, float]
    """Seconds a jet, by the jets asked for at once; empty for a baseline."""


def outcomes(
    trained: Sequence[Trained[Part]], data: Split[JetTable], *, settings: Evaluation, seed: int
) -> list[Outcome]:
    """Generated jets of every trained model, then those of the baselines and real ones."""
    wanted, train, found = data.test.first(settings.jets).multiplicity, data.train, []
    for each in trained:
        noise = torch.Generator().manual_seed(seed * 1_000_003 + each.part.seed)
        jets = generate(each.model, wanted, generator=noise)

        def some(batch: int, model: torch.nn.Module = each.model) -> object:
            asked = wanted[torch.arange(batch) % len(wanted)]
            return generate(model, asked, generator=torch.Generator().manual_seed(0))

        seconds = seconds_each(some, settings.batches, repeats=settings.repeats)
        found.append(Outcome(each.part.labels, each.part.seed, scored(jets), seconds))
    noise = torch.Generator().manual_seed(seed)
    baselines = {
        "marginals by rank": marginals.from_each_rank(train.jets, wanted, generator=noise),
        "marginals": marginals.from_all_particles(train.jets, wanted, generator=noise),
        TRUTH: train.first(len(wanted)).jets,
    }
    return found + [Outcome({"model": name}, None, scored(jets), {}) for name, jets in baselines.items()]


def distances(real: JetSample, made: JetSample) -> dict[str, Estimate]:
    """Every distance of generated jets from real ones, by its name in tables."""
    batch = resample_size(len(real.mask), len(made.mask))
    particle = metrics.w1p(real.jets, made.jets, batch=batch)
    return moment_scores(real, made) | {
        "W1-M": metrics.w1m(real.jets, made.jets, batch=batch),
        "W1-P": particle.mean,
        "W1-pT": particle.pt,
        "W1-EFP": metrics.w1efp(real.jets, made.jets, batch=batch),
    }


def results(found: Sequence[Outcome], trained: Sequence[Trained[Part]], real: JetSample) -> list[Result]:
    """Distances and times of every model; the row of real jets is the floor that a perfect generator would get."""
    table, n, names = [], len(real.mask), list[str]()
    for same in grouped(found, lambda each: each.labels["model"]).values():
        labels, seeds = same[0].labels, [each.seed for each in same if each.seed is not None]
        measured = [distances(real, each.jets) for each in same]
        names = list(measured[0])
        for name, first in measured[0].items():
            values = [(each[name].value, each[name].error) for each in measured]
            table.append(row(name, values, labels, seeds=seeds, n=n, sample="samples"))
            if labels["model"] == TRUTH:
                null = [(first.null, first.null_error)]
                table.append(row(name, null, {"model": EXPECTED}, n=n, sample="pair to pair"))
        for batch in same[0].seconds:
            times = [(1e6 * each.seconds[batch], 0.0) for each in same]
            more = labels | {"jets at once": str(batch)}
            table.append(row("time per jet", times, more, seeds=seeds, n=batch, unit="us", split=""))
    for each in trained:
        labels, seeds = each.part.labels | {"seed": str(each.part.seed)}, [each.part.seed]
        seconds, weights = each.history[-1]["seconds"], sum(p.numel() for p in each.model.parameters())
        table.append(row("training time", [(seconds, 0)], labels, seeds=seeds, unit="s", split="train"))
        table.append(row("weights", [(weights, 0)], labels, seeds=seeds, split=""))
    overview = [
        replace(each, name="distance from the test jets", labels={"distance": each.name} | each.labels)
        for each in by_name(table, names)
        if each.name in names
    ]
    return overview + by_name(table, names)


def draw(
    run: Run,
    table: Sequence[Result],
    found: Sequence[Outcome],
    trained: Sequence[Trained[Part]],
    real: JetSample,
) -> None:
    """Every figure of the report; of models with several seeds the first is shown."""
    shown = {
        each.labels["model"]: each.jets
        for each in reversed(found)
        if each.labels["model"] not in (TRUTH, "marginals")
    }
    figures.draw_jets(run, real, dict(reversed(shown.items())), reference="test jets")
    draw_cost(
        run,
        table,
        quality="FPD",
        cost="time per jet",
        at_once="jets at once",
        floor=EXPECTED,
        caption="FPD on the test jets against the time a jet takes. Lower left is better. Grey: two standard "
        "deviations of what two samples of real jets of this size give.",
    )
    draw_learning(run, trained, quality="FPD on the validation jets")
    draw_losses(
        run,
        trained,
        caption="Mean losses since the check before. Of two players neither has to fall: at the balance "
        "of a least-squares GAN the discriminator's is 0.5 and the generator's 0.25.",
    )
