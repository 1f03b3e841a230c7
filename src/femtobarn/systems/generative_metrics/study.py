"""Scores of each distorted sample, computed side by side and kept as they get ready."""

import warnings
from dataclasses import dataclass, field

import numpy as np
import torch

from femtobarn import metrics
from femtobarn.errors import InputError, check_known
from femtobarn.evaluation.jet_scores import JetSample, Scoring, jet_sample, jet_scores
from femtobarn.metrics.estimate import Estimate
from femtobarn.nn.particle_net import ParticleNet
from femtobarn.systems.generative_metrics.distortions import DISTORTIONS, TAIL, distort
from femtobarn.systems.generative_metrics.sample import Halves

TRUTH = "truth"  #: the second half as it is: what the metrics give where there is nothing to find
REPEATED = "resampled truth"
"""The second half drawn with replacement, as the distortions of the mass are: what repeated jets alone do."""


@dataclass(frozen=True)
class Study:
    """Which distortions are scored, and how."""

    distortions: tuple[str, ...] = tuple(DISTORTIONS)
    """Distortions to score."""
    tail: float = TAIL
    """Relative jet mass above which the distortion "mass without tail" removes jets."""
    scoring: Scoring = field(default_factory=Scoring)
    """Which metrics, on how many jets."""
    classifier: bool = True
    """Train a classifier on the energy flow polynomials for each distortion."""
    epochs: int = 60
    """Maximum epochs of the classifier."""
    particle_net: bool = False
    """Also train a ParticleNet on the particles for each distortion; takes hours on two cores."""

    def __post_init__(self) -> None:
        check_known("distortion", self.distortions, DISTORTIONS)
        if not self.distortions:
            raise InputError(f"at least one distortion is needed: {', '.join(DISTORTIONS)}")


def distorted(halves: Halves, name: str, study: Study, *, seed: int) -> JetSample:
    """The second half, distorted; the controls leave its distributions as they are."""
    jets = halves.other
    if name == REPEATED:
        draw = np.random.default_rng([seed, len(DISTORTIONS)])
        jets = jets.take(draw.integers(len(jets.mask), size=len(jets.mask)))
    elif name != TRUTH:
        draw = np.random.default_rng([seed, list(DISTORTIONS).index(name)])
        jets = distort(jets, name, generator=draw, tail=study.tail)
    return jet_sample(*jets)


def score(halves: Halves, name: str, study: Study, *, seed: int) -> dict[str, Estimate]:
    """Every metric of the study for one distortion, against the first half."""
    real, generated = jet_sample(*halves.reference), distorted(halves, name, study, seed=seed)
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", metrics.RepeatedRowsWarning
        )  # drawn so on purpose, and judged beside a control
        scores = jet_scores(real, generated, settings=study.scoring, seed=seed)
    schedule = metrics.Schedule(epochs=study.epochs)
    if study.classifier:
        scores["AUC of EFPs"] = metrics.classifier_test(
            real.efp, generated.efp, schedule=schedule, generator=torch.Generator().manual_seed(seed)
        )
    if study.particle_net:
        scores["AUC of ParticleNet"] = metrics.classifier_test(
            real.particles,
            generated.particles,
            network=lambda: ParticleNet(3, 2),
            schedule=schedule,
            generator=torch.Generator().manual_seed(seed),
        )
    return scores


def stored(scores: dict[str, Estimate]) -> dict[str, dict[str, float | str]]:
    """Scores as plain data."""
    return {name: estimate._asdict() for name, estimate in scores.items()}


def restored(plain: dict[str, dict[str, float | str]]) -> dict[str, Estimate]:
    """What `stored` was given."""
    return {name: Estimate(**fields) for name, fields in plain.items()}  # type: ignore[arg-type]


def part_name(distortion: str) -> str:
    """Name of a distortion as that of a folder."""
    return "scores/" + distortion.replace(" ", "-")
