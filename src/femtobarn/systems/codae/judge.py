"""Scores of the networks and of what needs none, beside each other on the same events: tables and figures."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn

from femtobarn.errors import InputError
from femtobarn.evaluation.anomaly_baselines import counting_scores, pca_residual, supervised_ceiling
from femtobarn.evaluation.network_costs import network_costs
from femtobarn.evaluation.reconstruction_figures import draw_reconstructions
from femtobarn.evaluation.reconstruction_scores import (
    Columns,
    reconstruction_scores,
    signed,
    two_sided_residuals,
)
from femtobarn.evaluation.scores import Scored, draw_scores, score_table
from femtobarn.metrics.decorrelation import two_sided
from femtobarn.nn.dirichlet_vae import DirichletVae
from femtobarn.nn.dual_autoencoder import DualAutoencoder
from femtobarn.physics.event_images import event_features
from femtobarn.runs import Result, Run
from femtobarn.study import Trained, by_name, draw_against, draw_training, grouped
from femtobarn.systems.codae.data import Events, Sample, joined
from femtobarn.systems.codae.study import Part

QCD = "QCD"
OCCUPANCY = "occupied track pixels"
CEILING = "supervised trees"
_SHOWN = ("soft5", "z-sum", OCCUPANCY, "CoDAE BCE", "CoDAE BCE residual", "CoDAE z1")  # in figures


@dataclass(frozen=True)
class Evaluation:
    """What is measured on the test events."""

    fractions: tuple[float, ...] = (0.03, 0.1)
    """Shares of QCD that may pass a threshold; each needs ten events."""
    components: int = 20
    """Principal components of the linear autoencoder."""
    calls: int = 200
    """Single events behind a latency; 0 leaves it out."""

    def __post_init__(self) -> None:
        if not self.fractions or not all(0 < f < 1 for f in self.fractions):
            raise InputError(f"expected shares in (0, 1), got {self.fractions}")


def results(
    run: Run, events: Events, trained: Sequence[Trained[Part]], settings: Evaluation, *, progress: bool
) -> list[Result]:
    """All tables and figures."""
    samples = {QCD: events.test} | events.signals(progress=progress)
    simple = simple_scores(events, samples, settings)
    found = simple + [each for one in trained for each in network_scores(one, events, samples)]
    judge = functools.partial(score_table, background=QCD, fractions=settings.fractions)
    occupancy = next(each for each in simple if each.name == OCCUPANCY)
    table = judge(
        found, trivial=[e.labels for e in simple], reference=occupancy.scores[QCD], variable=OCCUPANCY,
    )  # fmt: skip
    said = [each.labels for each in table]
    over = judge(found, trivial=[occupancy.labels])
    table += [each for each in over if each.name == "gain in AUC" and each.labels not in said]
    for ceiling in ceilings(samples, seed=events.seed):
        table += judge([ceiling])
    _draw(run, found, trained, table, samples)
    return by_name([*table, *_costs(trained, torch.from_numpy(events.test.masks[:1]), settings.calls)])


def simple_scores(events: Events, samples: Mapping[str, Sample], settings: Evaluation) -> list[Scored]:
    """Scores without a network, fitted to the QCD that the networks know."""
    qcd = joined([events.train, events.validation])
    linear = pca_residual(_flat(qcd), components=settings.components)
    found = {
        name: {key: score(each.images, each.tracks) for key, each in samples.items()}
        for name, score in counting_scores(qcd.images, qcd.tracks, seed=events.seed).items()
    }
    found[f"PCA residual ({settings.components})"] = {
        key: linear(_flat(each)) for key, each in samples.items()
    }
    return [Scored({"score": name}, None, values) for name, values in found.items()]


def ceilings(samples: Mapping[str, Sample], *, seed: int) -> list[Scored]:
    """Boosted trees that learn from a signal, for each signal."""
    features = {key: event_features(each.images) for key, each in samples.items()}
    qcd, found = features.pop(QCD), []
    for signal, rows in features.items():
        normal, own = supervised_ceiling(qcd, rows, seed=seed)
        found.append(Scored({"score": CEILING}, None, {QCD: normal, signal: own}))
    return found


def network_scores(one: Trained[Part], events: Events, samples: Mapping[str, Sample]) -> list[Scored]:
    """Every score of a network; what has no side by itself gets it from QCD that is not in the test sample."""
    counts = {name: pixels(sample) for name, sample in samples.items()}
    # Events that were trained on are reconstructed better: a fit to them would call all others anomalous.
    held, count = raw_scores(one.model, events.validation.masks), pixels(events.validation)
    each = {name: raw_scores(one.model, sample.masks) for name, sample in samples.items()}
    found: dict[str, Columns] = {}
    for score, known in held.items():
        values = {name: columns[score] for name, columns in each.items()}
        if score.startswith(("z", "share")):
            found[score] = signed(values, known, count)
            found[f"{score}, two-sided"] = {name: two_sided(v, known) for name, v in values.items()}
        else:
            found[score] = values
        if score == "BCE":
            found["BCE residual"] = two_sided_residuals(values, counts, known, count)
    return [Scored({"score": f"{one.part.kind} {name}"}, one.part.seed, v) for name, v in found.items()]


def pixels(sample: Sample) -> Float64[np.ndarray, "event"]:
    """Occupied pixels of each event."""
    return sample.masks.sum(axis=(1, 2, 3), dtype=np.float64)


@torch.no_grad()
def raw_scores(model: nn.Module, masks: Float[np.ndarray, "event 1 phi eta"]) -> Columns:
    """Scores of images as they come: large losses are anomalous, the latent has no side."""
    pieces = [_scores(model, piece) for piece in torch.split(torch.from_numpy(masks), 250)]
    return {name: torch.cat([piece[name] for piece in pieces]).double().numpy() for name in pieces[0]}


def _scores(model: nn.Module, x: Tensor) -> dict[str, Tensor]:
    if isinstance(model, DirichletVae):
        flat = x.flatten(1).double()
        shares = model.shares(flat)
        return {"loss": model.loss(flat)} | {f"share {i + 1}": shares[:, i] for i in range(shares.shape[1])}
    assert isinstance(model, DualAutoencoder)
    found = model(x)
    scores = reconstruction_scores(found.logits, x)
    scores |= {f"z{i + 1}": found.summary[:, i] for i in range(found.summary.shape[1])}
    if model.prior is not None:
        scores["KL"] = model.divergence(x, generator=torch.Generator().manual_seed(1))[0]
    return scores


def _flat(sample: Sample) -> Float[np.ndarray, "event pixel"]:
    return sample.masks.reshape(len(sample), -1)


def _costs(trained: Sequence[Trained[Part]], event: Tensor, calls: int) -> list[Result]:
    """The whole network, and the latent score alone."""
    found = []
    for each in trained:
        if each.part.seed == trained[0].part.seed and each.part.kind != "Dirichlet":
            both = {each.part.kind: each.model, f"{each.part.kind}, z alone": each.model.mask_encoder}
            found += network_costs(both, (event,), calls=calls)
    return found


def _draw(
    run: Run,
    found: Sequence[Scored],
    trained: Sequence[Trained[Part]],
    table: Sequence[Result],
    samples: Mapping[str, Sample],
) -> None:
    some = [each for each in found if each.name in _SHOWN]
    draw_scores(run, some, background=QCD)
    areas = [each for each in table if each.name == "AUC" and each.labels["score"] in _SHOWN]
    for family, unit in (("SUEP", "GeV"), ("SVJ", "TeV")):
        mine = [each for each in areas if each.labels["signal"].startswith(f"{family} ")]
        masses = [
            replace(each, labels=each.labels | {"mass": each.labels["signal"].split()[1]}) for each in mine
        ]
        draw_against(
            run, grouped(masses, lambda each: each.labels["score"]), label="mass", xlabel=f"mass [{unit}]",
            ylabel="AUC", name=f"auc-{family.lower()}", title=f"AUC of {family}", section="Scores", by="score",
            caption="Area under the ROC curve against the mass. Bars: DeLong, with the standard deviation over seeds.",
        )  # fmt: skip
    for kind in dict.fromkeys(each.part.kind for each in trained):
        draw_training(
            run, [each for each in trained if each.part.kind == kind], column="train", name=f"training-{kind.lower()}",
            title=f"Training of {kind}", ylabel="training loss",
            caption="Mean loss of the training events in each epoch: cross entropy summed over pixels for CoDAE, "
            "with the divergence for CoDVAE; divergence of unit images for Dirichlet.",
        )  # fmt: skip
    shown = {name: torch.from_numpy(sample.masks[:1]) for name, sample in list(samples.items())[:2]}
    if isinstance(net := trained[0].model, DualAutoencoder):
        pairs = {name: (x[0, 0].numpy(), net.image(x)[0, 0].detach().numpy()) for name, x in shown.items()}
        draw_reconstructions(
            run, pairs, caption="Occupied pixels of test events, and the probability that "
            f"{trained[0].part.name} gives each pixel. Up: phi, across: eta.",
        )  # fmt: skip
