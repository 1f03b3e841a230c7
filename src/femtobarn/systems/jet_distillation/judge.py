"""How well the networks tag, how far students are from their teacher, in moving frames too, and what they cost."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float32, Float64
from torch import Tensor

from femtobarn.errors import InputError
from femtobarn.evaluation.merits import Merit, gains_of, merits_of
from femtobarn.evaluation.network_costs import network_costs
from femtobarn.losses import soft_loss
from femtobarn.metrics import accuracy, auc, background_rejection, invariance_score
from femtobarn.nn.jet_taggers import Axis, LorentzTagger, logits, moving_frame, score
from femtobarn.parts import Report, run_parts
from femtobarn.runs import Result
from femtobarn.study import Trained, bootstrapped, by_name, draws_of_classes, gain, grouped, row
from femtobarn.systems.jet_distillation.sample import Sample
from femtobarn.systems.jet_distillation.study import TITLES, Part


@dataclass(frozen=True)
class Evaluation:
    """What is measured on the test jets."""

    speeds: tuple[float, ...] = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
    """Speeds of the boosted frames in units of c, equally spaced from 0."""
    axis: Axis = "x"
    """Direction of the boost: x, z, or along each jet."""
    boosted_jets: int = 8000
    """Maximum number of test jets in each boosted frame."""
    bootstraps: int = 100
    """Bootstrap samples for the errors of differences and of invariance scores."""
    calls: int = 200
    """Single-jet calls in the latency measurement; 0 for none."""

    def __post_init__(self) -> None:
        if not self.speeds or self.speeds[0] != 0 or not all(0 <= speed < 1 for speed in self.speeds):
            raise InputError(f"expected speeds from 0 to below 1, the first 0, got {self.speeds}")
        if self.boosted_jets < 50 or self.bootstraps < 2 or self.calls < 0:
            raise InputError("expected at least 50 boosted jets and two bootstraps, and calls of 0 or more")


class Outcome(NamedTuple):
    """One network on every test jet."""

    part: Part
    score: Float64[np.ndarray, "jet"]
    """Logit of top minus logit of other: above 0 it is taken for a top."""
    divergence: float
    """Mean KL(main teacher || this network), nats."""
    moving: dict[str, Float32[np.ndarray, "speed jet"]]
    """Scores of the jets of `boosted_jets` at each speed, by what was boosted."""


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
        Outcome(each.part, score(own).numpy(), float(soft_loss(own.double(), main)), moving)
        for each, (own, moving) in zip(trained, seen, strict=True)
    ]


def boosted_jets(test: Sample, settings: Evaluation) -> Sample:
    """The test jets that are seen from moving frames: a random choice, so that files may be in any order."""
    rows = np.random.default_rng(0).permutation(len(test))[: settings.boosted_jets]
    return test.take(np.sort(rows))


def _seen(
    test: Sample, settings: Evaluation, each: Trained[Part], _: Report
) -> tuple[Tensor, dict[str, np.ndarray]]:
    """Logits of the test jets, and scores in moving frames."""
    few, ways = boosted_jets(test, settings), {"particles": False}
    if isinstance(each.model, LorentzTagger) and len(each.model.beams):
        ways["particles and beams"] = True
    moving = {}
    for name, beams in ways.items():
        frames = (moving_frame(speed, settings.axis, beams=beams) for speed in settings.speeds)
        found = [score(logits(each.model, *few.inputs, frame=frame)) for frame in frames]
        moving[name] = torch.stack(found).float().numpy()
    return logits(each.model, *test.inputs), moving


MERITS: dict[str, Merit] = {
    "accuracy": accuracy,
    "AUC": lambda signal, background: auc(background, signal),
    "background rejection at 30 % of tops": functools.partial(background_rejection, efficiency=0.3),
    "background rejection at 50 % of tops": functools.partial(background_rejection, efficiency=0.5),
}  #: figures of merit of (scores of tops, scores of others), with their errors
IN_MOTION: dict[str, Merit] = {
    f"{name} in a moving frame": MERITS[name] for name in ("accuracy", "background rejection at 50 % of tops")
}  #: accuracy at the cut at rest; rejection at the cut that keeps half of the tops in that frame


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
    few = boosted_jets(test, settings).is_signal
    draws = draws_of_classes(few, count=settings.bootstraps, seed=0)
    for what in group[0].moving:
        more = labels | {"boosted": what}
        for place, speed in enumerate(settings.speeds):
            scores = [each.moving[what][place] for each in group]
            yield from merits_of(IN_MOTION, scores, few, more | {"speed": f"{speed:g}"}, seeds=seeds)
        values = bootstrapped(invariance(few, what), group, draws)
        yield row("invariance score", values, more, seeds=seeds, n=len(few))


def _gains(groups: Mapping[Part, Sequence[Outcome]], test: Sample, settings: Evaluation) -> Iterator[Result]:
    """Each student against the one trained on the same number of labels, seed by seed, on the same jets."""
    few = boosted_jets(test, settings).is_signal
    every_draw, few_draws = (
        draws_of_classes(each, count=settings.bootstraps, seed=0) for each in (test.is_signal, few)
    )
    for part, group in groups.items():
        plain = Part(part.network, "labels", 0, labelled=part.labelled, boosted=part.boosted)
        if part.is_teacher or part == plain or plain not in groups:
            continue
        theirs, seeds = {each.part.seed: each for each in groups[plain]}, [each.part.seed for each in group]
        pairs = [(each, theirs[each.part.seed]) for each in group]
        method, count = part.labels["method"], part.labels["labelled jets"]
        labels = {"network": part.labels["network"], "method": method}
        labels |= {"relative to": plain.labels["method"], "labelled jets": count}
        about: dict[str, Any] = {"seeds": seeds, "sample": "bootstrap over test jets"}
        scores = [(ours.score, other.score) for ours, other in pairs]
        yield from gains_of(MERITS, scores, test.is_signal, labels, every_draw, **about)
        for place, speed in enumerate(settings.speeds):
            scores = [(one.moving["particles"][place], two.moving["particles"][place]) for one, two in pairs]
            more = labels | {"speed": f"{speed:g}"}
            yield from gains_of(IN_MOTION, scores, few, more, few_draws, **about)
        values = gain(invariance(few, "particles"), pairs, few_draws)
        yield row("gain of invariance score", values, labels, n=len(few), of_mean=True, **about)


def invariance(is_signal: Bool[np.ndarray, "jet"], what: str) -> Callable[[Outcome, np.ndarray], float]:
    """The invariance score of an outcome on some rows of the jets seen from moving frames."""

    def measured(each: Outcome, rows: np.ndarray) -> float:
        right = (each.moving[what][:, rows] > 0) == is_signal[rows]
        return invariance_score(right.mean(axis=1))

    return measured


def _costs(trained: Sequence[Trained[Part]], test: Sample, settings: Evaluation) -> list[Result]:
    """What each kind of network costs on a jet of the median number of particles."""
    count = test.mask.sum(axis=1)
    typical = int(np.argsort(count, kind="stable")[len(count) // 2])
    networks = {TITLES[each.part.network]: each.model for each in trained if not each.part.beta}
    jet = test.take(slice(typical, typical + 1)).inputs
    return network_costs(networks, jet, calls=settings.calls, what="jet", size=int(count[typical]))
