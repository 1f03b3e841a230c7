"""How well the networks tag, how far students are from their teacher, in moving frames too, and what they cost."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor, nn

from femtobarn.errors import InputError
from femtobarn.hardware.latency import single_event_latency
from femtobarn.losses import soft_loss
from femtobarn.metrics import accuracy, auc, background_rejection
from femtobarn.parts import Report, run_parts
from femtobarn.runs import DataKind, Result
from femtobarn.systems.jet_distillation import study
from femtobarn.systems.jet_distillation.frames import Axis, moving_frame
from femtobarn.systems.jet_distillation.model import LorentzTagger
from femtobarn.systems.jet_distillation.sample import Sample
from femtobarn.systems.jet_distillation.study import Part, Trained


@dataclass(frozen=True)
class Evaluation:
    """What is measured on the test jets."""

    speeds: tuple[float, ...] = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
    """Speeds of the moving frames, equally spaced from 0."""
    axis: Axis = "x"
    """Which way the frames move: x, z, or along each jet."""
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
    trained: Sequence[Trained],
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
        Outcome(
            each.part,
            (own[:, 1] - own[:, 0]).double().numpy(),
            float(soft_loss(own.double(), main)),
            boosted,
        )
        for each, (own, boosted) in zip(trained, seen, strict=True)
    ]


def _seen(
    test: Sample, settings: Evaluation, each: Trained, _: Report
) -> tuple[Tensor, dict[str, np.ndarray]]:
    """Logits of the test jets, and accuracies in moving frames."""
    return study.logits(each.model, test), _in_motion(each.model, test, settings)


def _in_motion(model: nn.Module, test: Sample, settings: Evaluation) -> dict[str, np.ndarray]:
    few = test.take(slice(settings.boosted_jets))
    ways = {"particles": False}
    if isinstance(model, LorentzTagger) and len(model.beams):
        ways["particles and beams"] = True
    curves = {}
    for name, beams in ways.items():
        rates = []
        for speed in settings.speeds:
            found = study.logits(model, few, frame=moving_frame(speed, settings.axis, beams=beams))
            rates.append(float(((found[:, 1] > found[:, 0]).numpy() == few.is_signal).mean()))
        curves[name] = np.array(rates)
    return curves


def invariance_score(accuracies: Float[np.ndarray, "speed"]) -> float:
    """Mean over the largest of 2 accuracy - 1, over equally spaced speeds (arXiv:2311.14160).

    It is 1 if nothing changes, and NaN for accuracies that are nowhere above one half.
    """
    above_chance = 2 * np.asarray(accuracies, np.float64) - 1
    largest = above_chance.max()
    return float(above_chance.mean() / largest) if largest > 0 else float("nan")


Rows = tuple[Int[np.ndarray, "top"], Int[np.ndarray, "other"]]
Merit = Callable[[np.ndarray, np.ndarray], tuple[float, float]]
MERITS: dict[str, Merit] = {
    "accuracy": accuracy,
    "AUC": lambda signal, background: auc(background, signal),
    "background rejection at 30 % of tops": lambda s, b: background_rejection(s, b, efficiency=0.3),
    "background rejection at 50 % of tops": lambda s, b: background_rejection(s, b, efficiency=0.5),
}  #: figures of merit of (scores of tops, scores of others), with their errors


def results(found: Sequence[Outcome], test: Sample, settings: Evaluation, *, data: DataKind) -> list[Result]:
    """Every figure of merit for every network, seeds taken together.

    The error joins that of the test sample and the standard deviation over the seeds in quadrature.
    """
    table = []
    few = min(settings.boosted_jets, len(test))
    for group in by_labels(found):
        for name, merit in MERITS.items():
            values, errors = np.array([merit(*(o.score[rows] for rows in _rows(test))) for o in group]).T
            table.append(_result(name, values, float(errors.mean()), group, len(test), data))
        kl = np.array([outcome.divergence for outcome in group])
        table.append(_result("KL from the main teacher", kl, 0.0, group, len(test), data, unit="nat"))
        for what in group[0].boosted:
            scores = np.array([invariance_score(outcome.boosted[what]) for outcome in group])
            table.append(_result("invariance score", scores, 0.0, group, few, data, more={"boosted": what}))
    order = [*MERITS, "KL from the main teacher", "invariance score"]
    return sorted(table, key=lambda result: order.index(result.name))


def _result(
    name: str,
    values: np.ndarray,
    error: float,
    group: Sequence[Outcome],
    n: int,
    data: DataKind,
    *,
    unit: str = "",
    more: dict[str, str] | None = None,
) -> Result:
    seeds = tuple(outcome.part.seed for outcome in group)
    between = float(values.std(ddof=1)) if len(group) > 1 else 0.0
    kinds = ["test sample"] if error > 0 else []
    kinds += [f"standard deviation over {len(group)} seeds"] if len(group) > 1 else []
    labels = group[0].part.labels_in_tables | (more or {})
    joined = float(np.hypot(error, between)) if kinds else None
    return Result(
        name,
        float(values.mean()),
        joined,
        unit,
        n,
        "test",
        data,
        labels,
        seeds,
        " and ".join(kinds),
    )


class Comparison(NamedTuple):
    """What a way of training gains over another."""

    network: str
    method: str
    reference: str
    labelled: str
    gain: dict[str, tuple[float, float]]
    """Mean over the seeds, and its error."""
    seeds: tuple[int, ...]


def comparisons(found: Sequence[Outcome], test: Sample, settings: Evaluation) -> list[Comparison]:
    """Each student against the one trained on the same number of labels, seed by seed, on the same jets.

    Accuracy, AUC and invariance score as differences, rejections as ratios. A mean over the seeds has the
    standard error of that mean, in quadrature with a bootstrap of the test jets.
    """
    groups = {_key(group[0].part): group for group in by_labels(found) if not group[0].part.is_teacher}
    draws = bootstrap_draws(test, count=settings.bootstraps, seed=0)
    table = []
    for (network, method, labelled), group in groups.items():
        plain = "labels, boosted" if method.endswith("boosted") else "labels"
        reference = groups.get((network, plain, labelled))
        if reference is None or method == "labels" or reference is group:
            continue
        table.append(_comparison(group, reference, test, draws))
    return table


def _comparison(
    group: Sequence[Outcome], reference: Sequence[Outcome], test: Sample, draws: Sequence[Rows]
) -> Comparison:
    theirs = {outcome.part.seed: outcome for outcome in reference}
    pairs = [(outcome, theirs[outcome.part.seed]) for outcome in group]
    gain = {}
    for name, merit in MERITS.items():
        difference = np.divide if "rejection" in name else np.subtract

        def seen(rows: Rows, merit: Merit = merit, difference: np.ufunc = difference) -> np.ndarray:
            values = [[merit(*(o.score[each] for each in rows))[0] for o in pair] for pair in pairs]
            with np.errstate(all="ignore"):  # no background event left: inf / inf
                return np.array([difference(*pair) for pair in values])

        each = seen(_rows(test))
        drawn = np.array([seen(rows).mean() for rows in draws])
        gain[name] = _mean(each, drawn[np.isfinite(drawn)])
    scores = [[invariance_score(o.boosted["particles"]) for o in pair] for pair in pairs]
    gain["invariance score"] = _mean(np.array([a - b for a, b in scores]), np.zeros(0))
    network, method, labelled = _key(group[0].part)
    seeds = tuple(outcome.part.seed for outcome in group)
    return Comparison(network, method, _key(reference[0].part)[1], labelled, gain, seeds)


def _mean(each: np.ndarray, drawn: np.ndarray) -> tuple[float, float]:
    between = each.std(ddof=1) / np.sqrt(len(each)) if len(each) > 1 else 0.0
    sample = drawn.std(ddof=1) if len(drawn) > 1 else 0.0
    return float(each.mean()), float(np.hypot(between, sample))


def gains(table: Sequence[Comparison], n: int, *, data: DataKind) -> list[Result]:
    """The comparisons as results."""
    found = []
    for each in table:
        labels = {
            "network": each.network,
            "method": each.method,
            "relative to": each.reference,
            "labelled jets": each.labelled,
        }
        for name, (value, error) in each.gain.items():
            title = f"{'ratio' if 'rejection' in name else 'gain'} of {name}"
            kinds = ["bootstrap over test jets"] if name != "invariance score" else []
            kinds += [f"standard error over {len(each.seeds)} seeds"] if len(each.seeds) > 1 else []
            found.append(
                Result(
                    title, value, error or None, "", n, "test", data, labels, each.seeds, " and ".join(kinds)
                )
            )
    return sorted(found, key=lambda result: [*dict.fromkeys(r.name for r in found)].index(result.name))


def costs(trained: Sequence[Trained], test: Sample, settings: Evaluation, *, data: DataKind) -> list[Result]:
    """Weights, multiply-adds and latency of each kind of network, on one jet of the median number of particles."""
    count = test.mask.sum(axis=1)
    row = int(np.argsort(count, kind="stable")[len(count) // 2])
    columns = study.table(test.take(slice(row, row + 1)))
    jet = tuple(columns[name] for name in ("momentum", "mass", "mask"))
    found = []
    for each in {each.part.network: each for each in trained}.values():
        labels = {"network": study.TITLES[each.part.network]}
        weights = sum(weight.numel() for weight in each.model.parameters())
        found.append(Result("weights", float(weights), None, "", 0, "", data, labels))
        operations = float(multiply_adds(each.model, jet))
        found.append(
            Result("multiply-adds of a jet", operations, None, "", int(count[row]), "", data, labels)
        )
        if settings.calls:
            with torch.inference_mode():
                latency = single_event_latency(lambda model=each.model: model(*jet), calls=settings.calls)  # type: ignore[misc]
            kind = "95 % quantile - median"
            spread = latency.percentile_95 - latency.median
            found.append(
                Result(
                    "latency of one jet, torch",
                    latency.median,
                    spread,
                    "us",
                    latency.calls,
                    "",
                    data,
                    labels,
                    (),
                    kind,
                )
            )
    order = ["weights", "multiply-adds of a jet", "latency of one jet, torch"]
    return sorted(found, key=lambda result: order.index(result.name))


def multiply_adds(model: nn.Module, arguments: tuple[Tensor, ...]) -> int:
    """Multiplications with additions in all matrix products of one call."""
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(*arguments)
    return int(counter.get_total_flops()) // 2


def by_labels(found: Sequence[Outcome]) -> list[list[Outcome]]:
    """Outcomes that differ by their seed only, together."""
    groups: dict[tuple[str, ...], list[Outcome]] = {}
    for outcome in found:
        groups.setdefault(_key(outcome.part), []).append(outcome)
    return list(groups.values())


def bootstrap_draws(test: Sample, *, count: int, seed: int) -> list[Rows]:
    """Rows of tops and of others, drawn with replacement, each in the number they have."""
    generator = np.random.default_rng(seed)
    tops, others = _rows(test)
    return [(generator.choice(tops, len(tops)), generator.choice(others, len(others))) for _ in range(count)]


def _key(part: Part) -> tuple[str, str, str]:
    labels = part.labels_in_tables
    return labels["network"], labels["method"], labels["labelled jets"]


def _rows(test: Sample) -> Rows:
    return np.flatnonzero(test.is_signal), np.flatnonzero(~test.is_signal)
