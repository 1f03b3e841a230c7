"""What the compressions keep of a jet, what their errors say of unusual ones, and how exact the symmetry is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from femtobarn.errors import InputError
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
from femtobarn.evaluation.jet_shapes import jet_shapes, simple_jet_scores, without_labels
from femtobarn.evaluation.lorentz_symmetry import draw_symmetry, symmetry_rows
from femtobarn.evaluation.network_costs import network_costs
from femtobarn.evaluation.same_spectrum import equal_spectrum_table
from femtobarn.evaluation.scores import (
    Scored,
    dependence_table,
    draw_scores,
    score_table,
    with_all_signals,
)
from femtobarn.evaluation.sculpting import draw_sculpting
from femtobarn.nn.jet_autoencoders import ImageAutoencoder, LorentzAutoencoder
from femtobarn.runs import Result, Run
from femtobarn.study import Trained, by_name, draw_training
from femtobarn.systems.lgae.networks import errors, inputs, rebuilt
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


def compressions(
    trained: Sequence[Trained[Part]], train: Jets, samples: Mapping[str, Jets]
) -> tuple[list[Compression], list[Compression]]:
    """All trained networks, and those without training at the latent sizes of the Lorentz networks."""
    sizes = dict.fromkeys(t.kept["latent"] for t in trained if isinstance(t.model, LorentzAutoencoder))
    plain = [principal_components(train, samples, n) for n in sizes]
    plain += [hardest_particles(samples, n) for n in dict.fromkeys(max(1, n // 3) for n in sizes)]
    return [_through(each, samples) for each in trained], plain


@torch.no_grad()
def _through(each: Trained[Part], samples: Mapping[str, Jets]) -> Compression:
    model = each.model
    found = compression(
        each.part.labels["model"],
        each.part.seed,
        each.kept["latent"],
        samples,
        lambda part: rebuilt(model, part),
    )
    if not isinstance(model, ImageAutoencoder):
        return found
    score = {  # an image has no particles whose distance could be the score
        name: torch.cat([errors(model, inputs(model, part)) for part in pieces(jets)]).double().numpy()
        for name, jets in samples.items()
    }
    return found._replace(scores={"image error": score})


def simple_scores(train: Jets, samples: Mapping[str, Jets], *, seed: int) -> list[Scored]:
    """Scores by shapes of the jets."""
    known, *rows = (jet_shapes(j.relative.numpy(), j.mask.numpy(), j.pt) for j in (train, *samples.values()))
    return simple_jet_scores(known, dict(zip(samples, rows, strict=True)), background=QCD, seed=seed)


def anomaly_table(
    found: Sequence[Compression],
    plain: Sequence[Compression],
    simple: Sequence[Scored],
    samples: Mapping[str, Jets],
    settings: Evaluation,
    *,
    seed: int,
) -> list[Result]:
    """Every score against every signal: of all jets, at equal mass, and how far it repeats mass and pT."""
    first = [[each.scored[0] for each in group] for group in (plain, found)]
    trivial = [each.labels for each in [*without_labels(simple), *first[0]]]
    main, other = [*simple, *first[0], *first[1]], [s for c in [*plain, *found] for s in c.scored[1:]]
    mass = {name: jets.mass for name, jets in samples.items()}
    table = score_table(
        with_all_signals(main, background=QCD), background=QCD, trivial=trivial, fractions=settings.fractions,
        reference=mass[QCD], variable="mass",
    )  # fmt: skip
    if other:
        rows = score_table(with_all_signals(other, background=QCD), background=QCD, fractions=())
        table += [replace(each, name="AUC of other errors") for each in rows if each.name == "AUC"]
    table += equal_spectrum_table(
        main, mass, settings.windows, background=QCD, trivial=trivial, name="mass", unit="GeV", seed=seed
    )
    return table + dependence_table(first[1], {"mass": mass[QCD], "pT": samples[QCD].pt}, background=QCD)


def other_tables(
    found: Sequence[Compression],
    plain: Sequence[Compression],
    study: Study,
    trained: Sequence[Trained[Part]],
    test: Jets,
    settings: Evaluation,
    *,
    seed: int,
) -> list[Result]:
    """What is kept of QCD jets, the symmetry before and after training, costs; of the first seed where one will do."""
    table = compression_table(found, plain, QCD, bootstrap=settings.bootstrap, seed=seed)
    some, costs = test.take(slice(settings.boosted)), []
    for each in (t for t in trained if t.part.seed == trained[0].part.seed and t.part.share == 1):
        labels = each.part.labels
        if isinstance(each.model, LorentzAutoencoder):
            untrained = build(each.part, study.of(each.part.model), each.kept)
            for weights, network in (("untrained", untrained), ("trained", each.model)):
                told = labels | {"weights": weights}
                table += symmetry_rows(network, some.momentum / some.unit, some.mask, labels=told, seed=seed)
        event = tuple(inputs(each.model, test.take(slice(1))).values())
        costs += network_costs(
            {labels["model"]: each.model}, event, calls=settings.calls, what="jet", label="model"
        )
    return table + by_name(costs)


def draw(
    run: Run,
    table: Sequence[Result],
    trained: Sequence[Trained[Part]],
    found: Sequence[Compression],
    plain: Sequence[Compression],
    simple: Sequence[Scored],
    samples: Mapping[str, Jets],
) -> None:
    """All figures; one training of each network."""
    first = [each for each in found if each.seed == found[0].seed]
    draw_masses(run, [*first, *plain], QCD)
    shown, model = samples[QCD].take(slice(1)), trained[0].model
    draw_jet(run, shown, lambda jet: rebuilt(model, jet), model=found[0].model)
    if rows := [each for each in table if each.name == "relative deviation"]:
        draw_symmetry(run, rows)
    plots = [each for each in simple if each.labels["score"] == "mass" or "Mahalanobis" in each.labels["by"]]
    draw_scores(run, [*plots, *(each.scored[0] for each in [*plain[:1], *first])], background=QCD, shown=9)
    signal = list(samples)[-1]
    sides = (signal, QCD)
    draw_sculpting(
        run,
        np.concatenate([samples[name].mass for name in sides]),
        np.repeat([True, False], [len(samples[name]) for name in sides]),
        {c.model: np.concatenate([c.scored[0].scores[name] for name in sides]) for c in first},
        edges=np.linspace(0, 300, 21), looks=[{"markersize": 3}] * len(first), name="mass-of-unusual-jets",
        classes=sides, xlabel="mass of the jet [GeV]", ylabel="share of jets", section="Scores",
        title="Mass of jets called unusual", caption=f"QCD jets above the threshold that half of {signal} passes, "
        "beside all of them: a score that repeats the mass moves them to large ones. One training of each.",
    )  # fmt: skip
    draw_training(
        run, [each for each in trained if each.part.seed == trained[0].part.seed], column="relative",
        ylabel="error over that of the first epoch", caption="On validation jets after each epoch, over the value "
        "after the first, since each kind of network has an error of its own. One training of each.",
    )  # fmt: skip
