"""How like the wanted showers the generated ones are, what one costs: every number with its error and floor."""

import functools
import itertools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from femtobarn.data.hdf5 import Hdf5File
from femtobarn.datasets import calochallenge
from femtobarn.errors import InputError
from femtobarn.evaluation.generators import seconds_each
from femtobarn.metrics.classifier_test import Schedule, classifier_test
from femtobarn.metrics.estimate import Estimate
from femtobarn.metrics.frechet import fpd
from femtobarn.metrics.prdc import prdc
from femtobarn.metrics.shower_features import features_of, moments
from femtobarn.metrics.shower_histograms import Largest, ShowerHistograms, group
from femtobarn.nn.shower_generators import generate
from femtobarn.parts import Report
from femtobarn.runs import Result
from femtobarn.study import Split, Trained, Value, by_name, grouped, over_seeds, row
from femtobarn.systems.calo_challenge import marginals
from femtobarn.systems.calo_challenge.sample import ShowerTable, gflash_showers
from femtobarn.systems.calo_challenge.study import MODELS, STARTS, Part

TRUTH = "training showers"  #: in place of generated ones: the floor of every number
BASELINE = "marginals"
SOURCE = "GFLASH as it is"  #: what the hybrid starts from, uncorrected
RESPONSE = "E_tot / E_inc over that of the test"
_BETTER = {"FPD": -1, "AUC, high-level": -1, "AUC, low-level": -1, "coverage": 1}  # where better numbers lie
_EMPTY = 0.1  # MeV, of an empty voxel in nearest-neighbour distances (arXiv:2410.21611, section 4)
_USUAL = 100  # showers at once whose time stands in the leaderboard, if they were timed


@dataclass(frozen=True)
class Evaluation:
    """How the trained generators are evaluated."""

    showers: int = 10_000
    """Maximum number of test showers; as many are generated."""
    batches: tuple[int, ...] = (1, 100)
    """Batch sizes at which the generation time is measured, besides that of all test showers at once."""
    repeats: int = 3
    """Repetitions of each time measurement; the median is quoted."""
    neighbours: int = 4000
    """Maximum number of showers in the coverage."""
    epochs: int = 150
    """Maximum epochs of a classifier; it stops after a tenth of these without improvement."""

    def __post_init__(self) -> None:
        if self.showers < 200 or self.repeats < 1 or self.neighbours < 50 or self.epochs < 10:
            raise InputError(f"at least 200 showers, 1 repeat, 50 neighbours, 10 epochs expected: got {self}")
        if not self.batches or min(self.batches) < 1:
            raise InputError(f"batches of at least 1 shower expected: got {self.batches}")


class Task(NamedTuple):
    """What is judged: a trained model in a folder, or one of the baselines by its name."""

    name: str
    folder: Path


class Outcome(NamedTuple):
    """What was made for the energies of the test showers, and all that was measured of it."""

    model: str
    """As it is called in tables."""
    seed: int | None
    """Of the training; none for a baseline."""
    file: Path
    """The showers, in the layout of the challenge."""
    estimates: dict[str, Estimate]
    separations: dict[str, Estimate]
    """By group of histograms, averaged over the layers."""
    seconds: dict[int, float]
    """Seconds a shower, by the showers asked for at once; empty for a baseline."""
    weights: dict[str, int]
    """In generation and in training."""

    def showers(self, like: ShowerTable) -> ShowerTable:
        """The showers, read from the file."""
        file = Hdf5File(self.file)
        table = file.read(["incident_energies", "showers"], 0, len(file))
        energies = torch.from_numpy(table["incident_energies"][:, 0]).double()
        return ShowerTable(like.voxels, energies, torch.from_numpy(table["showers"]))


def judge(
    task: Task, report: Report, *, data: Split[ShowerTable], settings: Evaluation, seed: int
) -> Outcome:
    """Make showers for the test energies, keep them in the folder, and measure them."""
    torch.set_num_threads(1)
    test, noise = data.test.first(settings.showers), torch.Generator().manual_seed(seed)
    seconds, weights, training_seed, name = dict[int, float](), dict[str, int](), None, task.name
    report(0, 2, "generating")
    if name in _BASELINES:
        made = _BASELINES[name](data.train, test.energies, noise)
    else:
        trained = MODELS.load(task.folder)
        start = time.perf_counter()
        made = generate(trained.model, test.energies, generator=noise)
        seconds[len(test)] = (time.perf_counter() - start) / len(test)
        seconds |= seconds_per_shower(trained, test.energies, settings=settings)
        in_use = sum(weight.numel() for weight in trained.model.parameters())
        weights = {"generation": in_use, "training": trained.kept["weights in training"]}
        training_seed, name = trained.part.seed, trained.part.labels["model"]
    # The training showers have energies of their own.
    energies = data.train.energies[: len(made)] if name == TRUTH else test.energies
    report(1, 2, "measuring")
    task.folder.mkdir(parents=True, exist_ok=True)
    file = task.folder / "generated.hdf5"
    generated = ShowerTable(test.voxels, energies, made)
    calochallenge.write_showers(file, *generated.arrays, kind="generated")
    found = measured(test, generated, settings=settings, seed=seed)
    return Outcome(name, training_seed, file, *found, seconds, weights)


def seconds_per_shower(trained: Trained[Part], energies: Tensor, *, settings: Evaluation) -> dict[int, float]:
    """Wall time of a generated shower on one thread, with all units, by the number asked for at once."""
    noise = torch.Generator().manual_seed(0)

    def some(batch: int) -> Tensor:
        return generate(trained.model, energies[torch.arange(batch) % len(energies)], generator=noise)

    return seconds_each(some, settings.batches, repeats=settings.repeats)


def measured(
    real: ShowerTable, made: ShowerTable, *, settings: Evaluation, seed: int
) -> tuple[dict[str, Estimate], dict[str, Estimate]]:
    """All numbers of generated showers, and the separation of each kind of histogram."""
    samples, voxels = (real, made), real.voxels
    found = [moments(*each.arrays, voxels) for each in samples]
    table = [features_of(each, voxels) for each in found]
    draws = [torch.Generator().manual_seed(seed + place) for place in range(2)]
    rows = [_low_level(*each.arrays) for each in samples]
    known = [each.first(settings.neighbours).arrays[1] for each in samples]
    near = [np.log10(np.where(showers > 0, showers, _EMPTY)) for showers in known]
    schedule = Schedule(settings.epochs, max(settings.epochs // 10, 5), 256, 1e-3)
    auc = {"null_trainings": 0, "permutations": 0, "schedule": schedule}
    estimates = {
        "FPD": fpd(*table),
        "AUC, high-level": classifier_test(*table, generator=draws[0], **auc),  # type: ignore[arg-type]
        "AUC, low-level": classifier_test(*rows, generator=draws[1], **auc),  # type: ignore[arg-type]
        "coverage": prdc(*near, scale=np.ones(voxels.voxels), null=False).coverage,
        RESPONSE: _ratio_of_means(*(each.total / each.incident for each in reversed(found))),
    }
    largest = Largest.of(found[0], real.arrays[1])
    histograms = [ShowerHistograms(voxels, largest) for _ in samples]
    for each, of, sample in zip(histograms, found, samples, strict=True):
        each.update(of, sample.arrays[1])
    return estimates, _by_group(histograms[0].separations(histograms[1]))


def results(found: Sequence[Outcome], trained: Sequence[Trained[Part]], *, n: int) -> list[Result]:
    """All numbers of all outcomes, seeds taken together, the leaderboard first.

    Args:
        found: Of models and baselines on the same test showers.
        trained: The models.
        n: Test showers.
    """
    table = list[Result]()
    outcomes = grouped(found, lambda each: each.model).values()
    for same in sorted(outcomes, key=lambda each: over_seeds(_values(each, "FPD"))[0]):
        table += _rows(same, n=n)
    board = _leaderboard(table)
    truth = next(each for each in found if each.model == TRUTH)
    for kind, e in truth.separations.items():
        null, labels = [(e.null, e.null_error)], {"histogram": kind, "model": "null"}
        table.append(row("separation power", null, labels, n=n, sample="pair to pair"))
    for each in trained:
        labels, seeds = each.part.labels | {"seed": str(each.part.seed)}, [each.part.seed]
        seconds = each.history[-1]["seconds"]
        table.append(row("training time", [(seconds, 0)], labels, seeds=seeds, unit="s", split="train"))
    return board + by_name(table)


def gains(found: Sequence[Outcome], *, n: int) -> list[Result]:
    """What start and pairing gain, seed by seed; above zero the flow is better with them than without.

    The four flows are judged on the same showers. Their errors are joined as if they were not, which is too much.
    """
    flows = grouped((each for each in found if each.model in STARTS.values()), lambda each: each.model)
    noise, noise_paired, gflash, gflash_paired = (flows[title] for title in STARTS.values())
    compared = {
        "GFLASH, unpaired": (noise, gflash),
        "GFLASH, paired": (noise_paired, gflash_paired),
        "pairs, from noise": (noise, noise_paired),
        "pairs, from GFLASH": (gflash, gflash_paired),
    }
    table = list[Result]()
    for (of, (without, having)), (name, sign) in itertools.product(compared.items(), _BETTER.items()):
        pairs = zip(_values(without, name), _values(having, name), strict=True)
        values = [(sign * (b - a), float(np.hypot(of_a, of_b))) for (a, of_a), (b, of_b) in pairs]
        seeds = [each.seed for each in having if each.seed is not None]
        labels = {"gain of": of, "metric": name}
        table.append(row("gain", values, labels, seeds=seeds, n=n, sample="samples", of_mean=True))
    return table


def _rows(same: Sequence[Outcome], *, n: int) -> list[Result]:
    """All numbers of one model or baseline."""
    first, labels = same[0], {"model": same[0].model}
    seeds = [each.seed for each in same if each.seed is not None]
    number = functools.partial(row, seeds=seeds, n=n)
    table = [number(name, _values(same, name), labels, sample="samples") for name in first.estimates]
    for kind in first.separations:
        values = [(e.value, e.error) for e in (each.separations[kind] for each in same)]
        table.append(number("separation power", values, {"histogram": kind} | labels, sample="samples"))
    for batch in sorted(first.seconds):
        times, more = [(1e3 * each.seconds[batch], 0.0) for each in same], {"showers at once": str(batch)}
        table.append(number("time per shower", times, labels | more, unit="ms"))
    for what, weights in first.weights.items():
        table.append(number("weights", [(weights, 0)], labels | {"in": what}))
    return table


def _leaderboard(table: Sequence[Result]) -> list[Result]:
    """What the challenge ranks by, of each model: distances, time for 100 showers at once, weights."""
    batches = {int(each.labels["showers at once"]) for each in table if each.name == "time per shower"}
    usual, board = str(_USUAL if _USUAL in batches else max(batches, default=0)), list[Result]()
    for each in table:
        model, metric, value = {"model": each.labels["model"]}, "", each.value
        if each.labels == model:
            metric = each.name
        elif each.labels.get("showers at once") == usual:
            metric = f"ms per shower, {usual} at once"
        elif each.labels.get("in") == "generation":
            metric, value = "1000 weights", each.value / 1e3
        if metric:
            labels = model | {"metric": metric}
            board.append(replace(each, name="leaderboard", value=value, unit="", labels=labels))
    return board


def _values(same: Sequence[Outcome], name: str) -> list[Value]:
    return [(each.estimates[name].value, each.estimates[name].error) for each in same]


def _low_level(energies: np.ndarray, showers: np.ndarray) -> Float[np.ndarray, "shower column"]:
    """Inputs of the low-level classifier: log10 E_inc and the voxels over E_inc (arXiv:2410.21611, section 4)."""
    return np.column_stack((np.log10(energies), showers / energies[:, None]))


def _ratio_of_means(x: np.ndarray, y: np.ndarray) -> Estimate:
    value = float(x.mean() / y.mean())
    errors = [float(z.std(ddof=1) / np.sqrt(len(z)) / z.mean()) for z in (x, y)]
    error = value * float(np.linalg.norm(errors))
    return Estimate(value, error, len(y), len(x), 1.0, method="ratio of means")


def _by_group(separations: Mapping[str, Estimate]) -> dict[str, Estimate]:
    """Mean over the layers, and over the energies; histograms without a null are left out."""
    known = [(name, each) for name, each in separations.items() if np.isfinite(each.null)]
    groups = grouped(known, lambda each: group(each[0]))
    return {name: average([estimate for _, estimate in parts]) for name, parts in groups.items()}


def average(estimates: Sequence[Estimate]) -> Estimate:
    """Mean of independent estimates of the same samples, with its error."""
    value, null = (float(np.mean([getattr(e, name) for e in estimates])) for name in ("value", "null"))
    error, spread = (
        float(np.sqrt(np.sum(np.square([getattr(e, name) for e in estimates]))) / len(estimates))
        for name in ("error", "null_error")
    )
    first = estimates[0]
    return Estimate(value, error, first.n_real, first.n_generated, null, spread, "mean separation power")


def _marginals(train: ShowerTable, energies: Tensor, noise: torch.Generator) -> Tensor:
    return marginals.from_marginals(train.energies, train.showers, energies, train.voxels, generator=noise)


def _gflash(train: ShowerTable, energies: Tensor, noise: torch.Generator) -> Tensor:
    return gflash_showers(train.voxels.name, energies, noise)


def _training_showers(train: ShowerTable, energies: Tensor, _: torch.Generator) -> Tensor:
    return train.showers[: len(energies)]


_BASELINES = {TRUTH: _training_showers, BASELINE: _marginals, SOURCE: _gflash}
