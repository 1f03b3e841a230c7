"""How well the networks tag, how far students are from their teacher, in moving frames too, and what they cost."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64
from torch import Tensor

from femtobarn.errors import InputError
from femtobarn.evaluation.merits import Merit, gains_of, merits_of
from femtobarn.evaluation.network_costs import network_costs
from femtobarn.losses import soft_loss
from femtobarn.metrics import accuracy, auc, background_rejection, invariance_score
from femtobarn.nn.jet_taggers import Axis, LorentzTagger, logits, moving_frame, score
from femtobarn.parts import Report, run_parts
from femtobarn.runs import Result
from femtobarn.study import Trained, by_name, draws_of_classes, grouped, row
from femtobarn.systems.jet_distillation.sample import Sample
from femtobarn.systems.jet_distillation.study import TITLES, Part


@dataclass(frozen=True)
class Evaluation:
    """What is measured on the test jets."""

    speeds: tuple[float, ...] = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
    """Speeds of the moving frames, equally spaced from 0."""
    axis: Axis = "x"
    """Direction in which the frames move: x, z, or along each jet."""
    boosted_jets: int = 2000
    """Test jets seen from each frame, at most."""
    bootstraps: int = 100
    """Samples drawn with replacement behind the errors of differences."""
    calls: int = 200
    """Single jets behind a latency; 0 leaves it out."""

    def __post_init__(self) -> None:
        if not self.speeds or self.speeds[0] != 0 or not all(0 <= speed < 1 for speed in self.speeds):
            raise InputError(f"expected speeds from 0 to below 1, the first 0, got {self.speeds}")
        if self.boosted_jets < 2 or self.bootstraps < 2 or self.calls < 0:
            raise InputError("expected at least two jets and two bootstraps, and calls of 0 or more")


class Outcome(NamedTuple):
    """One network on every test jet."""

    part: Part
    score: Float64[np.ndarray, "jet"]
    """Logit of top minus logit of other: above 0 it is taken for a top."""
    divergence: float
    """Mean KL(main teacher || this network), nats."""
    boosted: dict[str, Float64[np.ndarray, "speed"]]
    """Accuracy at each speed, by what was boosted."""


def outcomes(
    trained: Sequence[Trained[Part]],
    test: Sample,
    settings: Evaluation,
    *,
    workers: int = 1,
    progress: bool = False,
) -> list[Outcome]:
    """All networks on the test jets; the first is the main teacher."""
    seen = run_parts(
        functools.partial(_seen, test, settings),
        trained,
        name=lambda each: each.part.name,
        title="test jets",
        workers=workers,
        progress=progress,
    )
    main = seen[0][0].double()
    return [
        Outcome(each.part, score(own).numpy(), float(soft_loss(own.double(), main)), boosted)
        for each, (own, boosted) in zip(trained, seen, strict=True)
    ]


def _seen(
    test: Sample, settings: Evaluation, each: Trained[Part], _: Report
) -> tuple[Tensor, dict[str, np.ndarray]]:
    """Logits of the test jets, and accuracies in moving frames."""
    few = test.take(slice(settings.boosted_jets))
    ways = {"particles": False}
    if isinstance(each.model, LorentzTagger) and len(each.model.beams):
        ways["particles and beams"] = True
    curves = {}
    for name, beams in ways.items():
        frames = (moving_frame(speed, settings.axis, beams=beams) for speed in settings.speeds)
        guesses = [score(logits(each.model, *few.inputs, frame=frame)).numpy() > 0 for frame in frames]
        curves[name] = np.mean(guesses == few.is_signal, axis=1)
    return logits(each.model, *test.inputs), curves


MERITS: dict[str, Merit] = {
    "accuracy": accuracy,
    "AUC": lambda signal, background: auc(background, signal),
    "background rejection at 30 % of tops": functools.partial(background_rejection, efficiency=0.3),
    "background rejection at 50 % of tops": functools.partial(background_rejection, efficiency=0.5),
}  #: figures of merit of (scores of tops, scores of others), with their errors


def results(
    found: Sequence[Outcome], trained: Sequence[Trained[Part]], test: Sample, settings: Evaluation
) -> list[Result]:
    """Quality of every network, seeds taken together; gains of the students; cost of each kind of network."""
    groups = grouped(found, lambda each: each.part._replace(seed=0))
    return by_name(
        [
            *(each for group in groups.values() for each in _quality(group, test, settings)),
            *_gains(groups, test, settings),
            *_costs(trained, test, settings),
        ]
    )


def _quality(group: Sequence[Outcome], test: Sample, settings: Evaluation) -> Iterator[Result]:
    labels, seeds = group[0].part.labels, [each.part.seed for each in group]
    yield from merits_of(MERITS, [each.score for each in group], test.is_signal, labels, seeds=seeds)
    values = [(each.divergence, 0.0) for each in group]
    yield row("KL from the main teacher", values, labels, seeds=seeds, n=len(test), unit="nat")
    few = min(settings.boosted_jets, len(test))
    for what in group[0].boosted:
        values = [(invariance_score(each.boosted[what]), 0.0) for each in group]
        yield row("invariance score", values, labels | {"boosted": what}, seeds=seeds, n=few)


def _gains(groups: Mapping[Part, Sequence[Outcome]], test: Sample, settings: Evaluation) -> Iterator[Result]:
    """Each student against the one trained on the same number of labels, seed by seed, on the same jets."""
    draws = draws_of_classes(test.is_signal, count=settings.bootstraps, seed=0)
    for part, group in groups.items():
        plain = Part(part.network, "labels", 0, labelled=part.labelled, boosted=part.boosted)
        if part.is_teacher or part == plain or plain not in groups:
            continue
        theirs, seeds = {each.part.seed: each for each in groups[plain]}, [each.part.seed for each in group]
        pairs = [(each, theirs[each.part.seed]) for each in group]
        method, count = part.labels["method"], part.labels["labelled jets"]
        labels = {"network": part.labels["network"], "method": method}
        labels |= {"relative to": plain.labels["method"], "labelled jets": count}
        scores = [(ours.score, other.score) for ours, other in pairs]
        sample = "bootstrap over test jets"
        yield from gains_of(MERITS, scores, test.is_signal, labels, draws, seeds=seeds, sample=sample)
        invariance = [[invariance_score(each.boosted["particles"]) for each in pair] for pair in pairs]
        values = [(ours - other, 0.0) for ours, other in invariance]
        yield row("gain of invariance score", values, labels, seeds=seeds, n=len(test), of_mean=True)


def _costs(trained: Sequence[Trained[Part]], test: Sample, settings: Evaluation) -> list[Result]:
    """What each kind of network costs on a jet of the median number of particles."""
    count = test.mask.sum(axis=1)
    typical = int(np.argsort(count, kind="stable")[len(count) // 2])
    networks = {TITLES[each.part.network]: each.model for each in trained if not each.part.beta}
    jet = test.take(slice(typical, typical + 1)).inputs
    return network_costs(networks, jet, calls=settings.calls, what="jet", size=int(count[typical]))
