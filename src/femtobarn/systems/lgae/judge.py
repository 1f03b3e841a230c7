"""What the compressions keep of a jet, what their errors say of unusual ones, and how exact the symmetry is."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from femtobarn.errors import InputError
from femtobarn.evaluation.jet_anomalies import anomaly_table, draw_anomalies, simple_scores
from femtobarn.evaluation.jet_autoencoders import errors, inputs, rebuilt
from femtobarn.evaluation.jet_clouds import Jets
from femtobarn.evaluation.jet_compression import (
    Compression,
    compression,
    compression_table,
    draw_jet,
    draw_masses,
    hardest_particles,
    pieces,
    principal_components,
)
from femtobarn.evaluation.lorentz_symmetry import draw_symmetry, symmetry_rows
from femtobarn.evaluation.network_costs import network_costs
from femtobarn.nn.jet_autoencoders import ImageAutoencoder, LorentzAutoencoder
from femtobarn.runs import Result, Run
from femtobarn.study import Trained, by_name, draw_training
from femtobarn.systems.lgae.data import Problem
from femtobarn.systems.lgae.study import Part, Study, build

QCD = "QCD"


@dataclass(frozen=True)
class Evaluation:
    """What is measured on the test jets."""

    fractions: tuple[float, ...] = (0.1, 0.01)
    """Shares of QCD jets that may pass a threshold."""
    windows: tuple[tuple[float, float], ...] = ((65.0, 105.0), (140.0, 200.0))
    """Windows in mass (GeV). A signal is also judged in the one that holds its median mass, against QCD jets of the
    same spectrum."""
    boosted: int = 100
    """Jets on which the symmetry is tested."""
    bootstrap: int = 20
    """Samples drawn with replacement for the errors of residuals."""
    calls: int = 50
    """Single jets behind a latency; 0 leaves it out."""

    def __post_init__(self) -> None:
        some = min(self.boosted, self.bootstrap) > 1
        if not self.fractions or not all(0 < f < 1 for f in self.fractions) or not some:
            got = f"{self.fractions}, {self.boosted} and {self.bootstrap}"
            raise InputError(f"expected shares in (0, 1), and two jets and draws or more: got {got}")


def results(
    run: Run,
    data: Problem,
    study: Study,
    trained: Sequence[Trained[Part]],
    settings: Evaluation,
    *,
    progress: bool,
) -> list[Result]:
    """All tables and figures; the signals are read here."""
    samples, seed = {QCD: data.test, **data.signals(progress=progress)}, data.seed
    found, plain = _compressions(trained, data.train, samples)
    simple = simple_scores(data.train, samples, background=QCD, seed=seed)
    tests = _tests(study, trained, data.test, settings, seed=seed)
    first = [each for each in found if each.seed == found[0].seed]
    draw_masses(run, [*first, *plain], QCD)
    draw_jet(
        run, data.test.take(slice(1)), functools.partial(rebuilt, trained[0].model), model=found[0].model
    )
    draw_symmetry(run, [each for each in tests if each.name == "relative deviation"])
    draw_anomalies(run, simple, [*plain[:1], *first], samples, background=QCD)
    draw_training(
        run, [each for each in trained if each.part.seed == trained[0].part.seed], column="relative",
        ylabel="error over that of the first epoch", caption="On validation jets after each epoch, over the value "
        "after the first, since each kind of network has an error of its own. One training of each.",
    )  # fmt: skip
    table = anomaly_table(
        found, plain, simple, samples, background=QCD, fractions=settings.fractions, windows=settings.windows,
        seed=seed,
    )  # fmt: skip
    table += compression_table(found, plain, QCD, bootstrap=settings.bootstrap, seed=seed)
    return by_name([*table, *tests], ("AUC", "AUC at equal mass", "mean matched error over that of"))


def _compressions(
    trained: Sequence[Trained[Part]], train: Jets, samples: Mapping[str, Jets]
) -> tuple[list[Compression], list[Compression]]:
    """All trained networks, and those without training at the latent sizes of the Lorentz networks."""
    sizes = dict.fromkeys(t.kept["latent"] for t in trained if isinstance(t.model, LorentzAutoencoder))
    plain = [principal_components(train, samples, n) for n in sizes]
    plain += [hardest_particles(samples, n) for n in dict.fromkeys(max(1, n // 3) for n in sizes)]
    return [_through(each, samples) for each in trained], plain


@torch.no_grad()
def _through(each: Trained[Part], samples: Mapping[str, Jets]) -> Compression:
    model, name, size = each.model, each.part.labels["model"], each.kept["latent"]
    found = compression(name, each.part.seed, size, samples, functools.partial(rebuilt, model))
    if not isinstance(model, ImageAutoencoder):
        return found
    score = {  # an image has no particles whose distance could be the score
        name: torch.cat([errors(model, inputs(model, part)) for part in pieces(jets)]).double().numpy()
        for name, jets in samples.items()
    }
    return found._replace(scores={"image error": score})


def _tests(
    study: Study, trained: Sequence[Trained[Part]], test: Jets, settings: Evaluation, *, seed: int
) -> list[Result]:
    """The symmetry of Lorentz networks before and after training, and what networks cost; of the first seed."""
    some, table, costs = test.take(slice(settings.boosted)), [], []
    for each in (t for t in trained if t.part.seed == trained[0].part.seed and t.part.share == 1):
        labels = each.part.labels
        if isinstance(each.model, LorentzAutoencoder):
            untrained = build(each.part, study.of(each.part.model), each.kept)
            for weights, network in (("untrained", untrained), ("trained", each.model)):
                place = labels | {"weights": weights}
                table += symmetry_rows(network, some.momentum / some.unit, some.mask, labels=place, seed=seed)
        event = tuple(inputs(each.model, test.take(slice(1))).values())
        costs += network_costs(
            {labels["model"]: each.model}, event, calls=settings.calls, what="jet", label="model"
        )
    return table + by_name(costs)
