"""Scores of the networks and of what needs none, beside each other on the same events: tables and figures."""

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
from femtobarn.study import Trained, by_name, draw_against, draw_training
from femtobarn.systems.codae.data import Events, Sample, joined
from femtobarn.systems.codae.study import Part

QCD = "QCD"
OCCUPANCY = "occupied track pixels"
CEILING = "trees told the signal"
_PIECE = 250  # events that go through a network together
_SHOWN = ("soft5", "z-sum", OCCUPANCY, "BCE", "BCE residual", "z1")  # in figures


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
    qcd, samples = joined([events.train, events.validation]), {QCD: events.test}
    samples |= events.signals(progress=progress)
    simple = simple_scores(qcd, samples, settings, seed=events.seed)
    learned = [each for one in trained for each in network_scores(one, events, samples)]
    found = [*simple, *learned]
    occupancy = next(each for each in simple if each.labels["score"] == OCCUPANCY)
    untaught = [each.labels for each in simple if each.labels["score"] != CEILING]
    table = score_table(
        found, background=QCD, trivial=untaught, fractions=settings.fractions,
        reference=occupancy.scores[QCD], variable=OCCUPANCY,
    )  # fmt: skip
    known = [each.labels for each in table]
    over = score_table(found, background=QCD, trivial=[occupancy.labels], fractions=settings.fractions)
    table += [each for each in over if each.name == "gain in AUC" and each.labels not in known]
    _draw(run, found, trained, table, samples)
    one = torch.from_numpy(events.test.masks[:1])
    return by_name([*table, *_costs(trained, one, settings.calls)])


def simple_scores(
    qcd: Sample, samples: Mapping[str, Sample], settings: Evaluation, *, seed: int
) -> list[Scored]:
    """Scores without a network, fitted to the QCD that the networks know, and boosted trees told each signal."""
    found = []
    for name, score in counting_scores(qcd.images, qcd.tracks, seed=seed).items():
        values = {key: score(each.images, each.tracks) for key, each in samples.items()}
        found.append(Scored(labels(name), None, values))
    linear = pca_residual(_flat(qcd), components=settings.components)
    values = {key: linear(_flat(each)) for key, each in samples.items()}
    found.append(Scored(labels(f"PCA residual ({settings.components})"), None, values))
    features = {key: event_features(each.images) for key, each in samples.items()}
    for signal in (name for name in samples if name != QCD):
        normal, own = supervised_ceiling(features[QCD], features[signal], seed=seed)
        found.append(Scored(labels(CEILING, signal), None, {QCD: normal, signal: own}))
    return found


def labels(score: str, model: str = "") -> dict[str, str]:
    """Place of a score in tables; `model` is the network, or the signal that trees were told."""
    return {"model": model, "score": score}


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
    return [Scored(labels(name, one.part.kind), one.part.seed, values) for name, values in found.items()]


def pixels(sample: Sample) -> Float64[np.ndarray, "event"]:
    """Occupied pixels of each event."""
    return sample.masks.sum(axis=(1, 2, 3), dtype=np.float64)


@torch.no_grad()
def raw_scores(model: nn.Module, masks: Float[np.ndarray, "event 1 phi eta"]) -> Columns:
    """Scores of images as they come: large losses are anomalous, the latent has no side."""
    pieces = [_scores(model, piece) for piece in torch.split(torch.from_numpy(masks), _PIECE)]
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
    some = [each for each in found if each.labels["score"] in _SHOWN and each.labels["model"] != "CoDVAE"]
    draw_scores(run, some, background=QCD)
    for family, unit in (("SUEP", "GeV"), ("SVJ", "TeV")):
        lines = {
            " ".join(filter(None, each.labels.values())): [
                replace(row, labels={"mass": row.labels["signal"].split()[1]})
                for row in table
                if row.name == "AUC" and each.labels.items() <= row.labels.items()
                and row.labels["signal"].startswith(f"{family} ") and row.labels["signal"].endswith(unit)
            ]
            for each in some
        }  # fmt: skip
        draw_against(
            run, {name: rows for name, rows in lines.items() if rows}, label="mass", xlabel=f"mass [{unit}]",
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
    for each in trained[:1]:
        if isinstance(each.model, DualAutoencoder):
            pairs = {name: (x[0, 0].numpy(), _image(each.model, x)) for name, x in shown.items()}
            draw_reconstructions(
                run, pairs, caption=f"Occupied pixels of test events, and the probability that {each.part.name} gives "
                "each pixel. Up: phi, across: eta.",
            )  # fmt: skip


@torch.no_grad()
def _image(model: DualAutoencoder, x: Tensor) -> Float[np.ndarray, "phi eta"]:
    return torch.sigmoid(model(x).logits)[0, 0].numpy()
